"""The short number that stands for each stored name in the log's tables."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from domain.event import event_classes, stored_names


def register_types(cursor: psycopg.Cursor, names: Iterable[str]) -> dict[str, int]:
    """Give every name its number, for ever, and return all; the head's lock keeps them in order."""
    with cursor.connection.transaction():
        cursor.execute("SELECT FROM head FOR UPDATE")
        cursor.execute(
            "INSERT INTO types SELECT (SELECT coalesce(max(id), 0) FROM types)"
            " + row_number() OVER (ORDER BY n), n FROM unnest(%s::text[]) AS n"
            " WHERE n NOT IN (SELECT name FROM types)",
            [list(names)],
        )
        return type_ids_of(cursor.connection)


def type_ids_of(connection: psycopg.Connection) -> dict[str, int]:
    """The number of every stored name that the log has seen."""
    return dict(connection.execute("SELECT name, id FROM types").fetchall())


def known_types() -> list[str]:
    """Every stored name that this version reads, current and past."""
    return [name for cls in event_classes().values() for name in stored_names(cls)]
