"""Outlook: what a decision by the rules of a ledger depends on, for one event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.accounts import AccountOpened, AccountState
from domain.activations import ActivationTerms
from domain.budgets import Promises
from domain.campaigns import CampaignPlan
from domain.causes import ContributionCause, PurchaseCause, ShareCause
from domain.counting import counting_of
from domain.decision import Reaction, View
from domain.earned import Earned, MemberAccounts
from domain.engagement import ContributionPosted, ShareRecorded
from domain.event import Event
from domain.expressions import Values
from domain.facts import event_values, place_values
from domain.findings import Finding, Refusal, finding
from domain.forms import Candidate, Plan
from domain.goals import Goal, Look
from domain.member_facts import MemberFacts, member_values
from domain.member_tiers import NO_TIER, TierLook, first_look
from domain.participations import ParticipationRecorded, ParticipationState
from domain.points import PointsEarned
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.progress import Completion, Progress
from domain.purchases import PurchaseRecorded, PurchaseState
from domain.rule_terms import Role
from domain.rules import Rules, RuleVersion
from domain.triggers import trigger_name, who

FIRST_REPORTS: Final[dict[type[Event], tuple[str, type[View]]]] = {
    PurchaseRecorded: ("purchase", PurchaseState),
    ParticipationRecorded: ("participation", ParticipationState),
    ShareRecorded: ("share", ShareCause),
    ContributionPosted: ("contribution", ContributionCause),
}
"""What tells whether a thing was reported before, under another event id: it earns once."""


class Earner(NamedTuple):
    """Who earns: a member, or the account of nobody known."""

    role: Role
    member_id: str | None
    account_id: str | None
    """The account that the event itself names."""
    tag: str | None
    """Under which what they did and earned is found."""


class NewAward(NamedTuple):
    """What was given just now, before the history shows it."""

    event: PointsEarned
    tag: str
    """The earner's."""
    time: datetime
    """When what it was given for happened."""
    multiplied: bool
    """By a multiplier."""


