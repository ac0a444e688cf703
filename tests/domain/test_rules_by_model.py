"""Generated programmes give what a naive model gives; FILROUGE_TEST_PROGRAMMES says how many."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from domain.accounts import AccountOpened
from domain.invitations import InvitationSent
from domain.people import MemberEnrolled
from domain.points import PointsEarned
from domain.purchases import PurchaseRecorded
from domain.rule_terms import (
    Challenge,
    Multiplier,
    PerAmount,
    RuleLimits,
    RuleTerms,
    Streak,
    Window,
)
from domain.rules import RuleAmended, RulePublished
from tests.domain.earners import terms
from tests.domain.moments import NOON
from tests.domain.naive_rules import Award, Happened, Model, by_member
from tests.domain.scenario import Scenario

PROGRAMMES = int(os.environ.get("FILROUGE_TEST_PROGRAMMES", "60"))
MEMBERS = ("m1", "m2")

STORE = st.sampled_from([None, None, "s1", "s2"])
LEAST = st.sampled_from([0, 500, 1_500])
POINTS = st.integers(1, 30)
LIMITS = {
    "period": st.sampled_from([None, "day", "week", "month", "year"]),
    "awards": st.sampled_from([None, None, 1, 2]),
    "most": st.sampled_from([None, None, 25, 60]),
    "cooldown": st.sampled_from([None, None, 90, 2_000]),
    "of_all": st.sampled_from([None, None, None, 70]),
    "of_all_in": st.sampled_from([None, "day", "week"]),
}
TERMS = {
    "by_net": st.booleans(),
    "amended": st.sampled_from([None, None, (-50, 7), (-10, 40)]),
}
"""Points by what the purchase says; and another number of points from so many hours on."""


def drawn(kind: str, **more: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A rule of a kind, as the model reads it."""
    return st.fixed_dictionaries(
        {
            "kind": st.just(kind),
            "least": LEAST,
            "store": STORE,
            "points": POINTS,
            **LIMITS,
            **more,
        }
    )


GOAL = {
    "measure": st.sampled_from(["count", "sum", "max"]),
    "goal": st.sampled_from([1, 2, 3, 1_000, 2_500]),
    "more": st.booleans(),
    "repeats": st.booleans(),
}
RULES = st.one_of(
    drawn("per_event", **TERMS),
    drawn("per_amount", rounding=st.sampled_from(["down", "nearest", "up"])),
    drawn("multiplier", times=st.sampled_from([1.5, 2, 3])),
    drawn("first_ever", **TERMS),
    drawn("streak", length=st.integers(2, 3), repeats=st.booleans(), **TERMS),
    drawn("challenge", hours=st.sampled_from([3, 30, 100]), **GOAL, **TERMS),
    drawn("challenge", calendar=st.sampled_from(["day", "week", "month"]), **GOAL, **TERMS),
)
EVENTS = st.builds(
    Happened,
    kind=st.sampled_from(["purchase", "purchase", "invitation"]),
    member=st.sampled_from(MEMBERS),
    time=st.integers(-100, 0).map(lambda hours: NOON + timedelta(hours=hours)),
    net=st.sampled_from([1, 499, 500, 1_000, 1_500, 2_501]),
    store=st.sampled_from([None, "s1", "s2"]),
)


def terms_of(rule: dict[str, Any], points: int) -> RuleTerms:
    """The rule as it is published."""
    kind, least = rule["kind"], rule["least"]
    limits = RuleLimits(
        awards=rule["awards"], points=rule["most"], period=rule["period"],
        cooldown_minutes=rule["cooldown"], programme_points=rule["of_all"],
        programme_period=rule["of_all_in"],
    )  # fmt: skip
    condition = f"event.net >= {least}"
    if rule["store"] is not None:
        condition = f"event.store_id == '{rule['store']}' && {condition}"
    said: dict[str, Any] = {"kind": kind, "condition": condition, "limits": limits}
    if kind != "multiplier":
        said["points"] = f"{points} + event.net / 100" if rule.get("by_net") else str(points)
    match kind:
        case "per_amount":
            said["per_amount"] = PerAmount(amount="event.net", per=100, rounding=rule["rounding"])
        case "multiplier":
            said["multiplier"] = Multiplier(numerator=int(2 * rule["times"]), denominator=2)
        case "streak":
            said["streak"] = Streak(period="day", length=rule["length"], repeats=rule["repeats"])
        case "challenge":
            window = (
                Window(period=rule["calendar"])
                if "calendar" in rule
                else Window(opened_by="invitation.sent", hours=rule["hours"])
            )
            said["challenge"] = Challenge(
                measure=rule["measure"],
                amount=None if rule["measure"] == "count" else "event.net",
                threshold=rule["goal"],
                comparison="more_than" if rule["more"] else "at_least",
                repeats=rule["repeats"],
                window=window,
            )
    return terms(**said)


def house(rules: dict[str, dict[str, Any]]) -> Scenario:
    """Two members with accounts, and the rules."""
    scenario = Scenario()
    events: list[Any] = []
    for name, rule in rules.items():
        events.append(RulePublished(rule_id=name, terms=terms_of(rule, rule["points"])))
        if rule.get("amended"):
            hours, points = rule["amended"]
            begins = NOON + timedelta(hours=hours)
            said = replace(terms_of(rule, points), valid_from=begins)
            events.append(RuleAmended(rule_id=name, version=2, terms=said))
    for member in MEMBERS:
        events.append(MemberEnrolled(member_id=member))
        account = f"a-{member}"
        events.append(
            AccountOpened(
                account_id=account, programme="club", points_currency="stars", holders=(member,)
            )
        )
    for event in events:
        scenario.log.append(scenario._record(event, keep=False))
    return scenario


@settings(max_examples=PROGRAMMES)
@given(
    rules=st.lists(RULES, min_size=1, max_size=4).map(
        lambda some: {f"r{n}": rule for n, rule in enumerate(some)}
    ),
    events=st.lists(EVENTS, min_size=1, max_size=12),
)
def test_generated_programmes_give_what_the_model_gives(
    rules: dict[str, dict[str, Any]], events: list[Happened]
) -> None:
    """Event by event, in whatever order of time they arrive."""
    scenario, model = house(rules), Model(rules, NOON)
    for n, event in enumerate(events):
        recorded: Any = (
            PurchaseRecorded(
                purchase_id=f"p{n}",
                member_id=event.member,
                net=event.net,
                currency="EUR",
                store_id=event.store,
            )
            if event.kind == "purchase"
            else InvitationSent(invitation_id=f"i{n}", member_id=event.member)
        )
        before = len(scenario.log)
        scenario.happens(recorded, at=event.time)
        awards = [
            Award(r.event.rule_id or "", r.event.member_id or "", r.event.points, r.envelope.time)
            for r in scenario.log[before:]
            if isinstance(r.event, PointsEarned)
        ]
        assert by_member(awards) == by_member(model.happens(event))
