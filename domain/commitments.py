"""Commitments: the decisions that fix a draw's entries, and name what will decide it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from domain.decision import Command, Slice
from domain.drand import WELL_KNOWN, Chain, DrandRound, Hash, Round
from domain.draw_order import ALGORITHM
from domain.draws import (
    DrawCancelled,
    DrawClosed,
    DrawCommitted,
    DrawIsClosed,
    DrawState,
    PublicResult,
)
from domain.errors import RuleError
from domain.types import Block, DrawID, Text

COMMITMENT_LEAD: Final = timedelta(seconds=60)
"""How long before its value exists a draw is committed at the latest: time enough to seal it."""


class DrawStillOpen(RuleError):
    """The draw takes entries until the instant at which it closes: close it then."""


class DrawNotClosed(RuleError):
    """The list is not fixed: close the draw first. If it was closed just now, ask again."""


class DrawAlreadyCommitted(RuleError):
    """The list and the value are fixed, once for all: nobody chooses another value later."""


class RandomSourceUnclear(RuleError):
    """Name one value that decides: a drand round, or another public result."""


class ChainUnknown(RuleError):
    """This drand chain is not well known: give its information, as its servers say it."""


class ChainDiffers(RuleError):
    """The information about the drand chain does not fit the chain's hash: correct one of them."""


class ValueTooSoon(RuleError):
    """The value exists already, or will in a moment: name one that is due later."""


class DrawIsDue(RuleError):
    """The value that decides may be known by now: who wins is settled."""


class CloseDraw(Command, frozen=True, kw_only=True):
    """Let a draw take no more entries. What is in the log by then is its list."""

    draw_id: DrawID


class ClosingDraw(Slice, decides=CloseDraw, reads=(DrawState,)):
    """A draw is closed once, when its last instant has passed."""

    def __init__(self, command: CloseDraw, command_id: str) -> None:
        super().__init__(command, command_id)
        self.state = self.view(DrawState, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """Close it: the position of this event is where the list ends."""
        terms = self.state.require()
        if self.state.closed_position is not None:
            raise DrawIsClosed(draw_id=terms.draw_id)
        if self.now < terms.closes:
            raise DrawStillOpen(draw_id=terms.draw_id, closes=terms.closes)
        self.trigger(
            DrawClosed(
                draw_id=terms.draw_id,
                activation_id=terms.activation_id,
                campaign_id=terms.campaign_id,
            )
        )


class ListRoot(NamedTuple):
    """What a list of entries comes to."""

    closed_position: int
    entries: int
    tickets: int
    root: str


class NamedRound(Block, frozen=True, kw_only=True):
    """A drand round to come."""

    chain_hash: Hash
    round: Round
    chain: Chain | None = None
    """What the chain's servers say of it; not needed for the League of Entropy's."""


class CommitDraw(Command, frozen=True, kw_only=True):
    """Fix the list of entries by its root, and name the public random value that will decide."""

    draw_id: DrawID
    drand: NamedRound | None = None
    result: PublicResult | None = None


class Committing(Slice, decides=CommitDraw, reads=(DrawState,)):
    """A draw is committed to once, before its value can exist.

    Whoever makes this slice gives it what the list comes to. The list ends at the closing, so
    nothing that is recorded meanwhile changes it.
    """

    def __init__(
        self, command: CommitDraw, command_id: str, listed: ListRoot | None = None
    ) -> None:
        super().__init__(command, command_id)
        self.listed = listed
        self.state = self.view(DrawState, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """Commit."""
        command: CommitDraw = self.command
        terms = self.state.require()
        if self.state.commitment is not None:
            raise DrawAlreadyCommitted(draw_id=terms.draw_id)
        if (command.drand is None) == (command.result is None):
            raise RandomSourceUnclear(draw_id=terms.draw_id)
        listed = self.listed
        if listed is None or listed.closed_position != self.state.closed_position:
            raise DrawNotClosed(draw_id=terms.draw_id)
        drand = _round(command.drand) if command.drand else None
        due = drand.due if drand else command.result.due if command.result else self.now
        if due < self.now + COMMITMENT_LEAD:
            raise ValueTooSoon(due=due, now=self.now, seconds=COMMITMENT_LEAD.seconds)
        committed = DrawCommitted(
            draw_id=terms.draw_id,
            campaign_id=terms.campaign_id,
            closed_position=listed.closed_position,
            entries=listed.entries,
            tickets=listed.tickets,
            root=listed.root,
            algorithm=ALGORITHM,
            drand=drand,
            result=command.result,
            due=due,
        )
        self.trigger(committed, cause=listed.closed_position)


def _round(named: NamedRound) -> DrandRound:
    chain = named.chain or WELL_KNOWN.get(named.chain_hash)
    if chain is None:
        raise ChainUnknown(chain_hash=named.chain_hash)
    if chain.hash != named.chain_hash:
        raise ChainDiffers(chain_hash=named.chain_hash, computed=chain.hash)
    return DrandRound(chain_hash=named.chain_hash, round=named.round, chain=chain)


class CancelDraw(Command, frozen=True, kw_only=True):
    """Let a draw not take place. Possible as long as nobody can know who would win."""

    draw_id: DrawID
    reason: Text


class CancellingDraw(Slice, decides=CancelDraw, reads=(DrawState,)):
    """A draw is cancelled before its value can exist, and never because of who would win."""

    def __init__(self, command: CancelDraw, command_id: str) -> None:
        super().__init__(command, command_id)
        self.state = self.view(DrawState, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """Cancel it."""
        terms, commitment = self.state.require(), self.state.commitment
        if commitment is not None and self.now >= commitment.due:
            raise DrawIsDue(draw_id=terms.draw_id, due=commitment.due)
        self.trigger(
            DrawCancelled(
                draw_id=terms.draw_id,
                campaign_id=terms.campaign_id,
                reason=self.command.reason,
            )
        )
