"""What was spent on each campaign and seen of it, who was told, and what people did around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from domain.decision import on
from domain.engagement import ContributionPosted, ShareRecorded, VisitRecorded
from domain.envelope import Envelope
from domain.event import Event
from domain.invitations import (
    InvitationBounced,
    InvitationClicked,
    InvitationComplained,
    InvitationDelivered,
    InvitationOpened,
    InvitationSent,
    InvitationUnsubscribed,
)
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.spending import CostRecorded, ImpressionsReported
from domain.types import Money
from projections.fold import Contribution, Fold, Total

MINUTES_PER_HOUR: Final = 60


class Seen(msgspec.Struct, omit_defaults=True):
    """Impressions of one stage and channel."""

    named_by: ClassVar[tuple[str, ...]] = ("stage", "channel")

    stage: str
    channel: str
    count: int = 0
    invalid: int = 0
    """Of those whose invalid traffic was measured: how many came from machines."""
    measured: int = 0
    """Impressions in reports that measured invalid traffic. Unmeasured is not unseen."""


class Cost(msgspec.Struct, omit_defaults=True):
    """What one kind of thing cost in one currency, in minor units, by status."""

    named_by: ClassVar[tuple[str, ...]] = ("kind", "currency")

    kind: str
    currency: str
    committed: int = 0
    accrued: int = 0
    actual: int = 0
    credit_note: int = 0

    @property
    def net(self) -> int:
        """What was really paid: invoiced, less credit notes."""
        return self.actual - self.credit_note


class ActivityRow(msgspec.Struct, omit_defaults=True):
    """Costs, impressions and what people did around a campaign."""

    campaign_id: str
    costs: dict[str, Cost] = {}
    impressions: dict[str, Seen] = {}
    shares: int = 0
    visits: int = 0
    contributions: int = 0


class CampaignActivity(Fold, table="campaign_activity", key="campaign"):
    """Costs by kind, impressions by stage, shares and visits of each campaign."""

    Row = ActivityRow

    @on(CostRecorded)
    def _(self, row: ActivityRow, event: CostRecorded, envelope: Envelope) -> None:
        money = cost_of(event)
        cost = row.costs.setdefault(
            f"{event.kind} {money.currency}", Cost(event.kind, money.currency)
        )
        setattr(cost, event.status, getattr(cost, event.status) + money.amount)

    @on(ImpressionsReported)
    def _(self, row: ActivityRow, event: ImpressionsReported, envelope: Envelope) -> None:
        seen = row.impressions.setdefault(
            f"{event.stage} {event.channel}", Seen(event.stage, event.channel)
        )
        seen.count += event.count
        if event.invalid_count is not None:
            seen.invalid += event.invalid_count
            seen.measured += event.count

    @on(ShareRecorded)
    def _(self, row: ActivityRow, event: ShareRecorded, envelope: Envelope) -> None:
        row.shares += 1

    @on(VisitRecorded)
    def _(self, row: ActivityRow, event: VisitRecorded, envelope: Envelope) -> None:
        row.visits += 1

    @on(ContributionPosted)
    def _(self, row: ActivityRow, event: ContributionPosted, envelope: Envelope) -> None:
        row.contributions += 1


def cost_of(event: CostRecorded) -> Money:
    """The amount of a cost: hours x rate where both are given, to the nearest minor unit."""
    if event.labour_minutes is None or event.hourly_rate is None:
        return event.cost
    amount = event.labour_minutes * event.hourly_rate.amount
    rounded = (amount + MINUTES_PER_HOUR // 2) // MINUTES_PER_HOUR
    return Money(amount=rounded, currency=event.hourly_rate.currency)


class InvitationRow(msgspec.Struct, omit_defaults=True):
    """What became of one invitation."""

    invitation_id: str
    campaign_id: str | None = None
    events: dict[str, int] = {}
    """How often it was sent, delivered, opened, ..."""


OUTCOMES: Final[dict[type[Event], str]] = {
    InvitationSent: "sent",
    InvitationDelivered: "delivered",
    InvitationBounced: "bounced",
    InvitationOpened: "opened",
    InvitationClicked: "clicked",
    InvitationComplained: "complained",
    InvitationUnsubscribed: "unsubscribed",
}
_OUTCOMES: Final = {event.type_name: name for event, name in OUTCOMES.items()}
BY: Final = (InvitationOpened, InvitationClicked)
"""These also say whether a human or a mail program did it: ``opened_human``, ``opened_machine``."""

Told = (
    InvitationSent
    | InvitationDelivered
    | InvitationBounced
    | InvitationOpened
    | InvitationClicked
    | InvitationComplained
    | InvitationUnsubscribed
)


class CampaignInvitations(Fold, table="campaign_invitations", key="invitation"):
    """What became of each invitation."""

    Row = InvitationRow

    @on(*OUTCOMES)
    def _(self, row: InvitationRow, event: Told, envelope: Envelope) -> None:
        row.campaign_id = row.campaign_id or event.campaign_id
        name = _OUTCOMES[event.type_name]
        names = (name, f"{name}_{event.opened_by}") if isinstance(event, BY) else (name,)
        for one in names:
            row.events[one] = row.events.get(one, 0) + 1


class InvitationTotals(Total, table="invitation_totals", of=CampaignInvitations, key="campaign"):
    """By campaign and outcome: invitations (``opened``), and events (``opened events``)."""

    def contributes(self, row: InvitationRow, context: Mapping[str, Any]) -> Contribution:
        """Each outcome of the invitation once, and how often it was reported."""
        if row.campaign_id is None:
            return {}
        return {
            row.campaign_id: dict.fromkeys(row.events, 1)
            | {f"{name} events": times for name, times in row.events.items()}
        }


class ReferralRow(msgspec.Struct, omit_defaults=True):
    """How far a referral came."""

    referral_id: str
    campaign_id: str | None = None
    made: bool = False
    named: bool = False
    qualified: bool = False
    voided: bool = False


class CampaignReferrals(Fold, table="campaign_referrals", key="referral"):
    """How far each referral came."""

    Row = ReferralRow

    @on(ReferralMade, ReferralQualified, ReferralVoided)
    def _(
        self,
        row: ReferralRow,
        event: ReferralMade | ReferralQualified | ReferralVoided,
        envelope: Envelope,
    ) -> None:
        row.campaign_id = row.campaign_id or event.campaign_id
        match event:
            case ReferralMade():
                row.named = row.named or event.prospect_id is not None
                row.made = True
            case ReferralQualified():
                row.qualified = True
            case ReferralVoided():
                row.voided = True


class ReferralTotals(Total, table="referral_totals", of=CampaignReferrals, key="campaign"):
    """By campaign: friend invitations, and referrals made, qualified and voided."""

    def contributes(self, row: ReferralRow, context: Mapping[str, Any]) -> Contribution:
        """The referral once, in each state that it has."""
        if row.campaign_id is None:
            return {}
        return {
            row.campaign_id: {
                "friend_invitations": int(row.named),
                "made": int(row.made),
                "qualified": int(row.qualified and not row.voided),
                "voided": int(row.voided),
            }
        }
