"""One batch in which something is refused, malformed or too large: the others are not touched."""

import threading
from datetime import UTC, datetime
from typing import Any

import psycopg

from domain.accounts import OpenAccount
from domain.awards import AwardPoints
from domain.custom import CustomRecorded
from domain.errors import InvalidEvent, RuleError
from domain.redemptions import RedeemPoints
from store.ledger import Ledger, NewEvent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BLOCKED = """
SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""
LARGE = {f"k{n}": "\N{GRINNING FACE}" * 200 for n in range(90)}
"""Each of these is as long as a text may be; together they are more than an entry holds."""


def test_the_others_are_not_touched(ledger: Ledger, database: str) -> None:
    """Decided together, under one lock: each that is sound is recorded, in its order."""
    opened: Any = ledger.decide(
        OpenAccount(programme="club", points_currency="pts", holders=()), command_id="a", actor="t"
    ).result()
    account = opened.events[0].event.account_id
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM ledger_test.head FOR UPDATE")  # so that all of them wait
        waiting = [decide(ledger, AwardPoints(account_id=account, points=1, reason="x"), 0)]
        while not other.execute(BLOCKED).fetchone():
            threading.Event().wait(0.005)
        together = [
            decide(ledger, AwardPoints(account_id=account, points=10, reason="x"), 1),
            decide(ledger, RedeemPoints(account_id=account, points=1_000), 2),  # refused
            report(ledger, 3, {"kind": "ok"}),
            report(ledger, 4, {"kind": "not a kind"}),  # malformed
            report(ledger, 5, {"kind": "large", "attributes": LARGE}),  # too large
            decide(ledger, RedeemPoints(account_id=account, points=4), 6),
            report(ledger, 7, {"kind": "ok"}),
        ]
    first = waiting[0].result().position
    verdicts = [one.exception() or one.result() for one in together]
    award, refused, seen, [malformed], [large], redeemed, [last] = verdicts
    assert isinstance(refused, RuleError)
    assert isinstance(malformed.error, InvalidEvent)
    assert isinstance(large.error, InvalidEvent)
    assert "bytes" in str(large.error)
    positions = [award.position, seen[0].position, redeemed.position, last.position]
    assert positions == [first + n for n in range(1, 5)]
    entries = ledger.log.entries(positions)
    assert len({one.envelope.recorded_at for one in entries}) == 1, "they were one batch"
    assert ledger.log.head().position == positions[-1]


def decide(ledger: Ledger, command: Any, number: int) -> Any:
    """Ask for a decision, without waiting for it."""
    return ledger.decide(command, command_id=f"c{number}", actor="t")


def report(ledger: Ledger, number: int, said: dict[str, Any]) -> Any:
    """Report something, without waiting for the answer."""
    new = NewEvent(CustomRecorded(**said), f"o{number}", "/till", NOON)
    return ledger.observe([new], actor="t")
