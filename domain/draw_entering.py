"""Entering draws: the decisions that let a member into a draw by another way, or keep one out."""

from __future__ import annotations

from domain.decision import Command, Slice, View, on
from domain.draws import (
    DrawAlreadyDrawn,
    DrawEntered,
    DrawMemberExcluded,
    DrawState,
    Tickets,
)
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.people import Membership
from domain.types import DrawEntryID, DrawID, MemberID, PurchaseID, Text, Word


class DrawNotOpenYet(RuleError):
    """The draw takes no entry of this time: it opens later."""


class DrawEntryAlreadyMade(RuleError):
    """An entry with this id was made before: give the new one another id, or none."""


class TicketsUsedUp(RuleError):
    """With this entry the member would have more tickets than the draw allows."""


class MemberExcluded(RuleError):
    """The member is excluded from this draw."""


class DrawValueKnown(RuleError):
    """The value that decides is known: who wins is settled. Let the prize be forfeited instead."""


class DrawEntryState(View):
    """Whether an entry was made. Tag: ``entry:<id>``."""

    made = False

    @on(DrawEntered)
    def _(self, event: DrawEntered, envelope: Envelope) -> None:
        self.made = True


class MemberInDraw(View):
    """What a member has in a draw beside the events that count. Tags: ``member:``, ``draw:``."""

    tickets = 0
    excluded = False

    @on(DrawEntered)
    def _entered(self, event: DrawEntered, envelope: Envelope) -> None:
        self.tickets += event.tickets

    @on(DrawMemberExcluded)
    def _excluded(self, event: DrawMemberExcluded, envelope: Envelope) -> None:
        self.excluded = True


class EnterDraw(Command, frozen=True, kw_only=True):
    """Enter a member into a draw by another way than an event that counts. It gets an id."""

    draw_id: DrawID
    entry_id: DrawEntryID | None = None
    member_id: MemberID
    tickets: Tickets = 1
    route: Word
    """free, post, ticket, goodwill, ..."""
    purchase_id: PurchaseID | None = None
    reason: Text | None = None


class EnteringDraw(
    Slice, decides=EnterDraw, reads=(DrawState, DrawEntryState, MemberInDraw, Membership)
):
    """A member enters inside the draw's dates, before its list is fixed, within its limit."""

    def __init__(self, command: EnterDraw, command_id: str) -> None:
        super().__init__(command, command_id)
        self.entry_id = command.entry_id or self.mint("e")
        draw, member = f"draw:{command.draw_id}", f"member:{command.member_id}"
        self.state = self.view(DrawState, draw)
        self.entry = self.view(DrawEntryState, f"entry:{self.entry_id}")
        self.own = self.view(MemberInDraw, member, draw)
        self.membership = self.view(Membership, member)

    def execute(self) -> None:
        """Enter."""
        command: EnterDraw = self.command
        terms = self.state.require_open(self.time)
        if self.time < terms.opens:
            raise DrawNotOpenYet(draw_id=terms.draw_id, opens=terms.opens)
        if self.entry.made:
            raise DrawEntryAlreadyMade(entry_id=self.entry_id)
        self.membership.require()
        if self.own.excluded:
            raise MemberExcluded(draw_id=terms.draw_id, member_id=command.member_id)
        most = terms.tickets_per_member_max
        if most is not None and self.own.tickets + command.tickets > most:
            raise TicketsUsedUp(tickets_per_member_max=most, has=self.own.tickets)
        self.trigger(
            DrawEntered(
                draw_id=terms.draw_id,
                entry_id=self.entry_id,
                member_id=command.member_id,
                activation_id=terms.activation_id,
                campaign_id=terms.campaign_id,
                tickets=command.tickets,
                route=command.route,
                purchase_id=command.purchase_id,
                reason=command.reason,
            )
        )


class ExcludeFromDraw(Command, frozen=True, kw_only=True):
    """Let a member win nothing in a draw, because its rules do not admit them."""

    draw_id: DrawID
    member_id: MemberID
    reason: Text


class ExcludingFromDraw(Slice, decides=ExcludeFromDraw, reads=(DrawState, MemberInDraw)):
    """Somebody is excluded once, and before the value that decides is in the log."""

    def __init__(self, command: ExcludeFromDraw, command_id: str) -> None:
        super().__init__(command, command_id)
        draw = f"draw:{command.draw_id}"
        self.state = self.view(DrawState, draw)
        self.own = self.view(MemberInDraw, f"member:{command.member_id}", draw)

    def execute(self) -> None:
        """Exclude them."""
        command: ExcludeFromDraw = self.command
        terms = self.state.require()
        if self.state.drawn:
            raise DrawAlreadyDrawn(draw_id=terms.draw_id)
        if self.state.value is not None:
            raise DrawValueKnown(draw_id=terms.draw_id)
        if self.own.excluded:
            raise MemberExcluded(draw_id=terms.draw_id, member_id=command.member_id)
        self.trigger(
            DrawMemberExcluded(
                draw_id=terms.draw_id, member_id=command.member_id, reason=command.reason
            )
        )
