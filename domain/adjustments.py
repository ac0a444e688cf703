"""Adjustments: correcting an account by hand, above the programme's limit by two people."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.lot_terms import LotNeverActive, lot_terms  # noqa: F401 - may refuse it
from domain.lots import AccountLots
from domain.movements import (
    NotEnoughPoints,  # noqa: F401 - may refuse it
    causes,
    portions,
    taken,
    total,
)
from domain.points import PointsAdjusted
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.types import ID, AccountID, AdjustmentID, Instant, MemberID, Points, Text


@event_type("adjustment.proposed.v1")
class AdjustmentProposed(Decided, frozen=True, kw_only=True):
    """Somebody asks for a correction of an account. Nothing moves until somebody else approves.

    The author is the envelope's ``actor``.
    """

    adjustment_id: AdjustmentID
    account_id: AccountID
    member_id: MemberID | None = None
    direction: Literal["credit", "debit"]
    points: Points
    available_from: Instant | None = None
    expires_at: Instant | None = None
    reason: Text


@event_type("adjustment.rejected.v1")
class AdjustmentRejected(Decided, frozen=True, kw_only=True):
    """A proposed correction will not be made. Its author may say so too."""

    adjustment_id: AdjustmentID
    account_id: AccountID
    reason: Text | None = None


class ApprovalNeeded(RuleError):
    """The programme lets nobody adjust so many points alone: propose it, and have it approved."""


class AdjustmentAlreadyProposed(RuleError):
    """An adjustment with this id was proposed: give the new one another id, or none."""


class AdjustmentNotProposed(RuleError):
    """No adjustment with this id was proposed for this account: correct the id."""


class AdjustmentSettled(RuleError):
    """This adjustment was approved or rejected already."""


class ApproverIsAuthor(RuleError):
    """Whoever proposed an adjustment does not approve it: another key has to."""


class AdjustmentState(View):
    """What became of a proposed adjustment. Tag: ``adjustment:<id>``."""

    proposal: AdjustmentProposed | None = None
    author: str
    position: int
    settled = False

    @on(AdjustmentProposed)
    def _proposed(self, event: AdjustmentProposed, envelope: Envelope) -> None:
        self.proposal, self.author = event, envelope.actor
        self.position = envelope.position

    @on(AdjustmentRejected, PointsAdjusted)
    def _settled(self, event: AdjustmentRejected | PointsAdjusted, envelope: Envelope) -> None:
        self.settled = True

    def require(self, account_id: str) -> AdjustmentProposed:
        """The proposal; refuse when there is none for this account, or it is settled."""
        if self.proposal is None or self.proposal.account_id != account_id:
            raise AdjustmentNotProposed(adjustment=self.tags[0], account_id=account_id)
        if self.settled:
            raise AdjustmentSettled(adjustment=self.tags[0])
        return self.proposal


class AdjustPoints(Command, frozen=True, kw_only=True):
    """Correct an account by hand: credit it with a new lot, or debit what it can spend.

    A programme may say above how many points it takes two people: then it has to be proposed.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    direction: Literal["credit", "debit"]
    points: Points
    available_from: Instant | None = None
    """Credit only. When it is not given, at once."""
    expires_at: Instant | None = None
    """Credit only. When it is not given: as the programme says, else never."""
    reason: Text
    approved_by: ID | None = None


class Adjusting(Slice, decides=AdjustPoints, reads=(AccountLots, ProgrammeTerms)):
    """An adjustment takes no more than the account can spend, and stays below the limit."""

    def __init__(self, command: AdjustPoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)

    def execute(self) -> None:
        """Make a lot, or take from lots."""
        command: AdjustPoints = self.command
        account = self.account
        account.require()
        terms = self.programmes.of(account.programme, account.points_currency, self.time)
        limit = None if terms is None else terms.approval_above_points
        if limit is not None and command.points > limit:
            raise ApprovalNeeded(approval_above_points=limit, asked=command.points)
        adjust(self, account, self.programmes, command, approved_by=command.approved_by)


