"""``filrouge simulate-rules``: what other rules would have given over a window of history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from filrouge.console import Console, TextFile, pass_console, table

if TYPE_CHECKING:
    from store.simulated import SimulationReport

INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])


@click.command("simulate-rules")
@click.argument("file", type=TextFile(), metavar="[RULES.toml]", required=False)
@click.option("--from", "begins", type=INSTANT, help="What was recorded from then on (UTC).")
@click.option("--to", "ends", type=INSTANT, help="What was recorded before then (UTC).")
@pass_console
def simulate_rules(
    console: Console, *, file: Path | None, begins: datetime | None, ends: datetime | None
) -> None:
    """Replay a window of history under the rules of a file, and show the difference.

    Nothing is written. Without a file the rules are those of the history, as it published them:
    then the difference is zero for everybody. Redemptions for which the points would not have been
    there are kept, and shown as uncovered.
    """
    from filrouge.rule_files import read_rules
    from filrouge.wiring import opened_ledger
    from store.simulated import rules_from
    from store.simulating import Simulation, window

    said = None if file is None else read_rules(file)
    with opened_ledger(console.settings) as ledger:
        after, until = window(ledger.log, _aware(begins), _aware(ends))
        first = ledger.log.entry(1)
        assert first is not None
        rules = None if said is None else rules_from(said, first.envelope.time)
        with console.progress("Simulating", until - after) as update:
            simulation = Simulation(ledger.log, rules, after=after, until=until)
            report = simulation.run(lambda done: update(done, ""))
    console.result(msgspec.to_builtins(report), lambda: _shown(report))


def _aware(instant: datetime | None) -> datetime | None:
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)


def _shown(report: SimulationReport) -> str:
    rows: list[tuple[str, ...]] = [("rule", "recorded", "simulated", "more")]
    rows += [_row(one) for one in report.rules]
    rows.append(
        (
            "in all", f"{report.points_recorded:,}", f"{report.points_simulated:,}",
            f"{report.points_simulated - report.points_recorded:+,}",
        )
    )  # fmt: skip
    lines = [
        f"Positions {report.after + 1:,} to {report.until:,}: {report.awards_recorded:,} awards "
        f"were given, and {report.awards_simulated:,} would be.",
        table(rows, right=frozenset({1, 2, 3})),
        f"{report.members_with_difference:,} members would have other points.",
    ]
    if report.uncovered:
        short = sum(one.uncovered for one in report.uncovered)
        lines.append(f"{len(report.uncovered):,} redemptions: {short:,} points uncovered.")
    return "\n".join(lines)


def _row(one: Any) -> tuple[str, ...]:
    return one.name or "-", f"{one.recorded:,}", f"{one.simulated:,}", f"{one.more:+,}"
