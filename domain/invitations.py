"""Invitations: the brand contacts a member, and what became of the message."""

from __future__ import annotations

from typing import Literal

from domain.consents import LegalBasis
from domain.contact import Contact
from domain.event import Observation, event_type
from domain.types import CampaignID, InvitationID, MemberID, Name, Word

OpenedBy = Literal["human", "machine", "unknown"]
"""Mail programs open messages and follow links by themselves: those are machines."""


class _Invitation(Observation, frozen=True, kw_only=True):
    """What all events of an invitation have in common."""

    invitation_id: InvitationID
    member_id: MemberID
    campaign_id: CampaignID | None = None
    contact: Contact | None = None


@event_type("invitation.sent.v1")
class InvitationSent(_Invitation, frozen=True, kw_only=True):
    """The brand contacted a member, relying on a consent."""

    purpose: Word | None = None
    """The purpose of the consent that was relied on."""
    legal_basis: LegalBasis | None = None


@event_type("invitation.delivered.v1")
class InvitationDelivered(_Invitation, frozen=True, kw_only=True):
    """The message reached the member's mailbox or device."""


@event_type("invitation.bounced.v1")
class InvitationBounced(_Invitation, frozen=True, kw_only=True):
    """The message came back."""

    permanent: bool | None = None
    """Whether it is of no use to try again; none: not known."""
    reason: Name | None = None


@event_type("invitation.opened.v1")
class InvitationOpened(_Invitation, frozen=True, kw_only=True):
    """The message was opened, or seen."""

    opened_by: OpenedBy = "unknown"


@event_type("invitation.clicked.v1")
class InvitationClicked(_Invitation, frozen=True, kw_only=True):
    """A link of the message was followed."""

    opened_by: OpenedBy = "unknown"
    link: Name | None = None
    """Which link, by its name; never an address that tells who the member is."""


@event_type("invitation.complained.v1")
class InvitationComplained(_Invitation, frozen=True, kw_only=True):
    """The member said that the message was unwanted."""


@event_type("invitation.unsubscribed.v1")
class InvitationUnsubscribed(_Invitation, frozen=True, kw_only=True):
    """The member asked, from this message, not to be sent any more."""

    purpose: Word | None = None
    """What the member no longer wants; none: nothing at all."""
