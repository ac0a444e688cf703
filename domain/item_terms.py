"""The terms of an item of the reward catalogue: what it is, what it costs, and who can have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from domain.errors import RuleError
from domain.expressions import Compiled, Expression, Fault, Scope, compiled
from domain.facts import WHO
from domain.member_facts import MemberFacts, member_values
from domain.periods import CalendarPeriod
from domain.terms import BasisPoints, Days
from domain.types import ID, Block, CampaignID, Instant, Money, Name, Points, Text

USES_MAX: Final = 1_000
"""No reward can be used more often."""
MEMBER_REWARDS_MAX: Final = 10**6

Uses = Annotated[int, Meta(ge=1, le=USES_MAX)]
ItemKind = Literal["voucher", "discount", "gift", "experience"]
MemberRewards = Annotated[int, Meta(ge=1, le=MEMBER_REWARDS_MAX)]

ELIGIBILITY: Final = Scope("reward item", (("time", "timestamp", False), *WHO))
"""What a condition of an item may speak of: the instant, and the member as rules know them."""


class ItemTermsContradict(RuleError):
    """These terms of an item cannot all hold; the detail says which, and what would be right."""


class NotEligible(RuleError):
    """The item is not for this member: its condition is not true of them at this instant."""


class Discount(Block, frozen=True, kw_only=True):
    """What a reward takes off a purchase: a share of it, or an amount."""

    basis_points: BasisPoints | None = None
    """A share: 1,000 are 10 %."""
    amount: Money | None = None
    minimum: Money | None = None
    """Only purchases of at least this much."""


class MemberLimit(Block, frozen=True, kw_only=True):
    """How often one member can have an item."""

    rewards: MemberRewards
    period: CalendarPeriod | None = None
    """In each of these; none: ever."""


class ItemTerms(Block, frozen=True, kw_only=True):
    """What an item of the catalogue is, what it costs, and who can have it, when."""

    name: Name
    kind: ItemKind
    """voucher: a code that is used somewhere; discount: something off a purchase; gift: a thing;
    experience: something that happens (a visit, a meeting, a seat)."""
    description: Text | None = None
    points: Points | None = None
    """Its price in points; none: it costs none."""
    programme: ID | None = None
    """The programme whose points it costs, and whose tiers its condition speaks of."""
    points_currency: ID | None = None
    money: Money | None = None
    """Its price in money, beside the points or instead of them. It is paid elsewhere."""
    valid_from: Instant | None = None
    """From this instant on it can be had."""
    valid_until: Instant | None = None
    """From this instant on it can not."""
    reward_days: Days | None = None
    """A reward can be used for so many days of 24 hours from when it was granted."""
    reward_until: Instant | None = None
    """From this instant on no reward of it can be used."""
    stocked: bool = False
    """Whether there are only so many as were supplied (``stock.supplied``)."""
    coded: bool = False
    """Whether each reward comes with a code, of those that were supplied (``code.supplied``)."""
    uses_max: Uses = 1
    """How often each reward can be used."""
    member_limit: MemberLimit | None = None
    eligibility: Expression | None = None
    """A condition in CEL over ``time`` and ``member.*``: ``member.tier == 'gold'``."""
    campaign_id: CampaignID | None = None
    """The campaign whose reward budget pays ``cost``."""
    value: Money | None = None
    """What it is worth to the member."""
    cost: Money | None = None
    """What each is expected to cost the brand."""
    discount: Discount | None = None

    def offered(self, time: datetime) -> bool:
        """Whether it can be had at an instant."""
        begins, ends = self.valid_from, self.valid_until
        return (begins is None or begins <= time) and (ends is None or time < ends)


def check_item(terms: ItemTerms) -> None:
    """Refuse terms that cannot all hold, or a condition that says nothing."""
    for wrong in _contradictions(terms):
        raise ItemTermsContradict(wrong)
    _condition(terms)


def _contradictions(terms: ItemTerms) -> Iterator[str]:
    begins, ends = terms.valid_from, terms.valid_until
    if begins is not None and ends is not None and ends <= begins:
        yield "valid_until: it is not after valid_from"
    if (terms.points is None) != (terms.points_currency is None):
        yield "points: say how many, and of which points_currency, or neither"
    if terms.programme is None and (terms.points is not None or speaks_of_tier(terms)):
        yield "programme: say which one's points it costs, or tiers it asks for"
    if terms.kind == "voucher" and not terms.coded:
        yield "coded: a voucher is a code: say coded = true, and supply codes"
    if (terms.kind == "discount") != (terms.discount is not None):
        yield "discount: an item of the kind discount says what it takes off, and no other does"
    if terms.discount is not None:
        yield from _wrong_discount(terms.discount)
    if terms.campaign_id is not None and terms.cost is None:
        yield "cost: a campaign pays what each costs: say how much that is"


def _wrong_discount(discount: Discount) -> Iterator[str]:
    if (discount.basis_points is None) == (discount.amount is None):
        yield "discount: say either basis_points or an amount"
    amount, minimum = discount.amount, discount.minimum
    if amount is not None and minimum is not None and amount.currency != minimum.currency:
        yield "discount.minimum: it is in another currency than the amount"


def _condition(terms: ItemTerms) -> Compiled | None:
    if terms.eligibility is None:
        return None
    return compiled(ELIGIBILITY, terms.eligibility, "bool")


def speaks_of_tier(terms: ItemTerms) -> bool:
    """Whether the condition of an item asks for a tier."""
    condition = _condition(terms)
    return condition is not None and "member.tier" in condition.variables


def check_eligible(
    terms: ItemTerms, member_id: str, tier: str, facts: MemberFacts | None, time: datetime
) -> None:
    """Refuse a member for whom the item is not, or of whom its condition cannot be said."""
    condition = _condition(terms)
    if condition is None:
        return
    values: dict[str, Any] = member_values(condition.variables, member_id, "member", tier, facts)
    if "time" in condition.variables:
        values["time"] = time
    found = condition.of(values)
    if found is not True:
        why = found.detail if isinstance(found, Fault) else f"not true: {terms.eligibility}"
        raise NotEligible(f"the item is not for this member: {why}", member_id=member_id)
