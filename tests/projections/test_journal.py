"""The journal: postings sum to zero, and the trial balance is what SQL over the entries says."""

from __future__ import annotations

from typing import Any

import pytest

from domain.accounts import AccountOpened
from domain.points import PointsActivated, PointsExpired, PointsRedeemed
from projections import journal
from projections.journal import JOURNAL, CurrencyBalance
from projections.known import PastReader
from projections.selection import NOW, Selection
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.movements import RandomMovements, earned, taken

BOOKS_BY_SQL = """
, moved AS (
    SELECT entry->'data' AS data, split_part(entry->>'type', '.', 2) AS kind
    FROM log WHERE entry->>'type' LIKE 'points.%'
), credits AS (
    SELECT data->>'account_id' AS account, data->>'lot_id' AS lot, (data->>'points')::bigint AS n
    FROM moved WHERE kind = 'earned' OR (kind = 'adjusted' AND data->>'direction' = 'credit')
    UNION ALL
    SELECT data->>'to_account_id', l->>'lot_id', (l->>'points')::bigint
    FROM moved, jsonb_array_elements(data->'lots') AS l WHERE kind = 'transferred'
    UNION ALL
    SELECT data->>'account_id', l->>'lot_id', -(l->>'points')::bigint
    FROM moved, jsonb_array_elements(data->'lots') AS l WHERE kind = 'transferred'
), debits AS (
    SELECT data->>'account_id' AS account, l->>'lot_id' AS lot, kind,
        data->>'reservation_id' AS hold, (l->>'points')::bigint AS n
    FROM moved, jsonb_array_elements(data->'lots') AS l
    WHERE kind <> 'transferred' AND NOT (kind = 'adjusted' AND data->>'direction' = 'credit')
), holds AS (
    SELECT account, lot, hold, greatest(0, sum(CASE kind WHEN 'reserved' THEN n ELSE -n END)) AS n
    FROM debits WHERE kind IN ('reserved', 'released') OR (kind = 'redeemed' AND hold IS NOT NULL)
    GROUP BY account, lot, hold
), lots AS (
    SELECT account, lot, sum(issued) AS issued, sum(spent) AS spent, sum(expired) AS expired,
        sum(cancelled) AS cancelled, sum(reserved) AS reserved
    FROM (
        SELECT account, lot, n AS issued, 0 AS spent, 0 AS expired, 0 AS cancelled, 0 AS reserved
        FROM credits
        UNION ALL
        SELECT account, lot, 0, CASE WHEN kind = 'redeemed' THEN n ELSE 0 END,
            CASE WHEN kind = 'expired' THEN n ELSE 0 END,
            CASE WHEN kind IN ('cancelled', 'clawed_back', 'adjusted') THEN n ELSE 0 END, 0
        FROM debits
        UNION ALL
        SELECT account, lot, 0, 0, 0, 0, n FROM holds
    ) AS each GROUP BY account, lot
), sums AS (
    SELECT *, spent + expired + cancelled + reserved AS debits FROM lots
)
SELECT (-sum(issued))::bigint, (-sum(greatest(0, debits - issued)))::bigint,
    sum(greatest(0, issued - debits))::bigint, sum(reserved)::bigint, sum(spent)::bigint,
    sum(expired)::bigint, sum(cancelled)::bigint
FROM sums
"""
"""Issued, owed, pending and wallets together, reserved, spent, expired, cancelled."""


def books(brand: Brand) -> CurrencyBalance:
    """The books of the one points currency that there is."""
    with brand.reader(JOURNAL) as reader:
        [found] = journal.trial_balance(reader).currencies
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_trial_balance_is_what_the_entries_say(brand: Brand, seed: int) -> None:
    """Late, voided, of lots that never were; and every single entry sums to zero."""
    movements = RandomMovements(seed)
    positions = [brand.tell(movements.one(), day=movements.day) for _ in range(80)]
    for position in positions[::9]:
        brand.void(position)
    found = books(brand)
    left = found.pending + found.wallets
    assert [
        (found.issued, found.owed, left, found.reserved, found.spent, found.expired,
         found.cancelled)
    ] == brand.entries(BOOKS_BY_SQL)  # fmt: skip
    assert found.sum == 0
    with brand.reader(JOURNAL) as reader:
        for account in ("a1", "a2", "a3"):
            page = journal.page(reader, account, 0, journal.ENTRIES_MAX)
            assert page is not None
            for entry in page[0]:
                postings = entry.postings
                assert postings.issued + postings.owed + postings.pending + postings.wallets == -(
                    postings.reserved + postings.spent + postings.expired + postings.cancelled
                )


def test_pending_points_become_wallets_by_an_event(brand: Brand) -> None:
    """By the one that says so, or by the first that uses them."""
    later: dict[str, Any] = {"available_from": SPRING + 5 * DAY}
    brand.tell(AccountOpened(account_id="a1", programme="club", points_currency="stars"))
    brand.tell(earned("l1", 100, **later), earned("l2", 10, **later), earned("l3", 1, awaits="x"))
    assert (books(brand).pending, books(brand).wallets) == (111, 0)
    brand.tell(taken(PointsActivated, {"l1": 100}, available_from=SPRING + 5 * DAY), day=5)
    brand.tell(taken(PointsRedeemed, {"l2": 4}), day=6)
    found = books(brand)
    assert (found.pending, found.wallets, found.spent, found.issued) == (1, 106, 4, -111)
    assert (found.programme, found.points_currency, found.accounts) == ("club", "stars", 1)


def test_breakage_is_what_is_booked_and_a_late_redemption_takes_it_back(brand: Brand) -> None:
    """Nothing is owed for what was spent in time."""
    brand.tell(earned("l1", 100, expires_at=SPRING + 3 * DAY))
    assert books(brand).wallets == 100
    brand.tell(taken(PointsExpired, {"l1": 100}, lapsed=True), day=3)
    assert (books(brand).wallets, books(brand).expired) == (0, 100)
    brand.tell(taken(PointsRedeemed, {"l1": 30}), day=1)
    found = books(brand)
    assert (found.expired, found.spent, found.owed, found.sum) == (70, 30, 0, 0)


def test_the_books_of_a_position_stay_as_they_were(brand: Brand) -> None:
    """Whatever is voided or corrected later."""
    movements = RandomMovements(7)
    positions = [brand.tell(movements.one(), day=movements.day) for _ in range(30)]
    then = books(brand)
    for position in positions[::3]:
        brand.void(position)
    ledger = brand.ledger
    past = PastReader(ledger.log, ledger.pool, Selection.of(ledger.log, NOW, until=positions[-1]))
    assert journal.trial_balance(past).currencies == (then,)
    assert books(brand) != then
    early = Selection.of(ledger.log, NOW, until=positions[4])
    [found] = journal.trial_balance(PastReader(ledger.log, ledger.pool, early)).currencies
    assert found.sum == 0
