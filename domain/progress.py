"""Progress: what a member has done towards a challenge, a streak or a first time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from domain.counting import Counted, Counting, Opened, Place, Series, cause_of
from domain.decision import View
from domain.envelope import Envelope
from domain.event import Event
from domain.expressions import Fault
from domain.periods import period_number
from domain.rule_terms import Challenge, Streak
from domain.rules import RuleVersion

COMPLETIONS_PER_EVENT_MAX: Final = 100
"""One event completes a challenge that repeats no more often than this in one window."""


class Completion(NamedTuple):
    """A goal that was reached: by what, and how often at once."""

    by: Counted
    times: int
    opened: Opened | None = None


class Progress(View):
    """What a member has done that rules count. Tag: ``member:<id>`` or ``account:<id>``.

    It folds the triggers of the challenges, streaks and first times that are published, and what
    opens their windows. It keeps amounts and windows, and not the events.
    """

    def __init__(self, *tags: str, counting: Counting) -> None:
        self.tags = tags
        self.key = (Progress, tags, counting.key)  # the same things counted of the same member
        self.counting = counting
        self._counted: dict[Series, list[Counted]] = {}
        self._opened: dict[int, list[Opened]] = {}
        self._seen: set[tuple[str, str]] = set()

    @property
    def event_types(self) -> tuple[type[Event], ...]:
        """What is counted, and what opens windows."""
        return self.counting.event_types

    def fresh(self) -> Progress:
        """The same without a history."""
        return Progress(*self.tags, counting=self.counting)

    def fold(self, event: Event, envelope: Envelope) -> None:
        """Count the event, and open its windows."""
        openings = self.counting.openings.get(type(event))
        if openings is not None:
            for version, opened in openings.opened(event, envelope):
                insort(self._opened.setdefault(version.position, []), opened)
        some = self.counting.by_trigger.get(type(event), ())
        if not some or self._told(event):
            return
        cause = cause_of(event)
        if cause is not None:
            self._seen.add(cause)
        for series in some:
            counted = series.count(event, envelope)
            if isinstance(counted, Counted):
                insort(self._counted.setdefault(series, []), counted)

    def _told(self, event: Event) -> bool:
        """Whether the thing was told before, or is a further part of one."""
        return cause_of(event) in self._seen or getattr(event, "part", 1) != 1

    def count(
        self, version: RuleVersion, event: Event, envelope: Envelope
    ) -> Counted | Fault | None:
        """What one more event counts for; None if it does not."""
        if self._told(event):
            return None
        return self.counting.series[version.position].count(event, envelope)

    def counted(self, version: RuleVersion) -> Sequence[Counted]:
        """What counts for a rule, in the order in which it happened."""
        return self._counted.get(self.counting.series[version.position], ())

    def opens(self, version: RuleVersion, event: Event, envelope: Envelope) -> Opened | None:
        """The window of a rule that one more event opens, if it does."""
        openings = self.counting.openings.get(type(event))
        found = openings.opened(event, envelope) if openings is not None else ()
        return next((opened for one, opened in found if one is version), None)

    def windows(self, version: RuleVersion, at: Place) -> Iterator[Opened]:
        """The windows of a rule that something at this place falls into."""
        for opened in self._opened.get(version.position, ()):
            if opened.place >= at:
                return
            if at[0] <= opened.closes:
                yield opened

    def inside(self, version: RuleVersion, opened: Opened) -> Sequence[Counted]:
        """What counts inside a window."""
        counted = self.counted(version)
        first = bisect_right(counted, opened.place, key=lambda one: one.place)
        last = bisect_right(counted, opened.closes, key=lambda one: one.place[0])
        return counted[first:last]

    def between(
        self, version: RuleVersion, begins: datetime, holds: Callable[[datetime], bool]
    ) -> list[Counted]:
        """What counts from an instant on and where a test holds."""
        counted = self.counted(version)
        first = bisect_left(counted, begins, key=lambda one: one.place[0])
        return [one for one in counted[first:] if holds(one.place[0])]


def reached(challenge: Challenge, amounts: Sequence[int]) -> int:
    """How often a goal is reached by amounts."""
    enough = challenge.threshold + (challenge.comparison == "more_than")
    if challenge.measure == "max":
        times = sum(amount >= enough for amount in amounts)
        return times if challenge.repeats else min(times, 1)
    total = len(amounts) if challenge.measure == "count" else sum(amounts)
    if not challenge.repeats or challenge.threshold == 0:
        return int(total >= enough and bool(amounts))
    more = total - 1 if challenge.comparison == "more_than" else total
    return max(0, more) // challenge.threshold


def completed(challenge: Challenge, before: Sequence[Counted], by: Counted) -> int:
    """How often one more event reaches the goal that what is there before it has not reached."""
    amounts = [one.amount for one in before]
    more = reached(challenge, [*amounts, by.amount]) - reached(challenge, amounts)
    return min(max(0, more), COMPLETIONS_PER_EVENT_MAX)


def in_a_row(streak: Streak, before: Sequence[Counted], time: datetime) -> tuple[int, int]:
    """How often an event completes a streak, and how long the row is with it."""
    periods = {period_number(one.place[0], streak.period) for one in before}
    period = period_number(time, streak.period)
    left = right = 0
    while period - left - 1 in periods:
        left += 1
    while period + right + 1 in periods:
        right += 1
    row = left + 1 + right
    if period in periods:
        return 0, row
    parts = (left, right)
    if streak.repeats:
        return row // streak.length - sum(part // streak.length for part in parts), row
    done = row >= streak.length and all(part < streak.length for part in parts)
    return int(done), row
