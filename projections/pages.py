"""Decoded events of the log, for the projections that read along together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from domain.reading import EntryReader, Facts, Read
from projections.voids import VoidHistory
from store.log import Log

FETCH_EVENTS: Final = 2_000
"""Entries that are fetched at once."""
PAGE_BYTES_MAX: Final = 32_000_000
"""A page ends when it has more than this, however few events were asked for."""


class Page(NamedTuple):
    """A stretch of the log: the events of wanted types above one position and up to another."""

    after: int
    end: int
    events: list[Read]
    size_bytes: int
    """The size of the entries of these events."""


class Pages:
    """Reads stretches of the log; the last one is kept, for the next projection that asks."""

    def __init__(self, log: Log, voids: VoidHistory, types: Iterable[str]) -> None:
        self._log = log
        self._voids = voids
        self._types = frozenset(types)
        self._entries = EntryReader(self._types)
        self._asked = (0, 0)
        self._page = Page(0, 0, [], 0)
        self._known = 0
        self._visible = Facts(())

    def next(self, after: int, until: int) -> Page:
        """The events above a position, up to another or to where the page is full."""
        if self._asked != (after, until):
            self._page = self._read(after, until)
            self._asked = (after, until)
            self._known = -1
        return self._page

    def visible(self, page: Page, known: int) -> Facts:
        """The events of a page, without those that were voided by a position."""
        if page is self._page and self._known == known:
            return self._visible
        self._voids.read_until(known)
        found = Facts(self._voids.visible(page.events, known))
        if page is self._page:
            self._known, self._visible = known, found
        return found

    def at(self, positions: Iterable[int]) -> Iterator[Page]:
        """The events at these positions, which are in order, some at a time."""
        after = 0
        for window in self._log.windows_at(positions):
            found = self._entries.read(window.positions, window.joined)
            self._page = Page(after, window.end, found, len(window.joined))
            self._asked, self._known = (after, window.end), -1
            yield self._page
            after = window.end

    def _read(self, after: int, until: int) -> Page:
        found: list[Read] = []
        size = 0
        end = after
        for window in self._log.windows(after, until, self._types, size=FETCH_EVENTS):
            end = window.end
            size += len(window.joined)
            found += self._entries.read(window.positions, window.joined)
            if size > PAGE_BYTES_MAX:
                break
        return Page(after, end, found, size)
