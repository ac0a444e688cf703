"""How what happened reaches the ledger: most of it at once, some late, and now and then wrongly."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from domain.event import Event
from domain.ledger import BatchVoided
from domain.points import PointsEarned
from domain.purchases import PurchaseRecorded
from filrouge.simulator.baskets import misread
from filrouge.simulator.days import days_of
from filrouge.simulator.state import Day, Happening, State

LATE_SHARE: Final = 0.012
"""The share of a shop's days whose till file arrives days later."""
LATE_DAYS_MAX: Final = 4
FIRST_LATE_DAY: Final = 20
FIRST_WRONG_DAY: Final = 40
WRONG_EVERY_DAYS: Final = 170
"""How often the largest shop's till loses the decimal point."""
WRONG_FACTOR: Final = 10
NOTICED_DAYS_AFTER: Final = 2
DESK: Final = "head-office"
VOID_REASON: Final = "the till lost the decimal point: all amounts are ten times too large"


class Arrival(NamedTuple):
    """An event as it reaches the ledger."""

    event: Event
    id: str
    source: str
    time: datetime
    batch: str | None
    """The file that brought it; None: it came by itself."""


class _Late(NamedTuple):
    """A till file on its way, and the wrong one to be voided before it."""

    day: int
    batch: str
    happenings: list[Happening]
    voids: str | None


def arrivals(state: State, *, mistakes: bool = True) -> Iterator[Arrival]:
    """Everything that reaches the ledger, in the order in which it does.

    Without ``mistakes`` no file is wrong, so that none is voided; the rest is the same.
    """
    feeds = _Feeds(state, mistakes=mistakes)
    day = None
    for day in days_of(state):
        yield from feeds.bring(day)
    if day is not None:
        yield from feeds.bring_rest(day)


class _Feeds:
    """The tills' files, and which of them are late or wrong."""

    def __init__(self, state: State, *, mistakes: bool) -> None:
        self._state = state
        self._mistakes = mistakes
        self._stores = [store.store_id for store in state.stores]
        self._waiting: list[_Late] = []
        self._next_wrong = FIRST_WRONG_DAY
        self._seen_late = False

    def bring(self, day: Day) -> Iterator[Arrival]:
        """What arrives on a day: late files first, then what happens, and a wrong file at night."""
        due = [late for late in self._waiting if late.day <= day.number]
        self._waiting = [late for late in self._waiting if late.day > day.number]
        for late in due:
            yield from self._deliver(day, late)
        files = {happening.till for happening in day.happenings} - {None}
        wrong = self._stores[0] if self._is_wrong(day, files) else None
        late_files = self._late(day, files) - {wrong}
        held: dict[str, list[Happening]] = {store_id: [] for store_id in self._stores}
        for happening in day.happenings:
            if happening.till is not None and (
                happening.till == wrong or happening.till in late_files
            ):
                held[happening.till].append(happening)
            else:
                yield _arrival(happening, None)
        for store_id in self._stores:
            if held[store_id]:
                yield from self._hold(day, store_id, held[store_id], wrong=store_id == wrong)

    def bring_rest(self, day: Day) -> Iterator[Arrival]:
        """On the last day, the files that are still on their way."""
        for late in self._waiting:
            yield from self._deliver(day, late)
        self._waiting = []

    def _is_wrong(self, day: Day, files: Collection[str | None]) -> bool:
        return day.number >= self._next_wrong and self._stores[0] in files

    def _late(self, day: Day, files: Collection[str | None]) -> set[str]:
        count = len(self._stores)
        late = {
            store_id
            for index, store_id in enumerate(self._stores)
            if store_id in files
            and self._state.chance("late file", day.number * count + index) < LATE_SHARE
        }
        if not self._seen_late and day.number >= FIRST_LATE_DAY:
            # Even a short history has one.
            late.update(store_id for store_id in self._stores[1:] if store_id in files)
        self._seen_late = self._seen_late or bool(late)
        return late

    def _hold(
        self, day: Day, store_id: str, happenings: list[Happening], *, wrong: bool
    ) -> Iterator[Arrival]:
        file = f"till.{store_id}.{day.date.isoformat()}.{self._state.run}"
        if not wrong:
            lag = day.dice.between(1, LATE_DAYS_MAX)
            self._waiting.append(_Late(day.number + lag, file, happenings, None))
            return
        self._next_wrong = day.number + WRONG_EVERY_DAYS
        when, voids = day.number + NOTICED_DAYS_AFTER, file if self._mistakes else None
        if self._mistakes:
            yield from _misread(happenings, file)
        self._waiting.append(_Late(when, f"{file}.corrected", happenings, voids))

    def _deliver(self, day: Day, late: _Late) -> Iterator[Arrival]:
        """A file arrives, before the day's own events; what it corrects is voided first."""
        if late.voids is not None:
            voided = BatchVoided(
                batch_id=late.voids, reason=VOID_REASON, approved_by="controller-1"
            )
            id_ = f"{self._state.run}.void.{late.voids}"
            yield Arrival(voided, id_, DESK, day.time(23_400), None)
        for happening in late.happenings:
            yield _arrival(happening, late.batch)


def _arrival(happening: Happening, batch: str | None) -> Arrival:
    return Arrival(happening.event, happening.id, happening.source, happening.time, batch)


def _misread(happenings: list[Happening], file: str) -> Iterator[Arrival]:
    """The file as the till sent it: amounts ten times too large, and points with them."""
    for happening in happenings:
        event = happening.event
        if isinstance(event, PurchaseRecorded):
            event = misread(event, WRONG_FACTOR)
        elif isinstance(event, PointsEarned):
            event = msgspec.structs.replace(
                event, points=event.points * WRONG_FACTOR, lot_id=f"{event.lot_id}.wrong"
            )
        else:
            continue  # what follows from a purchase waits for the right one
        yield Arrival(event, f"{happening.id}.wrong", happening.source, happening.time, file)
