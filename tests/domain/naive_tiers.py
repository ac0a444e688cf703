"""A naive model of tiers: instant by instant, with every sum made anew from all that counts.

It knows local clock times only, and nothing of the code that it checks.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

HOURS = (0, 6, 9, 12)
"""Days begin at midnight, people join at six, schemes begin at nine, all else is at noon."""


class Version(NamedTuple):
    """A scheme from an instant on: thresholds by tier, lowest first; none: no tiers."""

    since: datetime
    period: str
    unit: str
    tiers: tuple[tuple[str, int], ...]
    soft: bool
    grace: int

    def level(self, amount: int) -> int:
        """The number of tiers that an amount reaches, less one."""
        return len([1 for _, least in self.tiers if max(amount, 0) >= least]) - 1


class Model:
    """Walks through all instants of interest from the first day to the last."""

    def __init__(
        self, versions: list[Version], counted: dict[str, list[tuple[datetime, int]]],
        joined: datetime,
    ) -> None:  # fmt: skip
        self.versions = versions
        self.counted = counted
        """By unit: what counts when, in order."""
        self.joined = joined
        self.steps: list[tuple[datetime, str | None]] = []
        self.version: Version | None = None
        self.level = -1
        self.begun: datetime | None = None
        self.falling: datetime | None = None
        self.ended_amount = 0

    def run(self, until: datetime) -> Model:
        """Up to an instant, including what happens at it."""
        for at in self._instants(until):
            version = [one for one in self.versions if one.since <= at][-1:]
            if not version or (self.version is None and at < self._begins(version[0])):
                continue
            if self.version is None or version[0] is not self.version:
                self._change(version[0], at)
            self._pass(at)
            for seen in range(self._noon(at)):
                self._reach(at, seen)
        return self

    def _instants(self, until: datetime) -> Iterator[datetime]:
        day = min([self.joined, *(one.since for one in self.versions)]).date() - timedelta(days=900)
        while day <= until.date():
            for hour in HOURS:
                if (at := datetime.combine(day, time(hour))) <= until:
                    yield at
            day += timedelta(days=1)

    def _mine(self) -> list[tuple[datetime, int]]:
        return self.counted.get(self.version.unit, []) if self.version else []

    def _begins(self, version: Version) -> datetime:
        first = [at for at, _ in self.counted.get(version.unit, ())][:1]
        return max(version.since, min([self.joined, *first]))

    def _period(self, at: datetime) -> Any:
        assert self.version is not None
        match self.version.period:
            case "month":
                return at.year, at.month
            case "quarter":
                return at.year, (at.month - 1) // 3
            case "year":
                return at.year
        years = 0
        while self._anniversary(years + 1) <= at:
            years += 1
        return years

    def _anniversary(self, years: int) -> datetime:
        year = self.joined.year + years
        last = monthrange(year, self.joined.month)[1]
        day = date(year, self.joined.month, min(self.joined.day, last))
        return datetime.combine(day, self.joined.time())

    def amount(self, at: datetime, upto: int | None = None) -> int:
        """What the period of an instant brought by then; of noon only the first so many things."""
        sums = [
            (when, amount)
            for when, amount in self._mine()
            if when <= at and self._period(when) == self._period(at)
        ]
        before = sum(amount for when, amount in sums if when < at)
        now = [amount for when, amount in sums if when == at]
        return before + sum(now if upto is None else now[: upto + 1])

    def _noon(self, at: datetime) -> int:
        return len([1 for when, _ in self._mine() if when == at])

    def _change(self, version: Version, at: datetime) -> None:
        before, former, tier = self.version, self.version, self._tier()
        self.version = version
        alike = former and (former.period, former.unit) == (version.period, version.unit)
        if not alike or not version.tiers:
            self.falling = None
        if not version.tiers:
            self.level = -1
        else:
            kept = [n for n, (name, _) in enumerate(version.tiers) if name == tier]
            reached = version.level(self.amount(at - timedelta(seconds=1)))
            self.level = max([-1, reached, *kept])
            if self.falling and self._graced(at) >= version.tiers[self.level][1]:
                self.falling = None
            if self.falling and reached >= self.level:
                self.falling = None
        if before is None or not alike:
            self._period_now = self._period(at)
        self._say(at, tier)

    def _graced(self, at: datetime, upto: int | None = None) -> int:
        return max(0, self.ended_amount + self.amount(at, upto))

    def _pass(self, at: datetime) -> None:
        assert self.version is not None
        version = self.version
        if not version.tiers:
            return
        if self.falling is not None and at >= self.falling:
            self._fall(at)
        if self._period(at) != self._period_now:
            self.ended_amount = self._amount_of_last(at)
            self._period_now = self._period(at)
            if version.level(self.ended_amount) < self.level:
                self.falling = at + timedelta(days=version.grace)
                if version.grace == 0:
                    self._fall(at)

    def _amount_of_last(self, at: datetime) -> int:
        """What the period that ended here brought."""
        return self.amount(at - timedelta(seconds=1))

    def _fall(self, at: datetime) -> None:
        assert self.version is not None
        tier = self._tier()
        earned = self.amount(at - timedelta(seconds=1)) if self.version.grace else 0
        to = self.version.level(self.ended_amount + earned)
        if self.version.soft:
            to = max(to, self.level - 1)
        self.level, self.falling = max(to, self.version.level(earned)), None
        self._say(at, tier)

    def _reach(self, at: datetime, seen: int) -> None:
        assert self.version is not None
        if not self.version.tiers:
            return
        tier = self._tier()
        if self.falling and self._graced(at, seen) >= self.version.tiers[self.level][1]:
            self.falling = None
        reached = self.version.level(self.amount(at, seen))
        if reached > self.level:
            self.level, self.falling = reached, None
            self._say(at, tier)

    def _tier(self) -> str | None:
        if self.version is None or self.level < 0:
            return None
        return self.version.tiers[self.level][0]

    @property
    def tier(self) -> str | None:
        """The tier where the walk ended."""
        return self._tier()

    def _say(self, at: datetime, before: str | None) -> None:
        if self._tier() != before:
            self.steps.append((at, self._tier()))
