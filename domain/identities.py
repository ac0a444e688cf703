"""Identities: the keys by which members are recognised, each exclusive to one member or shared."""

from __future__ import annotations

from typing import Annotated

from domain.campaigns import CampaignPlan
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import InvalidEvent, RuleError
from domain.event import Decided, event_type
from domain.people import MemberErased, Membership
from domain.personal import Personal, digested
from domain.types import CampaignID, IdentityID, MemberID, Text, Word


@event_type("member.identified.v1")
class MemberIdentified(Decided, frozen=True, kw_only=True):
    """A member is recognised by an identity from here on: an e-mail, a phone, a card.

    The value is sealed under the member's key. The identity's id is random: nothing in the log is
    computed from the value.
    """

    member_id: MemberID
    identity_id: Annotated[IdentityID | None, digested("identity", "kind", "value")] = None
    """The vault gives the same kind and value the same random id, always."""
    kind: Word
    """email, phone, loyalty_card, facebook, instagram, messenger, x, crm, ..."""
    exclusive: bool
    """True: it belongs to this member alone. False: others may share it (a family's e-mail)."""
    value: Personal["member_id"]
    verified: Word | None = None
    """How it was verified (``link``, ``sms``, ``card-shown``); none: it was not."""
    campaign_id: CampaignID | None = None


@event_type("identity.released.v1")
class IdentityReleased(Decided, frozen=True, kw_only=True):
    """A member is no longer recognised by an identity: it was given up, or found wrong.

    A system that does not know the identity's id says its kind and value instead.
    """

    member_id: MemberID
    identity_id: Annotated[IdentityID | None, digested("identity", "kind", "value")] = None
    """Where kind and value are said, the vault fills it in: the id that they always had."""
    kind: Word | None = None
    value: Personal["member_id"] | None = None
    reason: Text


class IdentityNotExclusive(RuleError):
    """Others are recognised by this identity too: share it, or have it released there first."""


class IdentityBelongsToAnother(RuleError):
    """This identity belongs to another member alone: have it released there first."""


class AlreadyIdentified(RuleError):
    """The member is recognised by this identity already, in just this way; nothing would change."""


class IdentityNotHeld(RuleError):
    """The member is not recognised by this identity: check both ids on the member's profile."""


class IdentityHolders(View):
    """Who is recognised by an identity as of now. Tag: ``identity:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.holders: dict[str, MemberIdentified] = {}

    @on(MemberIdentified)
    def _(self, event: MemberIdentified, envelope: Envelope) -> None:
        self.holders[event.member_id] = event

    @on(IdentityReleased, MemberErased)
    def _(self, event: IdentityReleased | MemberErased, envelope: Envelope) -> None:
        self.holders.pop(event.member_id, None)


class IdentifyMember(Command, frozen=True, kw_only=True):
    """Recognise a member by an identity from now on, alone or shared with others.

    Doing it again changes what was said before: exclusive or shared, verified or not.
    """

    seals_as = MemberIdentified

    member_id: MemberID
    kind: Word
    value: Personal["member_id"]
    exclusive: bool
    verified: Word | None = None
    campaign_id: CampaignID | None = None
    identity_id: Annotated[IdentityID | None, digested("identity", "kind", "value")] = None
    """Filled in by the ledger."""


class Identification(
    Slice, decides=IdentifyMember, reads=(Membership, IdentityHolders, CampaignPlan)
):
    """An exclusive identity belongs to one member at a time; a shared one is nobody's alone."""

    def __init__(self, command: IdentifyMember, command_id: str) -> None:
        super().__init__(command, command_id)
        if command.identity_id is None:
            raise InvalidEvent("the identity has no id: the vault fills it in before a decision")
        self.membership = self.view(Membership, f"member:{command.member_id}")
        self.identity = self.view(IdentityHolders, f"identity:{command.identity_id}")
        campaign = command.campaign_id
        self.plan = self.view(CampaignPlan, f"campaign:{campaign}") if campaign else None

    def execute(self) -> None:
        """Identify, unless the identity is not free for this."""
        command: IdentifyMember = self.command
        self.membership.require()
        if self.plan is not None:
            self.plan.require()
        held = self.identity.holders.get(command.member_id)
        others = [
            holder
            for member_id, holder in self.identity.holders.items()
            if member_id != command.member_id
        ]
        if any(other.exclusive for other in others):
            raise IdentityBelongsToAnother(identity_id=command.identity_id)
        if others and command.exclusive:
            raise IdentityNotExclusive(identity_id=command.identity_id)
        if held and (held.exclusive, held.verified) == (command.exclusive, command.verified):
            raise AlreadyIdentified(identity_id=command.identity_id)
        self.trigger(
            MemberIdentified(
                member_id=command.member_id,
                identity_id=command.identity_id,
                kind=command.kind,
                exclusive=command.exclusive,
                value=command.value,
                verified=command.verified,
                campaign_id=command.campaign_id,
            )
        )


class ReleaseIdentity(Command, frozen=True, kw_only=True):
    """Recognise a member by an identity no longer; somebody else can be from then on.

    The identity is named by its id, or by its kind and value.
    """

    seals_as = IdentityReleased

    member_id: MemberID
    identity_id: Annotated[IdentityID | None, digested("identity", "kind", "value")] = None
    kind: Word | None = None
    value: Personal["member_id"] | None = None
    reason: Text


class Release(Slice, decides=ReleaseIdentity, reads=(IdentityHolders,)):
    """Only an identity that is held is released; whoever left can still give one up."""

    def __init__(self, command: ReleaseIdentity, command_id: str) -> None:
        super().__init__(command, command_id)
        if command.identity_id is None:
            raise InvalidEvent("name the identity by its id, or by both its kind and its value")
        self.identity = self.view(IdentityHolders, f"identity:{command.identity_id}")

    def execute(self) -> None:
        """Release it, if the member holds it."""
        command: ReleaseIdentity = self.command
        if command.member_id not in self.identity.holders:
            raise IdentityNotHeld(member_id=command.member_id, identity_id=command.identity_id)
        self.trigger(
            IdentityReleased(
                member_id=command.member_id,
                identity_id=command.identity_id,
                reason=command.reason,
            )
        )
