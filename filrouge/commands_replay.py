"""``filrouge replay`` and ``filrouge diff``: tables of the past, and what differs between two."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from filrouge.console import Console, InstantOption, pass_console, table

if TYPE_CHECKING:
    from projections.differences import Held, TableDifferences
    from store.ledger import Ledger
    from store.spaces import Spaces

LIVE = "live"
"""The name of what the tables hold now, in a comparison."""
RESERVED = frozenset({LIVE, "verify"})
"""Names that no space may have: the live tables, and what `filrouge verify` compares them with."""
ROWS_SHOWN = 20
EVENTS_SHOWN = 5


@click.command("replay")
@click.argument("name", required=False)
@click.option("--as-of", type=InstantOption(), help="What was true before this instant, by time.")
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@click.option("--replace", is_flag=True, help="Make a space anew that is there already.")
@click.option("--drop", is_flag=True, help="Remove the space with all that it holds.")
@click.option("--list", "listed", is_flag=True, help="Show the spaces that there are.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that fold at once. Default: as many as there are processors.",
)
@pass_console
def replay(
    console: Console,
    *,
    name: str | None,
    as_of: datetime | None,
    known_at: datetime | None,
    replace: bool,
    drop: bool,
    listed: bool,
    workers: int | None,
) -> None:
    """Make every projection as of an instant, as known at one, or both, in a space of its own.

    The space is a schema of the same database, with a view for each projection's tables, for any
    tool that reads SQL. The live tables are not touched.
    """  # fmt: skip
    from filrouge.wiring import closing_ledger, opened_database

    if listed == (name is not None):
        raise click.UsageError("Name a space, or say --list.")
    if name in RESERVED:
        raise click.UsageError(f"{name} has a meaning of its own: choose another name.")
    with (
        opened_database(console.settings) as database,
        closing_ledger(database.open(console.settings.ledger)) as ledger,
    ):
        spaces = database.spaces(ledger.name)
        if name is None:
            _list(console, ledger, spaces)
        elif drop:
            spaces.connect(name).close()
            spaces.drop(name)
            console.result({"dropped": name}, f"The space {name} is gone.")
        else:
            _replay(console, ledger, spaces, name, as_of, known_at, replace, workers)


def _replay(
    console: Console, ledger: Ledger, spaces: Spaces, name: str, as_of: datetime | None,
    known_at: datetime | None, replace: bool, workers: int | None,  # noqa: FBT001 - the command's
) -> None:  # fmt: skip
    from projections import ALL
    from projections.replay import replay as replay_into
    from projections.selection import Selection, When

    selection = Selection.of(ledger.log, When(as_of, known_at))
    into = spaces.make(name, replace=replace)
    try:
        with console.progress("Replaying", selection.position) as update:
            replay_into(
                ledger, ALL, selection, into,
                known_at=known_at,
                workers=workers or os.cpu_count() or 1,
                progress=lambda done, whole: update(done, f"{done:,} of {whole:,} events"),
            )  # fmt: skip
    except BaseException:
        spaces.drop(name)
        raise
    schema = spaces.schema(name)
    views = [member.table for projection in ALL for member in projection.members]
    listed = "\n".join(f"  {schema}.{view}" for view in views)
    console.result(
        {
            "ledger": ledger.name, "space": name, "schema": schema, "position": selection.position,
            "as_of": as_of, "known_at": known_at, "views": views,
        },
        f"{_said(selection.position, as_of, known_at)}, to be read by SQL:\n\n{listed}",
    )  # fmt: skip


def _said(position: int, as_of: datetime | None, known_at: datetime | None) -> str:
    parts = [f"What {position:,} events add up to"]
    if as_of is not None:
        parts.append(f"as of {as_of.isoformat()}")
    if known_at is not None:
        parts.append(f"as known at {known_at.isoformat()}")
    return ", ".join(parts)


def _list(console: Console, ledger: Ledger, spaces: Spaces) -> None:
    from projections.failures import RebuildFailed
    from projections.replay import replayed

    found: list[dict[str, Any]] = []
    rows = [("space", "position", "as of", "known at")]
    for name in spaces.names():
        with spaces.connect(name) as connection:
            try:
                what = replayed(connection)
            except RebuildFailed:
                rows.append((name, "", "not whole", ""))
                continue
        found.append({"space": name, "schema": spaces.schema(name), **what._asdict()})
        as_of, known_at = (at.isoformat() if at else "" for at in (what.as_of, what.known_at))
        rows.append((name, f"{what.position:,}", as_of, known_at))
    said = table(rows, right=frozenset({1})) if len(rows) > 1 else "There are no spaces."
    console.result({"ledger": ledger.name, "spaces": found}, said)


@click.command("diff")
@click.argument("one")
@click.argument("other", default=LIVE)
@click.option(
    "--rows", "shown_max", type=click.IntRange(0, 100_000), default=ROWS_SHOWN, show_default=True,
    help="Rows of each table to show; all are compared and counted.",
)  # fmt: skip
@pass_console
def diff(console: Console, *, one: str, other: str, shown_max: int) -> None:
    """Compare two spaces row by row, or one with the live tables, and say which events differ.

    ONE and OTHER are names of spaces, or `live`. An event makes a difference because it counts on
    one side only: it was recorded later, happened later, or was voided.
    """  # fmt: skip
    from filrouge.wiring import closing_ledger, opened_database
    from projections.differences import differences

    with ExitStack() as stack:
        database = stack.enter_context(opened_database(console.settings))
        ledger = stack.enter_context(closing_ledger(database.open(console.settings.ledger)))
        spaces = database.spaces(ledger.name)
        left, right = (_held(stack, ledger, spaces, name) for name in (one, other))
        both = [projection for projection in left.builds if projection in right.builds]
        found = [
            part
            for projection in both
            for part in differences(left, right, projection, shown_max=shown_max)
        ]
    differing = sum(part.differing for part in found)
    console.result(
        {"one": one, "other": other, "differing": differing, "tables": found},
        lambda: "\n".join(_lines(found, one, other)),
    )


def _held(stack: ExitStack, ledger: Ledger, spaces: Spaces, name: str) -> Held:
    from projections import ALL
    from projections.differences import held
    from projections.replay import replayed

    if name == LIVE:
        connection = stack.enter_context(ledger.connect("diff"))
        return stack.enter_context(held(name, connection, ledger, ALL))
    connection = stack.enter_context(spaces.connect(name))
    what = replayed(connection)
    return stack.enter_context(held(name, connection, ledger, ALL, what.as_of))


def _lines(found: list[TableDifferences], one: str, other: str) -> list[str]:
    lines = []
    for part in found:
        if not part.differing:
            continue
        lines.append(f"{part.table}: {part.differing:,} of {part.rows:,} rows differ")
        for row in part.differences:
            what = ", ".join(row.fields) or f"only in {one if row.other is None else other}"
            lines.append(f"  {row.key}: {what}")
            lines += [
                f"    position {event.position:,}, {event.type}, counts in {event.counts_in} only: "
                f"{event.why}"
                for event in row.events[:EVENTS_SHOWN]
            ]
            more = len(row.events) - EVENTS_SHOWN
            lines += [f"    and {more} more events"] if more > 0 else []
        more = part.differing - len(part.differences)
        lines += [f"  and {more:,} more rows"] if more > 0 else []
    return lines or [f"No row differs between {one} and {other}."]
