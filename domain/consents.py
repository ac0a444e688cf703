"""Consents: what a member allows, per purpose and channel, with the proof of it."""

from __future__ import annotations

from typing import Literal

from domain.event import Observation, event_type
from domain.personal import Personal
from domain.types import ID, CampaignID, MemberID, Name, Word

LegalBasis = Literal["consent", "soft_opt_in", "contract"]
DoubleOptIn = Literal["not_asked", "pending", "confirmed"]


class _Consent(Observation, frozen=True, kw_only=True):
    """What a grant and a withdrawal have in common."""

    member_id: MemberID
    purpose: Word
    """What the data may be used for: ``marketing``, ``profiling``, ``newsletter``."""
    channel: Word | None = None
    """Through which channel; none means all of them."""
    legal_basis: LegalBasis = "consent"
    wording_version: ID | None = None
    """The version of the wording that was shown."""
    evidence: Personal["member_id"] | None = None
    """What proves it: a form's reference, an address, a recording. Sealed."""
    controller: Name | None = None
    """Who answers for the data, where it is not the brand alone."""
    guardian: Personal["member_id"] | None = None
    """Who consented for a member who may not do so alone. Sealed."""
    campaign_id: CampaignID | None = None


@event_type("consent.granted.v1")
class ConsentGranted(_Consent, frozen=True, kw_only=True):
    """A member allowed a use of their data, with the wording that they were shown."""

    double_opt_in: DoubleOptIn | None = None
    """Whether the member confirmed it a second time."""


@event_type("consent.withdrawn.v1")
class ConsentWithdrawn(_Consent, frozen=True, kw_only=True):
    """A member no longer allows a use of their data, from the event's time on."""
