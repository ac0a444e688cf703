"""Earning: what the rules of the ledger give for an event, decided with it in one batch.

The same code decides, previews, explains and replays: given the rules, the event and the views of
the history before it, it finds the awards, and of every rule that gave nothing the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import compress
from typing import Any, Final, cast

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
from domain.causes import ContributionCause, PurchaseCause, ShareCause
from domain.clawbacks import Part
from domain.counting import cause_of
from domain.early_returns import taken_back, taken_back_of
from domain.earned import Earned, Given, MemberAccounts, ProgrammeEarned
from domain.errors import FilrougeError
from domain.event import Event, validated
from domain.expressions import Values
from domain.findings import Refusal, untrue
from domain.forms import Candidate, plan_of
from domain.goals import Goal
from domain.member_facts import MemberFacts
from domain.member_tiers import AccountCounting, MemberCounting
from domain.outlook import FIRST_REPORTS, Earner, NewAward, Outlook, reported
from domain.participations import ParticipationDisqualified, ParticipationState
from domain.points import PointsEarned
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.progress import Progress
from domain.purchases import PurchaseRecorded, PurchaseState, ReturnMatched
from domain.rules import RuleBook, Rules, RuleVersion
from domain.triggers import counts_over_time
from domain.types import Money

AWARDS_PER_EVENT_MAX: Final = 200
"""One event earns no more awards than this."""


class Earning(
    Outlook,
    reads=(
        RuleBook, AccountState, MemberAccounts, MemberFacts, Earned, ProgrammeEarned, CampaignPlan,
        Promises, ActivationTerms, PurchaseState, PurchaseCause, ParticipationState, ShareCause,
        ContributionCause, Progress, MemberCounting, AccountCounting,
    ),
):  # fmt: skip
    """Every rule in force when an event happened gives what it says, within limits and budgets.

    It is made for one set of rules: the views that it needs follow from them.
    """

    # --- deciding ----------------------------------------------------------------------------

    def execute(self) -> None:
        """Give what each rule says, in their order; then take back what has been returned."""
        self.say_not_in_force()
        refusal = self._nothing_counts()
        if refusal is not None:
            for candidate in self.plan.candidates:
                self.say(candidate.version, self.earners[0], refusal)
            return
        for earner in self.earners:
            values, holds = self.looked(earner)
            places: Iterable[int] = range(len(holds))
            if self.findings is None:
                places = compress(places, holds)  # nobody wants to know why the others give nothing
            for n in places:
                candidate = self.plan.candidates[n]
                if earner.role in candidate.version.terms.roles:
                    self._apply(candidate, earner, values[n], holds[n])
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

    def _apply(self, candidate: Candidate, earner: Earner, values: Values, holds: Any) -> None:
        """Give what one rule says to one earner, or say why it gives nothing."""
        version, terms = candidate.version, candidate.version.terms
        if holds is not True:
            self.say(version, earner, untrue("condition", terms.condition, holds))
            return
        if earner.tag is None:
            self.say(version, earner, Refusal("no_member", "it names nobody who could earn"))
            return
        goals = self._eligible(candidate, earner, values)
        account_id = self.account_for(version, earner) if goals else None
        if goals and account_id is None:
            wanted = f"{terms.programme} in {terms.points_currency}"
            self.say(version, earner, Refusal("no_account", f"there is no account of {wanted}"))
            return
        for goal, its_values in goals:
            award = self._award(candidate, earner, account_id or "", goal, its_values)
            if isinstance(award, Refusal):
                self.say(version, earner, award)
                continue
            multiplied = terms.kind == "multiplier"
            self._given.append(NewAward(award, earner.tag, goal.time, multiplied))
            self.trigger(award, cause=goal.position, time=goal.time, checked=True)
            self.say(version, earner, AWARDED, account_id=award.account_id, points=award.points)

    def _eligible(
        self, candidate: Candidate, earner: Earner, values: Values
    ) -> list[tuple[Goal, Values]]:
        """What there is to give for that the earner may have, each with its values."""
        form, found, refusals = candidate.forms.eligibility, [], []
        for goal in self._goals(candidate, earner):
            its = values if candidate.own else self.values_then(candidate, earner, goal)
            eligible = True if form is None else form.of(its)
            if eligible is True:
                found.append((goal, its))
            else:
                said = candidate.version.terms.eligibility
                refusals.append(untrue("eligibility", said, eligible))
        for refusal in dict.fromkeys(refusals):
            self.say(candidate.version, earner, refusal)
        return found

    def _goals(self, candidate: Candidate, earner: Earner) -> Iterator[Goal]:
        version, event, envelope = candidate.version, self.event, self.envelope
        if not counts_over_time(version.terms):
            yield Goal(envelope.time, envelope.position, cause_of(event))
            return
        for found in self.look(candidate, earner).goals():
            if isinstance(found, Refusal):
                self.say(version, earner, found)
            else:
                said = None if candidate.own else found.by.said or {}
                yield from [Goal(*found.by.place, found.by.cause, said)] * found.times

    # --- giving ------------------------------------------------------------------------------

    def _award(
        self, candidate: Candidate, earner: Earner, account_id: str, goal: Goal, values: Values
    ) -> PointsEarned | Refusal:
        """The award for a goal, of so many points as limits leave, if the budget covers it."""
        version = candidate.version
        terms = version.terms
        base = 0
        if terms.multiplier is not None:
            same = (
                (one.event, one.multiplied)
                for one in self._given
                if one.event.account_id == account_id
            )
            base = multiplied(terms.multiplier, terms, same)
        points = points_of(candidate, goal.says("currency", self.event), values, base)
        if terms.limits is not None and isinstance(points, int):
            points = self._limited(version, earner, goal.time, points)
        if isinstance(points, Refusal):
            return points
        cost = cost_of(points, terms.cost)
        campaign = self._campaign_of(version)
        if campaign is not None:
            plan = self._seen(CampaignPlan, f"campaign:{campaign}")
            promises = self._seen(Promises, f"campaign:{campaign}")
            promised = [one.event for one in self._given if one.event.campaign_id == campaign]
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
                Given(one.time, one.event.points)
                for one in self._given
                if one.tag == earner.tag and one.event.rule_id == version.rule_id
            ),
        ]
        left = within_limits(limits, given, time, points)
        if limits.programme_points is None or isinstance(left, Refusal):
            return left
        now = [
            Given(one.time, one.event.points)
            for one in self._given
            if one.event.programme == programme
        ]
        view = self._seen(ProgrammeEarned, f"programme:{programme}")
        return within_programme(limits, view, now, time, left)

    def _made(
        self, version: RuleVersion, earner: Earner, account_id: str, goal: Goal, points: int,
        cost: Money | None,
    ) -> PointsEarned:  # fmt: skip
        terms, event = version.terms, self.event
        n = self._counts.get(version.rule_id, 0)
        self._counts[version.rule_id] = n + 1
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
            order_id=goal.says("order_id", event) if purchase else None,
            available_from=lot.available_from,
            expires_at=lot.expires_at,
            cost=cost,
            awaits=lot.awaits,
            inactive_days=lot.inactive_days,
            never_owed=lot.never_owed,
            price=goal.price(event) if purchase else None,
            programme=terms.programme,
            **cast(Any, dict([goal.cause] if goal.cause else [])),
        )

    def _take_returns_back(self) -> None:
        """Claw back for each return that was recorded before the award, as if it came after."""
        event = self.event
        matches = [one for one in self.earlier if isinstance(one.event, ReturnMatched)]
        if matches and isinstance(event, PurchaseRecorded):
            parts = [
                Part(one.event.account_id, one.event, 0, self.envelope.position, one.event.points)
                for one in self._given
                if one.event.purchase_id == event.purchase_id
            ]
            views = [view for view in self.boundary if isinstance(view, PurchaseState)]
            for clawback, cause in taken_back(event, parts, matches, views):
                self.trigger(clawback, cause=cause)
        for one in self._given:
            late = self._seen(PurchaseCause, f"purchase:{one.event.purchase_id}")
            for clawback, cause in taken_back_of(one.event, late) if late is not None else ():
                self.trigger(clawback, cause=cause, time=one.time)


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
    if plan is not None and not traced:
        plan = plan.part_for(event)
    if plan is None or not (plan.candidates or traced):
        return None
    return Earning(event, rules, plan, traced=traced)
