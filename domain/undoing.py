"""Undoing: what else falls when something in the history counts as never recorded.

What was only computed from the voided thing (a match, a clawback, a disqualification) is voided
with it. What was given for it is taken back by clawbacks: points that are still there are
cancelled, and points that were spent are owed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from domain.clawbacks import (
    Consequences,
    Fact,
    Place,
    PurchaseConsequences,
    Standing,
    Takings,
    due_after_returns,
    is_too_much,
)
from domain.decision import View
from domain.engagement import ContributionPosted, ShareRecorded
from domain.envelope import Envelope
from domain.event import Event, tags_of
from domain.ledger import EventVoided
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.points import PointsAdjusted, PointsClawedBack, PointsEarned, cause_tags, lot_tags
from domain.purchases import Bought, PurchaseRecorded, PurchaseReturned, ReturnMatched
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.returned_lines import came_back, lines_of

UNDOING_VIEWS: Final = (Takings, Consequences, PurchaseConsequences)


def view_class(tag: str) -> type[Takings]:
    """The view that shows what followed from what a tag names."""
    match tag.partition(":")[0]:
        case "account" | "lot":
            return Takings
        case "purchase" | "order":
            return PurchaseConsequences
        case _:
            return Consequences


TRACES: Final[dict[type[Event], tuple[str, ...]]] = {
    PurchaseRecorded: ("purchase_id",),
    PurchaseReturned: ("purchase_id", "order_id"),
    ReturnMatched: ("purchase_id", "order_id"),
    ParticipationRecorded: ("participation_id",),
    ParticipationDisqualified: ("participation_id",),
    ReferralMade: ("referral_id",),
    ReferralQualified: ("referral_id",),
    ReferralVoided: ("referral_id",),
    ShareRecorded: ("share_id",),
    ContributionPosted: ("contribution_id",),
}
"""The fields of an event that lead to what followed from it."""


def consequence_tags(event: Event | None) -> tuple[str, ...]:
    """The tags under which consequences of an event are found; of most events there are none."""
    match event:
        case None:
            return ()
        case PointsEarned():
            return (f"account:{event.account_id}", *cause_tags(event))
        case PointsAdjusted(direction="credit", lot_id=str() as lot_id):
            return (f"account:{event.account_id}", *lot_tags(lot_id))
        case _:
            fields = TRACES.get(type(event), ())
            ids = ((field.removesuffix("_id"), getattr(event, field)) for field in fields)
            return tuple(f"{kind}:{id_}" for kind, id_ in ids if id_ is not None)


class Following(NamedTuple):
    """An event that has to be decided because something falls."""

    event: Event
    cause: int | None = None
    time: datetime | None = None


class Undoing:
    """Collects what follows when the events at some positions count as never recorded."""

    def __init__(self, positions: Collection[int], **why: Any) -> None:
        self.gone = set(positions)
        """Positions that count no longer: those asked for, and what falls with them."""
        self.asked = frozenset(positions)
        self.why = why
        """Reason and approval, repeated in every event."""
        self.voids: list[Following] = []
        self.others: list[Following] = []
        self._settled: set[Place | int] = set()

    def follow(self, boundary: Iterable[View]) -> list[Following]:
        """Everything that has to be decided: first what falls too, then what is taken back."""
        views = [view for view in boundary if isinstance(view, Takings)]
        lots = {
            lot
            for view in views
            for position, lot in view.credited.items()
            if position in self.asked
        }
        for view in views:
            self._give_up(view.takings, lots)
        for view in views:
            if isinstance(view, Consequences):
                self._undo_stages(view)
                if isinstance(view, PurchaseConsequences):
                    self._undo_matches(view)
                self._take_back(view)
        return self.voids + self.others

    def _void(self, position: int, event: Event) -> None:
        if position not in self.gone:
            self.gone.add(position)
            tags = (*tags_of(event), position_tag(position))
            self.voids.append(Following(EventVoided(position=position, tags=tags, **self.why)))

    def _undo_stages(self, view: Consequences) -> None:
        """A referral that was never made was not qualified; what a check decided falls with it."""
        made = [f.envelope.position for f in view.stages if isinstance(f.event, ReferralMade)]
        never_made = bool(made) and self.gone.issuperset(made)
        for event, envelope in view.stages:
            if never_made or envelope.cause in self.gone:
                self._void(envelope.position, event)
        decisions = {
            decision_of(f.envelope)
            for f in view.stages
            if f.envelope.position in self.gone and not isinstance(f.event, ReferralMade)
        }
        for event, envelope in view.takings:
            if envelope.cause in self.gone or decision_of(envelope) in decisions - {None}:
                self._void(envelope.position, event)

    def _undo_matches(self, view: PurchaseConsequences) -> None:
        touched = set()
        for matched in view.matched.values():
            purchase = matched.event.purchase_position
            if {matched.position, matched.cause, purchase} & self.gone:
                self._void(matched.position, matched.event)
                touched.add(purchase)
        for bought in view.bought.values():
            if bought.position in touched - self.gone - self._settled:
                self._settled.add(bought.position)
                self._settle(view, bought)

    def _settle(self, view: PurchaseConsequences, bought: Bought) -> None:
        """Without one of its returns, a purchase earns what the other returns leave of it."""
        parts = [p for p in view.parts_of(bought) if p.award_position not in self.gone]
        places = {part.place for part in parts}
        matches = [m for m in view.matches_of(bought) if m.position not in self.gone]
        returns = [(m.event.net, lines_of(view, m.event.return_id)) for m in matches]
        came = came_back(bought.event, returns) if matches else None
        standing = Standing(parts, self._standing(view), view.spent)
        if is_too_much(parts, standing, came):
            # Rounding fell on another return before: all of it is stated again, in one sum.
            self._void_clawbacks(view, places)
            standing = Standing(parts, self._standing(view), view.spent)
        for part, points in () if came is None else due_after_returns(parts, standing, came):
            last = matches[-1]
            event = standing.claw_back(part, points, return_id=last.event.return_id, **self.why)
            self.others.append(Following(event, last.cause))

    def _standing(self, view: Consequences) -> list[Fact]:
        """What was taken and still counts."""
        return [fact for fact in view.takings if fact.envelope.position not in self.gone]

    def _void_clawbacks(self, view: Consequences, places: set[Place]) -> None:
        """Void the clawbacks at some places: what they took will be stated anew."""
        for fact in self._standing(view):
            if isinstance(fact.event, PointsClawedBack) and places_of(fact) & places:
                self._void(fact.envelope.position, fact.event)

    def _take_back(self, view: Consequences) -> None:
        """Claw back everything that was given for what is gone, except what is gone itself."""
        fallen = [
            part
            for part in view.parts.values()
            if part.cause in self.gone
            and part.award_position not in self.gone
            and part.place not in self._settled
        ]
        places = {part.place for part in fallen}
        self._settled |= places
        self._void_clawbacks(view, places)  # it is taken back whole now
        standing = Standing(view.parts.values(), self._standing(view), view.spent)
        for part in fallen:
            left = standing.left(part)
            if left:
                event = standing.claw_back(part, left, **self.why)
                self.others.append(Following(event, part.cause))

    def _give_up(self, takings: Iterable[Fact], lots: set[str]) -> None:
        """What was taken from a lot that never was is not owed: state the rest of it again."""
        for fact in takings:
            event: Any = fact.event
            if fact.envelope.position in self.gone or not lots & {d.lot_id for d in event.lots}:
                continue
            self._void(fact.envelope.position, event)
            rest = tuple(debit for debit in event.lots if debit.lot_id not in lots)
            if rest:
                points = sum(debit.points for debit in rest)
                again = msgspec.structs.replace(event, lots=rest, points=points)
                self.others.append(Following(again, fact.envelope.cause, fact.envelope.time))


def places_of(fact: Fact) -> set[Place]:
    """The lots that a clawback names, on its account."""
    event: Any = fact.event
    return {(event.account_id, debit.lot_id) for debit in event.lots}


def decision_of(envelope: Envelope) -> tuple[str, str] | None:
    """What tells that two events were decided together; None for an event that was not decided."""
    decision, slash, _ = envelope.id.rpartition("/")
    return (envelope.source, decision) if slash else None


def position_tag(position: int) -> str:
    """The tag under which the void of a position is found."""
    return f"position:{position}"
