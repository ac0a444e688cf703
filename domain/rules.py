"""Rules: what earns points, as events with versions; and the book of all versions.

A rule is never changed. It is published as version 1, and each amendment is another version, in
force for what *happens* from its ``valid_from`` on: an event that arrives late is judged by the
version of its own time. The number of a version that was voided is not used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta

from domain.decision import View, on
from domain.envelope import Envelope
from domain.event import Decided, event_type
from domain.rule_terms import RuleTerms
from domain.types import ID, ID_PATTERN, Text, Version

RULE_ID_LENGTH_MAX: Final = 100

RULE_BOOK_TAG: Final = "rules:all"
"""The tag of every event about a rule: one view holds them all."""

RuleID = Annotated[
    str,
    Meta(
        pattern=ID_PATTERN,
        min_length=1,
        max_length=RULE_ID_LENGTH_MAX,
        extra={"tag": "rule"},
        extra_json_schema={"x-tag": "rule"},
    ),
]
"""The name of a rule; it becomes the tag ``rule:<id>``, and a part of the ids of its lots."""
InBook = Annotated[
    Literal["all"], Meta(extra={"tag": "rules"}, extra_json_schema={"x-tag": "rules"})
]


@event_type("rule.published.v1")
class RulePublished(Decided, frozen=True, kw_only=True):
    """A rule exists from here on, as version 1; under a name that a voided rule had, as its next.

    No number of a version is ever used again.
    """

    rule_id: RuleID
    version: Version = 1
    terms: RuleTerms
    reason: Text | None = None
    approved_by: ID | None = None
    book: InBook = "all"


@event_type("rule.amended.v1")
class RuleAmended(Decided, frozen=True, kw_only=True):
    """A rule has another version, which says everything anew. The versions before it stay."""

    rule_id: RuleID
    version: Version
    terms: RuleTerms
    reason: Text | None = None
    approved_by: ID | None = None
    book: InBook = "all"


@event_type("rule.retired.v1")
class RuleRetired(Decided, frozen=True, kw_only=True):
    """A rule gives nothing for what happens at the event's ``time`` or later.

    What had opened before (the window of a challenge) runs to its end.
    """

    rule_id: RuleID
    reason: Text | None = None
    approved_by: ID | None = None
    book: InBook = "all"


class RuleVersion:
    """One version of a rule, with the instants between which it is in force."""

    def __init__(
        self,
        rule_id: str,
        version: int,
        terms: RuleTerms,
        begins: datetime,
        position: int,
    ) -> None:
        self.rule_id = rule_id
        self.version = version
        self.terms = terms
        self.begins = begins
        self.position = position
        """Where it was published: no two versions stand at the same place."""
        self.order = terms.kind == "multiplier", terms.order, rule_id
        """Multipliers are applied after all others."""

    def holds(self, time: datetime) -> bool:
        """Whether it is in force at an instant."""
        ends = self.terms.valid_until
        return self.begins <= time and (ends is None or time < ends)


class Rule(NamedTuple):
    """A rule with all of its versions."""

    versions: tuple[RuleVersion, ...]
    retired_at: datetime | None = None

    def at(self, time: datetime) -> RuleVersion | None:
        """The version in force at an instant: of those that are, the latest."""
        if self.retired_at is not None and time >= self.retired_at:
            return None
        return next((one for one in reversed(self.versions) if one.holds(time)), None)

    @property
    def latest(self) -> RuleVersion:
        """The version that was made last."""
        return self.versions[-1]


class Rules:
    """All rules as of some position: never changed, so that it can be shared and compared."""

    def __init__(self, rules: dict[str, Rule]) -> None:
        self.rules = rules
        self.by_trigger: dict[str, tuple[Rule, ...]] = {}
        """The rules that look at a type of event, by its name without the version."""
        for rule in rules.values():
            for name in dict.fromkeys(_triggers(rule)):
                self.by_trigger[name] = (*self.by_trigger.get(name, ()), rule)


def _triggers(rule: Rule) -> Iterator[str]:
    for version in rule.versions:
        yield version.terms.trigger
        challenge = version.terms.challenge
        if challenge is not None and challenge.window.opened_by is not None:
            yield challenge.window.opened_by


NO_RULES: Final = Rules({})


class RuleBook(View):
    """Every rule with its versions. Tag: ``rules:all``, which all events about rules carry."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.rules = NO_RULES

    @on(RulePublished, RuleAmended)
    def _version(self, event: RulePublished | RuleAmended, envelope: Envelope) -> None:
        before = self.rules.rules.get(event.rule_id, Rule(()))
        made = RuleVersion(
            event.rule_id,
            event.version,
            event.terms,
            event.terms.valid_from or envelope.time,
            envelope.position,
        )
        self._put(event.rule_id, before._replace(versions=(*before.versions, made)))

    @on(RuleRetired)
    def _retired(self, event: RuleRetired, envelope: Envelope) -> None:
        before = self.rules.rules.get(event.rule_id)
        if before is not None:
            self._put(event.rule_id, before._replace(retired_at=envelope.time))

    def _put(self, rule_id: str, rule: Rule) -> None:
        self.rules = Rules({**self.rules.rules, rule_id: rule})


RULE_EVENTS: Final = frozenset(RuleBook.handlers)
"""What changes which rules there are."""
RULE_BOOK: Final = RuleBook(RULE_BOOK_TAG)
"""The rules, to be asked for: it knows none itself, and takes in none."""


class VersionNumbers(View):
    """The highest version number that each rule ever had. Tag: ``rules:all``.

    An award names a rule and a number, so that a number stands for one version for ever, also when
    that one was voided.
    """

    sees_voided = True

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self._highest: dict[str, int] = {}

    @on(RulePublished, RuleAmended)
    def _version(self, event: RulePublished | RuleAmended, envelope: Envelope) -> None:
        self._highest[event.rule_id] = max(event.version, self._highest.get(event.rule_id, 0))

    def next(self, rule_id: str) -> int:
        """A number that no version of the rule ever had: one above the highest."""
        return self._highest.get(rule_id, 0) + 1
