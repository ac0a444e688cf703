"""Statements: every movement, in the order of time, and a sum that anybody can check."""

from datetime import timedelta

import pytest

from domain.points import PointsRedeemed, PointsReserved
from projections import balances, statements
from projections.balances import BALANCES
from projections.statements import STATEMENTS, Line
from tests.projections.brand import SPRING, Brand
from tests.projections.movements import RandomMovements, earned, taken, transferred

SUM_BY_SQL = """
, moved AS (
    SELECT entry->'data' AS data, split_part(entry->>'type', '.', 2) AS kind,
        (SELECT sum((lot->>'points')::bigint)
         FROM jsonb_array_elements(entry->'data'->'lots') AS lot) AS taken
    FROM log WHERE entry->>'type' LIKE 'points.%'
), signed AS (
    SELECT data->>'account_id' AS account, CASE
        WHEN kind = 'earned' THEN (data->>'points')::bigint
        WHEN kind = 'adjusted' AND data->>'direction' = 'credit' THEN (data->>'points')::bigint
        WHEN kind IN ('reserved', 'released') THEN 0
        ELSE -taken END AS points
    FROM moved
    UNION ALL
    SELECT data->>'to_account_id', taken FROM moved WHERE kind = 'transferred'
)
SELECT account, sum(points)::bigint FROM signed GROUP BY account ORDER BY account
"""
"""The balance of every account, from the JSON of the entries and from nothing else."""


def lines_of(brand: Brand, account_id: str, size: int) -> list[Line]:
    """All lines of an account, page after page."""
    found: list[Line] = []
    with brand.reader(STATEMENTS) as reader:
        after: str | None = None
        while True:
            page = statements.page(reader, account_id, after, size)
            assert len(page.lines) <= size
            found.extend(page.lines)
            after = page.next
            if after is None:
                return found


def test_lines_are_in_the_order_of_time_with_a_running_balance(brand: Brand) -> None:
    """What arrives late stands where it happened, and everything after it is counted on."""
    brand.tell(earned("l1", 100, participation_id="p1", campaign_id="c1"), day=1)
    brand.tell(taken(PointsReserved, {"l1": 40}, reservation_id="r1"), day=3)
    brand.tell(taken(PointsRedeemed, {"l1": 40}, reservation_id="r1", reason="coffee"), day=4)
    brand.tell(transferred({"l1": 10}), day=5)
    late = brand.tell(earned("l0", 7), day=2)
    lines = lines_of(brand, "a1", 100)
    assert [(line.kind, line.points, line.balance, line.balance_reserved) for line in lines] == [
        ("earned", 100, 100, 0),
        ("earned", 7, 107, 0),
        ("reserved", 0, 107, 40),
        ("redeemed", -40, 67, 0),
        ("transferred", -10, 57, 0),
    ]
    assert lines[0].participation_id == "p1"
    assert lines[0].campaign_id == "c1"
    assert lines[1].position == late
    assert lines[3].reason == "coffee"
    assert [(line.points, line.other_account_id) for line in lines_of(brand, "a2", 1)] == [
        (10, "a1")
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_join_without_gap_or_overlap(brand: Brand, size: int) -> None:
    """Whatever their size, and where many movements have one time."""
    for number in range(7):
        brand.tell(earned(f"l{number}", number + 1), day=number % 3)
    lines = lines_of(brand, "a1", size)
    assert sorted(line.position for line in lines) == list(range(2, 9))
    assert lines == sorted(lines, key=lambda line: (line.time, line.position))
    assert lines[-1].balance == 28


def test_a_next_page_follows_on_after_its_last_line_was_voided(brand: Brand) -> None:
    """A cursor says a place in time, and not a line that has to be there."""
    positions = [brand.tell(earned(f"l{number}", 1), day=number) for number in range(4)]
    with brand.reader(STATEMENTS) as reader:
        after = statements.page(reader, "a1", None, 2).next
    brand.void(positions[1])
    with brand.reader(STATEMENTS) as reader:
        rest = statements.page(reader, "a1", after, 2)
    assert [line.position for line in rest.lines] == positions[2:]
    assert [line.balance for line in rest.lines] == [2, 3]
    assert rest.next is None


def test_an_unknown_account_has_no_lines(brand: Brand) -> None:
    """And an account whose id begins alike is another one."""
    brand.tell(earned("l1", 1, "a11"), earned("l2", 1, "a1-x"))
    assert lines_of(brand, "a1", 10) == []
    with brand.reader(STATEMENTS) as reader:
        assert statements.balance(reader, "a1") == 0


@pytest.mark.parametrize("seed", range(4))
def test_statement_balance_and_log_agree(brand: Brand, seed: int) -> None:
    """The sum of the lines, the states at any instant and SQL over the entries are one figure."""
    movements = RandomMovements(seed)
    positions = [brand.tell(movements.one(), day=movements.day) for _ in range(80)]
    for position in positions[::9]:
        brand.void(position)
    expected = dict(brand.entries(SUM_BY_SQL))
    with brand.reader(STATEMENTS) as reader:
        summed = {account: statements.balance(reader, account) for account in ("a1", "a2", "a3")}
    assert summed == expected
    for account, points in expected.items():
        assert lines_of(brand, account, 7)[-1].balance == points
    with brand.reader(BALANCES) as reader:
        for account, points in expected.items():
            stated = sum(
                lot.expired for lot in reader.row(balances.Balances, account).lots.values()
            )
            for day in (-1, 0, 5, 12, 20, 33, 60, 400):
                found = balances.balance(reader, account, SPRING + timedelta(days=day))
                assert found is not None
                left = found.pending + found.active + found.reserved + found.expired - stated
                assert left - found.owed == points
