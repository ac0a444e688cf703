"""The ledgers that this process serves, each opened when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from api.errors import NoSuchLedger
from api.gathered import Gathered
from api.limits import PAST_EVENTS_MAX
from api.threads import in_thread
from projections.fold import Fold, Projection
from projections.known import PastReader
from projections.reader import RowReader
from projections.selection import Selection, When
from projections.voids import VoidHistory
from store.database import NAME_PATTERN, LedgerUnknown
from store.ledger import Ledger
from store.log import Head
from store.voids import Voids

EPOCH_BELIEVED_SECONDS: Final = 1.0


class Runner(Protocol):
    """What keeps the projections of one ledger up to date."""

    def close(self) -> None:
        """Stop when what was begun is done."""


class Served:
    """One open ledger and the runner of its projections."""

    def __init__(self, ledger: Ledger, runner: Runner | None) -> None:
        self.ledger = ledger.for_readers()
        self.runner = runner
        self._head: Head | None = None
        self._looked_at = 0.0
        self._gathered: dict[type[Fold], Gathered] = {}
        self._lock = threading.Lock()
        self._voids = Voids()
        self._voids_until = 0
        self._history = VoidHistory(self.ledger.log)

    def head(self) -> Head:
        """The end of the log as of now. Asks the database."""
        self._head = self.ledger.log.head()
        self._looked_at = monotonic()
        return self._head

    def latest(self) -> Head:
        """The end of the log where it is written; a replica may be behind. Asks the database."""
        return self.ledger.primary.log.head()

    def epoch(self) -> int:
        """The epoch, which only a restore changes. Asks the database once a second."""
        return self.head().epoch if self._epoch_is_old() else self._known_head().epoch

    async def epoch_now(self) -> int:
        """As :meth:`epoch`, for the event loop."""
        if not self._epoch_is_old():
            return self._known_head().epoch
        self._looked_at = monotonic()  # one asks, and the others go on with what is known
        return (await in_thread(self.head)).epoch

    def _epoch_is_old(self) -> bool:
        return self._head is None or monotonic() - self._looked_at > EPOCH_BELIEVED_SECONDS

    def _known_head(self) -> Head:
        assert self._head is not None
        return self._head

    def gathered(self, projection: Projection, fold: type[Fold]) -> Gathered:
        """Where the reads of a fold's rows come together. For the event loop alone."""
        found = self._gathered.get(fold)
        if found is None:
            reader = RowReader(self.ledger.pool, projection, fold)
            found = self._gathered[fold] = Gathered(reader)
        return found

    def past(
        self, when: When, events_max: int = PAST_EVENTS_MAX, until: int | None = None
    ) -> PastReader:
        """The projections as they were, were known, or stood at a position. Asks the database."""
        log = self.ledger.log
        selection = Selection.of(log, when, voids=self._history, until=until, events_max=events_max)
        return PastReader(log, self.ledger.pool, selection)

    def voids(self, until: int) -> Voids:
        """What was taken back, up to a position or a little later."""
        with self._lock:
            if until > self._voids_until:
                for recorded in self.ledger.log.read(
                    Voids.query(), after=self._voids_until, until=until
                ):
                    self._voids.add(recorded)
                self._voids_until = until
            return self._voids


class Ledgers:
    """Opens each ledger once, however many requests ask for it at the same time."""

    def __init__(
        self, open_ledger: Callable[[str], Ledger], runner_of: Callable[[Ledger], Runner | None]
    ) -> None:
        self._open = open_ledger
        self._runner_of = runner_of
        self._lock = threading.Lock()
        self._served: dict[str, Served] = {}

    def get(self, name: str) -> Served:
        """The ledger of this name. Raises NoSuchLedger."""
        served = self._served.get(name)
        if served is not None:
            return served
        if not NAME_PATTERN.fullmatch(name):
            raise NoSuchLedger
        with self._lock:
            if name not in self._served:
                try:
                    ledger = self._open(name)
                except LedgerUnknown:
                    raise NoSuchLedger from None
                self._served[name] = Served(ledger, self._runner_of(ledger))
            return self._served[name]

    def opened(self) -> dict[str, Served]:
        """The ledgers that are open."""
        return self._served

    def close(self) -> None:
        """Record what is queued, stop the runners, close the ledgers."""
        with self._lock:
            for served in self._served.values():
                if served.runner is not None:
                    served.runner.close()
                served.ledger.close()
            self._served.clear()
