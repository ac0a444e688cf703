"""The rows of profiles: what each member said, did and is, as the events bring it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.decision import on
from domain.engagement import (
    AnswerAccepted,
    ContributionPosted,
    ServiceContactRecorded,
    ShareRecorded,
    VisitRecorded,
)
from domain.envelope import Envelope
from domain.event import Event
from domain.identities import IdentityReleased, MemberIdentified
from domain.invitations import (
    InvitationClicked,
    InvitationComplained,
    InvitationOpened,
    InvitationSent,
    InvitationUnsubscribed,
)
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, ProfileUpdated
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from projections.aliases import AccountsOfMembers, VisitorsOfMembers
from projections.consents import Consent, consent_of, latest
from projections.fold import Fold
from projections.participations import (
    Participation,
    take_disqualification,
    take_participation,
)
from projections.purchases import Purchase, take_purchase, take_return


class Enrolment(msgspec.Struct, omit_defaults=True):
    """How somebody became a member."""

    time: datetime
    campaign_id: str | None = None
    country: str | None = None
    language: str | None = None
    age_band: str | None = None


class HeldIdentity(msgspec.Struct, omit_defaults=True):
    """An identity by which the member is recognised; its value is sealed."""

    kind: str
    value: str
    exclusive: bool
    since: datetime
    verified: str | None = None


class Attribute(msgspec.Struct, omit_defaults=True):
    """An attribute as it was set last, by time, then position."""

    time: datetime
    position: int
    value: str | int | bool | None = None
    """Sealed when it is personal; None: it was removed."""
    personal: bool = False


class Brought(msgspec.Struct, omit_defaults=True):
    """A referral that the member made."""

    named: bool = False
    """The friend was named, so this was a friend invitation."""
    referee_id: str | None = None
    """Since it was qualified."""
    voided: bool = False


class ProfileRow(msgspec.Struct, omit_defaults=True):
    """Everything that a member's profile is computed from."""

    member_id: str
    enrolment: Enrolment | None = None
    ended_at: datetime | None = None
    erased_at: datetime | None = None
    identities: dict[str, HeldIdentity] = {}
    attributes: dict[str, Attribute] = {}
    consents: list[Consent] = []
    first_contact: datetime | None = None
    last_contact: datetime | None = None
    participations: dict[str, Participation] = {}
    purchases: dict[str, Purchase] = {}
    referrals: dict[str, Brought] = {}
    qualified_count: int = 0
    """Referrals that are qualified and not voided; kept for finding the top advocates."""
    referred_by: dict[str, str] = {}
    """Advocate by referral."""
    accounts: list[str] = []
    counts: dict[str, int] = {}

    def meet(self, time: datetime) -> None:
        """The member and the brand were in touch."""
        if self.first_contact is None or time < self.first_contact:
            self.first_contact = time
        if self.last_contact is None or time > self.last_contact:
            self.last_contact = time

    def count(self, name: str) -> None:
        """One more of something."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def qualified(self) -> list[Brought]:
        """The referrals that were qualified and not voided."""
        return [one for one in self.referrals.values() if one.referee_id and not one.voided]

    def set_attribute(self, name: str, attribute: Attribute) -> None:
        """Set or remove an attribute, unless that was said earlier than what is known."""
        known = self.attributes.get(name)
        if known is None or (known.time, known.position) <= (attribute.time, attribute.position):
            self.attributes[name] = attribute


COUNTED: Final[dict[type[Event], str]] = {
    InvitationSent: "invitations_sent",
    InvitationOpened: "invitations_opened",
    InvitationClicked: "invitations_clicked",
    InvitationComplained: "complaints",
    InvitationUnsubscribed: "unsubscriptions",
    ShareRecorded: "shares",
    VisitRecorded: "visits",
    ContributionPosted: "contributions",
    AnswerAccepted: "accepted_answers",
    ServiceContactRecorded: "service_contacts",
}
"""Events that are counted one by one, and under which name."""

_COUNTED: Final = {event.type_name: name for event, name in COUNTED.items()}

INITIATED: Final = (ShareRecorded, VisitRecorded, ContributionPosted, ServiceContactRecorded)
"""Of these, what a member does; being written to, or opening it, is no contact."""

Counted = (
    InvitationSent
    | InvitationOpened
    | InvitationClicked
    | InvitationComplained
    | InvitationUnsubscribed
    | ShareRecorded
    | VisitRecorded
    | ContributionPosted
    | AnswerAccepted
    | ServiceContactRecorded
)


class Profiles(
    Fold,
    table="profiles",
    key="member",
    aliases=(VisitorsOfMembers, AccountsOfMembers),
    indexes=("((row->>'qualified_count')::integer) DESC NULLS LAST, key",),
):
    """Who each member is: the one profile that lasts across campaigns."""

    Row = ProfileRow

    @on(MemberEnrolled)
    def _(self, row: ProfileRow, event: MemberEnrolled, envelope: Envelope) -> None:
        row.meet(envelope.time)
        row.enrolment = Enrolment(
            envelope.time, event.campaign_id, event.country, event.language, event.age_band
        )

    @on(MembershipEnded)
    def _(self, row: ProfileRow, event: MembershipEnded, envelope: Envelope) -> None:
        row.ended_at = min(row.ended_at or envelope.time, envelope.time)

    @on(MemberErased)
    def _(self, row: ProfileRow, event: MemberErased, envelope: Envelope) -> None:
        row.erased_at = envelope.time
        # Nobody can open what is sealed any more: it says nothing, and need not be copied on.
        row.identities = {}
        row.attributes = {name: one for name, one in row.attributes.items() if not one.personal}

    @on(MemberIdentified)
    def _(self, row: ProfileRow, event: MemberIdentified, envelope: Envelope) -> None:
        if event.identity_id is not None:
            known = row.identities.get(event.identity_id)
            since = envelope.time if known is None else known.since
            row.identities[event.identity_id] = HeldIdentity(
                event.kind, event.value, event.exclusive, since, event.verified
            )

    @on(IdentityReleased)
    def _(self, row: ProfileRow, event: IdentityReleased, envelope: Envelope) -> None:
        if event.identity_id is not None:
            row.identities.pop(event.identity_id, None)

    @on(ProfileUpdated)
    def _(self, row: ProfileRow, event: ProfileUpdated, envelope: Envelope) -> None:
        said = envelope.time, envelope.position
        for name in event.removed:
            row.set_attribute(name, Attribute(*said))
        for name, plain in event.plain.items():
            row.set_attribute(name, Attribute(*said, plain))
        for name, sealed in event.personal.items():
            row.set_attribute(name, Attribute(*said, sealed, personal=True))

    @on(ConsentGranted, ConsentWithdrawn)
    def _(
        self, row: ProfileRow, event: ConsentGranted | ConsentWithdrawn, envelope: Envelope
    ) -> None:
        row.consents = latest([*row.consents, consent_of(event, envelope)])

    @on(*COUNTED)
    def _(self, row: ProfileRow, event: Counted, envelope: Envelope) -> None:
        if isinstance(event, AnswerAccepted) and event.member_id != row.member_id:
            return  # the one who accepted it
        row.count(_COUNTED[event.type_name])
        if isinstance(event, INITIATED):
            row.meet(envelope.time)

    @on(ParticipationRecorded)
    def _(self, row: ProfileRow, event: ParticipationRecorded, envelope: Envelope) -> None:
        row.meet(envelope.time)
        take_participation(row.participations, event, envelope)

    @on(ParticipationDisqualified)
    def _(self, row: ProfileRow, event: ParticipationDisqualified, envelope: Envelope) -> None:
        take_disqualification(row.participations, event)

    @on(PurchaseRecorded)
    def _(self, row: ProfileRow, event: PurchaseRecorded, envelope: Envelope) -> None:
        row.meet(envelope.time)
        take_purchase(row.purchases, event, envelope)

    @on(ReturnMatched)
    def _(self, row: ProfileRow, event: ReturnMatched, envelope: Envelope) -> None:
        take_return(row.purchases, event)

    @on(ReferralMade)
    def _(self, row: ProfileRow, event: ReferralMade, envelope: Envelope) -> None:
        row.meet(envelope.time)
        if event.referral_id not in row.referrals:
            row.referrals[event.referral_id] = Brought(named=event.prospect_id is not None)

    @on(ReferralQualified)
    def _(self, row: ProfileRow, event: ReferralQualified, envelope: Envelope) -> None:
        if event.referee_id == row.member_id:
            row.referred_by[event.referral_id] = event.advocate_id
        if event.advocate_id == row.member_id:
            row.referrals.setdefault(event.referral_id, Brought()).referee_id = event.referee_id
            row.qualified_count = len(row.qualified())

    @on(ReferralVoided)
    def _(self, row: ProfileRow, event: ReferralVoided, envelope: Envelope) -> None:
        if event.referee_id == row.member_id:
            row.referred_by.pop(event.referral_id, None)
        if event.advocate_id == row.member_id:
            row.referrals.setdefault(event.referral_id, Brought()).voided = True
            row.qualified_count = len(row.qualified())

    @on(AccountOpened, HolderAdded)
    def _(self, row: ProfileRow, event: AccountOpened | HolderAdded, envelope: Envelope) -> None:
        if event.account_id not in row.accounts:
            row.accounts.append(event.account_id)

    @on(HolderRemoved)
    def _(self, row: ProfileRow, event: HolderRemoved, envelope: Envelope) -> None:
        if event.account_id in row.accounts:
            row.accounts.remove(event.account_id)
