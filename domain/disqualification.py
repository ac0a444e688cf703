"""Disqualification: a participation found false counts no more, nor does what it earned."""

from __future__ import annotations

from domain.clawbacks import Consequences, all_clawed_back
from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.participations import DisqualificationReason, ParticipationState, disqualified
from domain.types import ID, ParticipationID


class ParticipationNotRecorded(RuleError):
    """No participation with this id was recorded: record it first, or correct the id."""


class ParticipationAlreadyDisqualified(RuleError):
    """This participation is disqualified already, by a rule or by somebody."""


class DisqualifyParticipation(Command, frozen=True, kw_only=True):
    """State that a participation counts for nothing. What it earned is taken back with it."""

    participation_id: ParticipationID
    reason: DisqualificationReason
    approved_by: ID | None = None
    """Who agreed that the points are taken back, where policy asks for two people."""


class Disqualification(
    Slice, decides=DisqualifyParticipation, reads=(ParticipationState, Consequences)
):
    """A participation is disqualified once; its entry is free again, and its points are gone."""

    def __init__(self, command: DisqualifyParticipation, command_id: str) -> None:
        super().__init__(command, command_id)
        tag = f"participation:{command.participation_id}"
        self.participation = self.view(ParticipationState, tag)
        self.consequences = self.view(Consequences, tag)

    def execute(self) -> None:
        """Disqualify it, and claw back what is left of each award, or let it be owed."""
        command: DisqualifyParticipation = self.command
        recorded = self.participation.recorded
        if recorded is None:
            raise ParticipationNotRecorded(participation_id=command.participation_id)
        if self.participation.disqualified:
            raise ParticipationAlreadyDisqualified(participation_id=command.participation_id)
        position = self.participation.recorded_position
        self.trigger(disqualified(recorded, command.reason), cause=position)
        for clawback, cause in all_clawed_back(
            self.consequences,
            self.consequences.parts.values(),
            reason=f"participation disqualified: {command.reason}",
            approved_by=command.approved_by,
        ):
            self.trigger(clawback, cause=cause)
