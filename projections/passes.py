"""Folding owners in slices, one after another, when the rows of all do not fit in memory."""

from __future__ import annotations

import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from heapq import merge
from itertools import groupby
from typing import IO, Final, NamedTuple
from zlib import crc32

from projections.failures import RebuildFailed
from projections.fold import owner_of
from projections.folding import Piece

SLICES: Final = 64
"""Owners can be folded in so many parts; one of them has to fit in memory."""
OBJECTS_MAX: Final = 12_000_000
"""Objects that folding may add to a process: some 600 MB, with the tables and texts that they
hold."""
FEW_ROWS: Final = 2_000
"""A fold that has so few rows when there is no more room is folded whole in the first pass."""
READ_POSITIONS: Final = 4_096


def slice_of(owner: str) -> int:
    """The slice of an owner: the same in every process, whatever share the owner is in."""
    return crc32(owner.encode()) % SLICES


class Room:
    """Whether what is folded still fits in memory."""

    def __init__(self) -> None:
        self._before = sys.getallocatedblocks()

    def is_left(self) -> bool:
        """What a process gave back it need not give back to the system: so objects are counted."""
        return sys.getallocatedblocks() - self._before <= OBJECTS_MAX


class Slices(NamedTuple):
    """The slices that are folded in one pass: from the first one to before the end."""

    first: int = 0
    end: int = SLICES

    @property
    def width(self) -> int:
        """How many they are."""
        return self.end - self.first

    def narrowed(self) -> Slices:
        """The first half of them."""
        return Slices(self.first, self.first + max(1, self.width // 2))

    def following(self) -> Slices:
        """As many slices that come next."""
        return Slices(self.end, min(self.end + self.width, SLICES))

    def has(self, key: str) -> bool:
        """Whether a row is folded in this pass."""
        return self.first <= slice_of(owner_of(key)) < self.end

    def chosen(self, pieces: Iterable[Piece], notes: Notes | None) -> list[Piece]:
        """The pieces of these slices; of the others it is noted where they are."""
        found: list[Piece] = []
        for one, keys in pieces:
            mine = []
            for key in keys:
                number = slice_of(owner_of(key))
                if self.first <= number < self.end:
                    mine.append(key)
                if notes is not None:
                    notes.note(number, one.envelope.position)
            if mine:
                found.append((one, mine))
        return found


class Notes:
    """Which events change rows of a slice: their positions, in files without a name.

    The files are in the folder for temporary files (``TMPDIR``), 8 bytes for each event and slice.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._page: list[set[int]] = [set() for _ in range(SLICES)]
        with _room_for_files():
            self._files: list[IO[bytes]] = [
                self._open.enter_context(_new_file()) for _ in range(SLICES)
            ]

    def note(self, number: int, position: int) -> None:
        """An event changes a row of a slice."""
        self._page[number].add(position)

    def keep(self) -> None:
        """Write down what was noted of a page. Pages come in order."""
        with _room_for_files():
            for file, positions in zip(self._files, self._page, strict=True):
                file.write(array("q", sorted(positions)).tobytes())
                positions.clear()

    def positions(self, slices: Slices) -> Iterator[int]:
        """Where the events of some slices are, in order."""
        with _room_for_files():
            for file in self._files[slices.first : slices.end]:
                file.flush()
        each = [_read(file) for file in self._files[slices.first : slices.end]]
        return (position for position, _ in groupby(merge(*each)))

    def close(self) -> None:
        """Give the files back."""
        with suppress(OSError):  # what is still to be written has no room, and nobody reads it
            self._open.close()


def _new_file() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="filrouge-rebuild-")


def _read(file: IO[bytes]) -> Iterator[int]:
    file.seek(0)
    while sent := file.read(8 * READ_POSITIONS):
        yield from array("q", sent)


@contextmanager
def _room_for_files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RebuildFailed(
            f"positions cannot be noted in {tempfile.gettempdir()}: {error.strerror};"
            " make room there, or name another folder in TMPDIR"
        ) from error
