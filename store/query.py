"""What to read from the log: items of types and tags, windows in both times; and its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from store.rows import tag_hash

# OFFSET 0 keeps it to one probe per position, which looks into one partition however many there
# are. A condition like position = ANY(...) would look into all of them once its plan is kept.
ENTRIES_SQL: Final = """
SELECT e.position, e.entry FROM {} AS p (position) CROSS JOIN LATERAL
(SELECT position, entry FROM entries WHERE position = p.position OFFSET 0) AS e
ORDER BY e.position"""


class QueryItem(NamedTuple):
    """An event matches if its type is one of ``types`` and it carries all of ``tags``.

    No types means any type; no tags means any event of the types.
    """

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def matches(self, type_name: str, tags: Iterable[str]) -> bool:
        """Whether an event of this type with these tags matches, exactly."""
        return (not self.types or type_name in self.types) and set(self.tags) <= set(tags)


class Query(NamedTuple):
    """Which events to read: those that match any item (no items: all), inside the windows.

    The windows are half open: ``from`` is in, ``until`` is out.
    """

    items: tuple[QueryItem, ...] = ()
    time_from: datetime | None = None
    time_until: datetime | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None

    def matches(self, type_name: str, tags: Iterable[str]) -> bool:
        """Whether an event of this type with these tags matches an item, exactly."""
        return not self.items or any(item.matches(type_name, tags) for item in self.items)


EVERYTHING: Final = Query()


class Span(NamedTuple):
    """Part of the log to look at: positions above ``after`` and up to ``until``."""

    after: int
    until: int
    backward: bool = False
    limit: int = 1


Sql = tuple[str, list[Any]]


def positions_sql(query: Query, span: Span, type_ids: Mapping[str, int]) -> Sql:
    """SQL for the next positions that match, in order; hash collisions are rechecked by readers."""
    order = "DESC" if span.backward else "ASC"
    window, window_values = _window(query)
    parts: list[str] = []
    values: list[Any] = []
    for item in query.items or (QueryItem(),):
        sql, own = _item_sql(item, span, type_ids, order, window)
        parts.append(sql)
        values += [*own, *window_values, span.limit]
    if len(parts) == 1:
        return parts[0], values
    union = " UNION ".join(f"({part})" for part in parts)
    return (
        f"SELECT position FROM ({union}) AS found ORDER BY position {order} LIMIT %s",
        [*values, span.limit],
    )


def tagged_sql(hashes: list[int], type_ids: list[int], until: int) -> Sql:
    """SQL for the positions at which one of many tag hashes stands, in order."""
    # OFFSET 0 keeps it to one probe of the index per hash, whatever the statistics say.
    typed = "AND type = ANY(%s)" if type_ids else ""
    return (
        "SELECT DISTINCT t.position FROM unnest(%s::bigint[]) AS q(hash) CROSS JOIN LATERAL"
        f" (SELECT position FROM tags WHERE hash = q.hash {typed} AND position <= %s OFFSET 0) AS t"
        " ORDER BY t.position",
        [hashes, *([type_ids] if type_ids else []), until],
    )


def _window(query: Query) -> tuple[str, list[Any]]:
    conditions, values = "", []
    if query.time_from is not None:
        conditions += " AND time >= %s"
        values.append(query.time_from)
    if query.time_until is not None:
        conditions += " AND time < %s"
        values.append(query.time_until)
    return conditions, values


def _item_sql(
    item: QueryItem, span: Span, type_ids: Mapping[str, int], order: str, window: str
) -> Sql:
    # A type that is named twice is probed once: each probe answers for itself.
    known = [type_ids[name] for name in dict.fromkeys(item.types) if name in type_ids]
    if not item.tags:
        typed = " AND type = ANY(%s)" if item.types else ""
        return (
            f"SELECT position FROM entries WHERE position > %s AND position <= %s{typed}{window}"
            f" ORDER BY position {order} LIMIT %s",
            [span.after, span.until, *([known] if item.types else [])],
        )
    first, *others = (tag_hash(tag) for tag in dict.fromkeys(item.tags))
    also = "".join(
        " AND EXISTS (SELECT FROM tags o WHERE o.hash = %s AND o.type = t.type"
        " AND o.position = t.position)"
        for _ in others
    )
    # A value, and not EXISTS: that could be planned as a scan of all entries in the window, once
    # for each type. This probes the entries of the tag, and no other ones.
    timed = (
        f" AND (SELECT {window.replace('time', 'e.time').removeprefix(' AND ')}"
        " FROM entries e WHERE e.position = t.position)"
        if window
        else ""
    )
    # One ordered probe for each type: the index is (hash, type, position), so no probe sorts.
    values = [
        known if item.types else sorted(type_ids.values()),
        first,
        span.after,
        span.until,
        *others,
    ]
    # The window's values stand before the inner limit, which is the same as the outer one's.
    return (
        "SELECT found.position FROM unnest(%s::smallint[]) AS y(type) CROSS JOIN LATERAL ("
        "SELECT t.position FROM tags t WHERE t.hash = %s AND t.type = y.type"
        f" AND t.position > %s AND t.position <= %s{also}{timed}"
        f" ORDER BY t.position {order} LIMIT {span.limit:d}) AS found"
        f" ORDER BY position {order} LIMIT %s",
        values,
    )
