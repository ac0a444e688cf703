"""Holds and restrictions: what stands in the way of erasing a member, or of using their data."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.types import ID, MemberID, Text

HoldID = Annotated[ID, Meta(description="The case's own id; one member may be held for several.")]


@event_type("legal_hold.placed.v1")
class LegalHoldPlaced(Decided, frozen=True, kw_only=True):
    """A member's data has to be kept, for a claim or a proceeding: they cannot be erased."""

    member_id: MemberID
    hold_id: HoldID
    reason: Text
    approved_by: ID | None = None


@event_type("legal_hold.lifted.v1")
class LegalHoldLifted(Decided, frozen=True, kw_only=True):
    """A reason to keep a member's data is over."""

    member_id: MemberID
    hold_id: HoldID
    reason: Text
    approved_by: ID | None = None


@event_type("processing.restricted.v1")
class ProcessingRestricted(Decided, frozen=True, kw_only=True):
    """A member's personal data is kept and not used: it is contested, or the member objected.

    What happens is still recorded. Personal values are opened only for who answers for the data.
    """

    member_id: MemberID
    reason: Text
    approved_by: ID | None = None


@event_type("processing.unrestricted.v1")
class ProcessingUnrestricted(Decided, frozen=True, kw_only=True):
    """A member's personal data may be used again; the member was told before."""

    member_id: MemberID
    reason: Text
    approved_by: ID | None = None


class AlreadyHeld(RuleError):
    """This hold is on the member already."""


class NotHeld(RuleError):
    """This hold is not on the member: check its id, and the member's."""


class AlreadyRestricted(RuleError):
    """The use of this member's data is restricted already."""


class NotRestricted(RuleError):
    """The use of this member's data is not restricted."""


class MemberHolds(View):
    """Which holds and restrictions are on a member. Tag: ``member:<id>``."""

    restricted = False

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.holds: dict[str, None] = {}

    @on(LegalHoldPlaced)
    def _(self, event: LegalHoldPlaced, envelope: Envelope) -> None:
        self.holds[event.hold_id] = None

    @on(LegalHoldLifted)
    def _(self, event: LegalHoldLifted, envelope: Envelope) -> None:
        self.holds.pop(event.hold_id, None)

    @on(ProcessingRestricted)
    def _(self, event: ProcessingRestricted, envelope: Envelope) -> None:
        self.restricted = True

    @on(ProcessingUnrestricted)
    def _(self, event: ProcessingUnrestricted, envelope: Envelope) -> None:
        self.restricted = False


class PlaceLegalHold(Command, frozen=True, kw_only=True):
    """Keep a member's data, whatever they or a retention period ask, until the hold is lifted."""

    member_id: MemberID
    hold_id: HoldID
    reason: Text
    approved_by: ID | None = None


class PlacingHold(Slice, decides=PlaceLegalHold, reads=(MemberHolds,)):
    """A hold is placed once."""

    def __init__(self, command: PlaceLegalHold, command_id: str) -> None:
        super().__init__(command, command_id)
        self.on_member = self.view(MemberHolds, f"member:{command.member_id}")

    def execute(self) -> None:
        """Place it, unless it is on the member."""
        command: PlaceLegalHold = self.command
        if command.hold_id in self.on_member.holds:
            raise AlreadyHeld(member_id=command.member_id, hold_id=command.hold_id)
        self.trigger(
            LegalHoldPlaced(
                member_id=command.member_id,
                hold_id=command.hold_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class LiftLegalHold(Command, frozen=True, kw_only=True):
    """Let a member's data be erased again, as far as this hold is concerned."""

    member_id: MemberID
    hold_id: HoldID
    reason: Text
    approved_by: ID | None = None


class LiftingHold(Slice, decides=LiftLegalHold, reads=(MemberHolds,)):
    """Only a hold that is on a member is lifted."""

    def __init__(self, command: LiftLegalHold, command_id: str) -> None:
        super().__init__(command, command_id)
        self.on_member = self.view(MemberHolds, f"member:{command.member_id}")

    def execute(self) -> None:
        """Lift it, if it is on the member."""
        command: LiftLegalHold = self.command
        if command.hold_id not in self.on_member.holds:
            raise NotHeld(member_id=command.member_id, hold_id=command.hold_id)
        self.trigger(
            LegalHoldLifted(
                member_id=command.member_id,
                hold_id=command.hold_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class RestrictProcessing(Command, frozen=True, kw_only=True):
    """Keep a member's personal data, and do not use it."""

    member_id: MemberID
    reason: Text
    approved_by: ID | None = None


class Restricting(Slice, decides=RestrictProcessing, reads=(MemberHolds,)):
    """A restriction is on a member or it is not."""

    def __init__(self, command: RestrictProcessing, command_id: str) -> None:
        super().__init__(command, command_id)
        self.on_member = self.view(MemberHolds, f"member:{command.member_id}")

    def execute(self) -> None:
        """Restrict, unless it is so already."""
        command: RestrictProcessing = self.command
        if self.on_member.restricted:
            raise AlreadyRestricted(member_id=command.member_id)
        self.trigger(
            ProcessingRestricted(
                member_id=command.member_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class UnrestrictProcessing(Command, frozen=True, kw_only=True):
    """Use a member's personal data again, after the member was told."""

    member_id: MemberID
    reason: Text
    approved_by: ID | None = None


class Unrestricting(Slice, decides=UnrestrictProcessing, reads=(MemberHolds,)):
    """Only what is restricted is used again."""

    def __init__(self, command: UnrestrictProcessing, command_id: str) -> None:
        super().__init__(command, command_id)
        self.on_member = self.view(MemberHolds, f"member:{command.member_id}")

    def execute(self) -> None:
        """End the restriction, if there is one."""
        command: UnrestrictProcessing = self.command
        if not self.on_member.restricted:
            raise NotRestricted(member_id=command.member_id)
        self.trigger(
            ProcessingUnrestricted(
                member_id=command.member_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )
