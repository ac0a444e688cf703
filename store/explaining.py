"""Explaining: what each rule gave, or would give, for an event, and why; nothing is written.

It is decided again by the very code that decides, on the history as it was before the event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from domain.decision import Reaction, Trigger, View, reactions_to, replay
from domain.earning import earning_of
from domain.envelope import Envelope, Recorded
from domain.event import Event, stored_names
from domain.findings import Finding
from domain.rules import RULE_BOOK_TAG, RuleBook, Rules
from store.log import Log
from store.query import Query, QueryItem
from store.subjects import awards_behind
from store.voids import Voids

LOOKED_AT_MAX: Final = 1_000
"""Positions of the history that an event was judged by which are told, the newest."""
NOBODY: Final = "-"
"""Stands for who would report an event that is only asked about."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules gave for an event, and why the others gave nothing."""

    position: int
    type: str
    time: datetime
    """When it happened: the versions of the rules are those of this instant."""
    recorded_at: datetime
    findings: list[Finding]
    """One or more for each rule that looks at events of this type, in their order."""
    awards: list[int]
    """The positions of the awards that were recorded with it."""
    voided: bool
    """The event was taken back since: what it had earned is taken back too."""
    looked_at: list[int]
    """The positions of the versions of these rules, and of the events before it that limits,
    windows and conditions were reckoned from: the last 1,000 of them."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules would give for an event if it were recorded now."""

    points: int
    """In all, of whatever currency."""
    findings: list[Finding]


class History:
    """The log up to a position, for whoever folds views of it without deciding."""

    def __init__(self, log: Log, until: int) -> None:
        self.log = log
        self.until = until
        self.looked_at: set[int] = set()
        """Where the events stand that views were folded from."""
        self._voids: Voids = log.voids(until)

    def view(self, empty: View) -> View:
        """The view with its history, leaving out what was taken back by then."""
        names = tuple(name for event in empty.event_types for name in stored_names(event))
        if not names:
            return empty
        query = Query((QueryItem(names, empty.tags),))
        found = [
            one
            for one in self.log.read(query, until=self.until)
            if not self._voids.hides(one.envelope)
        ]
        if not isinstance(empty, RuleBook):  # of the rules, the versions that gave anything count
            self.looked_at.update(one.envelope.position for one in found)
        return replay(empty.fresh(), found)

    def rules(self) -> Rules:
        """The rules as they were known at the position."""
        book = self.view(RuleBook(RULE_BOOK_TAG))
        assert isinstance(book, RuleBook)
        return book.rules

    def versions(self, findings: list[Finding]) -> set[int]:
        """Where the versions of rules were published of which something was found."""
        rules = self.rules().rules
        said = {(one.rule_id, one.rule_version) for one in findings}
        return {
            version.position
            for rule_id in {rule_id for rule_id, _ in said}
            for version in rules[rule_id].versions
            if (rule_id, version.version) in said
        }

    def findings(self, event: Event, envelope: Envelope) -> list[Finding]:
        """What each rule gives for an event that comes next."""
        earning = earning_of(event, envelope.time, self.rules(), traced=True)
        if earning is None:
            return []
        reactions: list[Reaction] = [*reactions_to(event), earning]
        triggers: list[Trigger] = []
        for reaction in reactions:
            reaction.envelope, reaction.now = envelope, envelope.recorded_at
            reaction.actor, reaction.earlier = envelope.actor, tuple(triggers)
            self._read(reaction)
            reaction.execute()
            triggers += reaction.triggers
        return earning.findings or []

    def _read(self, reaction: Reaction) -> None:
        reaction.use([self.view(view) for view in reaction.boundary])
        while reaction.further():
            reaction.use([self.view(view) for view in reaction.boundary])


def rules_of(log: Log, until: int | None = None) -> Rules:
    """The rules as of a position, or of the head."""
    return History(log, log.head().position if until is None else until).rules()


def judged(log: Log, recorded: Recorded, known: int) -> Judged:
    """Why an event earned what it did, or nothing.

    What the ledger did not know when it recorded the event is not looked at, not even what was
    taken back since. ``known`` is up to where awards, and voids of the event, are told.
    """
    envelope = recorded.envelope
    history = History(log, envelope.position - 1)
    findings = [] if recorded.event is None else history.findings(recorded.event, envelope)
    awards = [one.envelope.position for one in awards_behind(log, envelope.position)]
    looked_at = sorted(history.looked_at)[-LOOKED_AT_MAX:]
    return Judged(
        position=envelope.position,
        type=envelope.type,
        time=envelope.time,
        recorded_at=envelope.recorded_at,
        findings=findings,
        awards=[position for position in awards if position <= known],
        voided=log.voids(known).hides(envelope),
        looked_at=sorted({*looked_at, *history.versions(findings)}),
    )


def previewed(
    log: Log, event: Event, *, until: int, time: datetime | None = None, now: datetime
) -> Preview:
    """What the rules would give for an event behind a position that happens at a time, or now."""
    envelope = Envelope(
        position=until + 1,
        id=NOBODY,
        source=NOBODY,
        type=event.type_name,
        time=time or now,
        recorded_at=now,
        actor=NOBODY,
    )
    findings = History(log, until).findings(event, envelope)
    return Preview(points=sum(one.points for one in findings), findings=findings)