class Outlook(Reaction, abstract=True):
    """The views that the rules in force need for an event, and what they show."""

    def __init__(self, event: Event, rules: Rules, plan: Plan, *, traced: bool = False) -> None:
        super().__init__(event)
        self.rules = rules
        self.plan = plan
        self._counted = counting_of(rules).key if plan.counts else ()
        self.findings: list[Finding] | None = [] if traced else None
        self._places: dict[tuple[Any, ...], int] = {}
        self._given: list[NewAward] = []
        self._counts: dict[str, int] = {}
        self._found: dict[str | None, dict[Any, Any]] = {}
        """What the event counts for, by the earner's tag."""
        self.earners = [self._earner(role) for role in plan.roles]
        self._look_at_history()

    def use(self, views: Sequence[View]) -> None:
        """Replace the empty views; here they are found by their places, and stand nowhere else."""
        self.boundary = list(views)

    # --- what it depends on ------------------------------------------------------------------

    def _earner(self, role: Role) -> Earner:
        member_id = who(self.event, role)
        account_id = getattr(self.event, "account_id", None) if role == "member" else None
        tag = None if account_id is None else f"account:{account_id}"
        if member_id is not None:
            tag = f"member:{member_id}"
        return Earner(role, member_id, account_id, tag)

    def _see(self, view: View) -> None:
        if view.key not in self._places:
            self._places[view.key] = len(self.boundary)
            self.boundary.append(view)

    def _seen(self, kind: type[View], *tags: str) -> Any:
        place = self._places.get((kind, tags))
        return None if place is None else self.boundary[place]

    def _look_at_history(self) -> None:
        event, plan = self.event, self.plan
        first = FIRST_REPORTS.get(type(event))
        if first is not None:
            noun, kind = first
            self._see(kind(f"{noun}:{getattr(event, noun + '_id')}"))
        campaign = getattr(event, "campaign_id", None)
        if campaign is not None and plan.uses("campaign"):
            self._see(CampaignPlan(f"campaign:{campaign}"))
        activation = getattr(event, "activation_id", None)
        if activation is not None and plan.uses("activation"):
            self._see(ActivationTerms(f"activation:{activation}"))
        for earner in self.earners:
            self._look_at_earner(earner)
        for view in plan.shared:
            self._see(view)
        if campaign is not None and plan.event_campaign:
            self._see(CampaignPlan(f"campaign:{campaign}"))
            self._see(Promises(f"campaign:{campaign}"))

    def _look_at_earner(self, earner: Earner) -> None:
        plan, tag = self.plan, earner.tag
        if tag is None:
            return
        if earner.member_id is not None:
            self._see(MemberAccounts(tag))
            if plan.uses("member"):
                self._see(MemberFacts(tag))
        elif earner.account_id is not None:
            self._see(AccountState(tag))
        if plan.limited:
            self._see(Earned(tag))
        if plan.counts:
            self._see(Progress(tag, counting=counting_of(self.rules)))
        if plan.speaks_of_tier:
            self._see(first_look(tag))

    def further(self) -> list[View]:
        """Views that only what was read shows to be needed.

        They say of which programme an account is, what counts towards a tier, and what came back
        of a purchase that earns only now, because what opens its window is recorded after it.
        """
        before = len(self.boundary)
        for purchase_id in self._late_purchases():
            self._see(PurchaseCause(f"purchase:{purchase_id}"))
        for earner in self.earners:
            accounts = self._seen(MemberAccounts, earner.tag or "")
            if accounts is not None:
                held = {earner.account_id: accounts.held.get(earner.account_id), **accounts.held}
                for account_id, known in held.items():
                    if known is None and account_id is not None:
                        self._see(AccountState(f"account:{account_id}"))
            if self.plan.speaks_of_tier and earner.tag is not None:
                look = TierLook(self._seen, earner.tag, self.envelope.time)
                for view in look.lacking():
                    self._see(view)
        return self.boundary[before:]

    def _late_purchases(self) -> Iterator[str]:
        for candidate in self.plan.opening:
            for earner in self.earners:
                if earner.tag is not None and earner.role in candidate.version.terms.roles:
                    for found in self.look(candidate, earner).goals():
                        if isinstance(found, Completion) and found.by.cause is not None:
                            field, id_ = found.by.cause
                            yield from [id_] if field == "purchase_id" else []

    def look(self, candidate: Candidate, earner: Earner) -> Look:
        """A rule that counts over time, with what the earner has done, looking at the event."""
        progress = self.boundary[self._places[Progress, (earner.tag,), self._counted]]
        assert isinstance(progress, Progress)
        plan = self._seen(CampaignPlan, f"campaign:{candidate.version.terms.campaign_id}")
        known = self._found.setdefault(earner.tag, {})
        return Look(candidate, self.event, self.envelope, progress, plan, known)

    def looked(self, earner: Earner) -> tuple[list[Values], list[Any]]:
        """For each candidate the values that it speaks of, and that of its condition."""
        plan = self.plan
        if len(plan.tiered) <= 1:
            same = self._values(earner, *plan.tiered)
            return [same] * len(plan.candidates), plan.conditions(same)
        # All but the tier is the same for all programmes.
        values = {one: self._values(earner, one) for one in plan.tiered}
        holds = {one: plan.conditions(its) for one, its in values.items()}
        each = [one.version.terms.programme for one in plan.candidates]
        return [values[one] for one in each], [holds[one][n] for n, one in enumerate(each)]

    def _values(self, earner: Earner, programme: str = "") -> Values:
        """The values of what the rules say of the event, the earner and where it happened.

        A tier is the one in ``programme``.
        """
        names = self.plan.variables
        said = event_values(names, self.event, self.envelope)
        if self.plan.looks_around:
            said |= self._around(names, earner, self.envelope.time, programme)
        return said

    def values_then(self, candidate: Candidate, earner: Earner, goal: Goal) -> Values:
        """The values for what was counted before the event that opened its window.

        Of another campaign or activation than the one that the opening event names nothing is
        known here: what speaks of it has no value.
        """
        assert goal.said is not None
        names, said = candidate.forms.variables, dict(goal.said)
        for noun in ("campaign", "activation"):
            field = f"{noun}_id"
            if said.get(f"event.{field}") != getattr(self.event, field, None):
                names = frozenset(one for one in names if not one.startswith(f"{noun}."))
        programme = candidate.version.terms.programme
        return said | self._around(names, earner, goal.time, programme)

    def _around(
        self, names: frozenset[str], earner: Earner, time: datetime, programme: str
    ) -> dict[str, Any]:
        event = self.event
        plan = self._seen(CampaignPlan, f"campaign:{getattr(event, 'campaign_id', None)}")
        activation = getattr(event, "activation_id", None)
        terms = self._seen(ActivationTerms, f"activation:{activation}")
        facts = self._seen(MemberFacts, f"member:{earner.member_id}")
        tier = self._tier(earner, time, programme) if "member.tier" in names else NO_TIER
        return member_values(names, earner.member_id, earner.role, tier, facts) | place_values(
            names, event, time, plan, terms
        )

    def _tier(self, earner: Earner, time: datetime, programme: str) -> str:
        if earner.tag is None:
            return NO_TIER
        programmes: ProgrammeTerms = self._seen(ProgrammeTerms, EVERY_PROGRAMME)
        look = TierLook(self._seen, earner.tag, time)
        return look.tier(programmes.versions.get(programme, ()))

    def _campaign_of(self, version: RuleVersion) -> str | None:
        if version.terms.event_campaign:
            found: str | None = getattr(self.event, "campaign_id", None)
            return found
        return version.terms.campaign_id

    def account_for(self, version: RuleVersion, earner: Earner) -> str | None:
        """The event's own account if it counts these points, else the member's first that does."""
        wanted = version.terms.programme, version.terms.points_currency
        event = self.event
        if isinstance(event, AccountOpened):
            return event.account_id if (event.programme, event.points_currency) == wanted else None
        named = [earner.account_id] if earner.account_id is not None else []
        accounts: MemberAccounts | None = self._seen(MemberAccounts, earner.tag or "")
        held = accounts.held if accounts is not None else {}
        for account_id in (*named, *held):
            known = held.get(account_id)
            if known is None:
                state: AccountState | None = self._seen(AccountState, f"account:{account_id}")
                if state is not None and state.opened:
                    known = state.programme, state.points_currency
            if known == wanted:
                return account_id
        return None

    # --- saying why --------------------------------------------------------------------------

    def say_not_in_force(self) -> None:
        """Say of the rules that look at such events, but not at that time, when they do."""
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

    def say(self, version: RuleVersion, earner: Earner, said: Refusal, **more: Any) -> None:
        """Note what a rule gave, or why it gave nothing, if somebody wants to know."""
        if self.findings is not None:
            who_ = {"role": earner.role, "member_id": earner.member_id}
            self.findings.append(finding(version, said, **who_, **more))


def reported(view: View, event: Event) -> bool:
    """Whether the thing that an event tells of was told before."""
    match view:
        case PurchaseState():
            return getattr(event, "purchase_id", None) in view.bought
        case ParticipationState():
            return view.recorded is not None
        case ShareCause() | ContributionCause():
            return view.position is not None
    return False
