"""Stretches of the log, each as one document: the server joins what a fold reads in bulk."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from store.query import ENTRIES_SQL

_OFTEN: Final = "entries WHERE type = ANY(%s) AND position > %s AND position <= %s"
# The positions first, from the index alone: asked for the entries at once, a planner that thinks a
# type common would look at every entry of the window.
_RARE: Final = ENTRIES_SQL.format(
    "(SELECT t.position FROM unnest(%s::smallint[]) AS y(type) CROSS JOIN LATERAL"
    " (SELECT position FROM entries WHERE type = y.type AND position > %s"
    " AND position <= %s OFFSET 0) AS t)"
)
_JOINED: Final = (
    "SELECT string_agg(int8send(position), '' ORDER BY position),"
    " string_agg(entry, ',' ORDER BY position) FROM {}"
)
WINDOW_SQL: Final = _JOINED.format(_OFTEN)
"""Given the numbers of types, the position before, and the last one."""
RARE_SQL: Final = _JOINED.format(f"({_RARE}) AS e")
"""The same for types that are rare: each is looked up, and no other entry is touched."""


class Window(NamedTuple):
    """The entries of some types in a stretch of the log."""

    end: int
    """The position that the stretch ends with."""
    positions: Sequence[int]
    """Of each entry."""
    joined: bytes
    """The entries, one after another with a comma between them: the inside of a JSON array."""

    @classmethod
    def sent(cls, end: int, positions: bytes | None, joined: bytes | None) -> Window:
        """As PostgreSQL sends it, which begins a number with its highest byte."""
        found = array("q", positions or b"")
        if sys.byteorder == "little":
            found.byteswap()
        return cls(end, found, joined or b"")
