"""The conditions of a batch: whether something recorded stands in the way of a request.

All of them are asked in one statement. By hash something may match; the tags themselves decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import psycopg

from domain.envelope import decode_entry
from store.log import POSITION_MAX
from store.packed import bigint, bigints, number, smallint, smallints, texts
from store.query import QueryItem, Span, positions_sql
from store.requests import Guarded, Observe, Request
from store.round_trip import Ask, Pipeline, Rows
from store.rows import tag_cell, tag_hash
from store.type_names import type_ids_of

# OFFSET 0 keeps it to one probe for each other tag: as a join, planned on an empty log, it scans.
# A type that this process has no number for is looked up here, where nobody else writes: another
# process may have given it one. To look up those that are known would be a fifth of the time.
CONDITIONS_SQL: Final = """
SELECT q.n, e.position, e.entry
FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS q(hash, type, name, after, others, n)
CROSS JOIN LATERAL (
    SELECT q.type AS id WHERE q.type > 0
    UNION ALL SELECT id FROM types WHERE q.type = 0 AND name = q.name
    UNION ALL SELECT id FROM types WHERE q.type = 0 AND q.name = ''
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
CONDITIONS: Final = {"conditions(bigint[], smallint[], text[], bigint[], text[])": CONDITIONS_SQL}
ANY_TYPE: Final = ("",)
NO_TAGS: Final = b"{}"


class Conditions:
    """The conditions of a batch's requests: one question for all that name tags."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._tagged: list[Guarded] = []
        self._probing: list[Guarded] = []
        """Whose each of the probes is."""
        self._others: list[Guarded] = []
        for request in requests:
            if not isinstance(request, Observe) and request.query is not None:
                items = request.query.items
                tagged = items and all(item.tags for item in items)
                (self._tagged if tagged else self._others).append(request)

    @property
    def needed(self) -> bool:
        """Whether any of them names tags."""
        return bool(self._tagged)

    def ask(self, type_ids: Mapping[str, int]) -> Ask:
        """What finds the events that may stand in the way."""
        cells: list[bytes] = []
        types: list[bytes] = []
        names: list[bytes] = []
        afters: list[bytes] = []
        others: list[bytes] = []
        for request in self._tagged:
            after = bigint(request.after)
            for item in request.query.items:  # type: ignore[union-attr] # it has one: see above
                cell, rest = tag_cell(item.tags[0]), _others(item)
                for name in item.types or ANY_TYPE:
                    known = type_ids.get(name, 0)
                    cells.append(cell)
                    types.append(smallint(known))
                    names.append(b"" if known else name.encode())
                    afters.append(after)
                    others.append(rest)
                    self._probing.append(request)
        probes = bigints.of_cells(cells), smallints(types), texts(names)
        return Ask("conditions", [*probes, bigints(afters), texts(others)])

    def answer(self, pipeline: Pipeline, found: Rows) -> None:
        """Tell each request whether something stands in its way."""
        for request in self._tagged:
            request.conflicts = False
        for n, position, entry in found:
            request = self._probing[number(n) - 1]
            if not request.conflicts:
                request.conflicts = self._holds(pipeline, request, number(position), entry)
        for request in self._others:
            request.conflicts = any(
                self._holds(pipeline, request, *row) for row in self._ask(pipeline, request, 1)
            )

    def _ask(self, pipeline: Pipeline, request: Guarded, limit: int) -> psycopg.Cursor:
        assert request.query is not None
        span = Span(after=request.after, until=POSITION_MAX, limit=limit)
        cursor = pipeline.cursor()
        sql, values = positions_sql(request.query, span, type_ids_of(cursor.connection))
        return cursor.execute(
            f"SELECT e.position, e.entry FROM ({sql}) AS p JOIN entries e USING (position)",
            values,
        )

    def _holds(self, pipeline: Pipeline, request: Guarded, position: int, entry: bytes) -> bool:
        if _matches(request, position, entry):
            return True
        # Another tag has this hash: look at everything that the hash finds.
        everything = self._ask(pipeline, request, POSITION_MAX)
        return any(_matches(request, *other) for other in everything)


def _others(item: QueryItem) -> bytes:
    if len(item.tags) == 1:
        return NO_TAGS
    return f"{{{','.join(str(tag_hash(tag)) for tag in item.tags[1:])}}}".encode()


def _matches(request: Guarded, position: int, entry: bytes) -> bool:
    recorded = decode_entry(entry, position)
    assert request.query is not None
    return request.query.matches(recorded.envelope.type, recorded.tags)
