"""Campaigns: one operation of a brand, with its dates, its budget and its objectives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.decision import View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.types import (
    ID,
    POINTS_MAX,
    Amount,
    Block,
    CampaignID,
    Count,
    Country,
    Currency,
    Date,
    Instant,
    Name,
    Text,
    Word,
)

COUNTRIES_MAX: Final = 250
OBJECTIVES_MAX: Final = 50
POINTS_BUDGET_MAX: Final = 1_000 * POINTS_MAX

PointsBudget = Annotated[int, Meta(ge=0, le=POINTS_BUDGET_MAX)]


class Objective(Block, frozen=True, kw_only=True):
    """What a campaign is to reach: a metric, from a baseline to a target, by a day."""

    metric: Word
    target: Count
    unit: Word | None = None
    """What target and baseline count: ``members``, ``minor-units``, ``basis-points``."""
    baseline: Count | None = None
    deadline: Date | None = None


Countries = Annotated[tuple[Country, ...], Meta(max_length=COUNTRIES_MAX)]
Objectives = Annotated[tuple[Objective, ...], Meta(max_length=OBJECTIVES_MAX)]


@event_type("campaign.planned.v1")
class CampaignPlanned(Decided, frozen=True, kw_only=True):
    """A campaign exists, with its dates, budget and objectives."""

    campaign_id: CampaignID
    name: Name
    parent_id: ID | None = None
    """The campaign that this one is a part of."""
    programme: ID | None = None
    countries: Countries = ()
    starts: Instant
    """The first instant of the campaign."""
    ends: Instant | None = None
    """The first instant after the campaign; none for an always-on programme."""
    late_until: Instant | None = None
    """What happened inside the dates still counts when it is recorded before this instant; none:
    however late it arrives."""
    currency: Currency
    objectives: Objectives = ()
    reward_budget: Amount | None = None
    """The most that rewards may cost, in minor units of the currency; none: no limit."""
    reward_budget_points: PointsBudget | None = None
    """The most points that may be promised; none: no limit."""


Clearable = Literal[
    "parent_id",
    "programme",
    "countries",
    "ends",
    "late_until",
    "objectives",
    "reward_budget",
    "reward_budget_points",
]
CampaignClears = Annotated[tuple[Clearable, ...], Meta(max_length=8)]


@event_type("campaign.amended.v1")
class CampaignAmended(Decided, frozen=True, kw_only=True):
    """The plan of a campaign was changed. A field that is not given stays as it was."""

    campaign_id: CampaignID
    name: Name | None = None
    parent_id: ID | None = None
    programme: ID | None = None
    countries: Countries | None = None
    starts: Instant | None = None
    ends: Instant | None = None
    late_until: Instant | None = None
    currency: Currency | None = None
    objectives: Objectives | None = None
    reward_budget: Amount | None = None
    reward_budget_points: PointsBudget | None = None
    clear: CampaignClears = ()
    """Names of fields that have no value from here on: ``["ends"]`` makes it always-on."""


@event_type("campaign.closed.v1")
class CampaignClosed(Decided, frozen=True, kw_only=True):
    """The campaign is over, whatever its plan said: nothing that happens later counts in it."""

    campaign_id: CampaignID
    reason: Text | None = None


class CampaignNotPlanned(RuleError):
    """No campaign with this id was planned: plan it first, or correct the id."""


class CampaignIsClosed(RuleError):
    """This campaign was closed and takes no change; void the closing if it was a mistake."""


class CampaignPlan(View):
    """What is planned for a campaign as of now. Tag: ``campaign:<id>``."""

    planned = False
    programme: str | None = None
    starts: datetime
    ends: datetime | None = None
    late_until: datetime | None = None
    currency: str
    reward_budget: int | None = None
    reward_budget_points: int | None = None
    closed_at: datetime | None = None

    @on(CampaignPlanned)
    def _(self, event: CampaignPlanned, envelope: Envelope) -> None:
        self.planned = True
        for name in _PLAN:
            setattr(self, name, getattr(event, name))

    @on(CampaignAmended)
    def _(self, event: CampaignAmended, envelope: Envelope) -> None:
        for name in _PLAN:
            given = getattr(event, name)
            if given is not None or name in event.clear:
                setattr(self, name, given)

    @on(CampaignClosed)
    def _(self, event: CampaignClosed, envelope: Envelope) -> None:
        self.closed_at = envelope.time

    def require(self) -> None:
        """Refuse when no campaign was planned under this tag."""
        if not self.planned:
            raise CampaignNotPlanned(campaign=self.tags[0])

    def require_open(self) -> None:
        """Refuse when the campaign was not planned, or was closed."""
        self.require()
        if self.closed_at is not None:
            raise CampaignIsClosed(campaign=self.tags[0], closed_at=self.closed_at)

    def holds(self, time: datetime) -> bool:
        """Whether an instant lies inside the campaign: from its start to before its end."""
        return (
            self.starts <= time
            and (self.ends is None or time < self.ends)
            and (self.closed_at is None or time < self.closed_at)
        )

    def too_late(self, recorded_at: datetime) -> bool:
        """Whether what is recorded at this instant arrives too late to count."""
        return self.late_until is not None and recorded_at >= self.late_until


_PLAN: Final = (
    "programme",
    "starts",
    "ends",
    "late_until",
    "currency",
    "reward_budget",
    "reward_budget_points",
)
