"""Goals: what one more event reaches of what a rule counts over time, or what is still missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from domain.campaigns import CampaignPlan
from domain.counting import Counted, Series
from domain.envelope import Envelope
from domain.event import Event
from domain.expressions import Fault
from domain.findings import Refusal, untrue
from domain.forms import Candidate
from domain.periods import period_number
from domain.progress import (
    Completion,
    Progress,
    completed,
    in_a_row,
    reached,
)
from domain.rule_terms import Challenge
from domain.rules import RuleVersion
from domain.types import Money

Found = Iterator[Completion | Refusal]


class Goal(NamedTuple):
    """Something that a rule gives points for."""

    time: datetime
    position: int
    cause: tuple[str, str] | None
    said: Mapping[str, Any] | None = None
    """Of what was recorded before the event at hand, which opened its window: what it said."""

    def says(self, field: str, event: Event) -> Any:
        """What the event that something is given for says in a field; ``event`` is that at hand."""
        if self.said is None:
            return getattr(event, field, None)
        return self.said.get(f"event.{field}")

    def price(self, event: Event) -> Money:
        """What was paid for the purchase that something is given for."""
        return Money(amount=self.says("net", event), currency=self.says("currency", event))


class Look(NamedTuple):
    """A rule that counts over time, looking at an event."""

    candidate: Candidate
    event: Event
    envelope: Envelope
    progress: Progress
    plan: CampaignPlan | None
    """The rule's campaign, if it has one."""
    known: dict[Series, Counted | Fault | None]
    """What the event was found to count for: rules that count alike ask once."""

    def goals(self) -> Found:
        """What the event reaches, and why nothing more."""
        if self.candidate.looks == "opening":
            yield from self._opening()
            return
        version = self.candidate.version
        by = self._count(version)
        if not isinstance(by, Counted):
            yield untrue("condition", version.terms.condition, by)
        elif self.candidate.looks == "inside":
            yield from self._inside(by)
        elif version.terms.challenge is not None:
            yield self._in_period(version.terms.challenge, by)
        elif version.terms.streak is not None:
            streak = version.terms.streak
            times, row = in_a_row(streak, self.progress.counted(version), by.place[0])
            said = f"{row} {streak.period}s in a row, of {streak.length}"
            yield Completion(by, times) if times else Refusal("streak", said)
        elif counted := self.progress.counted(version):
            time, position = counted[0].place
            said = f"the first was at {time.isoformat()}, position {position}"
            yield Refusal("not_first", said)
        else:
            yield Completion(by, 1)

    def _count(self, version: RuleVersion) -> Counted | Fault | None:
        series = self.progress.counting.series[version.position]
        if series not in self.known:
            self.known[series] = self.progress.count(version, self.event, self.envelope)
        return self.known[series]

    def _inside(self, by: Counted) -> Found:
        """What one more event completes in the windows that are open when it happens."""
        version, rule = self.candidate.version, self.candidate.rule
        challenge = version.terms.challenge
        assert challenge is not None
        windows = [
            opened
            for opened in self.progress.windows(version, by.place)
            if rule.at(opened.place[0]) is version
        ]
        if not windows:
            yield Refusal("no_window", "no window of the member is open at that time")
        for opened in windows:
            before = self.progress.inside(version, opened)
            times = completed(challenge, before, by)
            yield Completion(by, times) if times else missing(challenge, [*before, by])

    def _opening(self) -> Found:
        """What was recorded before the event that opens its window, and happened after it."""
        version = self.candidate.version
        challenge = version.terms.challenge
        assert challenge is not None
        opened = self.progress.opens(version, self.event, self.envelope)
        if opened is None:
            yield untrue("condition", challenge.window.opening, None)
            return
        found: list[Counted] = []
        for by in self.progress.inside(version, opened):
            times = completed(challenge, found, by)
            if times:
                yield Completion(by, times)
            found.append(by)
        if not reached(challenge, [one.amount for one in found]):
            yield missing(challenge, found)

    def _in_period(self, challenge: Challenge, by: Counted) -> Completion | Refusal:
        begins = min(one.begins for one in self.candidate.rule.versions)
        period, time = challenge.window.period, by.place[0]
        if period is not None:
            number = period_number(time, period)
            holds: Callable[[datetime], bool] = lambda at: period_number(at, period) == number  # noqa: E731
        else:
            assert self.plan is not None
            if not self.plan.planned or not self.plan.holds(time):
                return Refusal("no_window", "it is outside the campaign's dates")
            holds = self.plan.holds
        before = self.progress.between(self.candidate.version, begins, holds)
        times = completed(challenge, before, by)
        return Completion(by, times) if times else missing(challenge, [*before, by])


def missing(challenge: Challenge, counted: Sequence[Counted]) -> Refusal:
    """How much of a goal there is."""
    amounts = [one.amount for one in counted]
    match challenge.measure:
        case "count":
            now = len(amounts)
        case "sum":
            now = sum(amounts)
        case "max":
            now = max(amounts, default=0)
    wanted = f"{challenge.comparison.replace('_', ' ')} {challenge.threshold}"
    done = "; it was reached before" if reached(challenge, amounts) else ""
    return Refusal("threshold", f"the {challenge.measure} is {now}, wanted is {wanted}{done}")
