"""Publishing: the decisions that make, amend and retire rules, after checking all they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from domain.campaigns import CampaignPlan
from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.event import Event
from domain.expressions import ExpressionInvalid, ExpressionTooCostly, compiled
from domain.facts import event_scope
from domain.forms import Forms
from domain.rule_terms import Challenge, Kind, Multiplier, Role, RuleTerms, Window
from domain.rules import (
    RULE_BOOK_TAG,
    Rule,
    RuleAmended,
    RuleBook,
    RuleID,
    RulePublished,
    RuleRetired,
    VersionNumbers,
)
from domain.terms import ExpiryPolicy
from domain.triggers import (
    ROLE_FIELDS,
    TriggerUnknown,
    counts_over_time,
    names_role,
    trigger_class,
)
from domain.types import ID, Text

RULES_MAX: Final = 1_000
"""Rules of one ledger, the retired ones among them."""

__all__ = ["ExpressionInvalid", "ExpressionTooCostly", "TriggerUnknown"]


class RuleAlreadyPublished(RuleError):
    """A rule with this id exists: amend it, or publish the new one under another id."""


class RuleNotPublished(RuleError):
    """No rule with this id was published: publish it first, or correct the id."""


class RuleIsRetired(RuleError):
    """This rule was retired and takes no change: publish another one."""


class TooManyRules(RuleError):
    """The ledger has as many rules as it can have: amend one instead of publishing another."""


class RuleTermsContradict(RuleError):
    """What the rule says does not fit together; the answer says what."""


def check_terms(terms: RuleTerms) -> None:
    """Refuse terms that could never be applied: a wrong formula, a missing part, wrong dates."""
    trigger = trigger_class(terms.trigger)
    for wrong in _contradictions(terms, trigger):
        raise RuleTermsContradict(wrong)
    Forms(terms)
    if counts_over_time(terms) and terms.condition is not None:
        compiled(event_scope(trigger), terms.condition, "bool")
    if terms.challenge is not None:
        _check_challenge(terms.challenge, trigger)


def _check_challenge(challenge: Challenge, trigger: type[Event]) -> None:
    if challenge.amount is not None:
        compiled(event_scope(trigger), challenge.amount, "int")
    window = challenge.window
    if window.opened_by is not None:
        opener = trigger_class(window.opened_by)
        if window.opening is not None:
            compiled(event_scope(opener), window.opening, "bool")


PARTS: Final[dict[str, Callable[[Kind], bool]]] = {
    "per_amount": lambda kind: kind == "per_amount",
    "multiplier": lambda kind: kind == "multiplier",
    "challenge": lambda kind: kind == "challenge",
    "streak": lambda kind: kind == "streak",
    "points": lambda kind: kind != "multiplier",
}
"""Which kinds of rule say each part; the others may not."""


def _contradictions(terms: RuleTerms, trigger: type[Event]) -> Iterator[str]:
    for part, belongs in PARTS.items():
        said = getattr(terms, part) is not None
        if said != belongs(terms.kind):
            yield f"{part}: a rule of the kind {terms.kind} {'has none' if said else 'needs it'}"
    if terms.kind == "referral" and terms.trigger != "referral.qualified":
        yield "trigger: a referral earns when it is qualified: referral.qualified"
    yield from _wrong_roles(terms.roles, terms, trigger)
    begins, ends = terms.valid_from, terms.valid_until
    if begins is not None and ends is not None and ends <= begins:
        yield "valid_until: it is not after valid_from"
    if terms.expiry == ExpiryPolicy(kind="rolling"):
        yield "expiry: a rolling expiry says after how many months or days"
    if terms.campaign_id is not None and terms.event_campaign:
        yield "event_campaign: either campaign_id pays, or the event's campaign"
    if terms.challenge is not None:
        yield from _wrong_challenge(terms.challenge, terms)
    if terms.multiplier is not None:
        yield from _wrong_multiplier(terms.multiplier)


def _wrong_roles(roles: tuple[Role, ...], terms: RuleTerms, trigger: type[Event]) -> Iterator[str]:
    if not roles or len(set(roles)) < len(roles):
        yield "roles: say each of those who earn once"
    for role in roles:
        if not names_role(trigger, role):
            yield f"roles: {terms.trigger} has no {ROLE_FIELDS[role]}"


def _wrong_multiplier(multiplier: Multiplier) -> Iterator[str]:
    if multiplier.numerator <= multiplier.denominator:
        yield "multiplier: it adds nothing: the numerator is to be above the denominator"


def _wrong_challenge(challenge: Challenge, terms: RuleTerms) -> Iterator[str]:
    if (challenge.measure == "count") != (challenge.amount is None):
        yield "challenge.amount: sums and maxima need it, counts have none"
    if challenge.repeats and challenge.measure != "max" and challenge.threshold == 0:
        yield "challenge.threshold: what repeats needs one above 0"
    yield from _wrong_window(challenge.window, terms)


def _wrong_window(window: Window, terms: RuleTerms) -> Iterator[str]:
    said = [window.opened_by is not None, window.period is not None, window.campaign]
    if sum(said) != 1:
        yield "challenge.window: say one of opened_by, period and campaign"
    if (window.opened_by is None) != (window.hours is None):
        yield "challenge.window.hours: a window that an event opens lasts so many hours"
    if window.opening is not None and window.opened_by is None:
        yield "challenge.window.opening: only what an event opens has one"
    if window.campaign and terms.campaign_id is None:
        yield "challenge.window.campaign: name the campaign in campaign_id"


def _views(decision: Slice, terms: RuleTerms) -> Any:
    """The book, and the campaign that is to pay."""
    if terms.campaign_id is not None:
        decision.view(CampaignPlan, f"campaign:{terms.campaign_id}")
    return decision.view(RuleBook, RULE_BOOK_TAG)


def _check(decision: Slice, terms: RuleTerms) -> None:
    for view in decision.boundary:
        if isinstance(view, CampaignPlan):
            view.require()
    check_terms(terms)


def _published(book: RuleBook, rule_id: str) -> Rule:
    rule = book.rules.rules.get(rule_id)
    if rule is None:
        raise RuleNotPublished(rule_id=rule_id)
    if rule.retired_at is not None:
        raise RuleIsRetired(rule_id=rule_id, retired_at=rule.retired_at)
    return rule


class PublishRule(Command, frozen=True, kw_only=True):
    """Publish a rule by which points are given from here on. Without an id it gets one.

    Nothing that was recorded before is judged again; to see what it would have given, simulate it.
    """

    rule_id: RuleID | None = None
    terms: RuleTerms
    reason: Text | None = None
    approved_by: ID | None = None


class PublishingRule(Slice, decides=PublishRule, reads=(RuleBook, VersionNumbers, CampaignPlan)):
    """A rule is published once, and only when all that it says can be applied."""

    def __init__(self, command: PublishRule, command_id: str) -> None:
        super().__init__(command, command_id)
        self.rule_id = command.rule_id or self.mint("rule")
        self.book: RuleBook = _views(self, command.terms)
        self.numbers = self.view(VersionNumbers, RULE_BOOK_TAG)

    def execute(self) -> None:
        """Publish it."""
        command: PublishRule = self.command
        rules = self.book.rules.rules
        if self.rule_id in rules:
            raise RuleAlreadyPublished(rule_id=self.rule_id)
        if len(rules) >= RULES_MAX:
            raise TooManyRules(rules_max=RULES_MAX)
        _check(self, command.terms)
        self.trigger(
            RulePublished(
                rule_id=self.rule_id,
                version=self.numbers.next(self.rule_id),
                terms=command.terms,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class AmendRule(Command, frozen=True, kw_only=True):
    """Give a rule another version, which says everything anew.

    It is in force for what happens from its ``valid_from`` on (without one: from now); for what
    happened earlier the version before it stays in force.
    """

    rule_id: RuleID
    terms: RuleTerms
    reason: Text | None = None
    approved_by: ID | None = None


class AmendingRule(Slice, decides=AmendRule, reads=(RuleBook, VersionNumbers, CampaignPlan)):
    """A rule is amended until it is retired."""

    def __init__(self, command: AmendRule, command_id: str) -> None:
        super().__init__(command, command_id)
        self.book: RuleBook = _views(self, command.terms)
        self.numbers = self.view(VersionNumbers, RULE_BOOK_TAG)

    def execute(self) -> None:
        """Make its next version."""
        command: AmendRule = self.command
        _published(self.book, command.rule_id)
        _check(self, command.terms)
        self.trigger(
            RuleAmended(
                rule_id=command.rule_id,
                version=self.numbers.next(command.rule_id),
                terms=command.terms,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class RetireRule(Command, frozen=True, kw_only=True):
    """Let a rule give nothing for what happens from now, or from ``time``, on."""

    rule_id: RuleID
    reason: Text | None = None
    approved_by: ID | None = None


class RetiringRule(Slice, decides=RetireRule, reads=(RuleBook,)):
    """A rule is retired once."""

    def __init__(self, command: RetireRule, command_id: str) -> None:
        super().__init__(command, command_id)
        self.book = self.view(RuleBook, RULE_BOOK_TAG)

    def execute(self) -> None:
        """Retire it."""
        command: RetireRule = self.command
        _published(self.book, command.rule_id)
        self.trigger(
            RuleRetired(
                rule_id=command.rule_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )
