"""Liability: equal to a naive model and to the journal, whatever happened; and it adds up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from domain.cohorts import CONTRACT
from domain.points import PointsEarned, PointsExpired, PointsRedeemed
from domain.types import Money
from projections import journal
from projections.journal import JOURNAL
from projections.known import PastReader
from projections.liability import LIABILITY
from projections.liability_figures import LiabilityFigures, back_tests, liability
from projections.liability_roll_forward import Rolled, rolled
from projections.programmes import PROGRAMMES
from projections.reader import Reader, reading
from projections.runner import Runner
from projections.selection import Selection, When
from projections.status import wait_for
from tests.projections.brand import DAY, SPRING, WAIT_SECONDS_MAX, Brand
from tests.projections.club_books import COST, VALUE, Naive, Till, amended, at_day, opened
from tests.projections.movements import RandomMovements, taken

DAYS = 130


@contextmanager
def tables(brand: Brand) -> Iterator[Reader]:
    """The tables of everything that liability is read from, up to date."""
    projections = (LIABILITY, PROGRAMMES, JOURNAL)
    runner = Runner(brand.ledger, list(projections)).start()
    try:
        head = brand.ledger.log.head().position
        for one in projections:
            assert wait_for(brand.ledger.pool, one, head, WAIT_SECONDS_MAX), runner.status()
        with reading(brand.ledger.pool, *projections) as reader:
            yield reader
    finally:
        runner.stop()


def past(brand: Brand, as_of: datetime | None = None, until: int | None = None) -> PastReader:
    """The past, as of an instant or at a position."""
    ledger = brand.ledger
    selection = Selection.of(ledger.log, When(as_of), until=until)
    return PastReader(ledger.log, ledger.pool, selection)


def figures(reader: Reader, at: datetime, kind: str, **more: Any) -> LiabilityFigures:
    """The figures of one kind of the club's stars."""
    found = liability(reader, "club", at, **more)
    assert found is not None
    [mine] = [one for one in found.liabilities if one.kind == kind]
    return mine


def outstanding(reader: Reader, at: datetime) -> int:
    """The outstanding points of all vintages of both kinds."""
    found = liability(reader, "club", at)
    if found is None:
        return 0
    return sum(v.outstanding for one in found.liabilities for v in one.vintages)


def held(reader: Reader) -> int:
    """What members hold by the books of the journal."""
    return sum(
        one.pending + one.wallets + one.reserved
        for one in journal.trial_balance(reader).currencies
        if one.programme == "club"
    )


def assert_equals_naive(reader: Reader, naive: Naive, at: datetime, share: Fraction) -> None:
    """Every vintage of both kinds has the naive model's points and amount."""
    for kind, bought in (("contract_liability", True), ("cost_provision", False)):
        mine = figures(reader, at, kind)
        assert [one.vintage for one in mine.vintages] == naive.vintages(bought=bought)
        whole = Fraction(0)
        for one in mine.vintages:
            cohort = naive.cohort(bought=bought, vintage=one.vintage)
            names = ("awarded", "clawed_back", "redeemed", "expired", "cancelled", "outstanding")
            assert {n: getattr(one, n) for n in names} == {n: cohort[n] for n in names}
            of = naive.deferred if bought else naive.provided
            amount = of(one.vintage, share)
            assert abs(one.amount - amount) <= 1
            whole += amount
        assert abs(mine.amount - whole) <= Fraction(51, 100)
        assert sum(one.amount for one in mine.vintages) == mine.amount
        assert sum(one.amount for one in mine.campaigns) == mine.amount
        for campaign in mine.campaigns:
            alone = figures(reader, at, kind, campaign=campaign.campaign_id)
            assert alone.campaigns[0].outstanding == campaign.outstanding
            assert abs(alone.amount - campaign.amount) <= 1


