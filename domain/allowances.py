"""Allowances: how many points a rule gives, and how many of them limits and budgets leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.budgets import Promises, check_budget
from domain.campaigns import CampaignPlan
from domain.earned import Given, ProgrammeEarned, cooled_down, in_period
from domain.errors import RuleError
from domain.expressions import Fault, Values
from domain.findings import Refusal
from domain.forms import Candidate, amount_of, rounded
from domain.lot_terms import LotTerms, lot_terms
from domain.points import PointsEarned
from domain.programmes import Terms
from domain.rule_terms import Multiplier, PointCost, RuleLimits, RuleTerms
from domain.terms import expires_at
from domain.types import MONEY_MAX, POINTS_MAX, Money


def points_of(
    candidate: Candidate, currency: str | None, values: Values, base: int
) -> int | Refusal:
    """How many points a rule gives, before its limits.

    ``currency`` is that of the event, if it has one, and ``base`` what a multiplier multiplies.
    """
    terms, forms = candidate.version.terms, candidate.forms
    if terms.multiplier is not None:
        more = base * (terms.multiplier.numerator - terms.multiplier.denominator)
        points: int | Fault = rounded(more, terms.multiplier.denominator, terms.multiplier.rounding)
    else:
        assert forms.points is not None
        points = amount_of(forms.points, values)
    if isinstance(points, int) and terms.per_amount is not None and forms.amount is not None:
        per = terms.per_amount
        if per.currency is not None and currency not in (None, per.currency):
            return Refusal("currency", f"it is in {currency}, the rule is for {per.currency}")
        amount = amount_of(forms.amount, values)
        if isinstance(amount, Fault):
            points = amount
        else:
            points = rounded(max(0, amount) * max(0, points), per.per, per.rounding)
    if isinstance(points, Fault):
        return Refusal("fault", points.detail)
    if points <= 0:
        return Refusal("no_points", f"the rule gives {points}")
    if points > POINTS_MAX:
        return Refusal("fault", f"{points} points are over {POINTS_MAX}")
    return points


def multiplied(
    multiplier: Multiplier, terms: RuleTerms, given: Iterable[tuple[PointsEarned, bool]]
) -> int:
    """What a multiplier multiplies, of what was given on one account, and whether by another."""
    return sum(
        award.points
        for award, by_multiplier in given
        if award.programme == terms.programme
        and (multiplier.stacks == "compound" or not by_multiplier)
        and (not multiplier.rules or award.rule_id in multiplier.rules)
    )


def within_limits(
    limits: RuleLimits, given: list[Given], time: datetime, points: int
) -> int | Refusal:
    """So many of the points as the limits of a rule leave a member."""
    if not cooled_down(given, time, limits):
        return Refusal(
            "cooldown", f"the last award is less than {limits.cooldown_minutes} minutes away"
        )
    same = in_period(given, time, limits.period)
    span = f"in the {limits.period}" if limits.period else "ever"
    if limits.awards is not None and len(same) >= limits.awards:
        return Refusal("awards_limit", f"{len(same)} awards of {limits.awards} {span}")
    if limits.points is not None:
        before = sum(one.points for one in same)
        if before >= limits.points:
            return Refusal("points_limit", f"{before} points of {limits.points} {span}")
        return min(points, limits.points - before)
    return points


def within_programme(
    limits: RuleLimits, view: ProgrammeEarned, now: list[Given], time: datetime, points: int
) -> int | Refusal:
    """So many of the points as the limit of the programme leaves, beside what is given ``now``."""
    if limits.programme_points is None:
        return points
    more = sum(one.points for one in in_period(now, time, limits.programme_period))
    before = view.given(time, limits.programme_period) + more
    if before >= limits.programme_points:
        return Refusal("programme_limit", f"{before} points of {limits.programme_points}")
    return min(points, limits.programme_points - before)


def beyond_budget(
    plan: CampaignPlan,
    promises: Promises,
    promised: Sequence[PointsEarned],
    points: int,
    cost: Money | None,
) -> Refusal | None:
    """Why the campaign's budget does not cover an award, beside what was ``promised`` just now."""
    if not plan.planned:
        return None
    points += sum(award.points for award in promised)
    if cost is not None:
        same = [
            one.cost.amount for one in promised if one.cost and one.cost.currency == cost.currency
        ]
        cost = Money(amount=cost.amount + sum(same), currency=cost.currency)
    try:
        check_budget(plan, promises, points=points, cost=cost)
    except RuleError as error:
        return Refusal("budget", f"{error.code}: {error}")
    return None


def lot_of(terms: RuleTerms, programme: Terms | None, time: datetime) -> LotTerms:
    """The terms of a lot: what the rule says, and what the programme says of the rest."""
    delay, ends = terms.available_after_minutes, None
    begins = None if delay is None else time + timedelta(minutes=delay)
    if terms.expiry is not None:
        zone = programme.time_zone if programme else "UTC"
        ends = expires_at(terms.expiry, time, zone)
        if ends <= (begins or time):
            # What would expire before it can be spent expires as if it were earned then.
            ends = expires_at(terms.expiry, begins or time, zone)
    lot = lot_terms(programme, terms.points_currency, time, available_from=begins, expires_at=ends)
    return lot if terms.awaits is None else lot._replace(awaits=terms.awaits)


def cost_of(points: int, cost: PointCost | None) -> Money | None:
    """What so many points are expected to cost, rounded up."""
    if cost is None:
        return None
    amount = rounded(points * cost.amount, cost.points, "up")
    return Money(amount=min(amount, MONEY_MAX), currency=cost.currency)
