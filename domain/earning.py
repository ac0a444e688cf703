"""Earning: what the rules of the ledger give for an event, decided with it in one batch.

The same code decides, previews, explains and replays: given the rules, the event and the views of
the history before it, it finds the awards, and of every rule that gave nothing the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from domain.accounts import AccountState
from domain.activations import ActivationTerms
from domain.allowances import (
    beyond_budget,
    cost_of,
    lot_of,
    multiplied,
    points_of,
    within_limits,
    within_programme,
)
from domain.budgets import Promises
from domain.campaigns import CampaignPlan
from domain.causes import ContributionCause, ShareCause
from domain.clawbacks import Part
from domain.counting import cause_of
from domain.early_returns import taken_back
from domain.earned import Earned, Given, MemberAccounts, ProgrammeEarned
from domain.errors import FilrougeError
from domain.event import Event, validated
from domain.facts import event_values, place_values
from domain.findings import Refusal, finding, untrue
from domain.forms import Candidate, plan_of
from domain.goals import Look
from domain.member_facts import MemberFacts, member_values
from domain.outlook import FIRST_REPORTS, Earner, Outlook, reported
from domain.participations import ParticipationDisqualified, ParticipationState
from domain.points import PointsEarned
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.progress import Progress
from domain.purchases import PurchaseRecorded, PurchaseState, ReturnMatched
from domain.rules import RuleBook, Rules, RuleVersion
from domain.triggers import counts_over_time, trigger_name
from domain.types import Money

AWARDS_PER_EVENT_MAX: Final = 200
"""One event earns no more awards than this."""


class Goal(NamedTuple):
    """Something that a rule gives points for."""

    time: datetime
    position: int
    cause: tuple[str, str] | None


class Earning(
    Outlook,
    reads=(
        RuleBook, AccountState, MemberAccounts, MemberFacts, Earned, ProgrammeEarned, CampaignPlan,
        Promises, ActivationTerms, PurchaseState, ParticipationState, ShareCause,
        ContributionCause, Progress,
    ),
):  # fmt: skip
    """Every rule in force when an event happened gives what it says, within limits and budgets.

    It is made for one set of rules: the views that it needs follow from them.
    """

    # --- deciding ----------------------------------------------------------------------------

    def execute(self) -> None:
        """Give what each rule says, in their order; then take back what has been returned."""
        self._say_not_in_force()
        refusal = self._nothing_counts()
        if refusal is not None:
            for candidate in self.plan.candidates:
                self._say(candidate.version, self.earners[0], refusal)
            return
        for earner in self.earners:
            values = self._values(earner)
            conditions = self.plan.conditions(values)
            for candidate in self.plan.candidates:
                if earner.role in candidate.version.terms.roles:
                    self._apply(candidate, earner, values, conditions)
        self._take_returns_back()

    def _nothing_counts(self) -> Refusal | None:
        """Why an event earns nothing at all: it was told before, or does not count."""
        event = self.event
        if getattr(event, "part", 1) != 1:
            return Refusal("continued", "the first part of the purchase earns for all of it")
        if type(event) in FIRST_REPORTS and reported(self.boundary[0], event):
            return Refusal("repeated", "it was told before, under another event id")
        if any(isinstance(one.event, ParticipationDisqualified) for one in self.earlier):
            return Refusal("disqualified", "the participation counts for nothing")
        return None

    def _values(self, earner: Earner) -> Any:
        event, names, time = self.event, self.plan.variables, self.envelope.time
        plan = self._seen(CampaignPlan, f"campaign:{getattr(event, 'campaign_id', None)}")
        activation = getattr(event, "activation_id", None)
        terms = self._seen(ActivationTerms, f"activation:{activation}")
        facts = self._seen(MemberFacts, f"member:{earner.member_id}")
        return self.plan.values(
            event_values(names, event, self.envelope)
            | member_values(names, earner.member_id, earner.role, facts)
            | place_values(names, event, time, plan, terms)
        )

    def _apply(
        self, candidate: Candidate, earner: Earner, values: Any, conditions: dict[int, Any]
    ) -> None:
        """Give what one rule says to one earner, or say why it gives nothing."""
        version, forms = candidate.version, candidate.forms
        terms = version.terms
        holds = True if forms.condition is None else conditions[version.position]
        if holds is not True:
            self._say(version, earner, untrue("condition", terms.condition, holds))
            return
        if earner.tag is None:
            self._say(version, earner, Refusal("no_member", "it names nobody who could earn"))
            return
        goals = list(self._goals(candidate, earner))
        eligible = forms.eligibility.of(values) if goals and forms.eligibility else True
        if eligible is not True:
            self._say(version, earner, untrue("eligibility", terms.eligibility, eligible))
            return
        account_id = self.account_for(version, earner) if goals else None
        if goals and account_id is None:
            wanted = f"{terms.programme} in {terms.points_currency}"
            self._say(version, earner, Refusal("no_account", f"there is no account of {wanted}"))
            return
        for goal in goals:
            award = self._award(candidate, earner, account_id or "", goal, values)
            if isinstance(award, Refusal):
                self._say(version, earner, award)
                continue
            self._given.append((award, earner.tag, terms.kind == "multiplier"))
            self.trigger(award, cause=goal.position, time=goal.time)
            self._say(version, earner, AWARDED, account_id=award.account_id, points=award.points)

    def _goals(self, candidate: Candidate, earner: Earner) -> Iterator[Goal]:
        version, event, envelope = candidate.version, self.event, self.envelope
        if not counts_over_time(version.terms):
            yield Goal(envelope.time, envelope.position, cause_of(event))
            return
        assert earner.tag is not None
        progress = self.boundary[self._places[Progress, (earner.tag,), self._counted]]
        assert isinstance(progress, Progress)
        plan = self._seen(CampaignPlan, f"campaign:{version.terms.campaign_id}")
        for found in Look(candidate, event, envelope, progress, plan).goals():
            if isinstance(found, Refusal):
                self._say(version, earner, found)
            else:
                time, position = found.by.place
                yield from [Goal(time, position, found.by.cause)] * found.times

    # --- giving ------------------------------------------------------------------------------

    def _award(
        self, candidate: Candidate, earner: Earner, account_id: str, goal: Goal, values: Any
    ) -> PointsEarned | Refusal:
        """The award for a goal, of so many points as limits leave, if the budget covers it."""
        version = candidate.version
        terms = version.terms
        base = 0
        if terms.multiplier is not None:
            same = ((award, by) for award, _, by in self._given if award.account_id == account_id)
            base = multiplied(terms.multiplier, terms, same)
        points = points_of(candidate, self.event, values, base)
        if terms.limits is not None and isinstance(points, int):
            points = self._limited(version, earner, goal.time, points)
        if isinstance(points, Refusal):
            return points
        cost = cost_of(points, terms.cost)
        campaign = self._campaign_of(version)
        if campaign is not None:
            plan = self._seen(CampaignPlan, f"campaign:{campaign}")
            promises = self._seen(Promises, f"campaign:{campaign}")
            promised = [award for award, _, _ in self._given if award.campaign_id == campaign]
            beyond = beyond_budget(plan, promises, promised, points, cost)
            if beyond is not None:
                return beyond
        if len(self._given) >= AWARDS_PER_EVENT_MAX:
            return Refusal("awards_per_event", f"one event earns {AWARDS_PER_EVENT_MAX} awards")
        try:
            # No fact is refused because of a rule: what no entry could hold is not given.
            return validated(self._made(version, earner, account_id, goal, points, cost))
        except FilrougeError as error:
            return Refusal("fault", f"{error.code}: {error}")

    def _limited(
        self, version: RuleVersion, earner: Earner, time: datetime, points: int
    ) -> int | Refusal:
        limits, programme = version.terms.limits, version.terms.programme
        assert limits is not None
        given = [
            *self._seen(Earned, earner.tag or "").by_rule.get(version.rule_id, ()),
            *(
                Given(time, award.points)
                for award, tag, _ in self._given
                if tag == earner.tag and award.rule_id == version.rule_id
            ),
        ]
        left = within_limits(limits, given, time, points)
        if limits.programme_points is None or isinstance(left, Refusal):
            return left
        more = sum(award.points for award, _, _ in self._given if award.programme == programme)
        view = self._seen(ProgrammeEarned, f"programme:{programme}")
        return within_programme(limits, view, more, time, left)

    def _made(
        self, version: RuleVersion, earner: Earner, account_id: str, goal: Goal, points: int,
        cost: Money | None,
    ) -> PointsEarned:  # fmt: skip
        terms, event = version.terms, self.event
        n = self._counts[version.rule_id]
        self._counts[version.rule_id] += 1
        paid = isinstance(event, PurchaseRecorded) and goal.cause == cause_of(event)
        programmes: ProgrammeTerms = self._seen(ProgrammeTerms, EVERY_PROGRAMME)
        lot = lot_of(terms, programmes.at(terms.programme, goal.time), goal.time)
        purchase = terms.trigger == "purchase.recorded"
        return PointsEarned(
            account_id=account_id,
            member_id=earner.member_id,
            lot_id=f"{version.rule_id}.{self.envelope.position}.{n}",
            points=points,
            origin=terms.origin or ("purchase" if purchase else "engagement"),
            qualifying=terms.qualifying,
            campaign_id=self._campaign_of(version),
            rule_id=version.rule_id,
            rule_version=version.version,
            order_id=event.order_id if paid else None,
            available_from=lot.available_from,
            expires_at=lot.expires_at,
            cost=cost,
            awaits=lot.awaits,
            inactive_days=lot.inactive_days,
            never_owed=lot.never_owed,
            price=Money(amount=event.net, currency=event.currency) if paid else None,
            programme=terms.programme,
            **cast(Any, dict([goal.cause] if goal.cause else [])),
        )

    def _take_returns_back(self) -> None:
        """Claw back for each return that was recorded before the purchase, as if it came after."""
        event = self.event
        matches = [one for one in self.earlier if isinstance(one.event, ReturnMatched)]
        if matches and isinstance(event, PurchaseRecorded):
            parts = [
                Part(award.account_id, award, 0, self.envelope.position, award.points)
                for award, _, _ in self._given
                if award.purchase_id == event.purchase_id
            ]
            views = [view for view in self.boundary if isinstance(view, PurchaseState)]
            for clawback, cause in taken_back(event, parts, matches, views):
                self.trigger(clawback, cause=cause)

    # --- saying why --------------------------------------------------------------------------

    def _say_not_in_force(self) -> None:
        if self.findings is None:
            return
        asked = {candidate.version.rule_id for candidate in self.plan.candidates}
        for rule in self.rules.by_trigger.get(trigger_name(type(self.event)), ()):
            latest = rule.latest
            if latest.rule_id not in asked:
                ends = filter(None, (latest.terms.valid_until, rule.retired_at))
                until = min(ends, default=None)
                said = f"from {latest.begins.isoformat()} to {until.isoformat() if until else '-'}"
                self.findings.append(finding(latest, Refusal("not_in_force", said)))

    def _say(self, version: RuleVersion, earner: Earner, said: Refusal, **more: Any) -> None:
        if self.findings is not None:
            who_ = {"role": earner.role, "member_id": earner.member_id}
            self.findings.append(finding(version, said, **who_, **more))


AWARDED: Final = Refusal("awarded")


def earning_of(
    event: Event, time: datetime, rules: Rules, *, traced: bool = False
) -> Earning | None:
    """What decides the awards for an event; None if no rule looks at such events.

    It is ``traced`` for whoever wants to know why: then it says of each rule what it found.
    """
    if not rules.by_trigger:
        return None
    plan = plan_of(rules, type(event), time)
    if plan is None or not (plan.candidates or traced):
        return None
    return Earning(event, rules, plan, traced=traced)
