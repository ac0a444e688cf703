"""A crowd: the events of many members, made fast enough that making them is not what is measured.

Who does what is drawn from a seed, in about the proportions of the simulator's history, and every
member has about as many events in a small history as in a large one. No value is personal.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from domain.accounts import AccountOpened
from domain.activations import ActivationAdded
from domain.campaigns import CampaignPlanned
from domain.contact import Contact
from domain.engagement import ShareRecorded, VisitRecorded
from domain.event import Event
from domain.invitations import InvitationSent
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled
from domain.points import PointsEarned
from domain.purchases import PurchaseLine, PurchaseRecorded
from store.ledger import Ledger, NewEvent, Outcome
from store.reply import Reply

SEED: Final = 11
ACTOR: Final = "benchmark"
SOURCE: Final = "bench"
CAMPAIGNS: Final = 20
ENTRIES_MAX: Final = 1_000
EVENTS_PER_MEMBER: Final = 50
BATCH_EVENTS: Final = 5_000
IN_FLIGHT_MAX: Final = 4
"""Batches that wait for the ledger while the next one is made."""
FIRST: Final = datetime(2024, 7, 1, tzinfo=UTC)
SPAN_SECONDS: Final = 365 * 86_400
PURCHASES, PARTICIPATIONS, VISITS, INVITATIONS, SHARES, AWARDS = range(6)
WEIGHTS: Final = (24, 18, 18, 16, 4, 20)
"""How often each of these happens, in percent."""
OBSERVED: Final = (*WEIGHTS[:-1], 0)
"""The same without awards, which are decided."""
UNRULED: Final = (0, 0, *WEIGHTS[2:-1], 0)
"""Only what no rule follows from."""
CHANNELS: Final = ("facebook", "instagram", "store", "web", "e-mail")


def member(number: int) -> str:
    """The id of a member."""
    return f"m_{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def account(number: int) -> str:
    """The id of the account of a member."""
    return f"a_{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def beginning() -> Iterator[NewEvent]:
    """The campaigns, each with an activation that one can enter a limited number of times."""
    for number in range(CAMPAIGNS):
        campaign_id = f"c{number}"
        planned = CampaignPlanned(
            campaign_id=campaign_id, name=f"Campaign {number}", starts=FIRST, currency="EUR"
        )
        added = ActivationAdded(
            activation_id=f"quiz{number}", campaign_id=campaign_id, kind="quiz",
            entries_max=ENTRIES_MAX,
        )  # fmt: skip
        yield NewEvent(planned, f"plan{number}", SOURCE, FIRST)
        yield NewEvent(added, f"activation{number}", SOURCE, FIRST)


def enrolled(members: int) -> Iterator[NewEvent]:
    """Members, each with an account."""
    for number in range(members):
        joined = MemberEnrolled(member_id=member(number), country="FR", language="fr")
        yield NewEvent(joined, f"enrol{number}", SOURCE, FIRST)
        yield opened(number)


def opened(number: int) -> NewEvent:
    """The account of a member."""
    event = AccountOpened(
        account_id=account(number),
        programme="circle",
        points_currency="points",
        holders=(member(number),),
    )
    return NewEvent(event, f"open{number}", SOURCE, FIRST)


def account_with_points(number: int) -> Iterator[NewEvent]:
    """The account of a member, and points on it."""
    yield opened(number)
    award = _award(Draw(number, f"award{number}", number, FIRST))
    yield NewEvent(award, f"award{number}", SOURCE, FIRST)


def happenings(
    members: int, events: int, weights: Iterable[int] = WEIGHTS, *, name: str = "e", first: int = 0
) -> Iterator[NewEvent]:
    """So many events of so many members, in the order of their times; ids begin with ``name``."""
    dice = random.Random(f"{SEED}/{name}/{first}")
    kinds = dice.choices(range(len(WEIGHTS)), list(weights), k=10_000)
    below, step = dice.random, SPAN_SECONDS / max(first + events, 1)
    for number in range(first, first + events):
        who = int(below() * members)
        time = FIRST + timedelta(seconds=int(number * step))
        id_ = f"{name}{number}"
        event = _MAKERS[kinds[number % 10_000]](Draw(who, id_, number, time))
        yield NewEvent(event, id_, SOURCE, time)


class Draw(NamedTuple):
    """What an event is made from."""

    who: int
    id: str
    number: int
    time: datetime


def _purchase(one: Draw) -> Event:
    net = 1_000 + one.number % 9_000
    line = PurchaseLine(
        sku=f"sku-{one.number % 97}", quantity=1, gross=net + net // 5, net=net, tax=net // 5
    )
    return PurchaseRecorded(
        purchase_id=f"p_{one.id}", member_id=member(one.who), account_id=account(one.who),
        currency="EUR",
        store_id=f"store-{one.number % 17}", gross=net + net // 5, net=net, tax=net // 5,
        lines=(line,),
    )  # fmt: skip


def _participation(one: Draw) -> Event:
    campaign = one.number % CAMPAIGNS
    return ParticipationRecorded(
        participation_id=f"t_{one.id}", member_id=member(one.who), campaign_id=f"c{campaign}",
        activation_id=f"quiz{campaign}", outcome="finished",
        contact=Contact(channel=CHANNELS[one.number % 5], medium="post", origin="owned"),
    )  # fmt: skip


def _visit(one: Draw) -> Event:
    return VisitRecorded(
        member_id=member(one.who), campaign_id=f"c{one.number % CAMPAIGNS}", place="web",
        landing="/collection/winter",
        contact=Contact(channel=CHANNELS[one.number % 5], medium="post", origin="shared"),
    )  # fmt: skip


def _invitation(one: Draw) -> Event:
    return InvitationSent(
        invitation_id=f"i_{one.id}", member_id=member(one.who),
        campaign_id=f"c{one.number % CAMPAIGNS}",
        contact=Contact(channel="e-mail"), purpose="newsletter",
    )  # fmt: skip


def _share(one: Draw) -> Event:
    return ShareRecorded(
        share_id=f"s_{one.id}", member_id=member(one.who), campaign_id=f"c{one.number % CAMPAIGNS}",
        content_id=f"content-{one.number % 50}",
        contact=Contact(channel=CHANNELS[one.number % 5], origin="shared"),
    )  # fmt: skip


def _award(one: Draw) -> Event:
    return PointsEarned(
        account_id=account(one.who), member_id=member(one.who), lot_id=f"l_{one.id}",
        points=10 + one.number % 490,
        origin="purchase", campaign_id=f"c{one.number % CAMPAIGNS}", available_from=one.time,
        expires_at=one.time + timedelta(days=730),
    )  # fmt: skip


_MAKERS: Final[tuple[Callable[[Draw], Event], ...]] = (
    _purchase, _participation, _visit, _invitation, _share, _award,
)  # fmt: skip


def bring(
    ledger: Ledger, events: Iterable[NewEvent], report: Callable[[int], None] = lambda _: None
) -> int:
    """Bring events in through the ledger's own way for many of them; returns how many were new."""
    stream = iter(events)
    waiting: deque[Reply[list[Outcome]]] = deque()
    sent = new = 0
    while piece := list(islice(stream, BATCH_EVENTS)):
        waiting.append(ledger.observe(piece, actor=ACTOR, admin=True))
        sent += len(piece)
        while len(waiting) > IN_FLIGHT_MAX:
            new += _recorded(waiting.popleft())
        report(sent)
    return new + sum(map(_recorded, waiting))


def _recorded(future: Reply[list[Outcome]]) -> int:
    outcomes = future.result()
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return sum(not outcome.duplicate for outcome in outcomes)
