"""``filrouge status``: where a ledger stands, how far its projections are, what it adds up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from filrouge.console import Console, pass_console, table

if TYPE_CHECKING:
    from filrouge.figures import Figures
    from projections.status import ProjectionStatus
    from store.ledger import Ledger, LedgerInfo
    from store.log import Head


@click.command("status")
@click.option("--all", "every", is_flag=True, help="Name all ledgers, with their heads.")
@click.option(
    "--no-figures",
    is_flag=True,
    help="Leave out what is added up from every entry, which takes a second for each half million.",
)
@pass_console
def status(console: Console, *, every: bool, no_figures: bool) -> None:
    """Show the head of the log, the events by type, how far each projection is, and the totals.

    Counts and totals come from the entries themselves and not from the projections. Voided events
    are counted among the events, and nowhere else.
    """  # fmt: skip
    if every:
        _show_all(console)
        return
    from filrouge.figures import figures_of
    from filrouge.wiring import opened_ledger
    from projections import ALL
    from projections.status import statuses

    with opened_ledger(console.settings) as ledger:
        head = ledger.log.head()
        figures = None
        if not no_figures:
            with console.progress("Adding up", head.position) as update:
                figures = figures_of(ledger.log, head.position, lambda done: update(done, ""))
        states = statuses(ledger.pool, ledger.log, ALL)
        info = ledger.info
    console.result(
        _as_json(ledger, info, head, figures, states),
        lambda: _as_text(ledger.name, info, head, figures, states),
    )


def _show_all(console: Console) -> None:
    from filrouge.wiring import closing_ledger, opened_database

    found: list[dict[str, Any]] = []
    with opened_database(console.settings) as database:
        for name in database.names():
            with closing_ledger(database.open(name)) as ledger:
                head = ledger.log.head()
                found.append({"ledger": name, "position": head.position, "epoch": head.epoch})
    rows = [("ledger", "position")]
    rows += [(one["ledger"], f"{one['position']:,}") for one in found]
    console.result(
        found,
        table(rows, right=frozenset({1})) if found else "There are no ledgers: filrouge init",
    )


def _as_json(
    ledger: Ledger,
    info: LedgerInfo,
    head: Head,
    figures: Figures | None,
    states: list[ProjectionStatus],
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "ledger": ledger.name,
        "ledger_id": info.ledger_id,
        "name": info.name,
        "time_zone": info.time_zone,
        "currency": info.currency,
        "head": {
            "position": head.position,
            "epoch": head.epoch,
            "recorded_at": head.recorded_at.isoformat(),
        },
        "projections": [msgspec.to_builtins(state) for state in states],
    }
    if figures is not None:
        said["events"] = figures.events
        said["voided"] = figures.voided
        said["points"] = figures.points
        said["money"] = figures.money
    return said


def _as_text(
    name: str,
    info: LedgerInfo,
    head: Head,
    figures: Figures | None,
    states: list[ProjectionStatus],
) -> str:
    parts = [
        f"{info.name} (ledger {name}, {info.time_zone}, {info.currency})\n"
        f"position {head.position:,}, epoch {head.epoch}, recorded {head.recorded_at:%Y-%m-%d %X}"
    ]
    if figures is not None:
        events = [("event", "count")]
        events += [(event, f"{count:,}") for event, count in figures.events.items()]
        parts.append(table(events, right=frozenset({1})))
        totals = [(f"points {what}", f"{points:,}", "") for what, points in figures.points.items()]
        totals += [
            (what.replace("_", " "), money(amount, currency), currency)
            for what, by_currency in figures.money.items()
            for currency, amount in by_currency.items()
        ]
        if figures.voided:
            totals.append(("voided events", f"{figures.voided:,}", ""))
        if totals:
            parts.append(table(totals, right=frozenset({1})))
    projections = [("projection", "state", "position", "behind", "")]
    projections += [
        (
            state.name, state.state, f"{state.position:,}", f"{state.lag_events:,}",
            state.failure or "",
        )
        for state in states
    ]  # fmt: skip
    parts.append(table(projections, right=frozenset({2, 3})))
    if any(state.lag_events for state in states):
        parts.append("Projections follow while `filrouge serve` runs, and with `filrouge rebuild`.")
    return "\n\n".join(parts)


def money(minor_units: int, currency: str) -> str:
    """An amount as people write it: ``1,775,451.97``."""
    from filrouge.importing.conversions import MINOR_DIGITS

    digits = MINOR_DIGITS.get(currency, 2)
    whole, fraction = divmod(abs(minor_units), 10**digits)
    sign = "-" if minor_units < 0 else ""
    return f"{sign}{whole:,}.{fraction:0{digits}d}" if digits else f"{sign}{whole:,}"
