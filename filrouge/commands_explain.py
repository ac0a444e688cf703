"""``filrouge explain``: any figure of the ledger, event by event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from filrouge.console import Console, InstantOption, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from projections.explanation import Explanation
    from store.ledger import Ledger

KINDS = ("account", "member", "campaign", "tier", "event")
"""As :mod:`projections.explained` has them, which is not loaded to show what commands there are."""


@click.command("explain")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", metavar="ID")
@click.argument("figure", required=False)
@click.option("--at", type=InstantOption(), help="The instant that states are computed for.")
@click.option("--as-of", type=InstantOption(), help="What was true before this instant, by time.")
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@click.option("--proofs", is_flag=True, help="With what proves each event to be in the signed log.")
@pass_console
def explain(
    console: Console,
    *,
    kind: str,
    name: str,
    figure: str | None,
    at: datetime | None,
    as_of: datetime | None,
    known_at: datetime | None,
    proofs: bool,
) -> None:
    """Say which events make a figure what it is, and what each of them changed.

    FIGURE is its path in the answer: `active`, `lots[l_1].spent`, `people.known`, `full_cost.EUR`,
    `consents`, `programmes[club].tier`. Without it, every number that is not zero is explained. The
    ID of a tier is the member's; that of an event is its position: of each rule that looks at such
    events it says what it gave, or which condition, limit or validity stopped it.
    """  # fmt: skip
    from filrouge.wiring import log_keys, opened_ledger
    from projections.explained import explanation
    from projections.known import PastReader
    from projections.selection import Selection, When

    when = When(as_of, known_at)
    instant = at or when.shown_at or datetime.now(UTC)
    with opened_ledger(console.settings) as ledger:
        reader = PastReader(ledger.log, ledger.pool, Selection.of(ledger.log, when))
        found = explanation(reader, kind, name, instant, figure)
        if found is None:
            raise Failure(
                f"No event speaks of the {kind} {name!r}", "Check the id, and the instants.",
                code=f"{kind}-unknown", exit_code=Exit.UNKNOWN,
            )  # fmt: skip
        if proofs:
            ledger.tree.grow(log_keys(console.settings))
            _prove(ledger, found)
    texts = [*found.words]
    if found.computed_with:
        positions = ", ".join(f"{position:,}" for position in found.computed_with)
        texts.append(f"Computed with what the events at {positions} say.")
    texts += [step.proof for step in found.steps if step.proof]
    console.result(msgspec.to_builtins(found), "\n".join(texts))


def _prove(ledger: Ledger, found: Explanation) -> None:
    for step in found.steps:
        step.proof = ledger.tree.receipt(step.position).text
