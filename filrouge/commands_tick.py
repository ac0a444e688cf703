"""``filrouge tick``: the events of what time did to points, for accounting."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from filrouge.console import Console, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from store.ledger import Ledger

ACCOUNTS_AT_ONCE: Final = 1_000
CATCH_UP_SECONDS_MAX: Final = 3_600.0
"""How long is waited for balances that are behind the log."""


@click.command("tick")
@pass_console
def tick(console: Console) -> None:
    """Book what time did to points: expiries, activations and lapsed reservations.

    Every balance shows them at the instant at which they fall due, whether or not this runs: the
    events are for accounting, and for whoever follows the log. Run it as often as you close your
    books; what is booked already is not booked again.
    """
    from filrouge.wiring import opened_ledger

    with opened_ledger(console.settings) as ledger:
        booked = book_due(ledger)
    accounts, points = booked.pop("accounts", 0), booked.pop("points", 0)
    parts = ", ".join(f"{count:,} {name}" for name, count in sorted(booked.items()))
    console.result(
        {"accounts": accounts, "points": points, "events": dict(sorted(booked.items()))},
        f"Booked {parts} on {accounts:,} accounts: {points:,} points."
        if booked
        else "Nothing is due.",
    )


def book_due(ledger: Ledger) -> Counter[str]:
    """Book all that is due now; how many events of each type, on how many accounts, and points."""
    from projections.balances import BALANCES, due_accounts
    from projections.reader import reading

    _catch_up(ledger)
    now, after = datetime.now(UTC), ""
    booked: Counter[str] = Counter()
    while True:
        with reading(ledger.pool, BALANCES) as reader:
            due, after = due_accounts(reader, after, ACCOUNTS_AT_ONCE, now)
        if due:
            _book(ledger, due, booked)
        if not after:
            return booked


def _book(ledger: Ledger, accounts: list[str], booked: Counter[str]) -> None:
    """Book these accounts, many at once; one with more than a decision holds comes again."""
    from domain.expiring import EVENTS_MAX, BookDuePoints, NothingIsDue
    from filrouge.wiring import ACTOR, new_id

    booked["accounts"] += len(accounts)
    while accounts:
        replies = [
            ledger.decide(BookDuePoints(account_id=one), command_id=new_id("tick"), actor=ACTOR)
            for one in accounts
        ]
        again = []
        for account, reply in zip(accounts, replies, strict=True):
            try:
                verdict = reply.result()
            except NothingIsDue:
                continue  # somebody else has booked it meanwhile
            for recorded in verdict.events:
                booked[recorded.envelope.type] += 1
                booked["points"] += getattr(recorded.event, "points", 0)
            if len(verdict.events) == EVENTS_MAX:
                again.append(account)
        accounts = again


def _catch_up(ledger: Ledger) -> None:
    """Let the balances reflect the log: whoever serves the ledger folds them, or this does."""
    from projections.balances import BALANCES
    from projections.runner import Runner
    from projections.status import wait_for

    runner = Runner(ledger, [BALANCES]).start()
    try:
        head = ledger.log.head().position
        if not wait_for(ledger.pool, BALANCES, head, CATCH_UP_SECONDS_MAX):
            raise Failure(
                f"The balances do not reach position {head:,}",
                "filrouge status says why; filrouge rebuild balances folds them anew.",
                code="balances-behind",
                exit_code=Exit.UNAVAILABLE,
            )
    finally:
        runner.stop()
