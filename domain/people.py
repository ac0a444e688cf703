"""People: who is enrolled, what their profile says, which visitor they were, and their leaving."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, field

from domain.campaigns import CampaignPlan
from domain.contact import Contact
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, Observation, event_type
from domain.personal import Personal
from domain.types import (
    ID,
    INTEGER_MAX,
    LIST_LENGTH_MAX,
    NAME_LENGTH_MAX,
    CampaignID,
    Country,
    IdentityID,
    Instant,
    Language,
    MemberID,
    Text,
    VisitorID,
    Word,
)

ATTRIBUTES_MAX: Final = 100
"""Attributes of one kind (personal, plain) in one event."""

Key = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""The name of an attribute: ``first_name``, ``favourite_store``."""
PlainText = Annotated[str, Meta(max_length=NAME_LENGTH_MAX)]
PlainNumber = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
PlainAttributes = Annotated[
    dict[Key, bool | PlainNumber | PlainText], Meta(max_length=ATTRIBUTES_MAX)
]
"""Attributes that tell nobody who the person is; they stand in the log in clear."""


@event_type("member.enrolled.v1")
class MemberEnrolled(Decided, frozen=True, kw_only=True):
    """Somebody became a member. The id is minted here: it never was a number of the caller's."""

    member_id: MemberID
    campaign_id: CampaignID | None = None
    """The campaign that brought the member."""
    contact: Contact | None = None
    age_band: ID | None = None
    """A band such as ``25-34``, never a date of birth."""
    country: Country | None = None
    language: Language | None = None


@event_type("profile.updated.v1")
class ProfileUpdated(Observation, frozen=True, kw_only=True):
    """Attributes of a member's profile were set or removed; the others stay as they were."""

    member_id: MemberID
    personal: Annotated[dict[Key, Personal["member_id"]], Meta(max_length=ATTRIBUTES_MAX)] = field(
        default_factory=dict
    )
    """Sealed under the member's key before they reach the log."""
    plain: PlainAttributes = field(default_factory=dict)
    removed: Annotated[tuple[Key, ...], Meta(max_length=ATTRIBUTES_MAX)] = ()
    """Names of attributes that the profile holds no longer."""
    campaign_id: CampaignID | None = None


@event_type("visitor.identified.v1")
class VisitorIdentified(Observation, frozen=True, kw_only=True):
    """An unknown visitor turned out to be a member: what the visitor did becomes the member's."""

    visitor_id: VisitorID
    member_id: MemberID
    campaign_id: CampaignID | None = None


@event_type("membership.ended.v1")
class MembershipEnded(Observation, frozen=True, kw_only=True):
    """The member left, or was asked to leave. The history stays."""

    member_id: MemberID
    reason: Word | None = None


@event_type("members.merged.v1")
class MembersMerged(Decided, frozen=True, kw_only=True):
    """Two members were found to be one person. Each event keeps the id it was recorded with."""

    member_id: MemberID
    """The root, under which both histories are folded from here on."""
    merged_id: MemberID
    """The member that became an alias of the root."""
    reason: Text
    approved_by: ID | None = None


@event_type("members.unmerged.v1")
class MembersUnmerged(Decided, frozen=True, kw_only=True):
    """A merge was found wrong: the two members are two again, each with its own history."""

    member_id: MemberID
    merged_id: MemberID
    reason: Text
    approved_by: ID | None = None


@event_type("member.erased.v1")
class MemberErased(Decided, frozen=True, kw_only=True):
    """The keys that open the member's personal data were destroyed. The log stays whole."""

    member_id: MemberID
    destroyed: Annotated[tuple[Word, ...], Meta(max_length=ATTRIBUTES_MAX)]
    """What was destroyed: ``subject-key``, ``identity-digests``."""
    irrecoverable_at: Instant
    """When the last copy of a key is gone too, with the epoch key that wrapped it."""
    reason: Word | None = None
    identities: Annotated[tuple[IdentityID, ...], Meta(max_length=LIST_LENGTH_MAX)] = ()
    """The identities by which the member is recognised no longer."""


class MemberNotEnrolled(RuleError):
    """Nobody is enrolled under this id: they never were, or they left, or were erased."""


class MemberAlreadyEnrolled(RuleError):
    """This member is enrolled already; use the id that was given then."""


class Membership(View):
    """Whether somebody is a member. Tag: ``member:<id>``."""

    enrolled = False

    @on(MemberEnrolled)
    def _(self, event: MemberEnrolled, envelope: Envelope) -> None:
        self.enrolled = True

    @on(MembershipEnded, MemberErased)
    def _(self, event: MembershipEnded | MemberErased, envelope: Envelope) -> None:
        self.enrolled = False

    def require(self) -> None:
        """Refuse when nobody is enrolled under this tag."""
        if not self.enrolled:
            raise MemberNotEnrolled(member=self.tags[0])


class EnrolMember(Command, frozen=True, kw_only=True):
    """Make somebody a member. The answer's event holds the new ``member_id``."""

    seals_as = MemberEnrolled

    campaign_id: CampaignID | None = None
    contact: Contact | None = None
    age_band: ID | None = None
    country: Country | None = None
    language: Language | None = None


class Enrolment(Slice, decides=EnrolMember, reads=(Membership, CampaignPlan)):
    """A member gets an id that nobody ever had."""

    def __init__(self, command: EnrolMember, command_id: str) -> None:
        super().__init__(command, command_id)
        self.member_id = self.mint("m")
        self.membership = self.view(Membership, f"member:{self.member_id}")
        campaign = command.campaign_id
        self.plan = self.view(CampaignPlan, f"campaign:{campaign}") if campaign else None

    def execute(self) -> None:
        """Enrol, unless the campaign that is named does not exist."""
        command: EnrolMember = self.command
        if self.membership.enrolled:
            raise MemberAlreadyEnrolled(member_id=self.member_id)
        if self.plan is not None:
            self.plan.require()
        self.trigger(
            MemberEnrolled(
                member_id=self.member_id,
                campaign_id=command.campaign_id,
                contact=command.contact,
                age_band=command.age_band,
                country=command.country,
                language=command.language,
            )
        )
