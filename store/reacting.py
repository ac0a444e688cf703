"""Reacting: an event is recorded together with what follows from it by rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.decision import Reaction, Trigger, reactions_to
from domain.earning import Earning, earning_of
from domain.errors import FilrougeError, InvalidEvent
from domain.event import validated
from domain.rules import Rules
from domain.types import TIME_LEAD_MAX
from store.draft import Draft, make_draft
from store.sources import REACTIONS_SOURCE

if TYPE_CHECKING:
    from store.batch import Batch


class Outcome(NamedTuple):
    """What became of one observation."""

    position: int | None
    """Where it stands; for a duplicate, where the first one stands; None if it was refused."""
    duplicate: bool = False
    error: FilrougeError | None = None


def record(batch: Batch, draft: Draft, reactions: Sequence[Reaction]) -> Outcome:
    """Record an event if it is new, with what follows from it; or say why it is not recorded."""
    if draft.time is not None and draft.time > batch.latest:
        message = f"time: {draft.time.isoformat()} is more than {TIME_LEAD_MAX} ahead"
        return Outcome(None, error=InvalidEvent(message))
    try:
        batch.place(draft)
        first = batch.first(draft.origin, draft.entry)
        if first is not None:
            return Outcome(first, duplicate=True)
        followers = followers_of(batch, draft, reactions) if reactions else ()
        if followers:
            batch.place(draft, *followers)
    except FilrougeError as error:
        if batch.folding:
            raise  # it is no refusal: a view broke while it took in what others did
        return Outcome(None, error=error)
    batch.add(draft, *followers)
    return Outcome(draft.position)


def reactions_for(draft: Draft) -> list[Reaction]:
    """What decides by rules of the software; their envelope comes once the event has its place."""
    return [] if draft.event is None else reactions_to(draft.event)


def earning_for(draft: Draft | FilrougeError, rules: Rules) -> Earning | None:
    """What decides by the rules of the ledger; None if none looks at such an event."""
    if isinstance(draft, FilrougeError) or draft.event is None or draft.time is None:
        return None
    return earning_of(draft.event, draft.time, rules)


def followers_of(batch: Batch, draft: Draft, reactions: Sequence[Reaction]) -> list[Draft]:
    """What follows by rule from an event that has its place; each sees what those before it say."""
    envelope = draft.envelope
    triggers: list[Trigger] = []
    for reaction in reactions:
        reaction.envelope, reaction.now, reaction.actor = envelope, batch.now, envelope.actor
        reaction.earlier = tuple(triggers)
        reaction.use(batch.held(reaction.boundary))
        while reaction.further():
            reaction.use(batch.held(reaction.boundary))
        reaction.execute()
        triggers += reaction.triggers
    return [
        make_draft(
            trigger.event if trigger.checked else validated(trigger.event),
            id=f"{envelope.position}/{n}",
            source=REACTIONS_SOURCE,
            time=trigger.time or envelope.time,
            actor=envelope.actor,
            cause=trigger.cause or envelope.position,
            batch=envelope.batch,
        )
        for n, trigger in enumerate(triggers)
    ]
