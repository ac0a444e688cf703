"""``filrouge journal``: the trial balance of the points, folded from the log."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click
import msgspec

from filrouge.console import Console, InstantOption, pass_console, table

ACCOUNTS: Final = (
    "issued", "owed", "pending", "wallets", "reserved", "spent", "expired", "cancelled", "sum",
)  # fmt: skip


@click.command("journal")
@click.option(
    "--position", type=click.IntRange(min=1), metavar="N", help="The books at this position."
)
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@click.option("--as-of", type=InstantOption(), help="What was true before this instant, by time.")
@pass_console
def journal(
    console: Console, *, position: int | None, known_at: datetime | None, as_of: datetime | None
) -> None:
    """Show the trial balance: what stands on each account of the books, by points currency.

    It is folded from the log itself, without the tables, and is what was shown at that position,
    whatever was voided or corrected since. Credits are negative, and each column sums to zero.
    """
    from filrouge.wiring import opened_ledger
    from projections.journal import trial_balance
    from projections.known import PastReader
    from projections.selection import Selection, When

    with opened_ledger(console.settings) as ledger:
        when = When(as_of, known_at)
        selection = Selection.of(ledger.log, when, until=position)
        found = trial_balance(PastReader(ledger.log, ledger.pool, selection))
        stands_at = selection.position
    rows = [("", *(f"{one.programme}/{one.points_currency}" for one in found.currencies))]
    rows += [(name, *(f"{getattr(one, name):,}" for one in found.currencies)) for name in ACCOUNTS]
    right = frozenset(range(1, len(rows[0])))
    console.result(
        {"position": stands_at, "currencies": msgspec.to_builtins(found.currencies)},
        f"The books at position {stands_at:,}\n\n{table(rows, right=right)}"
        if found.currencies
        else f"No account was opened up to position {stands_at:,}.",
    )
