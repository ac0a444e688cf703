"""``filrouge liability``: what a programme's points stand for, folded from the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from filrouge.console import Console, InstantOption, pass_console, table
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from projections.liability_figures import BackTests, LiabilityFigures, ProgrammeLiability

HEAD = (
    "vintage", "awarded", "clawed back", "redeemed", "expired", "cancelled", "outstanding",
    "redemption", "interval", "amount",
)  # fmt: skip


@click.command("liability")
@click.argument("programme")
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@click.option("--as-of", type=InstantOption(), help="What was true before this instant, by time.")
@click.option("--campaign", metavar="ID", help="Only points that this campaign gave.")
@click.option("--back-test", is_flag=True, help="How the estimates of breakage would have done.")
@pass_console
def liability(
    console: Console, *, programme: str, known_at: datetime | None, as_of: datetime | None,
    campaign: str | None, back_test: bool,
) -> None:  # fmt: skip
    """Show the contract liability and the cost provision of a programme, by vintage.

    It is folded from the log itself, without the tables. Amounts are minor units (cents). What
    time took counts once `filrouge tick` has booked it.
    """
    from filrouge.wiring import opened_ledger
    from projections import liability_figures
    from projections.known import PastReader
    from projections.selection import Selection, When

    if back_test and campaign is not None:
        raise click.UsageError("--back-test is of whole vintages: leave --campaign out.")
    with opened_ledger(console.settings) as ledger:
        when = When(as_of, known_at)
        selection = Selection.of(ledger.log, when)
        reader = PastReader(ledger.log, ledger.pool, selection)
        at = when.shown_at or datetime.now(UTC)
        if back_test:
            tested = liability_figures.back_tests(reader, programme, at)
            found = None
        else:
            tested = None
            found = liability_figures.liability(reader, programme, at, campaign)
    if tested is None and found is None:
        raise Failure(
            f"No event speaks of the programme {programme!r}", "Check the id, and the instants.",
            code="programme-unknown", exit_code=Exit.UNKNOWN,
        )  # fmt: skip
    console.result(
        msgspec.to_builtins(found or tested),
        lambda: _tests(tested) if tested is not None else _shown(found),
    )


def _shown(found: ProgrammeLiability | None) -> str:
    assert found is not None
    if not found.liabilities:
        return f"No points of {found.programme} that stand for anything."
    return "\n\n".join(_account(found.programme, one) for one in found.liabilities)


def _account(programme: str, one: LiabilityFigures) -> str:
    name = one.kind.replace("_", " ").capitalize()
    expected = f"{_share(one.redemption.expected)} expected to be redeemed ({one.redemption.basis})"
    rows: list[tuple[str, ...]] = [HEAD]
    for v in one.vintages:
        interval = (
            ""
            if v.closed or v.redemption_low is None
            else f"{_share(v.redemption_low)} - {_share(v.redemption_high)}"
        )
        rows.append(
            (
                v.vintage, f"{v.awarded:,}", f"{v.clawed_back:,}", f"{v.redeemed:,}",
                f"{v.expired:,}", f"{v.cancelled:,}", f"{v.outstanding:,}", _share(v.redemption),
                interval, f"{v.amount:,}",
            )
        )  # fmt: skip
    unit = one.currency or "no value stated"
    return (
        f"{name}, {programme}/{one.points_currency}: {one.amount:,} ({unit}); {expected}\n\n"
        f"{table(rows, right=frozenset(range(1, len(HEAD))))}"
    )


def _tests(found: BackTests) -> str:
    lines = []
    for one in found.tests:
        name = f"{one.kind.replace('_', ' ').capitalize()}, {found.programme}/{one.points_currency}"
        rows: list[tuple[str, ...]] = [("vintage", "from", "expected", "interval", "redeemed", "")]
        rows += [
            (
                v.vintage, f"{v.closed_vintages:,}", _share(v.expected),
                f"{_share(v.low)} - {_share(v.high)}", _share(v.redemption),
                "inside" if v.inside else "OUTSIDE",
            )
            for v in one.vintages
        ]  # fmt: skip
        lines.append(
            f"{name}: {one.inside:,} of {len(one.vintages):,} closed vintages inside\n\n"
            f"{table(rows, right=frozenset(range(1, 5)))}"
        )
    return "\n\n".join(lines) or f"No points of {found.programme} that stand for anything."


def _share(basis_points: int | None) -> str:
    return "" if basis_points is None else f"{basis_points / 100:.2f} %"
