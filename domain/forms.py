"""Forms: the terms of rules made ready to run, and which of them look at an event of an instant."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

from domain.budgets import Promises
from domain.campaigns import CampaignPlan
from domain.decision import View
from domain.earned import ProgrammeEarned
from domain.event import Event
from domain.expressions import Compiled, Fault, Scope, Values, compiled, together
from domain.facts import event_scope, full_scope
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.rule_terms import Role, Rounding, RuleTerms
from domain.rules import Rule, Rules, RuleVersion
from domain.shape import value_at
from domain.triggers import counts_over_time, trigger_class, trigger_name

Looks = Literal["at", "inside", "opening"]
"""A version looks at the event itself; at what it counts inside windows that are open; or at the
window that it opens, for what was recorded before it."""


AROUND: Final = frozenset({"member", "campaign", "activation"})
"""What variables begin with whose values do not come from the event alone."""


class Forms:
    """The expressions of one version."""

    def __init__(self, terms: RuleTerms) -> None:
        trigger = trigger_class(terms.trigger)
        scope = full_scope(trigger)
        counting = counts_over_time(terms)
        self.condition = None if counting else _form(scope, terms.condition, "bool")
        self.eligibility = _form(scope, terms.eligibility, "bool")
        self.points = _form(scope, terms.points, "int")
        amount = terms.per_amount.amount if terms.per_amount else None
        self.amount = _form(scope, amount, "int")
        forms = (self.condition, self.eligibility, self.points, self.amount)
        self.variables = frozenset[str]().union(*(one.variables for one in forms if one))


def _form(scope: Scope, text: str | None, result: Any) -> Compiled | None:
    return None if text is None else compiled(scope, text, result)


_forms: Final[WeakKeyDictionary[RuleVersion, Forms]] = WeakKeyDictionary()


def forms_of(version: RuleVersion) -> Forms:
    """The expressions of a version; they are compiled once."""
    found = _forms.get(version)
    if found is None:
        found = _forms[version] = Forms(version.terms)
    return found


class Candidate(NamedTuple):
    """A version of a rule that looks at an event."""

    version: RuleVersion
    rule: Rule
    looks: Looks
    forms: Forms

    @property
    def own(self) -> bool:
        """Whether its forms speak of the event that it looks at."""
        return self.looks != "opening"

    @property
    def required(self) -> Mapping[str, str]:
        """What variables of the event have to be for it to give anything at all."""
        terms = self.version.terms
        if self.forms.condition is not None:
            return self.forms.condition.required
        opening = terms.challenge.window if terms.challenge and not self.own else None
        name = opening.opened_by if opening else terms.trigger
        text = opening.opening if opening else terms.condition
        if name is None or text is None:
            return {}
        return compiled(event_scope(trigger_class(name)), text, "bool").required


class Plan:
    """The versions that look at the events of one type between two instants, in their order."""

    def __init__(self, event_class: type[Event], candidates: Sequence[Candidate]) -> None:
        self.event_class = event_class
        self.candidates = candidates
        self.opening = [one for one in candidates if not one.own]
        spoken = [one.forms.variables for one in candidates]
        self.spoken = frozenset[str]().union(*spoken)
        """Everything that their forms speak of."""
        self._roots = _roots(self.spoken)
        own = (names for one, names in zip(candidates, spoken, strict=True) if one.own)
        self.variables = frozenset[str]().union(*own)
        """What they say of the event at hand. One that opens a window is not what a formula of its
        rule speaks of: that is what was counted inside."""
        self.looks_around = not _roots(self.variables).isdisjoint(AROUND)
        """Whether they say anything of more than the event."""
        self.roles: tuple[Role, ...] = tuple(
            dict.fromkeys(role for one in candidates for role in one.version.terms.roles)
        )
        terms = [one.version.terms for one in candidates]
        self.limited = any(one.limits is not None for one in terms)
        self.counts = any(map(counts_over_time, terms))
        self.speaks_of_tier = "member.tier" in self.spoken
        programmes = [one.programme for one in terms] if "member.tier" in self.variables else []
        self.tiered = list(dict.fromkeys(programmes))
        """The programmes in which a member may have other tiers, if that matters."""
        self.event_campaign = any(one.event_campaign for one in terms)
        """Whether the campaign that the event names pays."""
        self.shared = list(_shared(terms))
        """Views that are the same for all events."""
        self._screened = [
            (n, one.forms.condition)
            for n, one in enumerate(candidates)
            if one.forms.condition is not None
        ]
        """The conditions, by the place of their candidates."""
        texts = [candidates[n].version.terms.condition or "" for n, _ in self._screened]
        self._together = together(full_scope(event_class), texts) if len(texts) > 1 else None

        self._pivot, self._texts = _pivot([one.required for one in candidates])
        self._parts: dict[str | None, Plan] = {}

    def part_for(self, event: Event) -> Plan:
        """The same without the rules that want another campaign, store or such than the event's.

        They are told by the one variable that tells most of them apart. Whatever they would have
        been asked, and what would have been read for them, is saved.
        """
        if self._pivot is None:
            return self
        said = value_at(event, self._pivot)
        text = said if isinstance(said, str) and said in self._texts else None
        part = self._parts.get(text)
        if part is None:
            name = ".".join(("event", *self._pivot))
            part = self._parts[text] = Plan(
                self.event_class,
                [one for one in self.candidates if one.required.get(name, text) == text],
            )
        return part

    def uses(self, root: str) -> bool:
        """Whether any of them speaks of ``member``, ``campaign`` or ``activation``."""
        return root in self._roots

    def conditions(self, values: Values) -> list[Any]:
        """The value of each candidate's condition, Faults among them; True for those without."""
        found = None if self._together is None else self._together.of(values)
        if not isinstance(found, list):
            # One of them has no value: each is asked alone, so that the others still count.
            found = [form.of(values) for _, form in self._screened]
        elif len(found) == len(self.candidates):
            return found
        holds: list[Any] = [True] * len(self.candidates)
        for (n, _), value in zip(self._screened, found, strict=True):
            holds[n] = value
        return holds


