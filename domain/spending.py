"""Spending: what a campaign cost, and what was seen for it."""

from __future__ import annotations

from typing import Literal

from domain.event import Observation, event_type
from domain.types import ID, CampaignID, Count, Date, Instant, Minutes, Money, Name, Text, Word

CostStatus = Literal["committed", "accrued", "actual", "credit_note"]
"""Promised to a supplier; owed for what was delivered; invoiced; taken off an invoice."""
Stage = Literal["announced", "served", "measurable", "viewable"]
"""What the seller claims; what was delivered; what could be measured; at least half of the pixels
for one second (two for video)."""


@event_type("cost.recorded.v1")
class CostRecorded(Observation, frozen=True, kw_only=True):
    """A campaign cost something: media, an agency, rewards, people's hours and all the rest."""

    campaign_id: CampaignID | None = None
    """None: not, or not yet, shared out to a campaign."""
    kind: Word
    """media, agency, platform, reward, labour, production, other."""
    status: CostStatus = "actual"
    cost: Money
    """Always positive; a credit note takes its amount off."""
    cost_id: ID | None = None
    """What ties a commitment to the accrual and the invoice that follow from it."""
    service_from: Date | None = None
    service_until: Date | None = None
    """The last day of the service period."""
    channel: Word | None = None
    supplier: Name | None = None
    invoice: ID | None = None
    budget_owner: ID | None = None
    labour_minutes: Minutes | None = None
    hourly_rate: Money | None = None
    role: Word | None = None
    """The role of the people whose hours these are."""
    allocation: Text | None = None
    """How this part was shared out of a cost that several campaigns carry."""


@event_type("impressions.reported.v1")
class ImpressionsReported(Observation, frozen=True, kw_only=True):
    """Somebody said how often a campaign's messages were shown. Reports of one stage add up."""

    campaign_id: CampaignID
    channel: Word
    stage: Stage
    count: Count
    invalid_count: Count | None = None
    """How many of these came from machines; none: not measured, which does not mean zero."""
    period_starts: Instant | None = None
    period_ends: Instant | None = None
    reported_by: Name | None = None
    """Where the figure comes from: the seller, an ad server, a measuring company."""
    placement: Name | None = None
    cost_per_thousand: Money | None = None
    cost_per_thousand_source: Name | None = None
    """Who says that a thousand impressions are worth that."""
