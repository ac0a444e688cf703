"""What can be asked of the writer: observations to record, a command to decide, bytes to append."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import msgspec
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent
from eventsourcing.persistence import IntegrityError

from domain.decision import Reaction, Slice, View, reaction_to
from domain.envelope import Envelope, Recorded, encode_opaque
from domain.errors import FilrougeError, InvalidEvent
from domain.event import Event
from domain.types import TIME_LEAD_MAX
from domain.voids import BatchIsVoided
from store.draft import Draft
from store.query import Query, QueryItem
from store.rows import origin_key
from store.subjects import Subject

if TYPE_CHECKING:
    from store.batch import Batch

COMMANDS_SOURCE = "/commands"
REACTIONS_SOURCE = "/reactions"
OPAQUE_SOURCE = "/opaque"


class Outcome(NamedTuple):
    """What became of one observation."""

    position: int | None
    """Where it stands; for a duplicate, where the first one stands; None if it was refused."""
    duplicate: bool = False
    error: FilrougeError | None = None


class Verdict(NamedTuple):
    """What a decision recorded."""

    position: int
    """The position of its last event."""
    events: tuple[Recorded, ...]
    duplicate: bool = False
    """The same command was decided before; these are the events of that time."""


class NewEvent(NamedTuple):
    """An event that somebody reports, with the identity and the time that the source gives it."""

    event: Event
    id: str
    source: str
    time: datetime


class Observe:
    """Record observations: each is new, a duplicate or refused on its own."""

    def __init__(
        self, events: list[NewEvent | FilrougeError], actor: str, batch: str | None
    ) -> None:
        self.future: Future[list[Outcome]] = Future()
        self.actor = actor
        self.batch = batch
        self.events = events
        self.origins = [
            b"" if isinstance(new, FilrougeError) else origin_key(new.source, new.id)
            for new in events
        ]
        self.reactions: list[Reaction | None] = [
            None if isinstance(new, FilrougeError) else reaction_to(new.event, self._envelope(new))
            for new in events
        ]

    @property
    def size(self) -> int:
        """How many events it may add."""
        return len(self.events)

    @property
    def views(self) -> list[View]:
        """What its reactions depend on."""
        return [view for reaction in self.reactions if reaction for view in reaction.boundary]

    def _envelope(self, new: NewEvent) -> Envelope:
        return Envelope(
            position=0,
            id=new.id,
            source=new.source,
            type=new.event.type_name,
            time=new.time,
            recorded_at=new.time,
            actor=self.actor,
            batch=self.batch,
        )

    def decide(self, batch: Batch) -> list[Outcome]:
        """Record each event that is new, with what follows from it."""
        return [
            Outcome(None, error=new)
            if isinstance(new, FilrougeError)
            else self._record(batch, new, origin, reaction)
            for new, origin, reaction in zip(self.events, self.origins, self.reactions, strict=True)
        ]

    def _record(
        self, batch: Batch, new: NewEvent, origin: bytes, reaction: Reaction | None
    ) -> Outcome:
        try:
            if new.time > batch.now + TIME_LEAD_MAX:
                message = f"time: {new.time.isoformat()} is more than {TIME_LEAD_MAX} ahead"
                raise InvalidEvent(message)
            if self.batch is not None and self.batch in batch.voided_batches:
                raise BatchIsVoided(batch_id=self.batch)
            draft = batch.draft(
                new.event,
                id=new.id,
                source=new.source,
                time=new.time,
                actor=self.actor,
                batch=self.batch,
                origin=origin,
            )
            first = batch.first(origin, draft.entry)
            if first is not None:
                return Outcome(first, duplicate=True)
            drafts = [draft, *self._follow(batch, draft.envelope, reaction)]
        except FilrougeError as error:
            return Outcome(None, error=error)
        batch.add(drafts)
        return Outcome(drafts[0].envelope.position)

    @staticmethod
    def _follow(batch: Batch, envelope: Envelope, reaction: Reaction | None) -> list[Draft]:
        if reaction is None:
            return []
        reaction.envelope, reaction.now, reaction.actor = envelope, batch.now, envelope.actor
        reaction.use(batch.views.held(reaction.boundary))
        reaction.execute()
        return [
            batch.draft(
                trigger.event,
                id=f"{envelope.position}/{n}",
                source=REACTIONS_SOURCE,
                time=trigger.time or envelope.time,
                actor=envelope.actor,
                offset=n + 1,
                cause=trigger.cause or envelope.position,
                batch=envelope.batch,
            )
            for n, trigger in enumerate(reaction.triggers)
        ]


class Decide:
    """Decide one command: all of its events are recorded, or none and its error is raised."""

    def __init__(self, decision: Slice, digest: str, actor: str, subject: Subject) -> None:
        self.future: Future[Verdict] = Future()
        self.decision = decision
        self.digest = digest
        self.actor = actor
        self.origins = [origin_key(COMMANDS_SOURCE, f"{decision.command_id}/0")]
        self.views = list(decision.boundary)
        self.size = 1
        self.query, self.after, self.refusal = subject.guard, subject.after, subject.refusal
        self.conflicts = False

    def decide(self, batch: Batch) -> Verdict:
        """Decide it on the history up to here, or find what was decided before."""
        before = batch.decided_before(self.origins[0], self.decision.command_id, self.digest)
        if before:
            return Verdict(before[-1].envelope.position, before, duplicate=True)
        if self.query is not None and (self.conflicts or batch.has_match(self.query, self.after)):
            raise self.refusal
        decision = self.decision
        decision.now, decision.actor = batch.now, self.actor
        if decision.time > batch.now + TIME_LEAD_MAX:
            message = f"time: {decision.time.isoformat()} is more than {TIME_LEAD_MAX} ahead"
            raise InvalidEvent(message)
        decision.use(batch.views.held(decision.boundary))
        decision.execute()
        drafts = [
            batch.draft(
                trigger.event,
                id=f"{decision.command_id}/{n}",
                source=COMMANDS_SOURCE,
                time=trigger.time or decision.time,
                actor=self.actor,
                cause=trigger.cause,
                offset=n,
                command=self.digest if n == 0 else None,
            )
            for n, trigger in enumerate(decision.triggers)
        ]
        if not drafts:
            message = f"{type(decision).__name__} decided nothing and refused nothing"
            raise AssertionError(message)
        batch.add(drafts)
        return Verdict(drafts[-1].envelope.position, tuple(draft.recorded() for draft in drafts))


class Append:
    """Append opaque bytes if nothing matches the condition: the library's own way of appending."""

    def __init__(self, events: list[DCBEvent], condition: DCBAppendCondition | None) -> None:
        self.future: Future[int] = Future()
        self.events = events
        self.origins: list[bytes] = []
        self.views: list[View] = []
        self.size = len(events)
        self.conflicts = False
        self.after = 0
        self.query: Query | None = None
        if condition is not None:
            self.after = condition.after or 0
            self.query = dcb_query(condition.fail_if_events_match)

    def decide(self, batch: Batch) -> int:
        """Append, unless the log or what this batch has accepted so far matches the condition."""
        if self.query is not None and (self.conflicts or batch.has_match(self.query, self.after)):
            raise IntegrityError
        drafts = []
        for n, event in enumerate(self.events):
            minted = str(uuid4())
            entry = encode_opaque(
                id=minted,
                source=OPAQUE_SOURCE,
                type=event.type,
                data=event.data,
                tags=tuple(event.tags),
                recorded_at=batch.now,
                actor=OPAQUE_SOURCE,
            )
            envelope = Envelope(
                position=batch.next_position + n,
                id=minted,
                source=OPAQUE_SOURCE,
                type=event.type,
                time=batch.now,
                recorded_at=batch.now,
                actor=OPAQUE_SOURCE,
            )
            origin = origin_key(OPAQUE_SOURCE, minted)
            drafts.append(Draft(envelope, None, tuple(event.tags), entry, origin))
        batch.add(drafts)
        return drafts[-1].envelope.position


Guarded = Decide | Append
"""Requests that something recorded meanwhile may stand in the way of."""
Request = Observe | Guarded


def dcb_query(query: Any) -> Query:
    """The library's query in our words."""
    items = () if query is None else query.items
    return Query(tuple(QueryItem(tuple(item.types), tuple(item.tags)) for item in items))


def digest_of(command: msgspec.Struct) -> str:
    """What tells two commands apart, for a command id that is used again."""
    try:
        content = type(command).__name__.encode() + b"\0" + msgspec.json.encode(command)
    except UnicodeEncodeError:  # its text quotes the value
        message = f"{type(command).__name__}: a text is not valid Unicode"
        raise InvalidEvent(message) from None
    return sha256(content).hexdigest()[:32]