def _roots(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in names)


def _pivot(
    required: Sequence[Mapping[str, str]],
) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """The fields of the event that tell most rules apart by a text, and these texts."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for one in required:
        for name, text in one.items():
            if name.startswith("event."):
                texts[name].append(text)
    if not texts:
        return None, frozenset()
    name = max(texts, key=lambda name: len(texts[name]) * len(set(texts[name])))
    return tuple(name.split(".")[1:]), frozenset(texts[name])


def _shared(terms: Iterable[RuleTerms]) -> Iterator[View]:
    yield ProgrammeTerms(EVERY_PROGRAMME)
    for campaign in dict.fromkeys(one.campaign_id for one in terms):
        if campaign is not None:
            yield CampaignPlan(f"campaign:{campaign}")
            yield Promises(f"campaign:{campaign}")
    limited = [one for one in terms if one.limits and one.limits.programme_points is not None]
    for programme in dict.fromkeys(one.programme for one in limited):
        yield ProgrammeEarned(f"programme:{programme}")


class Plans:
    """The plans of one set of rules; each is made when it is first needed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._bounds: dict[str, list[datetime]] = {}
        self._made: dict[tuple[str, int], Plan] = {}

    def plan(self, event_class: type[Event], time: datetime) -> Plan | None:
        """The plan for an event of a type and time; None if no rule looks at it."""
        name = trigger_name(event_class)
        rules = self._rules.by_trigger.get(name)
        if rules is None:
            return None
        bounds = self._bounds.get(name)
        if bounds is None:
            bounds = self._bounds[name] = sorted({at for rule in rules for at in _bounds(rule)})
        key = name, bisect_right(bounds, time)
        plan = self._made.get(key)
        if plan is None:
            found = [one for rule in rules for one in _candidates(rule, name, time)]
            found.sort(key=lambda one: one.version.order)
            plan = self._made[key] = Plan(event_class, found)
        return plan


_plans: Final[WeakKeyDictionary[Rules, Plans]] = WeakKeyDictionary()


def plan_of(rules: Rules, event_class: type[Event], time: datetime) -> Plan | None:
    """The plan for an event of a type and time; None if no rule looks at it."""
    plans = _plans.get(rules)
    if plans is None:
        plans = _plans[rules] = Plans(rules)
    return plans.plan(event_class, time)


def _window(version: RuleVersion) -> timedelta | None:
    challenge = version.terms.challenge
    if challenge is None or challenge.window.hours is None:
        return None
    return timedelta(hours=challenge.window.hours)


def _bounds(rule: Rule) -> Iterable[datetime]:
    """Every instant at which the versions that look at an event may be others."""
    for version in rule.versions:
        ends = [at for at in (version.terms.valid_until, rule.retired_at) if at is not None]
        later = _window(version) or timedelta()
        yield version.begins
        yield from ends
        yield from (at + later for at in ends)


def _candidates(rule: Rule, name: str, time: datetime) -> Iterable[Candidate]:
    now = rule.at(time)
    for version in rule.versions:
        terms, window = version.terms, _window(version)
        if window is None:
            if version is now and terms.trigger == name:
                yield Candidate(version, rule, "at", forms_of(version))
            continue
        ends = [at for at in (terms.valid_until, rule.retired_at) if at is not None]
        open_until = min(ends) + window if ends else None
        may_be_open = version.begins <= time and (open_until is None or time < open_until)
        if terms.trigger == name and may_be_open:
            yield Candidate(version, rule, "inside", forms_of(version))
        assert terms.challenge is not None
        if terms.challenge.window.opened_by == name and version is now:
            yield Candidate(version, rule, "opening", forms_of(version))


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """A quotient that is not negative, as a whole number."""
    match rounding:
        case "down":
            return numerator // denominator
        case "up":
            return -(-numerator // denominator)
        case "nearest":
            return (2 * numerator + denominator) // (2 * denominator)


def amount_of(form: Compiled, values: Values) -> int | Fault:
    """A whole number; a Fault where the formula has none."""
    found = form.of(values)
    if isinstance(found, Fault):
        return found
    if isinstance(found, bool) or not isinstance(found, int):
        return Fault("the formula gives null")
    return int(found)
