"""Calendar periods: which day, week, month, quarter or year an instant shows, and when it ends.

An instant counts on the calendar of the place that it came from, with its own offset: shops live
in local time.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, Literal

CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]
"""Weeks are ISO weeks, from Monday to Sunday."""

MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


def period_number(time: datetime, period: CalendarPeriod) -> int:
    """The number of the period that an instant lies in; the next period has the next number."""
    if period == "day":
        return time.toordinal()
    if period == "week":
        return (time.toordinal() - 1) // 7  # the first of January of the year 1 was a Monday
    return (time.year * 12 + time.month - 1) // MONTHS[period]


def end_of_period(time: datetime, period: CalendarPeriod) -> datetime:
    """The first instant after the period that an instant lies in, with the same offset."""
    number = period_number(time, period) + 1
    if period == "day":
        first = date.fromordinal(number)
    elif period == "week":
        first = date.fromordinal(number * 7 + 1)
    else:
        months = number * MONTHS[period]
        first = date(months // 12, months % 12 + 1, 1)
    return datetime(first.year, first.month, first.day, tzinfo=time.tzinfo)


def months_later(time: datetime, months: int) -> datetime:
    """The same day and hour so many months later, or the last day of a month that is shorter."""
    number = time.year * 12 + time.month - 1 + months
    year, month = number // 12, number % 12 + 1
    next_month = date(year + month // 12, month % 12 + 1, 1)
    last = (next_month - timedelta(days=1)).day
    return time.replace(year=year, month=month, day=min(time.day, last))
