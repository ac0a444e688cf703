"""Which events of the log count: what had happened before one instant, as known before another.

Both times of an event select. *As of* an instant is by ``time``, when it happened in the world;
*known at* an instant is by ``recordedat``, when the ledger learned it. Windows are half open, as
everywhere: what happened, or was recorded, at the instant itself does not count yet. A void is
knowledge: whatever its own time says, what it takes back counts until the void was recorded.

Everything that folds asks a selection which events count, so any fold travels, unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from domain.envelope import Envelope
from domain.reading import Fact
from projections.failures import PastTooLong
from projections.voids import Void, VoidHistory
from store.log import Log

F = TypeVar("F", bound=Fact)


class When(NamedTuple):
    """The two instants that a reader may ask for; without either it is now."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def is_now(self) -> bool:
        """Whether what the tables hold is the answer."""
        return self.as_of is None and self.known_at is None

    @property
    def shown_at(self) -> datetime | None:
        """The instant for which states are computed: the one in the world, if it is stated."""
        return self.as_of or self.known_at


NOW: Final = When()


class Selection(VoidHistory):
    """The events up to ``position``, less those voided by then, and those from ``as_of`` on."""

    def __init__(
        self,
        voids: VoidHistory,
        position: int,
        as_of: datetime | None = None,
        *,
        events_max: int | None = None,
    ) -> None:
        """``voids`` may be shared by any number of selections of the same log.

        Who looks at more than ``events_max`` events gets PastTooLong.
        """
        self._history = voids
        self.position = position
        self.as_of = as_of
        self._events_left = events_max
        voids.read_until(position)

    @classmethod
    def of(
        cls,
        log: Log,
        when: When,
        *,
        voids: VoidHistory | None = None,
        until: int | None = None,
        events_max: int | None = None,
    ) -> Selection:
        """What counts as of and as known at these instants, of a log or of its beginning."""
        end = log.head().position
        position = end if until is None else min(until, end)
        if when.known_at is not None:
            position = log.position_at(when.known_at, position)
        return cls(voids or VoidHistory(log), position, when.as_of, events_max=events_max)

    def read_until(self, position: int) -> None:
        """Know every void up to a position."""
        self._history.read_until(position)

    def between(self, after: int, until: int) -> list[Void]:
        """The voids that stand above one position and up to another."""
        return self._history.between(after, until)

    def visible(self, events: Iterable[F], known: int) -> list[F]:
        """Those of the events that count."""
        found = self._history.visible(events, known)
        if self._events_left is not None:
            self._events_left -= len(found)
            if self._events_left < 0:
                raise PastTooLong
        if self.as_of is None:
            return found
        as_of = self.as_of
        return [one for one in found if one.envelope.time < as_of]

    def takes_back(self, envelope: Envelope) -> bool:
        """Whether an event was voided, by what was known."""
        return self._history.hides(envelope, self.position)

    def hides(self, envelope: Envelope, known: int) -> bool:
        """Whether an event counts as never recorded, or did not happen before ``as_of``."""
        if self.as_of is not None and envelope.time >= self.as_of:
            return True
        return self._history.hides(envelope, known)
