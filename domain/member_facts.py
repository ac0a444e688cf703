"""Member facts: what the ledger knows of a member, for the conditions of rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.decision import View, on
from domain.engagement import ContributionPosted, ShareRecorded, VisitRecorded
from domain.envelope import Envelope
from domain.event import Event
from domain.facts import sources_of
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, ProfileUpdated
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.referrals import ReferralQualified, ReferralVoided


class MemberFacts(View):
    """What the ledger knows of a member, for conditions. Tag: ``member:<id>``."""

    enrolled = False
    enrolled_at: datetime | None = None
    country: str | None = None
    language: str | None = None
    age_band: str | None = None
    first_contact_at: datetime | None = None
    first_purchase_at: datetime | None = None
    last_purchase_at: datetime | None = None
    participations = 0
    shares = 0
    visits = 0
    contributions = 0

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.spend: dict[str, int] = {}
        """What was paid less what came back, without tax, in minor units by currency."""
        self.attributes: dict[str, Any] = {}
        self._bought: set[str] = set()
        self._referred: set[str] = set()
        self._consents: dict[str, tuple[datetime, bool]] = {}

    @property
    def purchases(self) -> int:
        """How many purchases there were; returns do not lower it."""
        return len(self._bought)

    @property
    def referrals(self) -> int:
        """Qualified referrals that the member made and that were not voided."""
        return len(self._referred)

    @property
    def consents(self) -> list[str]:
        """Purposes and channels that the member allows: ``marketing/email``, ``marketing/any``."""
        return [said for said, (_, granted) in self._consents.items() if granted]

    @on(MemberEnrolled)
    def _enrolled(self, event: MemberEnrolled, envelope: Envelope) -> None:
        self.enrolled, self.enrolled_at = True, envelope.time
        self.country, self.language = event.country, event.language
        self.age_band = event.age_band
        self._contact(envelope)

    @on(MembershipEnded, MemberErased)
    def _ended(self, event: Event, envelope: Envelope) -> None:
        self.enrolled = False

    @on(ProfileUpdated)
    def _profile(self, event: ProfileUpdated, envelope: Envelope) -> None:
        self.attributes |= event.plain
        for name in event.removed:
            self.attributes.pop(name, None)

    @on(PurchaseRecorded)
    def _purchase(self, event: PurchaseRecorded, envelope: Envelope) -> None:
        self._contact(envelope)
        if event.part != 1 or event.purchase_id in self._bought:
            return
        self._bought.add(event.purchase_id)
        self.spend[event.currency] = self.spend.get(event.currency, 0) + event.net
        time = envelope.time
        self.first_purchase_at = min(self.first_purchase_at or time, time)
        self.last_purchase_at = max(self.last_purchase_at or time, time)

    @on(ReturnMatched)
    def _returned(self, event: ReturnMatched, envelope: Envelope) -> None:
        self.spend[event.currency] = self.spend.get(event.currency, 0) - event.net

    @on(ParticipationRecorded)
    def _participated(self, event: ParticipationRecorded, envelope: Envelope) -> None:
        self._contact(envelope)
        self.participations += 1

    @on(ParticipationDisqualified)
    def _disqualified(self, event: ParticipationDisqualified, envelope: Envelope) -> None:
        self.participations -= 1

    @on(ShareRecorded)
    def _shared(self, event: ShareRecorded, envelope: Envelope) -> None:
        self._contact(envelope)
        self.shares += 1

    @on(VisitRecorded)
    def _visited(self, event: VisitRecorded, envelope: Envelope) -> None:
        self._contact(envelope)
        self.visits += 1

    @on(ContributionPosted)
    def _contributed(self, event: ContributionPosted, envelope: Envelope) -> None:
        self._contact(envelope)
        self.contributions += 1

    @on(ReferralQualified)
    def _qualified(self, event: ReferralQualified, envelope: Envelope) -> None:
        if f"member:{event.advocate_id}" in self.tags:
            self._referred.add(event.referral_id)

    @on(ReferralVoided)
    def _voided(self, event: ReferralVoided, envelope: Envelope) -> None:
        self._referred.discard(event.referral_id)

    @on(ConsentGranted, ConsentWithdrawn)
    def _consent(self, event: ConsentGranted | ConsentWithdrawn, envelope: Envelope) -> None:
        said = f"{event.purpose}/{event.channel or 'any'}"
        granted = isinstance(event, ConsentGranted) and event.double_opt_in != "pending"
        before = self._consents.get(said)
        if before is None or before[0] <= envelope.time:
            self._consents[said] = envelope.time, granted

    def _contact(self, envelope: Envelope) -> None:
        time = envelope.time
        self.first_contact_at = min(self.first_contact_at or time, time)


def member_values(
    names: frozenset[str], member_id: str | None, role: str, tier: str, facts: MemberFacts | None
) -> dict[str, Any]:
    """The values of ``member.*``; of nobody known they are empty."""
    asked = sources_of(names).member
    if not asked:
        return {}
    facts = facts or MemberFacts("member:-")
    given = {"id": member_id, "role": role, "tier": tier}
    return {name: given[rest] if rest in given else getattr(facts, rest) for name, rest in asked}
