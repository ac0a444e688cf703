"""Drawing: the decisions that record the value that decides, and draw the winners by it."""

from __future__ import annotations

from hashlib import sha256

from domain.decision import Command, Slice
from domain.drand import Hash, Signature, randomness_of
from domain.draw_order import Outcome
from domain.draws import (
    PASSED_OVER_SAID_MAX,
    DrawAlreadyDrawn,
    DrawCommitted,
    DrawDrawn,
    DrawEntryPassedOver,
    DrawPlaced,
    DrawState,
    DrawValueRecorded,
)
from domain.errors import RuleError
from domain.prizes import prize_granted
from domain.types import DrawID, Text


class DrawNotCommitted(RuleError):
    """The list is not committed to, so no value decides yet: commit first."""


class ValueAlreadyRecorded(RuleError):
    """The value of this draw is recorded already."""


class ValueNotDue(RuleError):
    """The value cannot exist yet: record it when it is due."""


class ValueDoesNotFit(RuleError):
    """The commitment names a drand round, which has a signature, or a result, which is a text."""


class RandomnessDiffers(RuleError):
    """The randomness is not the SHA-256 of the signature: copy both again from the drand round."""


class ValueMissing(RuleError):
    """The value that decides is not recorded: record it first. If it just was, ask again."""


def value_of(commitment: DrawCommitted, signature: str | None, result: str | None) -> str:
    """The 32 bytes that decide, in hexadecimal; refuse what is not what the commitment names."""
    if commitment.drand is not None:
        # Of a signature and its public key, one is twice as long as the other.
        key = commitment.drand.chain.public_key
        if signature is not None and result is None and len(signature) != len(key):
            return randomness_of(signature)
    elif result is not None and signature is None:
        return sha256(result.encode()).hexdigest()
    raise ValueDoesNotFit(draw_id=commitment.draw_id)


class RecordDrawValue(Command, frozen=True, kw_only=True):
    """Record the public random value that decides a draw, once it exists."""

    draw_id: DrawID
    signature: Signature | None = None
    """The signature of the drand round."""
    randomness: Hash | None = None
    """What the drand round says its randomness is; only compared."""
    result: Text | None = None
    """The public result, in the form that the commitment says."""


class RecordingValue(Slice, decides=RecordDrawValue, reads=(DrawState,)):
    """The value is recorded once, and not before it can exist."""

    def __init__(self, command: RecordDrawValue, command_id: str) -> None:
        super().__init__(command, command_id)
        self.state = self.view(DrawState, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """Record it."""
        command: RecordDrawValue = self.command
        terms = self.state.require()
        commitment = self.state.commitment
        if commitment is None:
            raise DrawNotCommitted(draw_id=terms.draw_id)
        if self.state.value is not None:
            raise ValueAlreadyRecorded(draw_id=terms.draw_id)
        if self.now < commitment.due:
            raise ValueNotDue(draw_id=terms.draw_id, due=commitment.due)
        recorded = DrawValueRecorded(
            draw_id=terms.draw_id,
            campaign_id=terms.campaign_id,
            randomness=value_of(commitment, command.signature, command.result),
            signature=command.signature,
            result=command.result,
        )
        if command.randomness not in {None, recorded.randomness}:
            raise RandomnessDiffers(computed=recorded.randomness)
        self.trigger(recorded, cause=self.state.committed_position)


class DrawWinners(Command, frozen=True, kw_only=True):
    """Draw the winners and reserves by the recorded value, and grant the prizes."""

    draw_id: DrawID


class DrawingWinners(Slice, decides=DrawWinners, reads=(DrawState,)):
    """A draw takes place once. Who wins follows from the list and the value, and is not chosen.

    Whoever makes this slice gives it the outcome, which the log up to the value fixes.
    """

    def __init__(
        self, command: DrawWinners, command_id: str, outcome: Outcome | None = None
    ) -> None:
        super().__init__(command, command_id)
        self.outcome = outcome
        self.state = self.view(DrawState, f"draw:{command.draw_id}")

    def execute(self) -> None:
        """State who has which place, and grant the prizes."""
        terms, outcome, value = self.state.require(), self.outcome, self.state.value_position
        if self.state.drawn:
            raise DrawAlreadyDrawn(draw_id=terms.draw_id)
        if outcome is None or value != outcome.value_position:
            raise ValueMissing(draw_id=terms.draw_id)
        winners = sum(placed.prize is not None for placed in outcome.placed)
        drawn = DrawDrawn(
            draw_id=terms.draw_id,
            campaign_id=terms.campaign_id,
            value_position=outcome.value_position,
            winners=winners,
            reserves=len(outcome.placed) - winners,
            passed_over=len(outcome.skipped),
        )
        self.trigger(drawn, cause=value)
        for skipped in outcome.skipped[:PASSED_OVER_SAID_MAX]:
            said = DrawEntryPassedOver(
                draw_id=terms.draw_id,
                member_id=skipped.entry.member_id,
                entry=skipped.entry.name,
                rank=skipped.rank,
                reason=skipped.reason,
            )
            self.trigger(said, cause=value)
        for placed in outcome.placed:
            reward_id = None if placed.prize is None else self.mint("reward")
            self.trigger(
                DrawPlaced(
                    draw_id=terms.draw_id,
                    member_id=placed.entry.member_id,
                    place=placed.place,
                    entry=placed.entry.name,
                    rank=placed.rank,
                    prize=placed.prize,
                    reward_id=reward_id,
                ),
                cause=value,
            )
            if placed.prize is not None and reward_id is not None:
                member_id = placed.entry.member_id
                self.trigger(prize_granted(terms, placed.prize, reward_id, member_id), cause=value)
