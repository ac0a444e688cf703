"""Simulating: a window of history under other rules, in memory; nothing is written.

The log is read in its order. What rules gave in the window, and what was clawed back of that, is
left out, and the rules at hand decide in its place, by the code that decides: each event sees the
history before it, with the simulated awards instead of the recorded ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from domain.clawbacks import Part, Standing
from domain.counting import cause_of
from domain.decision import Reaction, Trigger, reactions_to
from domain.earning import earning_of
from domain.envelope import Envelope, Recorded
from domain.event import Event, tags_of
from domain.ledger import BatchVoided, EventVoided
from domain.participations import ParticipationDisqualified
from domain.points import (
    PointsClawedBack,
    PointsEarned,
    PointsRedeemed,
)
from domain.referrals import ReferralVoided
from domain.rules import NO_RULES, RULE_BOOK_TAG, RuleBook, Rules
from store.explaining import History
from store.log import Log
from store.query import Query, QueryItem
from store.simulated import Outcome, SimulationReport, UncoveredRedemption, moved
from store.simulated_history import SimulatedHistory
from store.simulated_liability import liability_of

SIMULATOR: Final = "simulation"
STEP: Final = 10_000
"""Positions between two reports of progress."""


class Simulation:
    """The replay of one window."""

    def __init__(
        self,
        log: Log,
        rules: Rules | None,
        *,
        after: int,
        until: int,
        keep_imported: bool = False,
    ) -> None:
        """Take the rules; without any, they are those of the history, as it publishes them.

        Rules of the caller's take the place of those by which another system gave what was imported
        from it, unless that is kept: given, whatever the rules. Those of the history never do.
        """
        self.log = log
        self._book = self._rule_book(after) if rules is None else None
        self.rules = rules or NO_RULES if self._book is None else self._book.rules
        self.after = after
        self.until = until
        self.outcome = Outcome()
        imported = rules is not None and not keep_imported
        self._history = SimulatedHistory(log, after, imported=imported)
        self._tell: Callable[[Recorded], None] = lambda _: None
        self._recorded: dict[int, tuple[PointsEarned, Envelope]] = {}
        """What rules gave in the window, by its position."""
        self._parts: defaultdict[int, list[Part]] = defaultdict(list)
        """Simulated awards by the position of their cause."""
        self._standing: dict[str, Standing] = {}
        self._batches: dict[str, str | None] = {}

    def run(
        self,
        report: Callable[[int], None] = lambda _: None,
        tell: Callable[[Recorded], None] = lambda _: None,
    ) -> SimulationReport:
        """Replay the window; ``report`` is told how many of its positions are done.

        ``tell`` has each award that is made, and each that is taken back, as it would stand in the
        log: at the position of the event that it is decided with.
        """
        self._tell = tell
        for recorded in self.log.read(after=self.after, until=self.until):
            self._step(recorded)
            done = recorded.envelope.position - self.after
            if done % STEP == 0:
                report(done)
        outcome = self.outcome
        liability = liability_of(self.log, self.until, outcome.recorded, outcome.simulated)
        return outcome.report(self.after, self.until, liability)

    def _rule_book(self, until: int) -> RuleBook:
        read = History(self.log, until).view(RuleBook(RULE_BOOK_TAG))
        assert isinstance(read, RuleBook)
        return read

    def _step(self, recorded: Recorded) -> None:
        event, envelope = recorded.event, recorded.envelope
        if event is None:
            return
        if self._history.is_replaced(recorded):
            assert isinstance(event, PointsEarned | PointsClawedBack)
            if isinstance(event, PointsEarned) and self._history.is_imported(event, envelope):
                self.outcome.imported.add(event.lot_id)
            self.outcome.count(event, envelope.cause, simulated=False, at=envelope.time)
            if isinstance(event, PointsEarned):
                self._recorded[envelope.position] = event, envelope
            return
        segment = getattr(getattr(event, "contact", None), "segment", None)
        if segment is not None:
            self.outcome.segments_of |= dict.fromkeys((envelope.position, cause_of(event)), segment)
        if not isinstance(event, EventVoided | BatchVoided):
            self._decide(recorded)
        if isinstance(event, PointsRedeemed):
            self._cover(event, envelope.position)
        self._history.fold(recorded)
        self._follow(event, envelope)
        self._learn(recorded)

    def _learn(self, recorded: Recorded) -> None:
        """Take in that the rules of the history are others from here on."""
        if self._book is not None and RULE_BOOK_TAG in recorded.tags:
            if isinstance(recorded.event, EventVoided):
                self._book = self._rule_book(recorded.envelope.position)
            elif recorded.event is not None:
                self._book.fold(recorded.event, recorded.envelope)
            self.rules = self._book.rules

    def _cover(self, event: PointsRedeemed, position: int) -> None:
        """Note a redemption for which the points would not have been there."""
        more = self.outcome.accounts.get(event.account_id, 0)
        if more >= 0:
            return
        query = Query((QueryItem(tags=(f"account:{event.account_id}",)),))
        found = self.log.read(query, until=position)
        standing = (one for one in found if not self._history.voids.hides(one.envelope))
        left = sum(moved(one.event, event.account_id) for one in standing)
        before = sum(
            one.uncovered for one in self.outcome.uncovered if one.account_id == event.account_id
        )
        short = min(event.points, max(0, -(left + more) - before))
        if short:
            self.outcome.uncovered.append(
                UncoveredRedemption(
                    position=position, account_id=event.account_id, points=event.points,
                    uncovered=short,
                )
            )  # fmt: skip

    # --- deciding ----------------------------------------------------------------------------

    def _decide(self, recorded: Recorded) -> None:
        event, envelope = recorded.event, recorded.envelope
        assert event is not None
        reactions: list[Reaction] = reactions_to(event)
        earning = earning_of(event, envelope.time, self.rules)
        if earning is None and not any(self._history.made.get(tag) for tag in recorded.tags):
            return  # nothing that was simulated can be touched
        triggers: list[Trigger] = []
        for reaction in [*reactions, *([] if earning is None else [earning])]:
            reaction.envelope, reaction.now = envelope, envelope.recorded_at
            reaction.actor, reaction.earlier = SIMULATOR, tuple(triggers)
            reaction.use(
                [self._history.view(view, envelope.position) for view in reaction.boundary]
            )
            while reaction.further():
                reaction.use(
                    [self._history.view(view, envelope.position) for view in reaction.boundary]
                )
            reaction.execute()
            triggers += reaction.triggers
        for n, trigger in enumerate(triggers):
            match trigger.event:
                case PointsEarned() as award:
                    self._give(award, trigger, envelope, n)
                case PointsClawedBack() as clawback if self._is_simulated(clawback):
                    self._take(clawback, trigger, envelope, n)

    def _is_simulated(self, clawback: PointsClawedBack) -> bool:
        return all(debit.lot_id in self._standing for debit in clawback.lots)

    def _give(self, award: PointsEarned, trigger: Trigger, envelope: Envelope, n: int) -> None:
        cause = trigger.cause or envelope.position
        part = Part(award.account_id, award, envelope.position, cause, award.points)
        self._parts[cause].append(part)
        self._standing[award.lot_id] = Standing([part])
        self._batches[award.lot_id] = envelope.batch
        at = trigger.time or envelope.time
        self.outcome.count(award, cause, simulated=True, at=at)
        self._record(award, trigger, envelope, n)

    def _take(
        self, clawback: PointsClawedBack, trigger: Trigger, envelope: Envelope, n: int
    ) -> None:
        for debit in clawback.lots:
            standing = self._standing[debit.lot_id]
            standing.points[clawback.account_id, debit.lot_id] += debit.points
        self.outcome.count(clawback, trigger.cause, simulated=True)
        self._record(clawback, trigger, envelope, n)

    def _record(self, event: Event, trigger: Trigger, envelope: Envelope, n: int) -> None:
        made = Recorded(
            Envelope(
                position=envelope.position,
                id=f"{envelope.position}/{n}",
                source=SIMULATOR,
                type=event.type_name,
                time=trigger.time or envelope.time,
                recorded_at=envelope.recorded_at,
                actor=SIMULATOR,
                cause=trigger.cause or envelope.position,
                batch=envelope.batch,
            ),
            event,
            tags_of(event),
            b"",
        )
        self._history.add(made)
        self._tell(made)

    # --- what follows from corrections -------------------------------------------------------

    def _follow(self, event: Event, envelope: Envelope) -> None:
        """Take back what was simulated for what is voided, disqualified or found false."""
        match event:
            case EventVoided(position=position):
                self._history.voids.positions.add(position)
                self._take_all(self._parts.get(position, ()), envelope)
                if position in self._recorded:
                    self._void_award(*self._recorded.pop(position), envelope)
                self._history.forget(self._tags_at([position]))
            case BatchVoided(batch_id=batch_id):
                self._history.voids.batches.add(batch_id)
                for position, (award, its) in list(self._recorded.items()):
                    if its.batch == batch_id:
                        del self._recorded[position]
                        self.outcome.count(award, its.cause, simulated=False, sign=-1)
                for parts in self._parts.values():
                    self._take_all(
                        [p for p in parts if self._batches.get(p.award.lot_id) == batch_id],
                        envelope,
                    )
                self._history.forget(None)
            case ParticipationDisqualified(participation_id=id_):
                self._take_of("participation_id", id_, envelope)
            case ReferralVoided(referral_id=id_):
                self._take_of("referral_id", id_, envelope)

    def _void_award(self, award: PointsEarned, its: Envelope, envelope: Envelope) -> None:
        """An award itself was voided: so is the one in its place."""
        self.outcome.count(award, its.cause, simulated=False, sign=-1)
        parts = [p for p in self._parts.get(its.cause or 0, ()) if p.award.lot_id == award.lot_id]
        self._take_all(parts, envelope)

    def _take_of(self, field: str, id_: str, envelope: Envelope) -> None:
        tag = f"{field.removesuffix('_id')}:{id_}"
        causes = {made.envelope.cause for made in self._history.made.get(tag, ())}
        parts = [part for cause in causes for part in self._parts.get(cause or 0, ())]
        self._take_all([p for p in parts if getattr(p.award, field) == id_], envelope)

    def _take_all(self, parts: Iterable[Part], envelope: Envelope) -> None:
        for n, part in enumerate(parts):
            standing = self._standing[part.award.lot_id]
            left = standing.left(part)
            if left:
                event = standing.claw_back(part, left)
                self.outcome.count(event, part.cause, simulated=True)
                self._record(event, Trigger(event, part.cause, None), envelope, n)

    def _tags_at(self, positions: Iterable[int]) -> set[str]:
        return {tag for one in self.log.entries(list(positions)) for tag in one.tags}


def window(log: Log, begins: datetime | None, ends: datetime | None) -> tuple[int, int]:
    """The positions that were recorded between two instants: after the first, up to the last."""
    head = log.head().position
    return (
        0 if begins is None else log.position_at(begins, head),
        head if ends is None else log.position_at(ends, head),
    )