@pytest.mark.parametrize("seed", range(2))
def test_liability_is_what_a_naive_model_says(brand: Brand, seed: int) -> None:
    """By vintage and campaign, now and as of any day, and less what was voided."""
    brand.tell(*opened(fair_value=VALUE, expected_redemption=8_000, cost=COST))
    till = Till(brand, seed)
    for day in range(DAYS):
        till.day(day)
    share, end = Fraction(8, 10), at_day(DAYS)
    with tables(brand) as reader:
        assert_equals_naive(reader, Naive(brand), end, share)
        assert outstanding(reader, end) == held(reader) > 0
    for day in (50, 90):
        then = at_day(day)
        assert_equals_naive(past(brand, then), Naive(brand, then), then, share)
    for position in till.voidable()[::9]:
        brand.void(position)
    with tables(brand) as reader:
        assert_equals_naive(reader, Naive(brand), end, share)
        assert outstanding(reader, end) == held(reader)


@pytest.mark.parametrize("seed", range(2))
def test_outstanding_points_are_those_of_the_journal(brand: Brand, seed: int) -> None:
    """At every position of any history, be it late, voided, or of lots that never were."""
    brand.tell(*opened(fair_value=VALUE))
    movements = RandomMovements(seed)
    positions = [brand.tell(movements.one(), day=movements.day) for _ in range(60)]
    for position in positions[::9]:
        brand.void(position)
    end = at_day(DAYS)
    with tables(brand) as reader:
        assert outstanding(reader, end) == held(reader)
    for position in positions[::4]:
        then = past(brand, until=position)
        assert outstanding(then, end) == held(then)


def test_the_example_of_the_standard_from_its_events(brand: Brand) -> None:
    """IFRS 15, Example 52: 8,676 deferred; 4,566 after a year; 1,073 after the second."""
    value = {"amount": 100, "currency": "EUR", "points": 1}
    terms: dict[str, Any] = {"fair_value": _price(value), "expected_redemption": 9_500}
    brand.tell(*opened(**terms), day=-600)
    paid = Money(amount=100_000_00, currency="EUR")
    bought: dict[str, Any] = {"origin": "purchase", "purchase_id": "p1", "price": paid}
    for lot, points in (("l1", 4_000), ("l2", 6_000)):  # one purchase, whatever its lots
        event = PointsEarned(
            account_id="a1", lot_id=lot, points=points, available_from=SPRING, **bought
        )
        brand.tell(event, day=-499)
    brand.tell(taken(PointsRedeemed, {"l1": 4_000, "l2": 500}), day=-400)
    brand.tell(amended(**{**terms, "expected_redemption": 9_700}), day=-100)
    brand.tell(taken(PointsRedeemed, {"l2": 4_000}), day=0)

    def year(since: int, until: int) -> Rolled:
        before, after = ((past(brand, at_day(day)), at_day(day)) for day in (since, until))
        [mine] = [one for one in rolled(before, after, "club") if one.kind == CONTRACT]
        return mine

    first, second = year(-500, -135), year(-135, 230)
    euros = {name: round(getattr(first, name) / 100) for name in ("additions", "closing")}
    assert euros == {"additions": 8_676, "closing": 4_566}
    assert round((first.redemptions + first.breakage) / 100) == -4_110
    assert round((second.redemptions + second.breakage + second.estimates) / 100) == -3_493
    assert (second.opening, round(second.closing / 100)) == (first.closing, 1_073)
    assert (second.redemption_opening, second.redemption_closing) == (9_500, 9_700)


def test_a_roll_forward_leads_from_one_figure_to_the_next(brand: Brand) -> None:
    """Period after period, also when the terms change, and each adds up."""
    brand.tell(*opened(fair_value=VALUE, expected_redemption=8_000, cost=COST))
    till = Till(brand, 5)
    for day in range(100):
        if day == 45:
            brand.tell(amended(fair_value=VALUE, expected_redemption=7_000, cost=VALUE), day=day)
        till.day(day)
    ends = [(past(brand, at_day(day)), at_day(day)) for day in (-5, 30, 60, 100)]
    before: dict[str, int] = {}
    for opening, closing in pairwise(ends):
        found = rolled(opening, closing, "club")
        assert {one.kind for one in found} == {"contract_liability", "cost_provision"}
        for one in found:
            lines = (one.additions, one.returns, one.redemptions, one.breakage, one.estimates)
            assert one.opening + sum(lines) == one.closing
            assert one.opening == before.get(one.kind, 0)
            assert one.closing == figures(*closing, one.kind).amount
            assert one.additions > 0 > one.redemptions
            assert (one.estimates != 0) == (closing is ends[2])
        before = {one.kind: one.closing for one in found}


