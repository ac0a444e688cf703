"""Counting: what the rules of a ledger count over time, and which events open their windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from domain.envelope import Envelope
from domain.event import Event
from domain.expressions import Fault, compiled, together
from domain.facts import event_scope, event_values
from domain.forms import forms_of
from domain.rule_terms import Window
from domain.rules import Rules, RuleVersion
from domain.triggers import counts_over_time, trigger_class

Place = tuple[datetime, int]
"""When something happened, and its position: what is earlier comes first, ties by position."""


class Counted(NamedTuple):
    """One event that counts."""

    place: Place
    amount: int
    cause: tuple[str, str] | None
    """The field that names the thing and its id: ``purchase_id``, ``p1``."""
    said: Mapping[str, Any] | None = None
    """What it said that an award may need when its window turns out to have been open only later,
    by the names that formulae use. None: no rule's window can open later."""


class Opened(NamedTuple):
    """A window that an event opened."""

    place: Place
    closes: datetime


CAUSES: Final = (
    "purchase_id", "participation_id", "share_id", "contribution_id", "referral_id",
)  # fmt: skip
"""The fields by which an event names what points are given for, where it has one of them."""


def cause_of(event: Event) -> tuple[str, str] | None:
    """The field that names what an event is about, and the id in it."""
    for field in CAUSES:
        id_ = getattr(event, field, None)
        if id_ is not None:
            return field, id_
    return None


class Series:
    """What several rules count alike: the events of one type of which a condition is true."""

    def __init__(
        self,
        trigger: type[Event],
        condition: str | None,
        amount: str | None,
        said: frozenset[str] | None,
    ) -> None:
        self.trigger = trigger
        scope = event_scope(trigger)
        self._said = said
        self._condition = compiled(scope, condition, "bool") if condition else None
        self._amount = compiled(scope, amount, "int") if amount else None
        forms = (self._condition, self._amount)
        self._variables = frozenset[str]().union(*(one.variables for one in forms if one))

    def count(self, event: Event, envelope: Envelope) -> Counted | Fault | None:
        """What an event counts for; None if its condition is not true."""
        amount: Any = 1
        if self._condition is not None or self._amount is not None:
            values = event_values(self._variables, event, envelope)
            holds = True if self._condition is None else self._condition.of(values)
            if holds is not True:
                return holds if isinstance(holds, Fault) else None
            if self._amount is not None:
                amount = self._amount.of(values)
        if isinstance(amount, Fault):
            return amount
        if isinstance(amount, bool) or not isinstance(amount, int):
            return Fault("the amount is null")
        said = None if self._said is None else event_values(self._said, event, envelope)
        return Counted((envelope.time, envelope.position), amount, cause_of(event), said)


PAID: Final = frozenset({"event.currency", "event.net", "event.order_id"})
"""What an award says of the purchase that it is for, and what a rule for amounts asks."""


def _said(versions: Iterable[RuleVersion]) -> frozenset[str] | None:
    """What is kept of the events that several versions count alike; None: nothing."""
    late = [
        version
        for version in versions
        if version.terms.challenge is not None and window_of(version).opened_by is not None
    ]
    if not late:
        return None
    trigger = trigger_class(late[0].terms.trigger)
    known = {name for name, _, _ in event_scope(trigger).variables}
    spoken = frozenset[str]().union(*(forms_of(version).variables for version in late))
    places = {f"event.{name.partition('.')[0]}_id" for name in spoken}  # of campaign.* its id
    return (spoken | places | PAID) & known


class Openings:
    """The rules whose windows are opened by one type of event, and what tells which it opens."""

    def __init__(self, opener: type[Event], versions: Sequence[RuleVersion]) -> None:
        scope = event_scope(opener)
        self._always = [version for version in versions if not window_of(version).opening]
        self._tested = [version for version in versions if window_of(version).opening]
        texts = [window_of(version).opening or "" for version in self._tested]
        self._each = [compiled(scope, text, "bool") for text in texts]
        self._variables = frozenset[str]().union(*(one.variables for one in self._each))
        self._together = together(scope, texts) if len(texts) > 1 else None

    def opened(self, event: Event, envelope: Envelope) -> list[tuple[RuleVersion, Opened]]:
        """The windows that an event opens."""
        opens = list(self._always)
        if self._tested:
            values = event_values(self._variables, event, envelope)
            found = None if self._together is None else self._together.of(values)
            if not isinstance(found, list):
                found = [one.of(values) for one in self._each]
            opens += [one for one, holds in zip(self._tested, found, strict=True) if holds is True]
        place = envelope.time, envelope.position
        return [
            (version, Opened(place, envelope.time + timedelta(hours=window_of(version).hours or 0)))
            for version in opens
        ]


def window_of(version: RuleVersion) -> Window:
    """The window of a challenge."""
    assert version.terms.challenge is not None
    return version.terms.challenge.window


class Counting:
    """Everything that the rules of a ledger count over time."""

    def __init__(self, rules: Rules) -> None:
        versions = [
            version
            for rule in rules.rules.values()
            for version in rule.versions
            if counts_over_time(version.terms)
        ]
        self.key = tuple(version.position for version in versions)
        """What is counted is the same as long as these versions are."""
        alike: defaultdict[tuple[str, str | None, str | None], list[RuleVersion]]
        alike = defaultdict(list)
        openers: defaultdict[str, list[RuleVersion]] = defaultdict(list)
        for version in versions:
            terms = version.terms
            amount = terms.challenge.amount if terms.challenge else None
            alike[terms.trigger, terms.condition, amount].append(version)
            if terms.challenge is not None and terms.challenge.window.opened_by is not None:
                openers[terms.challenge.window.opened_by].append(version)
        self.series: dict[int, Series] = {}
        """By the position of the version; versions that count alike share one."""
        self.by_trigger: defaultdict[type[Event], list[Series]] = defaultdict(list)
        for (trigger, condition, amount), some in alike.items():
            series = Series(trigger_class(trigger), condition, amount, _said(some))
            self.by_trigger[series.trigger].append(series)
            self.series |= dict.fromkeys((version.position for version in some), series)
        self.openings = {
            (cls := trigger_class(name)): Openings(cls, some) for name, some in openers.items()
        }
        self.event_types = tuple(dict.fromkeys((*self.by_trigger, *self.openings)))


_countings: Final[WeakKeyDictionary[Rules, Counting]] = WeakKeyDictionary()


def counting_of(rules: Rules) -> Counting:
    """What these rules count over time."""
    found = _countings.get(rules)
    if found is None:
        found = _countings[rules] = Counting(rules)
    return found
