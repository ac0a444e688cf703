"""Tiers: what a member reached, kept and lost, from what counted and when, under which scheme.

Nothing has to run for a tier to be reached or lost: it is computed for a stated instant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.lot import NEVER
from domain.terms import MONTHS_IN_YEAR, PERIOD_MONTHS, months_later, period_end, period_start
from domain.tier_schemes import TierScheme

Why = Literal["reached", "lost", "scheme", "ended"]
NO_LEVEL: Final = -1


class Counted(NamedTuple):
    """Something that counts towards a tier: qualifying points, or minor units spent."""

    at: datetime
    amount: int


class Rules(NamedTuple):
    """A scheme, from when on it holds, and what counts under it; in the order of time, in UTC."""

    since: datetime
    scheme: TierScheme | None
    """None: the programme has no tiers from here on."""
    time_zone: str
    counted: Sequence[Counted]


class TierStep(msgspec.Struct, frozen=True):
    """A change of a member's tier."""

    at: datetime
    tier: str | None
    """None: the member has no tier from here on."""
    why: Why
    """reached its threshold; lost it at the end of a period or of a grace; the scheme changed; or
    the membership ended."""


class Climb:
    """Walks through what counted, and keeps the tier of the instant at which it stands."""

    def __init__(self, joined: datetime | None) -> None:
        self.joined = joined
        self.steps: list[TierStep] = []
        self.scheme: TierScheme | None = None
        self.level = NO_LEVEL
        self.amount = 0
        """What the period brought by now."""
        self.starts: datetime | None = None
        self.ends: datetime | None = None
        """The period: its first instant, and the first after it, in the programme's time zone."""
        self.falls_at: datetime | None = None
        """The end of the grace in which the tier still stands."""
        self.graced = 0
        """What the period before brought, with what the grace brings."""
        self._anchor: datetime | None = None
        """Where years of membership begin."""
        self._zone: tzinfo = UTC
        self._over = NEVER
        """The same instant as ``ends``, in UTC."""
        self._thresholds: list[int] = []

    @property
    def tier(self) -> str | None:
        """The tier of the instant."""
        standing = self.scheme is not None and self.level > NO_LEVEL
        return self.scheme.tiers[self.level].tier if self.scheme and standing else None

    def under(self, rules: Rules, until: datetime) -> None:
        """Walk on under a scheme, up to an instant and including it."""
        self._enter(rules)
        scheme = self.scheme
        if scheme is None:
            return
        # Instants that have one and the same offset are compared many times as fast as others.
        since, until = rules.since.astimezone(UTC), until.astimezone(UTC)
        for counted in rules.counted:
            if since < counted.at <= until:
                self._pass_to(counted.at)
                self._count(counted)
        self._pass_to(until)

    def held_until(self) -> datetime | None:
        """When the tier is lost if nothing more counts; None: never, or there is none."""
        scheme, ends = self.scheme, self.ends
        if scheme is None or ends is None or self.level <= scheme.level(0):
            return None
        if self.falls_at is not None:
            return self.falls_at
        if scheme.level(self.amount) >= self.level:
            ends = self._next_end(ends)
        return ends + timedelta(days=scheme.grace_days)

    def to_keep(self) -> tuple[int, datetime] | None:
        """How much more keeps the tier for a period more, and before when; None: nothing has to."""
        scheme, ends = self.scheme, self.ends
        if scheme is None or ends is None or self.level <= scheme.level(0):
            return None
        threshold = scheme.tiers[self.level].threshold
        if self.falls_at is not None:
            return max(0, threshold - max(self.graced, self.amount)), self.falls_at
        return max(0, threshold - self.amount), ends + timedelta(days=scheme.grace_days)

    def end(self, at: datetime) -> None:
        """The membership ends, and with it the tier."""
        before = self.tier
        self.level, self.ends, self.falls_at = NO_LEVEL, None, None
        self._say(at, before, "ended")

    def _enter(self, rules: Rules) -> None:
        """Begin a scheme: the tier of the same id stands, if there is one.

        A grace that runs goes on where the new scheme counts alike; else the tier stands to the
        end of the period.
        """
        before, former, self.scheme = self.tier, self.scheme, rules.scheme
        if former is None or rules.scheme is None or not rules.scheme.counts_like(former):
            self.falls_at, self.graced = None, 0
        if rules.scheme is None:
            self.level, self.ends = NO_LEVEL, None
            self._say(rules.since, before, "scheme")
            return
        self._thresholds = [one.threshold for one in rules.scheme.tiers]
        self._lasts(*self._period(rules))
        assert self.starts is not None
        self.amount = sum(
            one.amount for one in rules.counted if self.starts <= one.at <= rules.since
        )
        kept = rules.scheme.level_of(before)
        self.level = max(NO_LEVEL if kept is None else kept, rules.scheme.level(self.amount))
        if rules.scheme.level(max(self.graced, self.amount)) >= self.level:
            self.falls_at = None
        self._say(rules.since, before, "scheme" if before else "reached")

    def _period(self, rules: Rules) -> tuple[datetime, datetime]:
        """The period in which a scheme begins; a first year of membership has all before it."""
        assert rules.scheme is not None
        zone = self._zone = ZoneInfo(rules.time_zone)
        since = rules.since.astimezone(zone)
        if rules.scheme.period != "membership_year":
            months = PERIOD_MONTHS[rules.scheme.period]
            return period_start(since, months), period_end(since, months)
        start = self._anchor = (self.joined or self._anchor or rules.since).astimezone(zone)
        years = max(0, since.year - start.year - (since < _anniversary(start, since.year)))
        begins = months_later(start, MONTHS_IN_YEAR * years)
        if years == 0:
            begins = min([begins, since, *(one.at for one in rules.counted)])
        return begins, months_later(start, MONTHS_IN_YEAR * (years + 1))

    def _lasts(self, starts: datetime, ends: datetime) -> None:
        self.starts, self.ends, self._over = starts, ends, ends.astimezone(UTC)

    def _next_end(self, end: datetime) -> datetime:
        assert self.scheme is not None
        if self.scheme.period != "membership_year":
            return months_later(end, PERIOD_MONTHS[self.scheme.period])
        assert self._anchor is not None
        return _anniversary(self._anchor, end.year + 1)

    def _count(self, counted: Counted) -> None:
        assert self.scheme is not None
        self.amount += counted.amount
        if self.falls_at is not None:
            self.graced += counted.amount
            if self.scheme.level(self.graced) >= self.level:
                self.falls_at = None
        reached = bisect_right(self._thresholds, max(0, self.amount)) - 1
        if reached > self.level:
            before = self.tier
            self.level, self.falls_at = reached, None
            self._say(counted.at, before, "reached")

    def _pass_to(self, at: datetime) -> None:
        """Let time pass up to an instant: graces and periods end."""
        while self.ends is not None:
            if self.falls_at is not None and self.falls_at <= min(at, self.ends):
                self._lose(self.falls_at)
            elif self._over <= at:
                self._end_period(self.ends)
            else:
                return

    def _end_period(self, end: datetime) -> None:
        assert self.scheme is not None
        self.graced = self.amount
        if self.scheme.level(self.amount) < self.level:
            self.falls_at = end + timedelta(days=self.scheme.grace_days)
        self.amount = 0
        self._lasts(end, self._next_end(end))

    def _lose(self, at: datetime) -> None:
        assert self.scheme is not None
        before, kept = self.tier, self.scheme.level(self.graced)
        self.level = max(kept, self.level - 1) if self.scheme.soft_landing else kept
        self.level = max(self.level, self.scheme.level(self.amount))
        self.falls_at = None
        self._say(at, before, "lost")

    def _say(self, at: datetime, before: str | None, why: Why) -> None:
        if self.tier != before:
            self.steps.append(TierStep(at.astimezone(self._zone), self.tier, why))


def climb(rules: Iterable[Rules], joined: datetime | None, until: datetime) -> Climb:
    """Where a member stands at an instant, and by which steps; rules are in the order of time.

    Who joined when is known begins no earlier than that, or than the first thing that counted.
    """
    found, each = Climb(joined), [one for one in rules if one.since <= until]
    begun = False
    for number, one in enumerate(each):
        last = until if number + 1 == len(each) else each[number + 1].since
        begins = one.since
        if not begun and joined is not None:
            first = min((c.at for c in one.counted), default=joined)
            begins = max(one.since, min(joined, first))
        if begins <= last:
            begun = True
            found.under(one._replace(since=begins), last)
    return found


def _anniversary(start: datetime, year: int) -> datetime:
    return months_later(start, MONTHS_IN_YEAR * (year - start.year))
