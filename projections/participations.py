"""What a row keeps of participations, so that the disqualified ones count for nothing."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.envelope import Envelope
from domain.participations import ParticipationDisqualified, ParticipationRecorded


class Participation(msgspec.Struct, array_like=True):
    """One participation, by its ``participation_id``."""

    campaign_id: str
    time: datetime
    paid: bool = False
    """It came through a paid contact."""
    disqualified: bool = False


Participations = dict[str, Participation]


def take_participation(
    participations: Participations, event: ParticipationRecorded, envelope: Envelope
) -> None:
    """Take in a participation; of one reported twice the first counts."""
    if event.participation_id not in participations:
        participations[event.participation_id] = Participation(
            event.campaign_id,
            envelope.time,
            paid=event.contact is not None and event.contact.origin == "paid",
        )


def take_disqualification(participations: Participations, event: ParticipationDisqualified) -> None:
    """Let a participation count no more."""
    participation = participations.get(event.participation_id)
    if participation is not None:
        participation.disqualified = True
