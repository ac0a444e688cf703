"""``filrouge simulate``: an invented brand's history, of any size, into a ledger or a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filrouge.console import Console, pass_console

if TYPE_CHECKING:
    from collections.abc import Callable

    from filrouge.simulator.run import Filled, Progress
    from filrouge.simulator.state import State

MEMBERS_MAX = 5_000_000
YEARS_MAX = 50.0


@click.command("simulate")
@click.option(
    "--members",
    type=click.IntRange(1, MEMBERS_MAX),
    default=1_800,
    show_default=True,
    help="How many people enrol over the years.",
)
@click.option(
    "--years",
    type=click.FloatRange(0.01, YEARS_MAX),
    default=3.0,
    show_default=True,
    help="The history ends on 30 June 2026, whatever its length.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="The same seed tells the same history, byte for byte.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Write CloudEvents, one on each line, to a file (-: to stdout) instead of the ledger.",
)
@pass_console
def simulate(console: Console, *, members: int, years: float, seed: int, out: Path | None) -> None:
    """Tell the history of an invented brand: its members, campaigns, shops and mistakes.

    It goes into the ledger, which is made if there is none of that name; run again after an
    interruption, it ends as the same history. About 17 events for a member and a year.

    A file leaves out till files that were wrong and their voids, since a void speaks of one ledger.
    Bring it in with: filrouge import FILE
    """  # fmt: skip
    from filrouge.simulator.state import State

    history = State(members, years, seed)
    if out is None:
        _into_ledger(console, history)
    else:
        _into_file(console, history, out)


def reported(update: Callable[[int, str], None], history: State) -> Callable[[Progress], None]:
    """Show how far a history has come: by its days, in words by its events."""

    def report(progress: Progress) -> None:
        month = f"{history.plan.date_of(min(progress.day, progress.days - 1)):%B %Y}"
        update(progress.day, f"{progress.events:,} events, {month}")

    return report


def _into_ledger(console: Console, history: State) -> None:
    from filrouge.simulator.run import fill
    from filrouge.wiring import closing_ledger, opened_database

    settings = console.settings
    with (
        opened_database(settings) as database,
        closing_ledger(ledger_for_history(database, settings.ledger)) as ledger,
    ):
        with console.progress("Simulating", history.plan.days) as update:
            filled = fill(ledger, history, report=reported(update, history))
        head = ledger.log.head().position
    _show(console, history, filled, {"ledger": settings.ledger, "head": head})


def _into_file(console: Console, history: State, out: Path) -> None:
    from filrouge.simulator.run import write
    from filrouge.wiring import load_domain

    load_domain()
    if str(out) == "-":
        write(sys.stdout.buffer, history)
        return
    # A file appears whole; a pipe or a device takes it as it comes.
    regular = out.is_file() or not out.exists()
    path = out.with_name(f"{out.name}.unfinished") if regular else out
    with path.open("wb") as stream, console.progress("Simulating", history.plan.days) as update:
        events = write(stream, history, report=reported(update, history))
    if regular:
        path.replace(out)
    console.result(
        {"file": str(out), "events": events},
        f"{events:,} events of {history.members:,} members in {out}",
    )


def ledger_for_history(database: Any, name: str) -> Any:
    """The ledger of this name, made for the invented brand if there is none."""
    from filrouge.simulator.brand import CURRENCY, NAME, TIME_ZONE
    from filrouge.wiring import make_ledger
    from store.database import LedgerUnknown

    try:
        return database.open(name)
    except LedgerUnknown:
        return make_ledger(database, name, title=NAME, time_zone=TIME_ZONE, currency=CURRENCY)


def _show(console: Console, history: State, filled: Filled, context: dict[str, Any]) -> None:
    console.result(
        {**context, "events": filled.events, "recorded": filled.recorded},
        f"{filled.events:,} events of {history.members:,} members, {filled.recorded:,} of them new;"
        f" the ledger {context['ledger']} stands at position {context['head']:,}.\n"
        "Projections follow while `filrouge serve` runs, and with `filrouge rebuild`.",
    )
