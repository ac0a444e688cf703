"""Earned: what rules gave to a member, to a programme, and which accounts could take it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final, NamedTuple, get_args

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.decision import View, on
from domain.envelope import Envelope
from domain.periods import CalendarPeriod, period_number
from domain.points import PointsClawedBack, PointsEarned
from domain.rule_terms import RuleLimits

PERIODS: Final[tuple[CalendarPeriod, ...]] = get_args(CalendarPeriod)
EVER: Final = ("ever", 0)


class Given(NamedTuple):
    """One award of a rule: for what happened when, and how many points."""

    time: datetime
    points: int


class Earned(View):
    """What rules gave to a member. Tag: ``member:<id>``, or ``account:<id>`` of a card of nobody.

    What was taken back later still counts: a limit says how often a rule gives, not what is left.
    """

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.by_rule: defaultdict[str, list[Given]] = defaultdict(list)

    @on(PointsEarned)
    def _(self, event: PointsEarned, envelope: Envelope) -> None:
        if event.rule_id is not None and event.programme is not None:
            self.by_rule[event.rule_id].append(Given(envelope.time, event.points))


def in_period(given: list[Given], time: datetime, period: CalendarPeriod | None) -> list[Given]:
    """The awards that lie in the same period as an instant."""
    if period is None:
        return given
    number = period_number(time, period)
    return [one for one in given if period_number(one.time, period) == number]


def cooled_down(given: list[Given], time: datetime, limits: RuleLimits) -> bool:
    """Whether no award lies so near that the cooldown forbids another one at an instant."""
    if not limits.cooldown_minutes:
        return True
    apart = timedelta(minutes=limits.cooldown_minutes)
    return all(abs(time - one.time) >= apart for one in given)


class ProgrammeEarned(View):
    """What the rules of a programme gave to everybody. Tag: ``programme:<id>``.

    A clawback frees what it takes back, in the period in which the clawback happened.
    """

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.points: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By period and its number."""

    @on(PointsEarned)
    def _earned(self, event: PointsEarned, envelope: Envelope) -> None:
        self._count(envelope.time, event.points)

    @on(PointsClawedBack)
    def _clawed_back(self, event: PointsClawedBack, envelope: Envelope) -> None:
        self._count(envelope.time, -event.points)

    def _count(self, time: datetime, points: int) -> None:
        self.points[EVER] += points
        for period in PERIODS:
            self.points[period, period_number(time, period)] += points

    def given(self, time: datetime, period: CalendarPeriod | None) -> int:
        """Points that were given in the period of an instant."""
        key = EVER if period is None else (period, period_number(time, period))
        return self.points.get(key, 0)


class MemberAccounts(View):
    """The accounts that a member holds, in the order in which they came. Tag: ``member:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.held: dict[str, tuple[str, str] | None] = {}
        """Programme and points currency by account; None where the event does not say them."""

    @on(AccountOpened)
    def _opened(self, event: AccountOpened, envelope: Envelope) -> None:
        self.held[event.account_id] = event.programme, event.points_currency

    @on(HolderAdded)
    def _added(self, event: HolderAdded, envelope: Envelope) -> None:
        self.held.setdefault(event.account_id, None)

    @on(HolderRemoved)
    def _removed(self, event: HolderRemoved, envelope: Envelope) -> None:
        self.held.pop(event.account_id, None)
