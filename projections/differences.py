"""What differs between the tables of two pasts, row by row, and the events that make it so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from msgspec import Raw
from psycopg import sql

from domain.reading import Read
from projections.fold import Fold, Projection, Total, owner_of
from projections.folding import Folding
from projections.reader import Member, builds_read
from projections.selection import Selection
from projections.tables import decoder_of, table_name
from projections.voids import VoidHistory
from store.ledger import Ledger
from store.log import Log

ROWS_FETCHED: Final = 5_000
ROWS_BEHIND_MAX: Final = 20
"""Rows of a fold whose events are shown for one row of a total."""
EVENTS_SHOWN_MAX: Final = 100

_SNAPSHOT: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    " SET LOCAL idle_in_transaction_session_timeout = 0"
)


class Because(msgspec.Struct, kw_only=True):
    """An event that counts on one side only."""

    position: int
    type: str
    time: datetime
    recorded_at: datetime
    counts_in: str
    """The side on which it counts."""
    why: str
    """Why it does not on the other."""


class Difference(msgspec.Struct, kw_only=True):
    """One row that is not the same on both sides; None: it is not there."""

    key: str
    one: Raw | None
    other: Raw | None
    fields: list[str]
    """The fields that differ, where both have the row."""
    events: list[Because]


class TableDifferences(msgspec.Struct, kw_only=True):
    """What was compared of one table, and what differs."""

    projection: str
    table: str
    rows: int
    """Keys that either side has."""
    differing: int
    differences: list[Difference]
    """The first of them, by key."""


class Held:
    """The tables of one past, or the live ones, in one snapshot."""

    def __init__(
        self,
        name: str,
        connection: psycopg.Connection,
        log: Log,
        projections: Sequence[Projection],
        as_of: datetime | None,
    ) -> None:
        self.name = name
        self._connection = connection
        found = builds_read(connection, tuple(projections), "")
        self.builds = {one: found[one.name] for one in projections if one.name in found}
        """Build and position of each projection that is there."""
        voids = VoidHistory(log)
        self._log = log
        self._selections = {
            one: Selection(voids, position, as_of) for one, (_, position) in self.builds.items()
        }
        self._foldings: dict[tuple[Projection, type[Fold]], Folding] = {}

    def selection(self, projection: Projection) -> Selection:
        """What the tables of a projection were filled over."""
        return self._selections[projection]

    def folding(self, projection: Projection, fold: type[Fold]) -> Folding:
        """The fold over that."""
        found = self._foldings.get((projection, fold))
        if found is None:
            found = Folding(fold, self._log, self._selections[projection])
            self._foldings[projection, fold] = found
        return found

    def rows(self, projection: Projection, member: Member) -> Iterator[tuple[str, str]]:
        """Every row as JSON, by key, in the order of the keys."""
        build, _ = self.builds[projection]
        table = sql.Identifier(table_name(member, projection.version, build))
        with self._connection.cursor(f"held_{member.table}") as cursor:
            cursor.itersize = ROWS_FETCHED
            statement = sql.SQL("SELECT key, row::text FROM {} ORDER BY key").format(table)
            yield from cursor.execute(statement)

    def events_of(self, projection: Projection, fold: type[Fold], key: str) -> dict[int, Read]:
        """The events that made a row, by position."""
        folding, position = self.folding(projection, fold), self.builds[projection][1]
        found: dict[int, Read] = {}
        for row, one in folding.walk([owner_of(key)], position, position):
            if row == key:
                assert isinstance(one, Read)
                found[one.envelope.position] = one
        return found


@contextmanager
def held(
    name: str,
    connection: psycopg.Connection,
    ledger: Ledger,
    projections: Sequence[Projection],
    as_of: datetime | None = None,
) -> Iterator[Held]:
    """Hold the tables that a connection sees as they are now, however long the look at them takes.

    Their old tables are not dropped meanwhile.
    """
    connection.execute(_SNAPSHOT.encode())
    try:
        side = Held(name, connection, ledger.log, projections, as_of)
        for projection, (build, _) in side.builds.items():
            for member in projection.members:
                table = sql.Identifier(table_name(member, projection.version, build))
                connection.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(table))
        yield side
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def in_order(row: str) -> bytes:
    """The JSON of a row with its fields in one order: true stays another value than 1."""
    return msgspec.json.encode(msgspec.json.decode(row), order="sorted")


def unequal(
    one: Held, other: Held, projection: Projection, member: Member
) -> Iterator[tuple[str, str | None, str | None]]:
    """Every key that either side has, with its row on each side where they are not the same.

    Where they are, both are None.
    """
    ours, theirs = one.rows(projection, member), other.rows(projection, member)
    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], left[1], None
            left = next(ours, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(theirs, None)
        else:
            same = left[1] == right[1] or in_order(left[1]) == in_order(right[1])
            yield left[0], None if same else left[1], None if same else right[1]
            left, right = next(ours, None), next(theirs, None)


def differences(
    one: Held, other: Held, projection: Projection, *, shown_max: int
) -> Iterator[TableDifferences]:
    """What differs in each table of a projection that both sides have, folds before totals."""
    behind = _Behind(one, other, projection)
    for member in projection.members:
        table = TableDifferences(
            projection=projection.name, table=member.table, rows=0, differing=0, differences=[]
        )
        for key, left, right in unequal(one, other, projection, member):
            table.rows += 1
            if left is None and right is None:
                continue
            table.differing += 1
            if not issubclass(member, Total):
                behind.see(member, key, left, right)
            if table.differing <= shown_max:
                table.differences.append(
                    Difference(
                        key=key,
                        one=None if left is None else Raw(left),
                        other=None if right is None else Raw(right),
                        fields=_fields(left, right),
                        events=behind.events(member, key),
                    )
                )
        yield table


class _Behind:
    """Which events make the rows of one projection differ, and which rows those of its totals."""

    def __init__(self, one: Held, other: Held, projection: Projection) -> None:
        self._sides = one, other
        self._projection = projection
        self._totals = {total: total() for total in projection.totals}
        self._rows: dict[tuple[type[Total], str], list[str]] = defaultdict(list)
        self._contexts: dict[tuple[Held, type[Fold]], dict[str, Any]] = {}

    def see(self, fold: type[Fold], key: str, left: str | None, right: str | None) -> None:
        """Take note of which totals a row that differs contributes otherwise to."""
        for total, instance in self._totals.items():
            if total.of is fold:
                ours, theirs = (
                    {}
                    if text is None
                    else instance.contributes(
                        decoder_of(fold.Row)(text), self._context(side, total)
                    )
                    for side, text in zip(self._sides, (left, right), strict=True)
                )
                for name in ours.keys() | theirs.keys():
                    if ours.get(name) != theirs.get(name):
                        rows = self._rows[total, name]
                        if len(rows) < ROWS_BEHIND_MAX:
                            rows.append(key)

    def _context(self, side: Held, total: type[Total]) -> dict[str, Any]:
        if total.context is None:
            return {}
        found = self._contexts.get((side, total.context))
        if found is None:
            position = side.builds[self._projection][1]
            found = side.folding(self._projection, total.context).every(position)
            self._contexts[side, total.context] = found
        return found

    def events(self, member: Member, key: str) -> list[Because]:
        """The events that count on one side only."""
        found: dict[int, Because] = {}
        for fold, row in self._rows_of(member, key):
            ours, theirs = (side.events_of(self._projection, fold, row) for side in self._sides)
            for position in sorted(ours.keys() ^ theirs.keys()):
                has, lacks = self._sides if position in ours else reversed(self._sides)
                event = ours.get(position) or theirs[position]
                found[position] = _because(event, has, lacks.selection(self._projection))
        return [found[position] for position in sorted(found)][:EVENTS_SHOWN_MAX]

    def _rows_of(self, member: Member, key: str) -> Iterator[tuple[type[Fold], str]]:
        if not issubclass(member, Total):
            yield member, key
            return
        for row in self._rows[member, key]:
            yield member.of, row
        if member.context is not None:
            yield member.context, key


def _because(one: Read, has: Held, lacks: Selection) -> Because:
    envelope = one.envelope
    if envelope.position > lacks.position:
        why = "it was recorded later"
    elif lacks.as_of is not None and envelope.time >= lacks.as_of:
        why = "it happened later"
    elif lacks.hides(envelope, lacks.position):
        why = "it was voided by then"
    else:
        why = "it was somebody else's"
    return Because(
        position=envelope.position,
        type=envelope.type,
        time=envelope.time,
        recorded_at=envelope.recorded_at,
        counts_in=has.name,
        why=why,
    )


def _fields(left: str | None, right: str | None) -> list[str]:
    if left is None or right is None:
        return []
    ours, theirs = msgspec.json.decode(left), msgspec.json.decode(right)
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )
