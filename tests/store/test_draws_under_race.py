"""Entries that race with the closing of a draw: none is lost, and none slips in.

What holds is read back from the log's own JSON, not from the code that decided it.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.activations import AddActivation, Prize
from domain.commitments import CloseDraw, CommitDraw, DrawAlreadyCommitted
from domain.contest_rules import PublishContestRules
from domain.decision import Command
from domain.draw_entering import EnterDraw
from domain.draw_opening import OpenDraw
from domain.draws import DrawCommitted, DrawIsClosed, PublicResult
from domain.errors import RuleError
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled
from domain.planning import PlanCampaign
from store.ledger import Ledger, NewEvent
from tests.domain.naive_draws import root

THREADS = 64
ROUNDS = 4
START = datetime(2026, 3, 1, tzinfo=UTC)


def decide(ledger: Ledger, command: Command, name: str) -> Any:
    """Decide a command; its last event."""
    verdict = ledger.decide(command, command_id=name, actor="t").result()
    return verdict.events[-1]


def opened(ledger: Ledger) -> None:
    """A draw whose last instant has passed, and which nobody has closed yet."""
    commands: list[Command] = [
        PlanCampaign(campaign_id="c1", name="Spring", currency="EUR", starts=START),
        AddActivation(activation_id="n1", campaign_id="c1", kind="game"),
        PublishContestRules(
            activation_id="n1", rules_version=1, digest="A" * 43, language="en", jurisdiction="FR",
            prizes=(Prize(name="A bike"),),
        ),
        OpenDraw(
            draw_id="d1", activation_id="n1", campaign_id="c1", rules_version=1,
            opens=START, closes=START + timedelta(days=1),
        ),
    ]  # fmt: skip
    for n, command in enumerate(commands):
        decide(ledger, command, f"open-{n}")
    members = [
        NewEvent(MemberEnrolled(member_id=f"m{n}"), f"m{n}", "/race", START) for n in range(THREADS)
    ]
    ledger.observe(members, actor="t", admin=True).result()


def together(attempt: Callable[[int], None]) -> None:
    """Let sixty-four threads begin at the same moment; what goes wrong in one is raised."""
    barrier, broken = threading.Barrier(THREADS), list[BaseException]()

    def run(n: int) -> None:
        barrier.wait()
        try:
            attempt(n)
        except BaseException as error:  # noqa: BLE001 - raised below, by the test itself
            broken.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


LINES = """
SELECT entry->>'type', position, entry->'data'->>'participation_id', entry->'data'->>'entry_id',
       entry->'data'->>'member_id'
FROM (SELECT position, convert_from(entry, 'UTF8')::jsonb AS entry FROM entries) AS e
WHERE entry->>'type' IN ('participation.recorded.v1', 'draw.entered.v1', 'draw.closed.v1')
ORDER BY position
"""


def test_no_entry_is_lost_and_none_slips_in(ledger: Ledger) -> None:
    """Sixty-four callers play and send cards while one of them closes the draw."""
    opened(ledger)
    lock = threading.Lock()
    accepted: list[int] = []
    refused: list[int] = []

    def attempt(n: int) -> None:
        for k in range(ROUNDS):
            if (n, k) == (THREADS // 2, ROUNDS // 2):
                decide(ledger, CloseDraw(draw_id="d1"), "close")
            played = ParticipationRecorded(
                participation_id=f"p{n}-{k}", member_id=f"m{n}", campaign_id="c1",
                activation_id="n1",
            )  # fmt: skip
            new = NewEvent(played, f"p{n}-{k}", "/race", START)
            [outcome] = ledger.observe([new], actor="t").result()
            assert outcome.position is not None
            card = EnterDraw(
                draw_id="d1", entry_id=f"e{n}-{k}", member_id=f"m{n}", route="post", time=START
            )
            try:
                position = decide(ledger, card, f"e{n}-{k}").envelope.position
            except DrawIsClosed:
                position = 0
            with lock:
                (accepted if position else refused).append(position)

    together(attempt)
    rows = ledger.log.select(LINES, {})
    [closed] = [position for kind, position, *_ in rows if kind == "draw.closed.v1"]
    expected = [
        (f"participation:{played}" if played else f"entry:{card}", member, 1)
        for kind, position, played, card, member in rows
        if position < closed
    ]
    cards = [position for kind, position, *_ in rows if kind == "draw.entered.v1"]
    assert sorted(accepted) == cards
    assert max(cards) < closed
    assert len(accepted) + len(refused) == THREADS * ROUNDS
    played_late = [row for row in rows if row[2] and row[1] > closed]
    assert played_late
    assert refused
    due = PublicResult(name="Loto", form="numbers", due=datetime.now(UTC) + timedelta(days=1))
    commits: list[DrawCommitted] = []

    def commit(n: int) -> None:
        try:
            found = decide(ledger, CommitDraw(draw_id="d1", result=due), f"commit-{n}")
        except DrawAlreadyCommitted:
            return
        except RuleError as error:
            raise AssertionError from error
        with lock:
            commits.append(found.event)

    together(commit)
    [committed] = commits
    assert (committed.entries, committed.root) == (len(expected), root(expected))
    assert committed.closed_position == closed
