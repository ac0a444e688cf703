"""What can be asked of the writer: observations to record, a command to decide, bytes to append."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent
from eventsourcing.persistence import IntegrityError, ProgrammingError

from domain.decision import Slice
from domain.envelope import Recorded
from domain.errors import FilrougeError, InvalidEvent
from domain.event import Event, validated
from domain.rules import RULE_EVENTS, Rules
from domain.types import TIME_LEAD_MAX
from domain.voids import BatchIsVoided
from store.boundary import KnownView
from store.draft import Draft, make_draft, make_opaque
from store.query import Query, QueryItem
from store.reacting import Outcome, earning_for, followers_of, reactions_for, record
from store.reply import Reply
from store.rows import origin_key
from store.sources import COMMANDS_SOURCE, OPAQUE_SOURCE
from store.subjects import Subject

if TYPE_CHECKING:
    from store.batch import Batch


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
        self,
        reported: Sequence[NewEvent],
        events: Sequence[Event | FilrougeError],
        actor: str,
        batch: str | None,
        rules: Rules,
    ) -> None:
        """Take what was reported, its events as they were checked and sealed, and the rules.

        The rules are those that were known last: under the lock it turns out whether they still
        are what they were.
        """
        self.reply: Reply[list[Outcome]] = Reply()
        self.batch = batch
        self.drafts = [
            _drafted(new, event, actor, batch) for new, event in zip(reported, events, strict=True)
        ]
        self.reactions = [
            [] if isinstance(draft, FilrougeError) else reactions_for(draft)
            for draft in self.drafts
        ]
        self.rules = rules
        self.earnings = [earning_for(draft, rules) for draft in self.drafts]
        self.views = self._views()

    @property
    def size(self) -> int:
        """How many events it may add."""
        return len(self.drafts)

    @property
    def origins(self) -> list[bytes]:
        """What tells whether an event was recorded before."""
        return [draft.origin for draft in self.drafts if isinstance(draft, Draft)]

    def _views(self) -> list[KnownView]:
        """What its reactions depend on."""
        found: list[KnownView] = []
        for some in self.reactions:
            for reaction in some:
                found += map(KnownView, reaction.boundary)
        for earning in self.earnings:
            if earning is not None:
                found += map(KnownView, earning.boundary)
        return found

    def look_again(self, rules: Rules) -> None:
        """Take in that the rules are others than those that it was made with."""
        if rules is not self.rules:
            self.rules = rules
            self.earnings = [earning_for(draft, rules) for draft in self.drafts]
            self.views = self._views()

    def decide(self, batch: Batch) -> list[Outcome]:
        """Record each event that is new, with what follows from it."""
        voided = self.batch is not None and self.batch in batch.voided_batches
        if batch.ruling:
            self.look_again(batch.rules())
        return [
            Outcome(None, error=draft)
            if isinstance(draft, FilrougeError)
            else Outcome(None, error=BatchIsVoided(batch_id=self.batch))
            if voided
            else self._recorded(batch, n, draft)
            for n, draft in enumerate(self.drafts)
        ]

    def _recorded(self, batch: Batch, n: int, draft: Draft) -> Outcome:
        earning = self.earnings[n]
        reactions = self.reactions[n] if earning is None else [*self.reactions[n], earning]
        outcome = record(batch, draft, reactions)
        if type(draft.event) in RULE_EVENTS:
            self.look_again(batch.rules())
        return outcome


def _drafted(
    new: NewEvent, event: Event | FilrougeError, actor: str, batch: str | None
) -> Draft | FilrougeError:
    if isinstance(event, FilrougeError):
        return event
    try:
        return make_draft(
            event, id=new.id, source=new.source, time=new.time, actor=actor, batch=batch
        )
    except FilrougeError as error:
        return error


class Decide:
    """Decide one command: all of its events are recorded, or none and its error is raised."""

    def __init__(self, decision: Slice, digest: str, actor: str, subject: Subject) -> None:
        self.reply: Reply[Verdict] = Reply()
        self.decision = decision
        self.digest = digest
        self.actor = actor
        self.origins = [origin_key(COMMANDS_SOURCE, f"{decision.command_id}/0")]
        self.views = [KnownView(view) for view in decision.boundary]
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
        decision.use(batch.held(decision.boundary))
        while decision.further():
            decision.use(batch.held(decision.boundary))
        decision.execute()
        drafts = [
            make_draft(
                validated(trigger.event),
                id=f"{decision.command_id}/{n}",
                source=COMMANDS_SOURCE,
                time=trigger.time or decision.time,
                actor=self.actor,
                cause=trigger.cause,
                command=self.digest if n == 0 else None,
            )
            for n, trigger in enumerate(decision.triggers)
        ]
        if not drafts:
            message = f"{type(decision).__name__} decided nothing and refused nothing"
            raise AssertionError(message)
        batch.place(*drafts)
        awards = self._awards(batch, drafts)
        batch.place(*drafts, *awards)
        batch.add(*drafts, *awards)
        return Verdict(drafts[-1].position, tuple(draft.recorded() for draft in drafts))

    def _awards(self, batch: Batch, drafts: Sequence[Draft]) -> list[Draft]:
        """What the rules give for what was decided. Which views that needs is only known now."""
        rules = batch.rules()
        awards: list[Draft] = []
        if rules.by_trigger:
            for draft in drafts:
                earning = earning_for(draft, rules)
                if earning is not None:
                    awards += followers_of(batch, draft, [earning])
        return awards


class Append:
    """Append opaque bytes if nothing matches the condition: the library's own way of appending."""

    def __init__(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None, ids: Iterator[str]
    ) -> None:
        self.reply: Reply[int] = Reply()
        self.drafts = [
            make_opaque(
                event.type, event.data, tuple(event.tags), id=next(ids), source=OPAQUE_SOURCE
            )
            for event in events
        ]
        self.origins: list[bytes] = []
        self.views: list[KnownView] = []
        self.size = len(events)
        self.conflicts = False
        self.after = 0
        self.query: Query | None = None
        if condition is not None:
            self.after = condition.after or 0
            self.query = dcb_query(condition.fail_if_events_match)
            _check_texts(self.query)

    def decide(self, batch: Batch) -> int:
        """Append, unless the log or what this batch has accepted so far matches the condition."""
        if self.query is not None and (self.conflicts or batch.has_match(self.query, self.after)):
            raise IntegrityError
        batch.place(*self.drafts)
        batch.add(*self.drafts)
        return self.drafts[-1].position


Guarded = Decide | Append
"""Requests that something recorded meanwhile may stand in the way of."""
Request = Observe | Guarded


def dcb_query(query: Any) -> Query:
    """The library's query in our words."""
    items = () if query is None else query.items
    return Query(tuple([QueryItem(tuple(item.types), tuple(item.tags)) for item in items]))


def _check_texts(query: Query) -> None:
    """Refuse what cannot be looked for, here and not where others wait for the same batch."""
    try:
        for item in query.items:
            "".join((*item.types, *item.tags)).encode()
    except UnicodeEncodeError:
        message = "a type or tag of the condition is not valid Unicode"
        raise ProgrammingError(message) from None


def digest_of(command: msgspec.Struct) -> str:
    """What tells two commands apart, for a command id that is used again."""
    try:
        content = type(command).__name__.encode() + b"\0" + msgspec.json.encode(command)
    except UnicodeEncodeError:  # its text quotes the value
        message = f"{type(command).__name__}: a text is not valid Unicode"
        raise InvalidEvent(message) from None
    return sha256(content).hexdigest()[:32]
