"""Terms: what a programme says of one of its points currencies, and what follows for a lot."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta

from domain.errors import RuleError
from domain.types import ID, Amount, Block, Currency, Name, Points

MONTHS_MAX: Final = 600
DAYS_MAX: Final = 36_500
MONTHS_IN_YEAR: Final = 12
BASIS_POINTS: Final = 10_000
"""Basis points in the whole: 10,000 are all, 8,000 are 80 %."""

Months = Annotated[int, Meta(ge=0, le=MONTHS_MAX)]
Days = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
DelayDays = Annotated[int, Meta(ge=0, le=DAYS_MAX)]
BasisPoints = Annotated[int, Meta(ge=0, le=BASIS_POINTS)]
PERIOD_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


class TermsContradict(RuleError):
    """These terms cannot all hold; the detail says which of them, and what would be right."""


class ExpiryPolicy(Block, frozen=True, kw_only=True):
    """When points expire, counted from when they were earned, in the programme's time zone.

    Points that would expire before they can be spent expire as if they were earned then.
    """

    kind: Literal["rolling", "end_of_month", "end_of_quarter", "end_of_year"]
    """rolling: after exactly so many months and days; the others: at the end of the month, quarter
    or year that this falls into."""
    months: Months = 0
    days: DelayDays = 0


class ActivationPolicy(Block, frozen=True, kw_only=True):
    """When points can be spent, if that is not at once."""

    days: DelayDays = 0
    """Days of 24 hours after they were earned."""
    awaits: ID | None = None
    """What has to happen first, in the programme's words: ``stay-completed``. Until
    ``points.activated`` says that it did, the points are pending."""


class PointsPrice(Block, frozen=True, kw_only=True):
    """What points are worth or cost: so many minor units (cents) for so many of them.

    0.012 euros a point are 12 cents for 10.
    """

    amount: Amount
    currency: Currency
    points: Points


class CurrencyTerms(Block, frozen=True, kw_only=True):
    """What a programme says of one points currency. What is not said holds no more."""

    points_currency: ID
    name: Name | None = None
    spendable: bool = True
    """Whether points can be redeemed, reserved and transferred; false for status points."""
    expiry: ExpiryPolicy | None = None
    """None: they never expire by age."""
    inactive_days: Days | None = None
    """They expire when this many whole days (UTC) pass on an account without points earned,
    redeemed or given away. None: inactivity takes nothing."""
    activation: ActivationPolicy | None = None
    """None: they can be spent at once."""
    owes: bool = False
    """Whether a clawback of points that were spent makes the account owe them."""
    approval_above_points: Points | None = None
    """An adjustment of more than this needs a second person. None: none does."""
    fair_value: PointsPrice | None = None
    """Stand-alone selling price of a point that will be redeemed (IFRS 15.B42)."""
    expected_redemption: BasisPoints | None = None
    """Share of the points that is expected to be redeemed, in basis points (IFRS 15.B42)."""
    cost: PointsPrice | None = None
    """What a redeemed point costs the brand, for the cost provision."""


def check_terms(terms: CurrencyTerms) -> None:
    """Refuse terms of a currency that cannot all hold."""
    expiry, name = terms.expiry, terms.points_currency
    if expiry is not None and expiry.kind == "rolling" and not (expiry.months or expiry.days):
        raise TermsContradict(f"{name}: a rolling expiry says after how many months or days")
    if not terms.spendable and (terms.fair_value or terms.cost):
        raise TermsContradict(f"{name}: points that nobody can spend have no value and no cost")


def expires_at(expiry: ExpiryPolicy, earned_at: datetime, time_zone: str) -> datetime:
    """The first instant at which points that were earned then are expired."""
    zone = ZoneInfo(time_zone)
    local = months_later(earned_at.astimezone(zone), expiry.months) + timedelta(days=expiry.days)
    if expiry.kind == "rolling":
        return local
    return period_end(local, PERIOD_MONTHS[expiry.kind.removeprefix("end_of_")])


def months_later(local: datetime, months: int) -> datetime:
    """The same clock time so many months later, on the last day of a month that is too short."""
    year, month = divmod(local.year * MONTHS_IN_YEAR + local.month - 1 + months, MONTHS_IN_YEAR)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def period_start(local: datetime, months: int) -> datetime:
    """The first instant of the calendar period of 1, 3 or 12 months that a local time lies in."""
    month = (local.month - 1) // months * months + 1
    return datetime(local.year, month, 1, tzinfo=local.tzinfo)


def period_end(local: datetime, months: int) -> datetime:
    """The first instant after that period."""
    return months_later(period_start(local, months), months)