def test_breakage_is_estimated_from_closed_vintages_and_tested_against_what_expired(
    brand: Brand,
) -> None:
    """Six months that are over say what is expected of the one that is not; one was unlike them."""
    brand.tell(*opened(cost=COST), day=-400)
    redeemed = (700, 650, 680, 660, 100, 690)
    for n, points in enumerate(redeemed):
        lot, day = f"l{n}", -365 + 31 * n
        ends = SPRING + (day + 50) * DAY
        event = PointsEarned(
            account_id="a1", lot_id=lot, points=1_000, origin="engagement", available_from=SPRING,
            expires_at=ends,
        )  # fmt: skip
        brand.tell(event, day=day)
        brand.tell(taken(PointsRedeemed, {lot: points}), day=day + 20)
        brand.tell(taken(PointsExpired, {lot: 1_000 - points}, lapsed=True), day=day + 50)
    open_ = PointsEarned(
        account_id="a1", lot_id="open", points=1_000, origin="engagement", available_from=SPRING
    )
    brand.tell(open_, day=0)
    brand.tell(taken(PointsRedeemed, {"open": 300}), day=3)
    with tables(brand) as reader:
        mine = figures(reader, at_day(60), "cost_provision")
        tests = back_tests(reader, "club", at_day(60))
    assert mine.redemption.basis == "closed_vintages"
    assert mine.redemption.closed_vintages == 6
    expected = sum(redeemed) / 6 / 1_000
    assert abs(mine.redemption.expected - 10_000 * expected) <= 1
    *closed, last = mine.vintages
    assert [one.redemption for one in closed] == [10 * points for points in redeemed]
    assert [one.closed for one in mine.vintages] == [True] * 6 + [False]
    assert last.redemption == mine.redemption.expected
    assert last.redemption_low == 3_000  # so much is redeemed already
    assert mine.amount == round((1_000 * expected - 300) / 2)
    assert mine.amount_low == 0
    assert mine.redemption.high is not None
    assert mine.amount_high == round((1_000 * mine.redemption.high / 10_000 - 300) / 2)
    assert tests is not None
    [tested] = [one for one in tests.tests if one.kind == "cost_provision"]
    # Each closes in the month after: when the fourth month ended, the first three were closed.
    assert [one.closed_vintages for one in tested.vintages] == [3, 4, 5]
    assert [one.redemption for one in tested.vintages] == [6_600, 1_000, 6_900]
    assert [one.inside for one in tested.vintages] == [True, False, True]
    for n, one in enumerate(tested.vintages, 3):
        assert abs(one.expected - 10 * sum(redeemed[:n]) / n) <= 1
    assert tested.inside == 2


def test_points_that_nobody_values_stand_for_nothing_and_are_still_counted(brand: Brand) -> None:
    """A programme that nobody opened has points, and no amounts."""
    brand.tell(*opened()[1:])
    event = PointsEarned(
        account_id="a1", lot_id="l1", points=7, origin="purchase", available_from=SPRING
    )
    brand.tell(event)
    reader = past(brand)
    mine = figures(reader, at_day(1), "contract_liability")
    assert (mine.amount, mine.currency, mine.vintages[0].outstanding) == (0, None, 7)
    assert mine.redemption.basis == "none"
    assert mine.vintages[0].redemption == 10_000
    assert liability(reader, "other", at_day(1)) is None


def _price(said: dict[str, Any]) -> Any:
    return type(VALUE)(**said)
