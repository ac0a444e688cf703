"""Counting how often a section of a mapping took rows with the same values, within one file."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from filrouge.importing.errors import Unreadable
from filrouge.importing.rows import Row, Value

OCCURRENCES_MAX: Final = 10_000_000
"""Distinct combinations of values that are counted; about 150 bytes of memory each."""

_encode: Final = msgspec.json.Encoder().encode


class Tally:
    """A running count for each combination of values."""

    def __init__(self, section: str, by: list[Value]) -> None:
        self.section = section
        self._by = by
        self._counts: dict[bytes, int] = {}

    def take(self, row: Row, names: Iterable[str]) -> int | None:
        """Count the row if the section is among those that took it; the count as it stands now."""
        values = [value.get(row) for value in self._by]
        if None in values:
            return None
        key = _key(values)
        if self.section in names:
            self._counts[key] = self._counts.get(key, 0) + 1
            if len(self._counts) > OCCURRENCES_MAX:
                raise Unreadable(f"more than {OCCURRENCES_MAX:,} combinations of values to count")
        return self._counts.get(key, 0)

    def begin(self) -> None:
        """Start at zero, for another file."""
        self._counts.clear()


def _key(values: list[Any]) -> bytes:
    """128 bits stand for the values, so that long ones take no more memory than short ones."""
    return blake2b(_encode(values), digest_size=16).digest()
