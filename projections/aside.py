"""Rows that a filling puts aside in a file until they change again, so that memory is bounded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import IO, Any, Final

import msgspec

from projections.failures import RebuildFailed
from projections.tables import Rows, in_batches

ASIDE_ROWS_MAX: Final = 1_000_000
"""Rows of one fold that wait in a file at most: where each of them stands is held in memory."""
DRAINED_AT_ONCE: Final = 10_000
_SIZE_BITS: Final = 32
_SIZE_MASK: Final = 2**_SIZE_BITS - 1
_encode: Final = msgspec.json.Encoder().encode


class Aside:
    """The rows of one fold that are not in memory.

    The file has no name, in the folder for temporary files (``TMPDIR``), and goes with the process.
    Each putting aside makes a new one, so that it is never larger than its rows.
    """

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._file: IO[bytes] | None = None
        self._places: dict[str, int] = {}
        """Where each row begins, and its size in the lower bits."""

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._places)

    def put(self, rows: Rows) -> None:
        """Put rows aside, beside those that wait already.

        Raises RebuildFailed where the folder for temporary files has no room for them.
        """
        file: IO[bytes] = tempfile.TemporaryFile(prefix="filrouge-rebuild-")  # noqa: SIM115
        try:
            places = self._written(file, rows)
        except OSError as error:
            with suppress(OSError):  # what is still to be written has no room either
                file.close()
            raise RebuildFailed(
                f"rows cannot be put aside in {tempfile.gettempdir()}: {error.strerror};"
                " make room there, or name another folder in TMPDIR"
            ) from error
        self.close()
        self._file, self._places = file, places

    def _written(self, file: IO[bytes], rows: Rows) -> dict[str, int]:
        places: dict[str, int] = {}
        end = 0
        waiting = ((key, self._bytes(place)) for key, place in self._places.items())
        new = ((key, _encode(row)) for key, row in rows.items())
        for key, data in chain(waiting, new):
            file.write(data)
            places[key] = end << _SIZE_BITS | len(data)
            end += len(data)
        file.flush()
        return places

    def take(self, keys: Iterable[str]) -> Rows:
        """Bring those of these rows back that wait here."""
        pop = self._places.pop
        found = {key: place for key in keys if (place := pop(key, None)) is not None}
        return {key: self._decode(self._bytes(place)) for key, place in found.items()}

    def drained(self) -> Iterator[Rows]:
        """Bring all of them back, some at a time."""
        for some in in_batches(list(self._places), DRAINED_AT_ONCE):
            yield self.take(some)
        self.close()

    def close(self) -> None:
        """Give the room of the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _bytes(self, place: int) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), place & _SIZE_MASK, place >> _SIZE_BITS)
