"""Engagement: shares, visits, contributions to the community, and contacts with the service."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from domain.contact import Contact
from domain.event import Observation, event_type
from domain.types import (
    ID,
    CampaignID,
    ContributionID,
    Count,
    Instant,
    MemberID,
    Money,
    Name,
    ShareID,
    VisitorID,
    Word,
)

Rating = Annotated[int, Meta(ge=0, le=100)]
"""A rating in percent of the best: four stars of five are 80."""


@event_type("share.recorded.v1")
class ShareRecorded(Observation, frozen=True, kw_only=True):
    """Somebody passed a content of the brand on."""

    share_id: ShareID
    member_id: MemberID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID | None = None
    content_id: ID | None = None
    contact: Contact | None = None
    parent_share_id: ShareID | None = None
    """The share through which this person had received it."""


@event_type("visit.recorded.v1")
class VisitRecorded(Observation, frozen=True, kw_only=True):
    """Somebody came to a store, a site or an app of the brand."""

    visitor_id: VisitorID | None = None
    member_id: MemberID | None = None
    campaign_id: CampaignID | None = None
    contact: Contact | None = None
    """How they came, with the share that they followed."""
    place: Literal["store", "web", "app"] | None = None
    landing: Name | None = None
    """The first page or department; never an address that tells who the visitor is."""


@event_type("contribution.posted.v1")
class ContributionPosted(Observation, frozen=True, kw_only=True):
    """A member gave something to the community: a question, an answer, a review, an idea."""

    contribution_id: ContributionID
    member_id: MemberID
    kind: Word
    """question, answer, review, idea, ..."""
    topic: Name | None = None
    sku: ID | None = None
    """The article that it speaks of."""
    rating: Rating | None = None
    content_id: ID | None = None
    parent_id: ContributionID | None = None
    """What it answers or continues."""
    campaign_id: CampaignID | None = None
    contact: Contact | None = None


@event_type("answer.accepted.v1")
class AnswerAccepted(Observation, frozen=True, kw_only=True):
    """An answer was found to have solved the question: a contact that the service was spared."""

    contribution_id: ContributionID
    """The answer."""
    member_id: MemberID | None = None
    """Who wrote the answer."""
    question_id: ContributionID | None = None
    accepted_by: Word | None = None
    """Who accepted it: ``asker``, ``moderator``, ``brand``."""
    accepter_id: MemberID | None = None
    """The member who accepted it."""
    campaign_id: CampaignID | None = None


@event_type("contribution.viewed.v1")
class ContributionViewed(Observation, frozen=True, kw_only=True):
    """A contribution was read so often in a period. Reports add up."""

    contribution_id: ContributionID
    count: Count
    period_starts: Instant | None = None
    period_ends: Instant | None = None
    campaign_id: CampaignID | None = None


@event_type("service_contact.recorded.v1")
class ServiceContactRecorded(Observation, frozen=True, kw_only=True):
    """Somebody turned to the brand's service."""

    member_id: MemberID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID | None = None
    contact: Contact | None = None
    """The channel, the place and the member of staff."""
    reason: Word | None = None
    topic: Name | None = None
    cost: Money | None = None
    resolved: bool | None = None
    response_seconds: Count | None = None
    """How long the person waited for the first answer."""
