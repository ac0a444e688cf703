"""Given some history, when somebody asks or reports something, then these events: in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Self

from domain.commitments import CommitDraw
from domain.decision import Command, Reaction, Slice, Trigger, reactions_to, replay, slice_for
from domain.drawing import DrawWinners
from domain.earning import Earning, earning_of
from domain.envelope import Envelope, Recorded, event_parts, stamp
from domain.event import Event, tags_of, validated
from domain.findings import Finding
from domain.forfeits import ForfeitPrize
from domain.ledger import BatchVoided, EventVoided
from domain.points import PointsEarned, cause_tags, lot_tags
from domain.programmes import OpenProgramme
from domain.rules import RULE_BOOK_TAG, RuleBook
from domain.undoing import consequence_tags
from domain.voids import VoidBatch, VoidEvent
from store.draws import list_root, outcome_at, reward_at
from store.voids import Voids
from tests.domain.moments import NOON


class Scenario:
    """A history in memory, and decisions on it by the very classes that the store uses."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.actor = "tester"
        self.log: list[Recorded] = []
        self._given: list[Recorded] = []
        self._commands = 0

    def given(self, *events: Event, at: datetime | None = None, batch: str | None = None) -> Self:
        """History that the next decision must look at: it fails if none of its views does."""
        self._given += [self._record(event, time=at, batch=batch) for event in events]
        return self

    def happens(
        self, event: Event, *, at: datetime | None = None, batch: str | None = None
    ) -> list[Any]:
        """Record an observation; answer what followed from it by rule."""
        recorded = self._record(event, time=at, batch=batch, keep=False)
        reactions = [*reactions_to(event), *self._rules(recorded)]
        followed = self._react(recorded, reactions)
        self.log.append(recorded)
        return self._follow_all(recorded, followed, batch)

    def why(self, event: Event, *, at: datetime | None = None) -> list[Finding]:
        """What each rule would give for an event, and why; nothing is recorded."""
        recorded = self._record(event, time=at, keep=False)
        found = self._rules(recorded, traced=True)
        self._react(recorded, [*reactions_to(event), *found])
        return [finding for one in found for finding in one.findings or ()]

    def _rules(self, recorded: Recorded, *, traced: bool = False) -> list[Earning]:
        book = self.view(RuleBook(RULE_BOOK_TAG))
        assert recorded.event is not None
        time = recorded.envelope.time
        earning = earning_of(recorded.event, time, book.rules, traced=traced)
        return [] if earning is None else [earning]

    def _react(self, recorded: Recorded, reactions: Sequence[Reaction]) -> list[Trigger]:
        followed: list[Trigger] = []
        for reaction in reactions:
            reaction.envelope, reaction.earlier = recorded.envelope, tuple(followed)
            followed += self._decide(reaction)
        return followed

    def _follow_all(
        self, recorded: Recorded, followed: Sequence[Trigger], batch: str | None = None
    ) -> list[Event]:
        position, time = recorded.envelope.position, recorded.envelope.time
        return [
            self._follow(t.event, f"{position}/{n}", t.cause or position, t.time or time, batch)
            for n, t in enumerate(followed)
        ]

    def when(self, command: Command) -> list[Any]:
        """Decide a command and record what it decides; its errors are raised."""
        self._commands += 1
        command_id = f"command-{self._commands}"
        decision = slice_for(command, command_id, **self._subject(command))
        triggers = self._decide(decision)
        assert triggers, f"{type(decision).__name__} decided nothing"
        before = len(self.log)
        decided = [
            self._follow(t.event, f"{command_id}/{n}", t.cause, t.time or decision.time, None)
            for n, t in enumerate(triggers)
        ]
        recorded, self.log = self.log[before:], self.log[:before]
        followed = [self._react(one, self._rules(one)) for one in recorded]
        self.log += recorded
        awards = [self._follow_all(*one) for one in zip(recorded, followed, strict=True)]
        return [*decided, *(award for some in awards for award in some)]

    def view(self, view: Any) -> Any:
        """A view of the history as it stands, without what was voided unless it sees that."""
        return replay(view.fresh(), self.log if view.sees_voided else self.standing())

    def standing(self) -> list[Recorded]:
        """The history without what was voided."""
        voided = {r.event.position for r in self.log if isinstance(r.event, EventVoided)}
        batches = {r.event.batch_id for r in self.log if isinstance(r.event, BatchVoided)}
        return [
            recorded
            for recorded in self.log
            if recorded.envelope.position not in voided
            and (recorded.envelope.batch is None or recorded.envelope.batch not in batches)
        ]

    def position(self, which: Callable[[Any], bool]) -> int:
        """Where the last event of this kind stands."""
        return next(r.envelope.position for r in reversed(self.log) if which(r.event))

    def _decide(self, decision: Slice | Reaction) -> list[Any]:
        for recorded in self._given:
            assert recorded.event is not None
            assert any(view.selects(recorded.event, recorded.tags) for view in decision.boundary), (
                f"{recorded.event} is given, but no view of {type(decision).__name__} selects it"
            )
        self._given = []
        decision.now, decision.actor = self.now, self.actor
        decision.use(tuple(self.view(view) for view in decision.boundary))
        while decision.further():
            decision.use(tuple(self.view(view) for view in decision.boundary))
        decision.execute()
        return decision.triggers

    def _subject(self, command: Command) -> dict[str, Any]:
        match command:
            case VoidEvent(position=position):
                found = [r for r in self.log if r.envelope.position == position]
                given = [r for r in self.log if r.envelope.id.startswith(f"{position}/")]
                awards = [r.event for r in given if isinstance(r.event, PointsEarned)]
                accounts = [
                    f"account:{one.account_id}"
                    for one in awards
                    if cause_tags(one) == lot_tags(one.lot_id)
                ]
                return {"subject": found[0] if found else None, "accounts": accounts}
            case VoidBatch(batch_id=batch_id):
                brought = [r for r in self.log if r.envelope.batch == batch_id]
                causes = [tag for r in brought for tag in consequence_tags(r.event)]
                positions = {r.envelope.position for r in brought}
                return {"causes": causes, "positions": positions}
            case OpenProgramme():
                return {"ledger_time_zone": "Europe/Paris"}
            case CommitDraw() | DrawWinners() | ForfeitPrize():
                return self._draw_subject(command, len(self.log))
        return {}

    def _draw_subject(self, command: Any, head: int) -> dict[str, Any]:
        history, draw_id = ScenarioHistory(self.log), command.draw_id
        match command:
            case CommitDraw():
                return {"listed": list_root(history, draw_id, head)}
            case DrawWinners():
                return {"outcome": outcome_at(history, draw_id, head)}
            case _:
                return {"reward_id": reward_at(history, draw_id, command.place, head)}

    def _follow(
        self, event: Event, id_: str, cause: int | None, time: datetime, batch: str | None
    ) -> Event:
        recorded = self._record(event, id_=id_, cause=cause, time=time, batch=batch)
        assert recorded.event is not None
        return recorded.event

    def _record(
        self,
        event: Event,
        *,
        id_: str | None = None,
        cause: int | None = None,
        time: datetime | None = None,
        batch: str | None = None,
        keep: bool = True,
    ) -> Recorded:
        event, position = validated(event), len(self.log) + 1
        facts: dict[str, Any] = {
            "id": id_ or f"event-{position}", "source": "/tests", "time": time or self.now,
            "recorded_at": self.now, "actor": self.actor, "cause": cause, "batch": batch,
        }  # fmt: skip
        envelope = Envelope(position=position, type=event.type_name, **facts)
        tags = tags_of(event) if batch is None else (*tags_of(event), f"batch:{batch}")
        recorded = Recorded(envelope, event, tags, _entry(event, **facts))
        if keep:
            self.log.append(recorded)
        return recorded


class ScenarioHistory:
    """What a draw is read from, in memory."""

    def __init__(self, log: Sequence[Recorded]) -> None:
        self._log = log

    def facts(
        self, tags: Sequence[str], types: Iterable[type[Event]], until: int
    ) -> list[Recorded]:
        """Events up to a position of these types that carry one of the tags, in order."""
        kinds = tuple(types)
        return [
            one
            for one in self._log[:until]
            if isinstance(one.event, kinds) and set(tags) & set(one.tags)
        ]

    def voids(self, until: int) -> Voids:
        """What was taken back, as of a position."""
        found = Voids()
        for one in self._log[:until]:
            found.add(one)
        return found

    def position_at(self, instant: datetime, until: int) -> int:
        """The last position up to one that was recorded before an instant."""
        return sum(one.envelope.recorded_at < instant for one in self._log[:until])


def _entry(event: Event, recorded_at: datetime, **facts: Any) -> bytes:
    return stamp(recorded_at).join(event_parts(event=event, **facts))
