"""Participations: somebody takes part in an activation, and counts when its rules allow."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from domain.activations import ActivationTerms
from domain.campaigns import CampaignPlan
from domain.contact import Contact
from domain.decision import Reaction, View, on
from domain.envelope import Envelope
from domain.event import Decided, Observation, event_type
from domain.types import (
    ActivationID,
    CampaignID,
    MemberID,
    ParticipationID,
    Version,
    VisitorID,
    Word,
)

DisqualificationReason = Literal["outside_dates", "limit", "duplicate_device", "rules", "late"]
"""It happened outside the campaign's dates; once too often; from a device that had taken part; it
broke the rules; or it was recorded after the campaign's ``late_until``."""


@event_type("participation.recorded.v1")
class ParticipationRecorded(Observation, frozen=True, kw_only=True):
    """Somebody took part in an activation. It is recorded even where it counts for nothing."""

    participation_id: ParticipationID
    member_id: MemberID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID
    activation_id: ActivationID
    contact: Contact | None = None
    outcome: Word | None = None
    """What came of it: ``won``, ``lost``, ``finished``."""
    rules_version: Version | None = None
    """The version of the rules that the participant accepted."""


@event_type("participation.disqualified.v1")
class ParticipationDisqualified(Decided, frozen=True, kw_only=True):
    """A participation counts for nothing: it earns no points, and uses up no entry."""

    participation_id: ParticipationID
    member_id: MemberID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID
    activation_id: ActivationID
    reason: DisqualificationReason


class Entry(NamedTuple):
    """A participation that uses up an entry."""

    time: datetime
    member_id: str | None


class Entries(View):
    """The participations that count. Tags: ``member:`` or ``visitor:``, and ``activation:``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.counted: dict[str, Entry] = {}
        self.known: set[str] = set()

    @on(ParticipationRecorded)
    def _(self, event: ParticipationRecorded, envelope: Envelope) -> None:
        if event.participation_id not in self.known:
            self.known.add(event.participation_id)
            self.counted[event.participation_id] = Entry(envelope.time, event.member_id)

    @on(ParticipationDisqualified)
    def _(self, event: ParticipationDisqualified, envelope: Envelope) -> None:
        self.counted.pop(event.participation_id, None)


class ParticipationState(View):
    """What became of a participation. Tag: ``participation:<id>``."""

    recorded: ParticipationRecorded | None = None
    recorded_position: int | None = None
    disqualified = False

    @on(ParticipationRecorded)
    def _(self, event: ParticipationRecorded, envelope: Envelope) -> None:
        if self.recorded is None:
            self.recorded = event
            self.recorded_position = envelope.position

    @on(ParticipationDisqualified)
    def _(self, event: ParticipationDisqualified, envelope: Envelope) -> None:
        self.disqualified = True


def disqualified(
    event: ParticipationRecorded, reason: DisqualificationReason
) -> ParticipationDisqualified:
    """The event that says that a participation counts for nothing."""
    return ParticipationDisqualified(
        participation_id=event.participation_id,
        member_id=event.member_id,
        visitor_id=visitor_of(event),
        campaign_id=event.campaign_id,
        activation_id=event.activation_id,
        reason=reason,
    )


def visitor_of(event: ParticipationRecorded) -> str | None:
    """The visitor who took part, wherever the event says it."""
    return event.visitor_id or (event.contact.visitor_id if event.contact else None)


class Admission(
    Reaction,
    reacts_to=ParticipationRecorded,
    reads=(CampaignPlan, ActivationTerms, Entries, ParticipationState),
):
    """A participation counts inside its campaign's dates and within its activation's limit.

    Within a period the ones that were *recorded* first count: what arrives late never takes away
    what somebody was already told. What is said of an unknown campaign or activation breaks no
    rule that the ledger knows.
    """

    def __init__(self, event: ParticipationRecorded) -> None:
        super().__init__(event)
        activation = f"activation:{event.activation_id}"
        self.state = self.view(ParticipationState, f"participation:{event.participation_id}")
        self.plan = self.view(CampaignPlan, f"campaign:{event.campaign_id}")
        self.terms = self.view(ActivationTerms, activation)
        visitor = visitor_of(event)
        member = event.member_id
        self.own = self.view(Entries, f"member:{member}", activation) if member else None
        self.visitor = self.view(Entries, f"visitor:{visitor}", activation) if visitor else None

    def execute(self) -> None:
        """Disqualify it with its reason, if it breaks a rule."""
        event: ParticipationRecorded = self.event
        if self.state.recorded is not None:
            return  # told twice under two ids: the first one was judged
        reason = self._reason()
        if reason is not None:
            self.trigger(disqualified(event, reason), cause=self.envelope.position)

    def _reason(self) -> DisqualificationReason | None:
        if self.plan.planned:
            if not self.plan.holds(self.envelope.time):
                return "outside_dates"
            if self.plan.too_late(self.envelope.recorded_at):
                return "late"
        limited = self.terms.entries_max is not None
        if limited and not self.terms.allows(self._times(), self.envelope.time):
            return "limit"
        return None

    def _times(self) -> list[datetime]:
        """When the same person took part: the member's entries, and the visitor's not by others."""
        member_id = self.event.member_id
        entries = dict(self.own.counted) if self.own else {}
        if self.visitor:
            entries |= {
                participation_id: entry
                for participation_id, entry in self.visitor.counted.items()
                if entry.member_id in (member_id, None) or member_id is None
            }
        return [entry.time for entry in entries.values()]
