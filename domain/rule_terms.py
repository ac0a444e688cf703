"""The terms of a rule: what earns how many points, when, for whom, and within which limits."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.campaigns import PointsBudget
from domain.expressions import Expression
from domain.lot_parts import Origin
from domain.periods import CalendarPeriod
from domain.terms import ExpiryPolicy
from domain.types import (
    ID,
    MONEY_MAX,
    Amount,
    Block,
    CampaignID,
    Currency,
    Instant,
    Minutes,
    Name,
    Points,
)

HOURS_MAX: Final = 10 * 366 * 24
"""A window that an event opens is no longer than ten years."""
THRESHOLD_MAX: Final = MONEY_MAX
STREAK_MAX: Final = 1_000
FACTOR_MAX: Final = 1_000
AWARDS_MAX: Final = 10**6
"""No limit on the number of awards is higher."""
TriggerName = Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=64)]
"""A type of event without its version: ``purchase.recorded``."""
Kind = Literal[
    "per_event", "per_amount", "multiplier", "challenge", "streak", "first_ever", "referral"
]
Rounding = Literal["down", "nearest", "up"]
"""``nearest`` rounds halves away from zero."""
Role = Literal["member", "advocate", "referee"]
Hours = Annotated[int, Meta(ge=1, le=HOURS_MAX)]
Factor = Annotated[int, Meta(ge=1, le=FACTOR_MAX)]
AwardLimit = Annotated[int, Meta(ge=1, le=AWARDS_MAX)]
PositiveAmount = Annotated[int, Meta(ge=1, le=MONEY_MAX)]


class PerAmount(Block, frozen=True, kw_only=True):
    """Points for an amount: ``points`` for each ``per`` of it."""

    amount: Expression
    """A formula for the amount, in minor units: ``event.net``."""
    per: PositiveAmount
    """So many minor units earn ``points``; what is left over earns its share, rounded."""
    rounding: Rounding = "down"
    """Applied once, to the points of the whole amount."""
    currency: Currency | None = None
    """Amounts in another currency earn nothing; none: in any currency."""


class Multiplier(Block, frozen=True, kw_only=True):
    """Points on top of what the other rules gave for the same event: x 3/2 adds a half.

    It counts what they gave on the same account, after their limits.
    """

    numerator: Factor
    denominator: Factor = 1
    rounding: Rounding = "down"
    stacks: Literal["base", "compound"] = "base"
    """``base`` multiplies what rules that are no multipliers gave; ``compound`` also what the
    multipliers before it, in the order of ``order``, added."""
    rules: Annotated[tuple[ID, ...], Meta(max_length=100)] = ()
    """Multiply only what these rules gave; none: all of the same programme and currency."""


class Window(Block, frozen=True, kw_only=True):
    """The time over which a challenge counts. Exactly one of the three is said.

    ``opened_by`` with ``hours``: each such event of the member opens a window of its own, from the
    event on, up to and including the last instant of the hours. ``period``: the calendar period of
    the event. ``campaign``: from the start to before the end of the rule's campaign.
    """

    opened_by: TriggerName | None = None
    opening: Expression | None = None
    """Only events of which this is true open a window."""
    hours: Hours | None = None
    period: CalendarPeriod | None = None
    campaign: bool = False


class Challenge(Block, frozen=True, kw_only=True):
    """A goal: what is counted over a window, and how much of it is enough."""

    measure: Literal["count", "sum", "max"]
    """The number of events, the sum of an amount, or the largest single amount."""
    amount: Expression | None = None
    """A formula for the amount of one event, unless events are only counted."""
    threshold: Annotated[int, Meta(ge=0, le=THRESHOLD_MAX)]
    comparison: Literal["at_least", "more_than"] = "at_least"
    repeats: bool = False
    """Again each time the threshold is reached anew (of ``max``: by each event that reaches it),
    instead of once in each window."""
    window: Window


class Streak(Block, frozen=True, kw_only=True):
    """So many calendar periods in a row, each with at least one event."""

    period: CalendarPeriod
    length: Annotated[int, Meta(ge=2, le=STREAK_MAX)]
    repeats: bool = False
    """Again after each ``length`` more, instead of once in each unbroken row."""


class RuleLimits(Block, frozen=True, kw_only=True):
    """How much a rule gives. Periods are those of the calendar that an event's ``time`` shows.

    A limit in points cuts the award to what is left; the others stop it.
    """

    awards: AwardLimit | None = None
    """Awards to one member in each period."""
    points: Points | None = None
    """Points to one member in each period."""
    period: CalendarPeriod | None = None
    """The period of the two; none: ever."""
    cooldown_minutes: Minutes | None = None
    """From one award of a member to the next, by the time of what they were given for."""
    programme_points: PointsBudget | None = None
    """Points that all rules of the programme give to everybody, in each programme period."""
    programme_period: CalendarPeriod | None = None


class PointCost(Block, frozen=True, kw_only=True):
    """What points are expected to cost: ``amount`` for each ``points``, rounded up."""

    amount: Amount
    currency: Currency
    points: Points = 1


class RuleTerms(Block, frozen=True, kw_only=True):
    """All that one version of a rule says."""

    name: Name | None = None
    programme: ID
    points_currency: ID
    """Points go to the member's account of this programme and currency."""
    trigger: TriggerName
    """The type of event that the rule looks at."""
    kind: Kind
    condition: Expression | None = None
    """Which events count. Where they are counted over time (challenge, streak, first ever) it
    speaks of the event alone; what it has to say of the member goes into ``eligibility``."""
    eligibility: Expression | None = None
    """Who may earn, looked at when there is something to award."""
    points: Expression | None = None
    """How many: a number, or a formula. Of an award for an amount: for each ``per``."""
    per_amount: PerAmount | None = None
    multiplier: Multiplier | None = None
    challenge: Challenge | None = None
    streak: Streak | None = None
    roles: Annotated[tuple[Role, ...], Meta(max_length=3)] = ("member",)
    """Who earns: of a referral the advocate, the referee or both."""
    origin: Origin | None = None
    """None: ``purchase`` where the trigger is a purchase, else ``engagement``."""
    qualifying: bool = False
    """Whether the points count towards a tier."""
    order: Annotated[int, Meta(ge=0, le=10**6)] = 100
    """Rules are applied by this number, then by name; multipliers after all others."""
    valid_from: Instant | None = None
    """The version is in force for what happens from this instant on; none: from its publication."""
    valid_until: Instant | None = None
    """And for nothing that happens at this instant or later."""
    available_after_minutes: Minutes | None = None
    """How long the points are pending after what they were given for; none: as the programme
    says."""
    awaits: ID | None = None
    """What has to happen before they can be spent, in the programme's words; none: as the programme
    says."""
    expiry: ExpiryPolicy | None = None
    """When they expire; none: as the programme says."""
    limits: RuleLimits | None = None
    campaign_id: CampaignID | None = None
    """The campaign whose budget pays."""
    event_campaign: bool = False
    """The campaign that the event names pays instead; without one, nobody does."""
    cost: PointCost | None = None
