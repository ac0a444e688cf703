"""Calendar periods: which day, week, month, quarter or year an instant shows.

An instant counts on the calendar of the place that it came from, with its own offset: shops live
in local time.
"""

from __future__ import annotations

from datetime import datetime
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
