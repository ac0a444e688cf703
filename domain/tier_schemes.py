"""Tier schemes: what a programme's tiers are, what reaches them and how they are lost."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.terms import DelayDays, TermsContradict
from domain.types import ID, MONEY_MAX, Block, Currency, Name, Text

TIERS_MAX: Final = 20
BENEFITS_MAX: Final = 50
GRACE_DAYS_MAX: Final = {"month": 27, "quarter": 89, "year": 364, "membership_year": 364}
"""A grace is over before the period is in which it runs."""

Threshold = Annotated[int, Meta(ge=0, le=MONEY_MAX)]


class Benefit(Block, frozen=True, kw_only=True):
    """What a tier gives. What it does is said by rules; this is what members are told."""

    benefit: ID
    text: Text | None = None


class Tier(Block, frozen=True, kw_only=True):
    """A status level, and what reaches it."""

    tier: ID
    name: Name | None = None
    threshold: Threshold
    """Qualifying points, or minor units spent, in one period. 0: everybody has it."""
    benefits: Annotated[tuple[Benefit, ...], Meta(max_length=BENEFITS_MAX)] = ()


class TierScheme(Block, frozen=True, kw_only=True):
    """Tiers by what is earned or spent in a period.

    A tier is reached in the moment in which its threshold is. It is kept to the end of the period
    after the one in which it was reached or confirmed; then what that period brought decides.
    """

    measure: Literal["points", "spend"]
    """points: of lots that qualify, less what was taken back. spend: purchases less what was
    returned, less tax. What is taken back or returned counts in the period in which it is."""
    points_currency: ID | None = None
    """Of points: which currency counts; all lots of it on accounts that cannot spend it, else
    those that qualify."""
    currency: Currency | None = None
    """Of spend: purchases in which currency count."""
    period: Literal["month", "quarter", "year", "membership_year"]
    """Of the calendar in the programme's time zone, or a year from each enrolment."""
    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=TIERS_MAX)]
    """Lowest first."""
    soft_landing: bool = False
    """Whoever loses a tier falls to the one below it, not further."""
    grace_days: DelayDays = 0
    """What is earned in so many days after a period's end still counts for it, too; who loses a
    tier loses it only then."""

    def counts_like(self, other: TierScheme) -> bool:
        """Whether the same things count over the same periods."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("measure", "points_currency", "currency", "period")
        )

    def level(self, amount: int) -> int:
        """The highest tier that an amount reaches; -1: none. What is below zero counts as zero."""
        return sum(max(0, amount) >= one.threshold for one in self.tiers) - 1

    def level_of(self, tier: str | None) -> int | None:
        """Where a tier stands; None: it is none of these."""
        return next((n for n, one in enumerate(self.tiers) if one.tier == tier), None)


def check_scheme(scheme: TierScheme, points_currencies: list[str]) -> None:
    """Refuse tiers that contradict each other or the programme's points currencies."""
    thresholds = [one.threshold for one in scheme.tiers]
    if thresholds != sorted(set(thresholds)):
        raise TermsContradict("tiers are listed lowest first, each with a higher threshold")
    if len({one.tier for one in scheme.tiers}) < len(scheme.tiers):
        raise TermsContradict("two tiers have one id")
    if scheme.measure == "points" and scheme.points_currency not in points_currencies:
        named = ", ".join(points_currencies)
        raise TermsContradict(f"tiers: points_currency is one of the programme's: {named}")
    if scheme.measure == "spend" and scheme.currency is None:
        raise TermsContradict("tiers: spend is counted in one currency: name it")
    most = GRACE_DAYS_MAX[scheme.period]
    if scheme.grace_days > most:
        raise TermsContradict(f"tiers: a grace in a {scheme.period} has at most {most} days")
