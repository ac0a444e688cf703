"""What is asked of the rules: only those that an event could meet, and only what they need."""

from __future__ import annotations

import pytest

from domain.earning import earning_of
from domain.expressions import compiled
from domain.facts import full_scope
from domain.publishing import PublishRule
from domain.purchases import PurchaseRecorded
from domain.rules import RULE_BOOK_TAG, RuleBook
from tests.domain.crowd import planned
from tests.domain.earners import bought, club, given, terms
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario


def campaigns() -> Scenario:
    """Three campaigns, each with a rule whose budget it pays, and a rule for everything."""
    scenario = club()
    for n in range(3):
        scenario.log.append(scenario._record(planned(campaign_id=f"c{n}"), keep=False))
    rules = {
        f"r{n}": terms(condition=f"event.campaign_id == 'c{n}' && true", campaign_id=f"c{n}")
        for n in range(3)
    }
    rules["every"] = terms(condition="event.net > 5")
    for rule_id, said in rules.items():
        scenario.when(PublishRule(rule_id=rule_id, terms=said))
    return scenario


@pytest.mark.parametrize(
    "campaign_id, tags, expected",
    [
        ("c1", {"campaign:c1"}, {"r1": 10, "every": 10}),
        ("c9", set(), {"every": 10}),
        (None, set(), {"every": 10}),
    ],
)
def test_rules_of_other_campaigns_are_not_even_read_for(
    campaign_id: str | None, tags: set[str], expected: dict[str, int]
) -> None:
    """Neither their budgets nor their dates; whoever asks why hears of all of them."""
    scenario = campaigns()
    purchase = bought("p1", campaign_id=campaign_id)
    rules = scenario.view(RuleBook(RULE_BOOK_TAG)).rules
    earning = earning_of(purchase, NOON, rules)
    assert earning is not None
    read = {tag for view in earning.boundary for tag in view.tags if tag.startswith("campaign:")}
    assert read == tags
    assert {one.rule_id for one in scenario.why(purchase)} == {"r0", "r1", "r2", "every"}
    assert given(scenario.happens(purchase)) == expected


@pytest.mark.parametrize(
    "text, required",
    [
        ("event.campaign_id == 'c1'", {"event.campaign_id": "c1"}),
        ("'c1' == event.campaign_id && event.net > 5", {"event.campaign_id": "c1"}),
        (
            "event.net > 5 && (event.store_id == 's' && event.campaign_id == 'c')",
            {"event.store_id": "s", "event.campaign_id": "c"},
        ),
        ("event.campaign_id == 'c1' || event.net > 5", {}),
        ("!(event.campaign_id == 'c1')", {}),
        ("event.campaign_id != 'c1'", {}),
        ("event.campaign_id == event.store_id", {}),
        ("event.net == 5 ? event.store_id == 's' : true", {}),
        ("event.codes.exists(code, code == 'x')", {}),
    ],
)
def test_what_a_condition_requires(text: str, required: dict[str, str]) -> None:
    """Where a variable does not have the text, the condition is false, whatever else it says."""
    assert compiled(full_scope(PurchaseRecorded), text, "bool").required == required
