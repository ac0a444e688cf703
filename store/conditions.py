"""The conditions of a batch: whether something recorded stands in the way of a request.

All of them are asked in one statement. By hash something may match; the tags themselves decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from domain.envelope import decode_entry
from store.log import POSITION_MAX
from store.packed import bigint, bigints, integer, integers, number, texts
from store.query import QueryItem, Span, positions_sql
from store.requests import Guarded
from store.round_trip import Ask, Rows
from store.rows import tag_hash, tag_key
from store.type_names import type_ids_of

# OFFSET 0 keeps it to one probe for each other tag: as a join, planned on an empty log, it scans.
# Types are looked up here, where nobody else writes: other processes give new ones their numbers.
CONDITIONS_SQL: Final = """
SELECT q.request, e.position, e.entry
FROM unnest($1, $2, $3, $4, $5) AS q(request, hash, type, after, others)
CROSS JOIN LATERAL (
    SELECT id FROM types WHERE name = q.type
    UNION ALL SELECT id FROM types WHERE q.type = ''
) AS y
CROSS JOIN LATERAL (
    SELECT t.position FROM tags t
    WHERE t.hash = q.hash AND t.type = y.id AND t.position > q.after
        AND (q.others = '{}' OR NOT EXISTS (
            SELECT FROM unnest(q.others::bigint[]) AS o(hash) WHERE NOT EXISTS (
                SELECT FROM tags x WHERE x.hash = o.hash AND x.type = t.type
                    AND x.position = t.position OFFSET 0)))
    LIMIT 1
) AS p
JOIN entries e ON e.position = p.position
"""
CONDITIONS: Final = {"conditions(integer[], bigint[], text[], bigint[], text[])": CONDITIONS_SQL}
ANY_TYPE: Final = ("",)


class Conditions:
    """The conditions of a batch's requests: one question for all that name tags."""

    def __init__(self, requests: Iterable[Guarded]) -> None:
        self._tagged: list[Guarded] = []
        self._others: list[Guarded] = []
        for request in requests:
            if request.query is not None:
                items = request.query.items
                tagged = items and all(item.tags for item in items)
                (self._tagged if tagged else self._others).append(request)

    @property
    def needed(self) -> bool:
        """Whether any of them names tags."""
        return bool(self._tagged)

    def ask(self) -> Ask:
        """What finds the events that may stand in the way."""
        probes = [
            (integer(n), tag_key(item.tags[0]), name.encode(), after, _others(item))
            for n, request in enumerate(self._tagged)
            for after in (bigint(request.after),)
            for item in request.query.items  # type: ignore[union-attr] # it has one: see above
            for name in dict.fromkeys(item.types or ANY_TYPE)
        ]
        columns = [list(column) for column in zip(*probes, strict=True)] or [[]] * 5
        numbers, keys, types, afters, others = columns
        return Ask(
            "conditions",
            [
                integers(numbers),
                bigints(keys),
                texts(types),
                bigints(afters),
                texts(others),
            ],
        )

    def answer(self, connection: psycopg.Connection, found: Rows) -> None:
        """Tell each request whether something stands in its way."""
        for request in self._tagged:
            request.conflicts = False
        for n, position, entry in found:
            request = self._tagged[number(n)]
            if not request.conflicts:
                request.conflicts = self._holds(connection, request, number(position), entry)
        for request in self._others:
            request.conflicts = any(
                self._holds(connection, request, *row) for row in self._ask(connection, request, 1)
            )

    def _ask(self, connection: psycopg.Connection, request: Guarded, limit: int) -> psycopg.Cursor:
        assert request.query is not None
        span = Span(after=request.after, until=POSITION_MAX, limit=limit)
        sql, values = positions_sql(request.query, span, type_ids_of(connection))
        return connection.cursor(binary=True).execute(
            f"SELECT e.position, e.entry FROM ({sql}) AS p JOIN entries e USING (position)",
            values,
        )

    def _holds(
        self, connection: psycopg.Connection, request: Guarded, position: int, entry: bytes
    ) -> bool:
        if _matches(request, position, entry):
            return True
        # Another tag has this hash: look at everything that the hash finds.
        everything = self._ask(connection, request, POSITION_MAX)
        return any(_matches(request, *other) for other in everything)


def _others(item: QueryItem) -> bytes:
    return f"{{{','.join(str(tag_hash(tag)) for tag in item.tags[1:])}}}".encode()


def _matches(request: Guarded, position: int, entry: bytes) -> bool:
    recorded = decode_entry(entry, position)
    assert request.query is not None
    return request.query.matches(recorded.envelope.type, recorded.tags)
