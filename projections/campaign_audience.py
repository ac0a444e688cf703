"""Whom each campaign reached: new or known before, paid for again, and what they bought.

Definitions, by campaign. *During* is from its start to before its end (or its closing).

- *participant*: a person with a participation that was not disqualified; a visitor who was never
  identified is a person of their own.
- *known*: enrolled before the campaign began, and not ended by then. *New*: enrolled during it.
- *paid-origin*: a participant with such a participation through a paid contact.
- *re-bought*: paid-origin, known, and contactable when it began (:mod:`projections.consents`).
- *enrolments*: members whose enrolment names the campaign.
- *new customers*: participants, and members enrolled by the campaign, whose first purchase ever
  lies in the window.
- *revenue*: what participants bought in the window, from the campaign's start to ``AFTER_DAYS``
  after its end (always-on: open), net of tax and discounts, less what came back of it. It is a
  correlation, and never called return.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.decision import on
from domain.envelope import Envelope
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberEnrolled, MemberErased, MembershipEnded
from domain.purchases import PurchaseRecorded, ReturnMatched
from projections.aliases import AccountsOfMembers, VisitorsOfMembers
from projections.campaign_plans import CampaignPlans, PlanRow
from projections.consents import Consent, consent_of, contactable
from projections.fold import Contribution, Fold, Total
from projections.participations import (
    Participation,
    take_disqualification,
    take_participation,
)
from projections.purchases import (
    Bought,
    Purchase,
    spending,
    take_purchase,
    take_return,
)


class PersonRow(msgspec.Struct, omit_defaults=True):
    """What has to be known of a person to count them in any campaign."""

    person: str
    """A member's id, or the whole tag ``visitor:...`` of somebody unknown."""
    enrolled_at: datetime | None = None
    enrolled_by: str | None = None
    """The campaign that brought the member."""
    ended_at: datetime | None = None
    consents: list[Consent] = []
    """All of them, because campaigns ask what was allowed when they began."""
    participations: dict[str, Participation] = {}
    purchases: dict[str, Purchase] = {}

    def was_member(self, at: datetime) -> bool:
        """Whether the person was enrolled before an instant, and had not left by then."""
        if self.enrolled_at is None or self.enrolled_at >= at:
            return False
        return self.ended_at is None or self.ended_at >= at


class Audience(
    Fold,
    table="campaign_people",
    key="member",
    aliases=(VisitorsOfMembers, AccountsOfMembers),
    anonymous="visitor",
):
    """Members, and visitors who are not identified, as campaigns count them."""

    Row = PersonRow

    @on(MemberEnrolled)
    def _(self, row: PersonRow, event: MemberEnrolled, envelope: Envelope) -> None:
        row.enrolled_at, row.enrolled_by = envelope.time, event.campaign_id

    @on(MembershipEnded, MemberErased)
    def _(self, row: PersonRow, event: MembershipEnded | MemberErased, envelope: Envelope) -> None:
        row.ended_at = min(row.ended_at or envelope.time, envelope.time)

    @on(ConsentGranted, ConsentWithdrawn)
    def _(
        self, row: PersonRow, event: ConsentGranted | ConsentWithdrawn, envelope: Envelope
    ) -> None:
        row.consents.append(consent_of(event, envelope))

    @on(ParticipationRecorded)
    def _(self, row: PersonRow, event: ParticipationRecorded, envelope: Envelope) -> None:
        take_participation(row.participations, event, envelope)

    @on(ParticipationDisqualified)
    def _(self, row: PersonRow, event: ParticipationDisqualified, envelope: Envelope) -> None:
        take_disqualification(row.participations, event)

    @on(PurchaseRecorded)
    def _(self, row: PersonRow, event: PurchaseRecorded, envelope: Envelope) -> None:
        take_purchase(row.purchases, event, envelope)

    @on(ReturnMatched)
    def _(self, row: PersonRow, event: ReturnMatched, envelope: Envelope) -> None:
        take_return(row.purchases, event)


class AudienceTotals(
    Total, table="audience_totals", of=Audience, context=CampaignPlans, key="campaign"
):
    """By campaign, the people and the revenue that the head of this file defines."""

    def contributes(self, row: PersonRow, context: Mapping[str, Any]) -> Contribution:
        """The person once in each campaign that they took part in or were enrolled by."""
        campaigns: dict[str, list[Participation]] = {}
        for one in row.participations.values():
            campaigns.setdefault(one.campaign_id, []).append(one)
        if not campaigns and row.enrolled_by is None:
            return {}
        bought = Bought(row.purchases)
        found = {
            campaign_id: _participant(row, some, bought, context.get(campaign_id))
            for campaign_id, some in campaigns.items()
        }
        if row.enrolled_by is not None:
            sums = found.setdefault(row.enrolled_by, {})
            sums["enrolments"] = 1
            sums |= _new_customer(bought, context.get(row.enrolled_by))
        return found


def _participant(
    row: PersonRow, some: list[Participation], bought: Bought, plan: PlanRow | None
) -> dict[str, int]:
    counted = [one for one in some if not one.disqualified]
    sums = {"participations": len(counted), "disqualified": len(some) - len(counted)}
    if not counted:
        return sums
    paid = any(one.paid for one in counted)
    sums |= {"participants": 1, "paid_origin": int(paid)}
    sums["members"] = int(row.enrolled_at is not None)
    if plan is None or plan.starts is None:
        return sums
    known = row.was_member(plan.starts)
    sums["known"] = int(known)
    sums["new"] = int(
        row.enrolled_at is not None
        and plan.starts <= row.enrolled_at
        and (plan.over is None or row.enrolled_at < plan.over)
    )
    if known and paid:
        sums["re_bought"] = int(contactable(row.consents, plan.starts))
    for spend in spending(bought.within(plan.starts, plan.revenue_until)):
        sums[f"buyers {spend.currency}"] = 1
        sums[f"purchases {spend.currency}"] = spend.purchases
        sums[f"net {spend.currency}"] = spend.net
        sums[f"returned {spend.currency}"] = spend.returned
    return sums | _new_customer(bought, plan)


def _new_customer(bought: Bought, plan: PlanRow | None) -> dict[str, int]:
    first = bought.first
    if plan is None or plan.starts is None or first is None:
        return {}
    until = plan.revenue_until
    return {"new_customers": int(plan.starts <= first and (until is None or first < until))}
