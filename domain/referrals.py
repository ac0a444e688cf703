"""Referrals: an advocate brings somebody new, and it is checked before it earns anything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from domain.contact import Contact
from domain.decision import Reaction, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, Observation, event_type
from domain.identities import IdentityHolders
from domain.personal import Personal, digested
from domain.purchases import PurchaseRecorded
from domain.types import (
    ID,
    CampaignID,
    IdentityID,
    MemberID,
    ProspectID,
    ReferralCode,
    ReferralID,
    Text,
    Word,
)

SELF_REFERRAL: Final = "self-referral"
"""The reason of a referral that was voided because it names its own advocate."""


@event_type("referral.code_issued.v1")
class ReferralCodeIssued(Decided, frozen=True, kw_only=True):
    """A member got a code to give to friends. It names nobody but that member."""

    member_id: MemberID
    code: ReferralCode
    programme: ID | None = None
    campaign_id: CampaignID | None = None


@event_type("referral.made.v1")
class ReferralMade(Observation, frozen=True, kw_only=True):
    """An advocate brought, or named, somebody. It earns nothing until it is qualified."""

    referral_id: ReferralID
    advocate_id: MemberID
    code: ReferralCode | None = None
    programme: ID
    campaign_id: CampaignID | None = None
    prospect_id: Annotated[ProspectID | None, digested("prospect", "prospect")] = None
    """The vault gives the same prospect the same random id, always."""
    prospect: Personal["prospect_id"] | None = None
    """Who was named: an address or a number, sealed under the prospect's own key."""
    prospect_kind: Word | None = None
    """The kind of identity that the prospect's address or number is: email, phone, ..."""
    prospect_identity_id: Annotated[
        IdentityID | None, digested("identity", "prospect_kind", "prospect")
    ] = None
    """The random id of that identity: the same as a member's who is known by it."""
    contact: Contact | None = None


@event_type("referral.qualified.v1")
class ReferralQualified(Decided, frozen=True, kw_only=True):
    """A referral passed its checks: the referee is new, not the advocate, and came by no other."""

    referral_id: ReferralID
    advocate_id: MemberID
    referee_id: MemberID
    programme: ID
    campaign_id: CampaignID | None = None
    reason: Text | None = None
    """What the referee did to qualify it: ``first purchase``."""


@event_type("referral.voided.v1")
class ReferralVoided(Decided, frozen=True, kw_only=True):
    """A referral was found false: it earns nothing, and its referee may be referred again."""

    referral_id: ReferralID
    advocate_id: MemberID
    referee_id: MemberID | None = None
    programme: ID
    campaign_id: CampaignID | None = None
    reason: Text


class ReferralNotMade(RuleError):
    """No referral with this id was made: record it first, or correct the id."""


class ReferralIsVoid(RuleError):
    """This referral was voided, so it can neither qualify nor be voided again."""


class CodeOwner(View):
    """Whether a referral code was issued. Tag: ``code:<code>``."""

    member_id: str | None = None

    @on(ReferralCodeIssued)
    def _(self, event: ReferralCodeIssued, envelope: Envelope) -> None:
        self.member_id = event.member_id


class ReferralState(View):
    """What became of a referral. Tag: ``referral:<id>``."""

    made: ReferralMade | None = None
    made_at: datetime
    qualified: ReferralQualified | None = None
    voided = False

    @on(ReferralMade)
    def _(self, event: ReferralMade, envelope: Envelope) -> None:
        if self.made is None:
            self.made = event
            self.made_at = envelope.time

    @on(ReferralQualified)
    def _(self, event: ReferralQualified, envelope: Envelope) -> None:
        self.qualified = event

    @on(ReferralVoided)
    def _(self, event: ReferralVoided, envelope: Envelope) -> None:
        self.voided = True

    def require(self) -> ReferralMade:
        """The referral as it was made; refuse when it was not made, or is void."""
        if self.made is None:
            raise ReferralNotMade(referral=self.tags[0])
        if self.voided:
            raise ReferralIsVoid(referral=self.tags[0])
        return self.made


class RefereeHistory(View):
    """By which referrals a member came, and since when they buy. Tag: ``member:<id>``."""

    first_purchase_at: datetime | None = None

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.qualified: dict[str, str] = {}
        """The qualified referral by its programme."""

    @on(PurchaseRecorded)
    def _(self, event: PurchaseRecorded, envelope: Envelope) -> None:
        if self.first_purchase_at is None or envelope.time < self.first_purchase_at:
            self.first_purchase_at = envelope.time

    @on(ReferralQualified)
    def _(self, event: ReferralQualified, envelope: Envelope) -> None:
        if f"member:{event.referee_id}" in self.tags:
            self.qualified[event.programme] = event.referral_id

    @on(ReferralVoided)
    def _(self, event: ReferralVoided, envelope: Envelope) -> None:
        if self.qualified.get(event.programme) == event.referral_id:
            del self.qualified[event.programme]


def voided(made: ReferralMade, referee_id: str | None, reason: str) -> ReferralVoided:
    """The event that says that a referral is false."""
    return ReferralVoided(
        referral_id=made.referral_id,
        advocate_id=made.advocate_id,
        referee_id=referee_id,
        programme=made.programme,
        campaign_id=made.campaign_id,
        reason=reason,
    )


class Screening(Reaction, reacts_to=ReferralMade, reads=(ReferralState, IdentityHolders)):
    """A referral of somebody whom the ledger knows as the advocate is void from the start."""

    def __init__(self, event: ReferralMade) -> None:
        super().__init__(event)
        self.state = self.view(ReferralState, f"referral:{event.referral_id}")
        identity = event.prospect_identity_id
        self.identity = self.view(IdentityHolders, f"identity:{identity}") if identity else None

    def execute(self) -> None:
        """Void it, if the advocate named an identity of their own."""
        event: ReferralMade = self.event
        if self.state.made is not None or self.identity is None:
            return
        if event.advocate_id in self.identity.holders:
            self.trigger(voided(event, None, SELF_REFERRAL), cause=self.envelope.position)
