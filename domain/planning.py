"""Planning: the decisions that make, amend and close campaigns."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.campaigns import (
    CampaignAmended,
    CampaignClears,
    CampaignClosed,
    CampaignPlan,
    CampaignPlanned,
    Countries,
    Objectives,
    PointsBudget,
)
from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.types import ID, Amount, CampaignID, Currency, Instant, Name, Text


class CampaignAlreadyPlanned(RuleError):
    """A campaign with this id exists: amend it, or plan the new one under another id."""


class CampaignDatesContradict(RuleError):
    """A campaign ends after it starts, and ``late_until`` is not before its end."""


def _check_dates(starts: datetime, ends: datetime | None, late_until: datetime | None) -> None:
    last = starts if ends is None else ends
    if (ends is not None and ends <= starts) or (late_until is not None and late_until < last):
        raise CampaignDatesContradict(starts=starts, ends=ends, late_until=late_until)


class PlanCampaign(Command, frozen=True, kw_only=True):
    """Plan a campaign. Without an id it gets one."""

    campaign_id: CampaignID | None = None
    name: Name
    parent_id: ID | None = None
    programme: ID | None = None
    countries: Countries = ()
    starts: Instant
    ends: Instant | None = None
    late_until: Instant | None = None
    currency: Currency
    objectives: Objectives = ()
    reward_budget: Amount | None = None
    reward_budget_points: PointsBudget | None = None


class Planning(Slice, decides=PlanCampaign, reads=(CampaignPlan,)):
    """A campaign is planned once."""

    def __init__(self, command: PlanCampaign, command_id: str) -> None:
        super().__init__(command, command_id)
        self.campaign_id = command.campaign_id or self.mint("c")
        self.plan = self.view(CampaignPlan, f"campaign:{self.campaign_id}")

    def execute(self) -> None:
        """Plan it, unless it exists or its dates contradict each other."""
        command: PlanCampaign = self.command
        if self.plan.planned:
            raise CampaignAlreadyPlanned(campaign_id=self.campaign_id)
        _check_dates(command.starts, command.ends, command.late_until)
        fields = msgspec.structs.asdict(command) | {"campaign_id": self.campaign_id}
        del fields["time"]
        self.trigger(CampaignPlanned(**fields))


class AmendCampaign(Command, frozen=True, kw_only=True):
    """Change the plan of a campaign. What is not given stays; ``clear`` empties fields by name."""

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


class Amending(Slice, decides=AmendCampaign, reads=(CampaignPlan,)):
    """A campaign is amended until it is closed."""

    def __init__(self, command: AmendCampaign, command_id: str) -> None:
        super().__init__(command, command_id)
        self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Amend it, unless it is closed or its dates would contradict each other."""
        command: AmendCampaign = self.command
        self.plan.require_open()
        ends, late_until = (
            given if given is not None or name in command.clear else getattr(self.plan, name)
            for name, given in (("ends", command.ends), ("late_until", command.late_until))
        )
        _check_dates(command.starts or self.plan.starts, ends, late_until)
        fields = msgspec.structs.asdict(command)
        del fields["time"]
        self.trigger(CampaignAmended(**fields))


class CloseCampaign(Command, frozen=True, kw_only=True):
    """Close a campaign, at once or as of ``time``, whatever its plan says."""

    campaign_id: CampaignID
    reason: Text | None = None


class Closing(Slice, decides=CloseCampaign, reads=(CampaignPlan,)):
    """A campaign is closed once."""

    def __init__(self, command: CloseCampaign, command_id: str) -> None:
        super().__init__(command, command_id)
        self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Close it, unless it is closed."""
        command: CloseCampaign = self.command
        self.plan.require_open()
        self.trigger(CampaignClosed(campaign_id=command.campaign_id, reason=command.reason))
