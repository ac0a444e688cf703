"""A draw read from an export: the same events as in the log, found by reading the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from domain.envelope import decode_entry, stored_attributes
from domain.event import Event, stored_names
from domain.ledger import BatchVoided, EventVoided
from domain.reading import Fact
from filrouge.entry_files import entries_of
from filrouge.importing.records import Source
from store.voids import Voids


class ExportHistory:
    """The entries of an export, whose line n is position n. It is read once for each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        """How many entries there are."""
        return sum(1 for _ in self._entries())

    def _entries(self) -> Iterator[tuple[int, bytes]]:
        with Source(self.path) as source:
            yield from enumerate(entries_of(source), 1)

    def _of(self, types: Iterable[type[Event]], until: int) -> Iterator[Fact]:
        kinds = tuple(types)
        names = [re.escape(name) for cls in kinds for name in stored_names(cls)]
        # An entry that does not even hold a name of these types need not be decoded.
        maybe = re.compile(f'"({"|".join(names)})"'.encode())
        for position, entry in self._entries():
            if position > until:
                return
            if maybe.search(entry):
                recorded = decode_entry(entry, position)
                if isinstance(recorded.event, kinds):
                    yield recorded

    def facts(
        self, tags: Sequence[str], types: Iterable[type[Event]], until: int
    ) -> Iterator[Fact]:
        """Events up to a position of these types that carry one of the tags, in order."""
        wanted = frozenset(tags)
        return (one for one in self._of(types, until) if not wanted.isdisjoint(one.tags))

    def voids(self, until: int) -> Voids:
        """What was taken back, as of a position."""
        found = Voids()
        for fact in self._of((EventVoided, BatchVoided), until):
            found.add(fact)
        return found

    def position_at(self, instant: datetime, until: int) -> int:
        """The last position up to one that was recorded before an instant."""
        last = 0
        for position, entry in self._entries():
            if position > until or stored_attributes(entry).recordedat >= instant:
                break
            last = position
        return last
