"""What-if: with the rules as they were nobody would have other points; with others, exactly who."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.engagement import VisitRecorded
from domain.points import PointsEarned
from domain.programmes import ProgrammeOpened
from domain.publishing import AmendRule, PublishRule, RetireRule
from domain.purchases import PurchaseReturned
from domain.redemptions import RedeemPoints
from domain.rule_terms import PerAmount, RuleLimits
from domain.terms import CurrencyTerms, PointsPrice
from domain.voids import VoidEvent
from store.ledger import Ledger
from store.simulated import SimulationReport, rules_from
from store.simulating import Simulation, window
from tests.store.test_rules_in_batches import NOON, PEOPLE, Shop, bought, terms

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SPEND = terms(kind="per_amount", points="1", per_amount=PerAmount(amount="event.net", per=100))


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """A history in which rules come, change and go, and things are taken back."""
    made = Shop(ledger)
    made.report(*PEOPLE, admin=True)
    made.do(PublishRule(rule_id="spend", terms=SPEND))
    made.do(PublishRule(rule_id="few", terms=terms(limits=RuleLimits(awards=2))))
    made.do(PublishRule(rule_id="come", terms=terms(trigger="visit.recorded")))
    first, *_ = made.report(*(bought(n) for n in range(4)))
    [visit] = made.report(VisitRecorded(member_id="m1"))
    made.report(PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=500))
    made.do(VoidEvent(position=first, reason="wrong"))
    made.do(VoidEvent(position=visit, reason="wrong"))
    made.do(AmendRule(rule_id="spend", terms=terms(points="3")))
    made.do(RetireRule(rule_id="come", time=NOON))
    made.report(bought(10), VisitRecorded(member_id="m1"), bought(11))
    made.do(RedeemPoints(account_id="a1", points=20))
    return made


def simulated(shop: Shop, rules: Any = None, *, after: int = 0) -> SimulationReport:
    """The difference over the history behind a position."""
    _, until = window(shop.ledger.log, None, None)
    return Simulation(shop.ledger.log, rules, after=after, until=until).run()


def standing(shop: Shop) -> int:
    """Points that rules gave and that were not taken back, read off the log."""
    total = 0
    for one in shop.ledger.log.read():
        event: Any = one.event
        if one.envelope.type == "points.earned.v1":
            total += event.points
        elif one.envelope.type == "points.clawed_back.v1":
            total -= event.points
    return total


@pytest.mark.parametrize("after", [0, 6, 9, 15, 20])
def test_with_the_rules_as_they_were_the_difference_is_zero(shop: Shop, after: int) -> None:
    """For everybody, wherever the window begins, and nothing is written."""
    head = shop.ledger.log.head().position
    report = simulated(shop, after=after)
    assert report.members_with_difference == 0
    assert report.awards_recorded == report.awards_simulated
    assert [(one.recorded, one.simulated) for one in report.rules] == [
        (one.recorded, one.recorded) for one in report.rules
    ]
    assert report.uncovered == []
    assert shop.ledger.log.head().position == head


def test_the_recorded_points_are_those_of_the_log(shop: Shop) -> None:
    """Less what was taken back."""
    assert simulated(shop).points_recorded == standing(shop) > 0


def test_other_rules_give_what_they_say(shop: Shop) -> None:
    """Seven points for each purchase that stands: five of them, one of which came back half."""
    report = simulated(shop, rules_from({"seven": terms(points="7")}, LONG_AGO))
    assert report.points_simulated == 7 * 5 - 3
    [member] = report.gain_most + report.lose_most
    assert (member.name, member.recorded) == ("m1", standing(shop))
    assert {one.name: one.simulated for one in report.rules}["seven"] == 32


def test_without_rules_a_redemption_is_uncovered(shop: Shop) -> None:
    """It stays, and the report says how much of it nobody would have had."""
    report = simulated(shop, rules_from({}, LONG_AGO))
    assert report.points_simulated == 0
    [short] = report.uncovered
    assert (short.account_id, short.points, short.uncovered) == ("a1", 20, 20)
    assert [
        one.event.points for one in shop.ledger.log.read() if isinstance(one.event, PointsEarned)
    ]


STARS = CurrencyTerms(
    points_currency="stars",
    fair_value=PointsPrice(amount=12, currency="EUR", points=10),
    expected_redemption=8_000,
    cost=PointsPrice(amount=1, currency="EUR", points=2),
)


def deferred(points: int, *, paid: int, left: int) -> int:
    """The contract liability in cents: points at 0.96 cents a piece, of which ``left`` stand."""
    worth = points * 0.96
    return round(paid * worth / (paid + worth) * left / points)


def test_the_difference_in_liability_is_by_the_formulae_of_liability(ledger: Ledger) -> None:
    """Of purchases by their price, which counts once for two lots; of visits by their cost."""
    made = Shop(ledger)
    club = ProgrammeOpened(programme="club", name="Club", time_zone="UTC", currencies=(STARS,))
    made.report(club, *PEOPLE, admin=True)
    made.do(PublishRule(rule_id="ten", terms=terms()))
    made.do(PublishRule(rule_id="more", terms=terms(points="30")))
    made.do(PublishRule(rule_id="come", terms=terms(trigger="visit.recorded", points="500")))
    made.report(*(bought(n) for n in range(4)), VisitRecorded(member_id="m1"))
    made.report(PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=500))

    def found(rules: Any = None) -> dict[str, tuple[int, int]]:
        said = simulated(made, rules).liability
        assert {(one.programme, one.points_currency, one.currency) for one in said} == {
            ("club", "stars", "EUR")
        }
        return {one.kind: (one.recorded, one.simulated) for one in said}

    was = {
        "contract_liability": deferred(160, paid=4_000, left=140),
        "cost_provision": 200,  # 500 points, 80 % of which are redeemed, at half a cent
    }
    assert found() == {kind: (amount, amount) for kind, amount in was.items()}
    other = rules_from(
        {"much": terms(points="100"), "come": terms(trigger="visit.recorded", points="50")},
        LONG_AGO,
    )
    assert found(other) == {
        "contract_liability": (
            was["contract_liability"], deferred(400, paid=4_000, left=350)
        ),
        "cost_provision": (200, 20),
    }  # fmt: skip
