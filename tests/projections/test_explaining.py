"""Every figure is the sum of what events changed of it, and each event says why."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, Final

import pytest

import projections
from domain.points import PointsClawedBack, PointsRedeemed
from filrouge.simulator import State
from filrouge.simulator.run import fill
from projections import balances, campaign_returns, profiles
from projections.explaining import explain
from projections.explanation import Explanation, NoSuchFigure
from projections.known import PastReader
from projections.rebuild import rebuild
from projections.selection import NOW, Selection, When
from store.ledger import Ledger
from tests.projections.awkward import Awkward
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.explained_sums import KINDS, Walk, names_of
from tests.projections.movements import earned, taken

MEMBERS: Final = int(os.environ.get("FILROUGE_TEST_EXPLAINED_MEMBERS", "60"))
"""Of a simulated brand of three years whose members and campaigns are all explained."""
LATER: Final = datetime(2030, 1, 1, tzinfo=UTC)


def explained(
    ledger: Ledger, query: Any, figure: str | None = None, when: When = NOW
) -> Explanation:
    """The explanation of what a query answers."""
    reader = PastReader(ledger.log, ledger.pool, Selection.of(ledger.log, when))
    found = explain(reader, query, figure)
    assert found is not None
    return found


def steps(found: Explanation, figure: str) -> list[tuple[int, int | None]]:
    """Position and change, of the events that changed a figure."""
    return [
        (step.position, change.change)
        for step in found.steps
        for change in step.changes
        if change.figure == figure
    ]


def test_explanations_of_a_simulated_brand_add_up(ledger: Ledger) -> None:
    """For every account, member and campaign, every number of what is answered."""
    fill(ledger, State(MEMBERS, 3.0 if "FILROUGE_TEST_EXPLAINED_MEMBERS" in os.environ else 1.0, 3))
    rebuild(ledger, projections.ALL)
    walk = Walk(ledger, datetime.now(UTC))
    for kind in KINDS:
        walk.all(kind, names_of(ledger, kind))
    assert walk.wrong == []
    assert walk.explained["member"] >= MEMBERS
    assert walk.explained["campaign"] > 2


def test_explanations_of_an_awkward_history_add_up(brand: Brand) -> None:
    """What was voided, told twice, or identified late is in nobody's sum."""
    Awkward(brand).all()
    rebuild(brand.ledger, projections.ALL)
    walk = Walk(brand.ledger, LATER)
    for kind in KINDS:
        walk.all(kind, names_of(brand.ledger, kind))
    assert walk.wrong == []
    assert walk.explained.total() == 28


def test_a_balance_is_explained_by_its_movements(brand: Brand) -> None:
    """With the rule, the cause, the arithmetic, and what such an event means."""
    cause = brand.tell(earned("l0", 5))
    first = brand.tell(earned("l1", 100, rule_id="welcome", rule_version=2, reason="hello"), day=1)
    spent = brand.tell(taken(PointsRedeemed, {"l1": 30}), day=2)
    voided = brand.tell(taken(PointsRedeemed, {"l1": 7}), day=3)
    brand.void(voided)

    def query(rows: Any) -> Any:
        return balances.balance(rows, "a1", SPRING + 9 * DAY)

    found = explained(brand.ledger, query, "active")
    assert steps(found, "active") == [(cause, 5), (first, 100), (spent, -30)]
    [figure] = found.figures
    assert (figure.value, figure.arithmetic) == (75, "5 + 100 - 30 = 75")
    award = found.steps[1]
    assert (award.rule_id, award.rule_version, award.reason) == ("welcome", 2, "hello")
    assert award.what.startswith("An award: a new lot of points")
    assert "active +100 (by rule welcome version 2, reason: hello)" in found.words[2]
    lot = explained(brand.ledger, query, "lots[l1]")
    assert {one.figure: one.value for one in lot.figures if one.figure.endswith("spent")} == {
        "lots[l1].spent": 30
    }
    zero = explained(brand.ledger, query, "owed")
    assert [(one.figure, one.value) for one in zero.figures] == [("owed", 0)]
    with pytest.raises(NoSuchFigure):
        explained(brand.ledger, query, "actives")
    before = explained(brand.ledger, query, "active", When(SPRING + 2 * DAY))
    assert [one.value for one in before.figures] == [105]


def test_a_campaigns_figure_is_explained_by_people(brand: Brand) -> None:
    """Each participant by an event; and the plan that decides who was known is named."""
    Awkward(brand).all()

    def query(rows: Any) -> Any:
        return campaign_returns.returns(rows, "moved")

    found = explained(brand.ledger, query)
    values = {one.figure: one.value for one in found.figures}
    by_sql = dict(
        brand.entries(
            "SELECT position, entry->>'type' FROM log WHERE entry->'data'->>'campaign_id' = 'moved'"
        )
    )
    known = steps(found, "people.known")
    assert sum(change or 0 for _, change in known) == values["people.known"]
    counted = steps(found, "people.participants")
    assert {by_sql[position] for position, _ in counted} == {"participation.recorded.v1"}
    costs = steps(found, "full_cost.EUR")
    assert len(costs) > 3
    plans = {position for position, name in by_sql.items() if name.startswith("campaign.")}
    told = {step.position for step in found.steps} | set(found.computed_with)
    assert plans <= told


def test_a_promise_gives_way_to_what_was_paid(brand: Brand) -> None:
    """Promised points are full cost until a cost of rewards is recorded; the events say so."""
    Awkward(brand).all()
    brand.tell(taken(PointsClawedBack, {"lot-open": 1}, "of-anna", campaign_id="open"))

    def query(rows: Any) -> Any:
        return campaign_returns.returns(rows, "open")

    found = explained(brand.ledger, query, "full_cost")
    [figure] = [one for one in found.figures if one.figure == "full_cost.EUR"]
    changes = steps(found, "full_cost.EUR")
    assert sum(change or 0 for _, change in changes) == figure.value


def test_a_consent_is_explained_by_what_was_said(brand: Brand) -> None:
    """A consent is no number: each event says what it became."""
    Awkward(brand).all()

    def query(rows: Any) -> Any:
        return profiles.member(rows, "cleo")

    found = explained(brand.ledger, query, "consents")
    assert {one.figure for one in found.figures} >= {"consents[marketing/sms].granted"} or {
        one.figure: one.value for one in found.figures
    }["consents[marketing].granted"] is False
    types = [step.type for step in found.steps]
    assert "consent.withdrawn.v1" in types
    assert all(step.type.startswith("consent.") for step in found.steps)
