"""``filrouge simulate-rules``: what other rules would have given over a window of history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from filrouge.console import Console, TextFile, pass_console, table

if TYPE_CHECKING:
    from domain.envelope import Recorded
    from store.simulated import SimulatedPoints, SimulationReport

INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])
OUT = click.Path(dir_okay=False, writable=True, path_type=Path)
ROWS_SHOWN_MAX: Final = 10
"""Members, campaigns and segments that the text shows; ``--json`` and ``--members`` show more."""


@click.command("simulate-rules")
@click.argument("file", type=TextFile(), metavar="[RULES.toml]", required=False)
@click.option("--from", "begins", type=INSTANT, help="What was recorded from then on (UTC).")
@click.option("--to", "ends", type=INSTANT, help="What was recorded before then (UTC).")
@click.option(
    "--keep-imported", is_flag=True,
    help="Keep the awards of another system that were imported: these rules come on top.",
)  # fmt: skip
@click.option(
    "--awards", type=OUT, metavar="FILE",
    help="Write each award that would be made, or taken back: NDJSON, plain, .gz or .xz.",
)  # fmt: skip
@click.option(
    "--members", type=OUT, metavar="FILE",
    help="Write the points of every member, recorded and simulated: NDJSON, plain, .gz or .xz.",
)  # fmt: skip
@pass_console
def simulate_rules(
    console: Console,
    *,
    file: Path | None,
    begins: datetime | None,
    ends: datetime | None,
    keep_imported: bool,
    awards: Path | None,
    members: Path | None,
) -> None:
    """Replay a window of history under the rules of a file, and show the difference.

    Nothing is written to the ledger. Without a file the rules are those of the history, as it
    published them: then the difference is zero for everybody. Redemptions for which the points
    would not have been there are kept, and shown as uncovered.

    A rule of the file without `valid_from` is in force for all that ever happened.

    Points that another system gave for something, and that were imported with its history, count
    as given by rules: those of the file take their place. Goodwill stays.
    """
    from filrouge.rule_files import read_rules
    from filrouge.wiring import opened_ledger
    from store.simulated import rules_from
    from store.simulating import Simulation, window

    said = None if file is None else read_rules(file)
    with opened_ledger(console.settings) as ledger:
        after, until = window(ledger.log, _aware(begins), _aware(ends))
        rules = None if said is None else rules_from(said)
        simulation = Simulation(
            ledger.log, rules, after=after, until=until, keep_imported=keep_imported
        )
        with (
            console.progress("Simulating", until - after) as update,
            _lines(awards, _award) as tell,
            _lines(members, msgspec.json.encode) as list_member,
        ):
            report = simulation.run(lambda done: update(done, ""), tell)
            for row in simulation.outcome.by_member():
                list_member(row)
    console.result(msgspec.to_builtins(report), lambda: _shown(report))


@contextmanager
def _lines(path: Path | None, encode: Callable[[Any], bytes]) -> Iterator[Callable[[Any], Any]]:
    """Write what is told into a file that appears whole or not at all; nowhere without a path."""
    from filrouge.entry_files import entry_writer

    if path is None:
        yield lambda _: None
        return
    with entry_writer(path) as out:
        yield lambda one: out.write(encode(one) + b"\n")


def _award(made: Recorded) -> bytes:
    envelope = made.envelope
    said = {"type": envelope.type, "time": envelope.time, "cause": envelope.cause}
    return msgspec.json.encode({**said, "position": envelope.position, "data": made.event})


def _aware(instant: datetime | None) -> datetime | None:
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)


def _shown(report: SimulationReport) -> str:
    total = (
        "in all", f"{report.points_recorded:,}", f"{report.points_simulated:,}",
        f"{report.points_simulated - report.points_recorded:+,}",
    )  # fmt: skip
    lines = [
        f"Positions {report.after + 1:,} to {report.until:,}: {report.awards_recorded:,} awards "
        f"were given, and {report.awards_simulated:,} would be.",
    ]
    if report.awards_imported:
        lines.append(
            f"Another system gave {report.awards_imported:,} of them, {report.points_imported:,} "
            f"points; they were imported, and these rules take their place (--keep-imported)."
        )
    lines += [
        _table("rule", report.rules, total),
        f"{report.members_with_difference:,} members would have other points.",
    ]
    for title, rows in (
        ("campaign", report.campaigns), ("segment", report.segments),
        ("gains most", report.gain_most), ("loses most", report.lose_most),
    ):  # fmt: skip
        other = [row for row in rows if row.more][:ROWS_SHOWN_MAX]
        lines += ["", _table(title, other)] if other else []
    if report.liability:
        stand = [
            (
                f"{one.kind.replace('_', ' ')}, {one.programme}/{one.points_currency}",
                f"{one.recorded:,}", f"{one.simulated:,}", f"{one.simulated - one.recorded:+,}",
                one.currency,
            )
            for one in report.liability
        ]  # fmt: skip
        head = ("in minor units", "recorded", "simulated", "more", "")
        lines += ["", table([head, *stand], right=frozenset({1, 2, 3}))]
    if report.uncovered:
        short = sum(one.uncovered for one in report.uncovered)
        lines.append(f"{len(report.uncovered):,} redemptions: {short:,} points uncovered.")
    return "\n".join(lines)


def _table(title: str, rows: Sequence[SimulatedPoints], *more: tuple[str, ...]) -> str:
    named = [
        (one.name or "-", f"{one.recorded:,}", f"{one.simulated:,}", f"{one.more:+,}")
        for one in rows
    ]
    head = (title, "recorded", "simulated", "more")
    return table([head, *named, *more], right=frozenset({1, 2, 3}))
