"""What was taken back, and since which position, so that any prefix can be folded as it was."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from itertools import compress
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from domain.envelope import Envelope
from domain.event import Event, stored_names
from domain.ledger import BatchVoided, EventVoided
from domain.reading import EntryReader, Fact
from store.log import Log

F = TypeVar("F", bound=Fact)
_VOIDS: Final = (*stored_names(EventVoided), *stored_names(BatchVoided))
_voids: Final = EntryReader(_VOIDS)
_POSITION: Final = attrgetter("envelope.position")
_BATCH: Final = attrgetter("envelope.batch")


class Void(NamedTuple):
    """One taking back: of the event at a position, or of all that a batch brought."""

    at: int
    """Where the void itself stands."""
    position: int | None = None
    batch: str | None = None


class VoidHistory:
    """Every void of a log, read once and then only added to. Threads may share it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._seen = 0
        self._all: list[Void] = []
        self._positions: dict[int, int] = {}
        self._batches: dict[str, int] = {}

    def read_until(self, position: int) -> None:
        """Know every void up to a position."""
        with self._lock:
            if position <= self._seen:
                return
            for window in self._log.rare_windows(self._seen, position, _VOIDS):
                for one in _voids.read(window.positions, window.joined):
                    self._take(one.envelope.position, one.event)
            self._seen = position

    def _take(self, at: int, event: Event) -> None:
        match event:
            case EventVoided(position=voided):
                self._positions.setdefault(voided, at)
                self._all.append(Void(at, position=voided))
            case BatchVoided(batch_id=batch):
                self._batches.setdefault(batch, at)
                self._all.append(Void(at, batch=batch))

    def between(self, after: int, until: int) -> list[Void]:
        """The voids that stand above one position and up to another."""
        self.read_until(until)
        place = attrgetter("at")
        first = bisect_right(self._all, after, key=place)
        return self._all[first : bisect_right(self._all, until, key=place)]

    def visible(self, events: Iterable[F], known: int) -> list[F]:
        """Those of the events that are not hidden."""
        found = list(events)
        voided, batches = self._positions, self._batches
        # Nearly always nothing of a page is hidden, and Python's loop has no part in seeing that.
        hidden = {
            one.envelope.position
            for named, of in ((voided, _POSITION), (batches, _BATCH))
            if named
            for one in compress(found, map(named.__contains__, map(of, found)))
            if self.hides(one.envelope, known)
        }
        if not hidden:
            return found
        return [one for one in found if one.envelope.position not in hidden]

    def hides(self, envelope: Envelope, known: int) -> bool:
        """Whether an event counts as never recorded for who knows the log up to a position."""
        at = self._positions.get(envelope.position)
        if at is not None and at <= known:
            return True
        if envelope.batch is None:
            return False
        at = self._batches.get(envelope.batch)
        return at is not None and at <= known