def adjust(
    decision: Slice,
    account: AccountLots,
    programmes: ProgrammeTerms,
    said: AdjustPoints | AdjustmentProposed,
    *,
    approved_by: str | None,
    cause: int | None = None,
    adjustment_id: str | None = None,
) -> None:
    """Decide the events of an adjustment that is allowed."""
    common: dict[str, Any] = {
        "account_id": said.account_id, "member_id": said.member_id, "direction": said.direction,
        "reason": said.reason, "approved_by": approved_by, "adjustment_id": adjustment_id,
    }  # fmt: skip
    at = decision.time
    if said.direction == "credit":
        lot = lot_terms(
            programmes.at(account.programme, at),
            account.points_currency,
            at,
            available_from=said.available_from or at,
            expires_at=said.expires_at,
        )
        decision.trigger(
            PointsAdjusted(
                points=said.points, lot_id=decision.mint("lot"),
                available_from=lot.available_from, expires_at=lot.expires_at,
                inactive_days=lot.inactive_days, **common,
            ),
            cause=cause,
        )  # fmt: skip
        return
    for portion in portions(taken(account, said.points, at)):
        decision.trigger(
            PointsAdjusted(
                points=total(portion), lots=portion, causes=causes(account, portion), **common
            ),
            cause=cause,
        )


class ProposeAdjustment(Command, frozen=True, kw_only=True):
    """Ask for a correction of an account that somebody else has to approve."""

    adjustment_id: AdjustmentID | None = None
    """Without one it gets one."""
    account_id: AccountID
    member_id: MemberID | None = None
    direction: Literal["credit", "debit"]
    points: Points
    available_from: Instant | None = None
    expires_at: Instant | None = None
    reason: Text


class Proposing(Slice, decides=ProposeAdjustment, reads=(AccountLots, AdjustmentState)):
    """An adjustment is proposed once, for an account that there is."""

    def __init__(self, command: ProposeAdjustment, command_id: str) -> None:
        super().__init__(command, command_id)
        self.adjustment_id = command.adjustment_id or self.mint("adj")
        self.account = self.view(AccountLots, f"account:{command.account_id}")
        self.adjustment = self.view(AdjustmentState, f"adjustment:{self.adjustment_id}")

    def execute(self) -> None:
        """Propose it; whether there is enough to debit is seen when it is approved."""
        command: ProposeAdjustment = self.command
        self.account.require()
        if self.adjustment.proposal is not None:
            raise AdjustmentAlreadyProposed(adjustment_id=self.adjustment_id)
        fields = msgspec.structs.asdict(command) | {"adjustment_id": self.adjustment_id}
        del fields["time"]
        self.trigger(AdjustmentProposed(**fields))


class ApproveAdjustment(Command, frozen=True, kw_only=True):
    """Approve what somebody else has proposed: the points move now, or as of ``time``."""

    account_id: AccountID
    adjustment_id: AdjustmentID


class Approving(
    Slice, decides=ApproveAdjustment, reads=(AccountLots, AdjustmentState, ProgrammeTerms)
):
    """An adjustment is approved once, and not by its author."""

    def __init__(self, command: ApproveAdjustment, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")
        self.adjustment = self.view(AdjustmentState, f"adjustment:{command.adjustment_id}")
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)

    def execute(self) -> None:
        """Make the adjustment."""
        command: ApproveAdjustment = self.command
        self.account.require()
        proposal = self.adjustment.require(command.account_id)
        if self.adjustment.author == self.actor:
            raise ApproverIsAuthor(adjustment_id=command.adjustment_id)
        adjust(
            self, self.account, self.programmes, proposal,
            approved_by=self.actor, cause=self.adjustment.position,
            adjustment_id=command.adjustment_id,
        )  # fmt: skip


class RejectAdjustment(Command, frozen=True, kw_only=True):
    """Say that a proposed adjustment will not be made."""

    account_id: AccountID
    adjustment_id: AdjustmentID
    reason: Text | None = None


class Rejecting(Slice, decides=RejectAdjustment, reads=(AdjustmentState,)):
    """What is not settled can be rejected."""

    def __init__(self, command: RejectAdjustment, command_id: str) -> None:
        super().__init__(command, command_id)
        self.adjustment = self.view(AdjustmentState, f"adjustment:{command.adjustment_id}")

    def execute(self) -> None:
        """Reject it."""
        command: RejectAdjustment = self.command
        self.adjustment.require(command.account_id)
        self.trigger(
            AdjustmentRejected(
                adjustment_id=command.adjustment_id,
                account_id=command.account_id,
                reason=command.reason,
            )
        )
