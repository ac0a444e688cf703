"""What is planned for each campaign: what its figures are cut by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned
from domain.decision import on
from domain.envelope import Envelope
from projections.fold import Fold

AFTER_DAYS: Final = 30
"""How long after a campaign's end what its participants buy is still shown as its revenue."""


class PlanRow(msgspec.Struct, omit_defaults=True):
    """A campaign as it is planned now."""

    campaign_id: str
    name: str | None = None
    parent_id: str | None = None
    programme: str | None = None
    countries: tuple[str, ...] = ()
    starts: datetime | None = None
    """None: it was never planned."""
    ends: datetime | None = None
    closed_at: datetime | None = None
    currency: str | None = None
    reward_budget: int | None = None
    reward_budget_points: int | None = None

    @property
    def over(self) -> datetime | None:
        """The first instant after the campaign; None: it is always on."""
        if self.ends is None or self.closed_at is None:
            return self.ends or self.closed_at
        return min(self.ends, self.closed_at)

    @property
    def revenue_until(self) -> datetime | None:
        """The first instant after the window of the participants' revenue; None: it is open."""
        over = self.over
        return None if over is None else over + timedelta(days=AFTER_DAYS)


_PLANNED: Final = tuple(
    name for name in PlanRow.__struct_fields__ if name not in {"campaign_id", "closed_at"}
)


class CampaignPlans(Fold, table="campaign_plans", key="campaign"):
    """The plan of each campaign. Few rows that change seldom: totals read them as context."""

    Row = PlanRow

    @on(CampaignPlanned)
    def _(self, row: PlanRow, event: CampaignPlanned, envelope: Envelope) -> None:
        for name in _PLANNED:
            setattr(row, name, getattr(event, name))

    @on(CampaignAmended)
    def _(self, row: PlanRow, event: CampaignAmended, envelope: Envelope) -> None:
        for name in _PLANNED:
            value = getattr(event, name)
            if value is not None or name in event.clear:
                setattr(row, name, () if name == "countries" and value is None else value)

    @on(CampaignClosed)
    def _(self, row: PlanRow, event: CampaignClosed, envelope: Envelope) -> None:
        row.closed_at = envelope.time
