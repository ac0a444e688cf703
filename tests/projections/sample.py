"""A projection for the tests of the engine: it uses everything that a projection can use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned
from domain.decision import on
from domain.engagement import VisitRecorded
from domain.envelope import Envelope
from domain.event import Event
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MembersMerged, VisitorIdentified
from domain.points import PointsEarned, PointsTransferred
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralQualified
from domain.spending import CostRecorded
from projections.aliases import Aliases, AliasRow, VisitorsOfMembers
from projections.fold import Contribution, Fold, Projection, Total


class PurchasesOfBuyers(Aliases, kind="purchase"):
    """A return that names only the purchase is the buyer's."""

    @on(PurchaseRecorded)
    def _(self, row: AliasRow, event: PurchaseRecorded, envelope: Envelope) -> None:
        if event.member_id is not None:
            row.claim(f"member:{event.member_id}", envelope)
        elif event.visitor_id is not None:
            row.claim(f"visitor:{event.visitor_id}", envelope)


class MembersOfMembers(Aliases, kind="member"):
    """What a merged member did is the root's."""

    @on(MembersMerged)
    def _(self, row: AliasRow, event: MembersMerged, envelope: Envelope) -> None:
        if row.alias == event.merged_id:
            row.claim(f"member:{event.member_id}", envelope)


class Campaigns(Fold, table="sample_campaigns", key="campaign"):
    """The plan and the cost of each campaign."""

    class Row(msgspec.Struct):
        """One row."""

        campaign_id: str
        starts: int | None = None
        ends: int | None = None
        cost: int = 0

    @on(CampaignPlanned, CampaignAmended)
    def _(self, row: Row, event: CampaignPlanned | CampaignAmended, envelope: Envelope) -> None:
        row.starts = int(event.starts.timestamp()) if event.starts is not None else row.starts
        row.ends = int(event.ends.timestamp()) if event.ends is not None else row.ends

    @on(CampaignClosed)
    def _(self, row: Row, event: CampaignClosed, envelope: Envelope) -> None:
        row.ends = int(envelope.time.timestamp())

    @on(CostRecorded)
    def _(self, row: Row, event: CostRecorded, envelope: Envelope) -> None:
        row.cost += event.cost.amount


class Audience(
    Fold,
    table="sample_audience",
    key="member",
    aliases=(MembersOfMembers, VisitorsOfMembers, PurchasesOfBuyers),
    anonymous="visitor",
    indexes=("(row->>'first')",),
):
    """What each member and each unknown visitor did."""

    class Row(msgspec.Struct):
        """One row."""

        member_id: str
        trace: list[int] = []
        """The positions of the events, in the order in which the row saw them."""
        first: int | None = None
        campaigns: dict[str, int] = {}
        spent: list[tuple[int, int]] = []

    @on(MemberEnrolled, VisitRecorded, VisitorIdentified, ReferralQualified, MembersMerged)
    def _(self, row: Row, event: Event, envelope: Envelope) -> None:
        row.trace.append(envelope.position)
        at = int(envelope.time.timestamp())
        row.first = at if row.first is None else min(row.first, at)

    @on(ParticipationRecorded)
    def _(self, row: Row, event: ParticipationRecorded, envelope: Envelope) -> None:
        row.trace.append(envelope.position)
        at = int(envelope.time.timestamp())
        row.campaigns[event.campaign_id] = min(row.campaigns.get(event.campaign_id, at), at)

    @on(PurchaseRecorded)
    def _(self, row: Row, event: PurchaseRecorded, envelope: Envelope) -> None:
        row.trace.append(envelope.position)
        row.spent.append((int(envelope.time.timestamp()), event.net))

    @on(PurchaseReturned)
    def _(self, row: Row, event: PurchaseReturned, envelope: Envelope) -> None:
        row.trace.append(envelope.position)
        row.spent.append((int(envelope.time.timestamp()), -event.net))


class Lots(Fold, table="sample_lots", key="account"):
    """One row per movement of an account."""

    class Row(msgspec.Struct):
        """One row."""

        key: str
        points: int = 0

    def keys(self, owner: str, event: Any, envelope: Envelope) -> Iterable[str]:
        """One row per movement; a transfer is a movement of two accounts."""
        return (f"{owner}/{envelope.position:016}",)

    @on(PointsEarned, PointsTransferred)
    def _(self, row: Row, event: PointsEarned | PointsTransferred, envelope: Envelope) -> None:
        account = row.key.partition("/")[0]
        row.points += event.points
        if isinstance(event, PointsTransferred) and account == event.account_id:
            row.points -= 2 * event.points


class Returns(Total, table="sample_returns", of=Audience, context=Campaigns):
    """Participants, those known before, and what they spent inside the campaign's dates."""

    def contributes(self, row: Audience.Row, context: Mapping[str, Campaigns.Row]) -> Contribution:
        """One participant of each campaign that the row took part in."""
        found: Contribution = {}
        for name in row.campaigns:
            plan = context.get(name)
            if plan is None or plan.starts is None:
                continue
            ends = plan.ends or 2**60
            spent = [amount for at, amount in row.spent if plan.starts <= at < ends]
            found[name] = {
                "participants": 1,
                "known": int(row.first is not None and row.first < plan.starts),
                "revenue": sum(spent),
            }
        return found


class Costs(Total, table="sample_costs", of=Campaigns, context=Campaigns):
    """All that was spent on campaigns that are planned."""

    def contributes(self, row: Campaigns.Row, context: Mapping[str, Campaigns.Row]) -> Contribution:
        """Its cost, once it is planned."""
        planned = context[row.campaign_id].starts is not None
        return {"all": {"cost": row.cost, "campaigns": 1}} if planned else {}


class Balance(Total, table="sample_balance", of=Lots):
    """The points of all accounts."""

    def contributes(self, row: Lots.Row, context: Mapping[str, Any]) -> Contribution:
        """The points of one movement, by account."""
        return {row.key.partition("/")[0]: {"points": row.points}}


SAMPLE = Projection(
    "sample",
    version=1,
    folds=(Audience, Campaigns, Lots),
    totals=(Returns, Costs, Balance),
)
