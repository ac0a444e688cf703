"""Voids: an event or a batch counts as never recorded from here on, with all that came of it.

Nothing is removed from the log. A void of a redemption gives the points back, because the sum of
movements no longer holds it; a void of what points were given for takes them back, or makes what
was spent owed. A void is never refused because of a budget that it makes too small again: new
promises are, until there is room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from domain.clawbacks import Consequences
from domain.decision import Command, Slice, View, on
from domain.draws import STEPS
from domain.envelope import Envelope, Recorded
from domain.erasures import EpochKeyDestroyed, ProspectErased, VisitorErased
from domain.errors import RuleError
from domain.event import Event
from domain.ledger import BatchVoided, EventVoided, LedgerOpened
from domain.people import MemberErased
from domain.prizes import DrawPrizeForfeited, DrawPrizePassedOn
from domain.types import ID, BatchID, Position, Text
from domain.undoing import UNDOING_VIEWS, Undoing, consequence_tags, position_tag, view_class

DESTROYED: Final[tuple[type[Event], ...]] = (
    MemberErased,
    ProspectErased,
    VisitorErased,
    EpochKeyDestroyed,
)
"""What was destroyed is not there again, whatever anybody says."""
DRAWN: Final[tuple[type[Event], ...]] = (*STEPS, DrawPrizeForfeited, DrawPrizePassedOn)
"""A step of a draw that could be taken back could be done again, with another winner."""
OWN_EVENTS: Final[tuple[type[Event], ...]] = (
    LedgerOpened, EventVoided, BatchVoided, *DESTROYED, *DRAWN,
)  # fmt: skip
"""They speak of this ledger itself, its positions and keys: no other system can report them."""


class EventNotFound(RuleError):
    """Nothing was recorded at this position yet: correct the position."""


class BatchNotFound(RuleError):
    """Nothing was recorded under this batch id: correct the id."""


class AlreadyVoided(RuleError):
    """This event or batch counts as never recorded already, by itself or with its batch."""


class BatchIsVoided(RuleError):
    """This batch was voided: nothing more comes in under it. Bring it in under another batch."""


class NotVoidable(RuleError):
    """The ledger's opening, what an erasure destroyed and a draw's steps can not be taken back."""


class VoidIsFinal(RuleError):
    """A void is not voided: record what had been voided again, under a new event id."""


class EventVoids(View):
    """Whether the event at a position was voided. Tag: ``position:<n>``."""

    voided = False

    @on(EventVoided)
    def _(self, event: EventVoided, envelope: Envelope) -> None:
        self.voided = self.voided or position_tag(event.position) in self.tags


class BatchVoids(View):
    """Whether a batch was voided. Tag: ``batch:<id>``."""

    voided = False

    @on(BatchVoided)
    def _(self, event: BatchVoided, envelope: Envelope) -> None:
        self.voided = True


class VoidEvent(Command, frozen=True, kw_only=True):
    """Let the event at a position count as never recorded, from here on."""

    position: Position
    reason: Text
    approved_by: ID | None = None


class VoidingEvent(Slice, decides=VoidEvent, reads=(EventVoids, BatchVoids, *UNDOING_VIEWS)):
    """An event is voided once, and what followed from it falls in the same decision.

    Whoever makes this slice gives it the entry at the command's position, which never changes, and
    the tags of the accounts on which rules gave something for it that names no cause but the event
    itself: for a visit, an enrolment.
    """

    needs_subject = True

    def __init__(
        self,
        command: VoidEvent,
        command_id: str,
        subject: Recorded | None = None,
        accounts: Iterable[str] = (),
    ) -> None:
        super().__init__(command, command_id)
        self.subject = subject
        self.voids = self.view(EventVoids, position_tag(command.position))
        self.batch: BatchVoids | None = None
        if subject is not None:
            if subject.envelope.batch is not None:
                self.batch = self.view(BatchVoids, f"batch:{subject.envelope.batch}")
            for tag in consequence_tags(subject.event):
                self.view(view_class(tag), tag)
            for tag in dict.fromkeys(accounts):
                self.view(Consequences, tag)

    def execute(self) -> None:
        """Void it, and take back what came of it."""
        command: VoidEvent = self.command
        subject = self.subject
        if subject is None:
            raise EventNotFound(position=command.position)
        if isinstance(subject.event, (LedgerOpened, *DESTROYED, *DRAWN)):
            raise NotVoidable(position=command.position)
        if isinstance(subject.event, EventVoided | BatchVoided):
            raise VoidIsFinal(position=command.position)
        if self.voids.voided or (self.batch is not None and self.batch.voided):
            raise AlreadyVoided(position=command.position)
        self.trigger(
            EventVoided(
                position=command.position,
                tags=(*subject.tags, position_tag(command.position)),
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )
        undo(self, (command.position,), command.reason, command.approved_by)


class VoidBatch(Command, frozen=True, kw_only=True):
    """Let everything that one import or job brought count as never recorded, from here on."""

    batch_id: BatchID
    reason: Text
    approved_by: ID | None = None


class VoidingBatch(Slice, decides=VoidBatch, reads=(BatchVoids, *UNDOING_VIEWS)):
    """A batch is voided once, and what followed from its events falls in the same decision.

    Whoever makes this slice gives it the positions of the batch's entries, and the tags under
    which consequences of them are found (:func:`domain.undoing.consequence_tags`).
    """

    needs_batch = True

    def __init__(
        self,
        command: VoidBatch,
        command_id: str,
        causes: Iterable[str] = (),
        positions: Collection[int] = (),
    ) -> None:
        super().__init__(command, command_id)
        self.positions = positions
        self.voids = self.view(BatchVoids, f"batch:{command.batch_id}")
        for tag in dict.fromkeys(causes):
            self.view(view_class(tag), tag)

    def execute(self) -> None:
        """Void it, and take back what came of its events."""
        command: VoidBatch = self.command
        if not self.positions:
            raise BatchNotFound(batch_id=command.batch_id)
        if self.voids.voided:
            raise AlreadyVoided(batch_id=command.batch_id)
        self.trigger(
            BatchVoided(
                batch_id=command.batch_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )
        undo(self, self.positions, command.reason, command.approved_by)


def undo(decision: Slice, positions: Collection[int], reason: str, approved_by: str | None) -> None:
    """Decide what follows when the events at these positions count as never recorded."""
    undoing = Undoing(positions, reason=reason, approved_by=approved_by)
    for event, cause, time in undoing.follow(decision.boundary):
        decision.trigger(event, cause=cause, time=time)
