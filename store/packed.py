"""Values and arrays in PostgreSQL's binary form, packed as a whole instead of one by one.

The driver makes an array in Python, element by element; here most of it is joined by C code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct, pack
from typing import Final

from psycopg import postgres

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

smallint: Final = Struct("!h").pack
integer: Final = Struct("!i").pack
bigint: Final = Struct("!q").pack


def number(packed: bytes) -> int:
    """An integer of any length."""
    return int.from_bytes(packed, "big", signed=True)


def instant(moment: datetime) -> bytes:
    """A ``timestamptz``."""
    return bigint((moment - _EPOCH) // _MICROSECOND)


def moment(packed: bytes) -> datetime:
    """The instant that a ``timestamptz`` says."""
    return _EPOCH + timedelta(microseconds=number(packed))


class ArrayOf:
    """Makes arrays of one type, of elements in binary form. One dimension, no nulls."""

    def __init__(self, element: str) -> None:
        self._oid = postgres.types[element].oid

    def _header(self, count: int) -> bytes:
        return pack("!iiIii", 1, 0, self._oid, count, 1)

    def cell(self, element: bytes) -> bytes:
        """An element as it stands in an array: it can be made, and repeated, beforehand."""
        return integer(len(element)) + element

    def of_cells(self, cells: Sequence[bytes]) -> bytes:
        """Make an array of cells."""
        return b"".join((self._header(len(cells)), *cells))

    def __call__(self, elements: Sequence[bytes]) -> bytes:
        """Make an array; the elements may differ in length."""
        count = len(elements)
        lengths = pack(f"!{count}i", *map(len, elements))
        parts = [b""] * (2 * count + 1)
        parts[0] = self._header(count)
        parts[1::2] = [lengths[at : at + 4] for at in range(0, 4 * count, 4)]
        parts[2::2] = elements
        return b"".join(parts)


class FixedArrayOf(ArrayOf):
    """The same, for a type whose values all have the same length."""

    def __init__(self, element: str, length_bytes: int) -> None:
        super().__init__(element)
        self._length = integer(length_bytes)
        self.cell_bytes = len(self._length) + length_bytes

    def __call__(self, elements: Sequence[bytes]) -> bytes:
        """Make an array."""
        return self._length.join((self._header(len(elements)), *elements))

    def cell(self, element: bytes) -> bytes:
        """An element as it stands in an array."""
        return self._length + element

    def of_cells(self, cells: Sequence[bytes]) -> bytes:
        """Make an array of cells; each may be several of them in a row."""
        body = b"".join(cells)
        return self._header(len(body) // self.cell_bytes) + body


smallints: Final = FixedArrayOf("int2", 2)
integers: Final = FixedArrayOf("int4", 4)
bigints: Final = FixedArrayOf("int8", 8)
uuids: Final = FixedArrayOf("uuid", 16)
instants: Final = FixedArrayOf("timestamptz", 8)
byte_strings: Final = ArrayOf("bytea")
texts: Final = ArrayOf("text")
