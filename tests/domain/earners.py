"""What the tests of rules agree on: a programme in stars, a member with an account, and rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.accounts import AccountOpened
from domain.people import MemberEnrolled
from domain.points import PointsEarned
from domain.publishing import PublishRule
from domain.purchases import PurchaseRecorded
from domain.rule_terms import RuleTerms
from domain.rules import RulePublished
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = NOON - 1_000 * DAY

HISTORY = (
    MemberEnrolled(member_id="m1", country="FR"),
    AccountOpened(account_id="a1", programme="club", points_currency="stars", holders=("m1",)),
    MemberEnrolled(member_id="m2"),
    AccountOpened(account_id="a2", programme="club", points_currency="stars", holders=("m2",)),
)


def terms(**more: Any) -> RuleTerms:
    """RuleTerms of the programme: ten stars for each purchase, unless something else is said."""
    kind = more.pop("kind", "per_event")
    defaults: dict[str, Any] = {
        "programme": "club",
        "points_currency": "stars",
        "trigger": "purchase.recorded",
        "valid_from": LONG_AGO,
    }
    if kind != "multiplier":
        defaults["points"] = "10"
    return RuleTerms(kind=kind, **{**defaults, **more})


def club(**rules: RuleTerms) -> Scenario:
    """A history with a member, and these rules published by their names."""
    scenario = Scenario()
    for event in HISTORY:
        scenario.log.append(scenario._record(event, keep=False))
    for rule_id, said in rules.items():
        scenario.when(PublishRule(rule_id=rule_id, terms=said))
    return scenario


def bought(purchase_id: str, net: int = 1_000, member: str | None = "m1", **more: Any) -> Any:
    """A purchase of a member."""
    return PurchaseRecorded(
        purchase_id=purchase_id, member_id=member, net=net, currency="EUR", **more
    )


def given(followed: list[Any]) -> dict[str, int]:
    """The points of each rule among what followed."""
    found: dict[str, int] = {}
    for event in followed:
        if isinstance(event, PointsEarned):
            assert event.rule_id is not None
            found[event.rule_id] = found.get(event.rule_id, 0) + event.points
    return found


def published(rule_id: str, said: RuleTerms) -> RulePublished:
    """The event that a rule was published."""
    return RulePublished(rule_id=rule_id, terms=said)
