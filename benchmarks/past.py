"""``past``: a member and a campaign as of an instant, beside sending what has to be folded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from benchmarks import places
from benchmarks.harness import Bench
from domain.campaigns import CampaignPlanned
from domain.engagement import VisitRecorded
from domain.event import Event
from domain.invitations import InvitationOpened, InvitationSent
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled
from projections import campaign_returns, profiles
from projections.known import PastReader
from projections.owners import kind_of
from projections.selection import Selection, When
from store.ledger import Ledger, NewEvent
from store.rows import tag_hash

NAME: Final = "past"
UNIT: Final = "events/s"
MEMBER_EVENTS: Final = 10_000
CAMPAIGN_EVENTS: Final = 1_000_000
EVENTS_PER_PERSON: Final = 5
MEMBER, CAMPAIGN = "m_large", "c_large"
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATER: Final = datetime(2026, 12, 1, tzinfo=UTC)
AT_ONCE: Final = 5_000


Ask = Callable[[PastReader], object]


def run(bench: Bench) -> None:
    """Measure both beside COPY of the entries with their tag, thrown away by the client."""
    member, campaign = bench.size(MEMBER_EVENTS, 200), bench.size(CAMPAIGN_EVENTS, 500)
    with ExitStack() as stack:
        ledger = stack.enter_context(places.fresh_ledger(bench))
        with bench.progress("recording", member + campaign) as report:
            record(ledger, history(member, campaign), report)
        case(bench, ledger, f"member:{MEMBER}", lambda past: profiles.member(past, MEMBER))
        case(
            bench, ledger, f"campaign:{CAMPAIGN}",
            lambda past: campaign_returns.returns(past, CAMPAIGN),
        )  # fmt: skip


def case(bench: Bench, ledger: Ledger, tag: str, ask: Ask) -> None:
    """One figure of the past, which everything that carries a tag goes into."""
    kind, head = kind_of(tag), ledger.log.head().position
    count = len(ledger.log.tagged_positions([tag], head, ()))
    figures = bench.take_turns(
        {
            "ours": lambda: count / took(lambda: asked(ledger, ask)),
            "copy": lambda: count / took(lambda: sent(ledger, tag)),
        }
    )
    bench.record(
        NAME, f"a {kind} as of an instant", ours=figures["ours"], peer=figures["copy"],
        peer_name=f"COPY of the entries with the tag of the {kind}", unit=UNIT,
        sizes=f"{count:,} events with its tag among {head:,}",
    )  # fmt: skip


def asked(ledger: Ledger, ask: Ask) -> None:
    """Answer as of an instant after everything, so that everything is folded."""
    selection = Selection.of(ledger.log, When(as_of=LATER))
    assert ask(PastReader(ledger.log, ledger.pool, selection)) is not None


def sent(ledger: Ledger, tag: str) -> None:
    """Have the server send what carries the tag: less no client can do."""
    with (
        ledger.connect() as connection,
        connection.cursor().copy(
            "COPY (SELECT e.position, e.entry FROM entries e WHERE e.position IN"
            " (SELECT position FROM tags WHERE hash = %s)) TO STDOUT",
            [tag_hash(tag)],
        ) as rows,
    ):
        for _ in rows:
            pass


def took(do: Callable[[], None]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def history(member: int, campaign: int) -> Iterator[tuple[Event, datetime]]:
    """A member who comes often, and a campaign with many people, each with a few events."""
    for number in range(member):
        yield VisitRecorded(member_id=MEMBER), BEGIN + timedelta(minutes=number)
    plan = CampaignPlanned(campaign_id=CAMPAIGN, name="Large", starts=BEGIN, currency="EUR")
    yield plan, BEGIN
    told: dict[str, Any] = {"campaign_id": CAMPAIGN}
    for number in range(campaign // EVENTS_PER_PERSON):
        who, at = f"m_{number}", BEGIN + timedelta(seconds=number)
        invited: dict[str, Any] = {"invitation_id": f"i_{number}", "member_id": who, **told}
        yield MemberEnrolled(member_id=who, **told), at
        yield InvitationSent(**invited), at
        yield InvitationOpened(**invited), at
        taking_part: dict[str, Any] = {
            "participation_id": f"p_{number}",
            "activation_id": "game",
            **told,
        }
        yield ParticipationRecorded(member_id=who, **taking_part), at
        yield VisitRecorded(member_id=who, **told), at


def record(
    ledger: Ledger, events: Iterator[tuple[Event, datetime]], report: Callable[[int], None]
) -> None:
    """Record events of any kind, many at a time."""
    done = 0
    while some := list(islice(events, AT_ONCE)):
        new = [NewEvent(one, f"e{done + n}", "/bench", at) for n, (one, at) in enumerate(some)]
        ledger.observe(new, actor="bench", admin=True).result()
        done += len(some)
        report(done)
    with ledger.connect() as connection:
        connection.execute("ANALYZE")
