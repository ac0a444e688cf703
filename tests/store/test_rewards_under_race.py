"""Sixty-four callers at once, over two writers: points, budgets, stock, codes and holds.

What holds is read from the entries themselves by SQL, not by the code that decided it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.accounts import OpenAccount
from domain.awards import AwardPoints
from domain.catalogue import ListItem
from domain.choosing import RedeemItem
from domain.decision import Command
from domain.granting import WithdrawReward
from domain.instant_wins import Prize, commitment_of
from domain.item_terms import ItemTerms
from domain.keeping import ConfirmItem, ReleaseItem, ReserveItem
from domain.playing import OpenGame, PlayGame, StartGame
from domain.redemptions import RedeemPoints, ReservePoints
from domain.stock import SupplyStock
from store.codes import generated, supply_codes
from store.database import Database
from store.ledger import Ledger
from tests.store.racers import START, Racers

CALLERS = 64
ROUNDS = int(os.environ.get("FILROUGE_TEST_RACE_ROUNDS", "2"))
"""How often each caller tries."""
TRIES = CALLERS * ROUNDS


class Crowd(Racers):
    """Sixty-four callers, and what the entries say."""

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the entries: ``log`` has their ``type`` and ``data``, without what was voided."""
        query = (
            "WITH said AS (SELECT position, convert_from(entry, 'UTF8')::jsonb AS entry"
            " FROM entries), log AS (SELECT position, entry->>'type' AS type, entry->'data' AS data"
            " FROM said WHERE position NOT IN (SELECT (entry->'data'->>'position')::bigint"
            f" FROM said WHERE entry->>'type' = 'event.voided.v1')) {statement}"
        )
        with self.ledger.pool.connection() as connection:
            return connection.execute(query.encode()).fetchall()

    def count(self, name: str) -> int:
        """How many events of a type stand."""
        [(found,)] = self.sql(f"SELECT count(*) FROM log WHERE type = '{name}.v1'")
        return int(found)

    def listed(self, **terms: Any) -> str:
        """Put something into the catalogue."""
        made = msgspec.convert({"name": "Mug", "kind": "gift", **terms}, ItemTerms)
        event: Any = self.do(ListItem(terms=made)).events[0].event
        return str(event.item_id)

    def members(self) -> list[str]:
        """One for each try."""
        return [self.member() for _ in range(TRIES)]


@pytest.fixture
def crowd(ledger: Ledger, installation: Database) -> Iterator[Crowd]:
    """The callers, over two writers of one ledger."""
    other = installation.open("test")
    yield Crowd(ledger, other, callers=CALLERS)
    other.close()


def soon() -> datetime:
    """An instant after the test."""
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_wallet_is_never_overdrawn(crowd: Crowd) -> None:
    """Redemptions, holds and items of the catalogue race for 300 points: 42 times 7 of them."""
    member = crowd.member()
    opening = OpenAccount(programme="club", points_currency="pts", holders=(member,))
    opened: Any = crowd.do(opening).events[0].event
    account = str(opened.account_id)
    for points in (100, 150, 50):
        crowd.do(AwardPoints(account_id=account, points=points, reason="start"))
    item = crowd.listed(points=7, programme="club", points_currency="pts")
    ways: list[Callable[[], Command]] = [
        lambda: RedeemPoints(account_id=account, points=7),
        lambda: ReservePoints(account_id=account, points=7),
        lambda: RedeemItem(item_id=item, member_id=member, account_id=account),
    ]
    outcomes = crowd.race(lambda n: crowd.do(ways[n % 3]()), ROUNDS)
    assert outcomes == {"ok": 42, "NotEnoughPoints": TRIES - 42}
    over = """
        SELECT sum(e.points), coalesce(max(d.points) FILTER (WHERE d.points > e.points), 0)
        FROM (SELECT data->>'lot_id' AS lot, (data->>'points')::int AS points
              FROM log WHERE type = 'points.earned.v1') e
        LEFT JOIN (SELECT debit->>'lot_id' AS lot, sum((debit->>'points')::int) AS points
                   FROM log, jsonb_array_elements(data->'lots') AS debit
                   WHERE type IN ('points.redeemed.v1', 'points.reserved.v1') GROUP BY 1) d
        USING (lot)"""
    assert crowd.sql(over) == [(300, 0)]
    [(spent,)] = crowd.sql(
        "SELECT sum((data->>'points')::int) FROM log"
        " WHERE type IN ('points.redeemed.v1', 'points.reserved.v1')"
    )
    assert spent == 294
    paid = """
        SELECT count(*) FROM log g JOIN log p ON p.type = 'points.redeemed.v1'
        AND p.data->>'reward_id' = g.data->>'reward_id' AND p.data->>'points' = g.data->>'points'
        WHERE g.type = 'reward.granted.v1'"""
    assert crowd.sql(paid) == [(crowd.count("reward.granted"),)]


def test_a_budget_is_never_promised_beyond(crowd: Crowd) -> None:
    """Items and awards race for what a campaign may cost, 25.00, at 0.90 each."""
    campaign, member = crowd.campaign(reward_budget=2_500), crowd.member()
    account = crowd.account()
    cost = {"amount": 90, "currency": "EUR"}
    item = crowd.listed(campaign_id=campaign, cost=cost)
    award = {"account_id": account, "points": 1, "reason": "x", "campaign_id": campaign}

    def attempt(n: int) -> None:
        command: Command = RedeemItem(item_id=item, member_id=member)
        crowd.do(command if n % 2 else msgspec.convert({**award, "cost": cost}, AwardPoints))

    outcomes = crowd.race(attempt, ROUNDS)
    assert outcomes == {"ok": 27, "RewardBudgetExceeded": TRIES - 27}
    promised = (
        "SELECT sum((data->'cost'->>'amount')::int), count(*) FROM log"
        " WHERE data->>'campaign_id' = '{}' AND data ? 'cost'"
    )
    assert crowd.sql(promised.format(campaign)) == [(27 * 90, 27)]


def test_stock_is_never_oversold_and_none_of_it_is_lost(crowd: Crowd) -> None:
    """Fifty pieces; some are given back and had by others: in the end all are with somebody."""
    item, members = crowd.listed(stocked=True), crowd.members()
    crowd.do(SupplyStock(item_id=item, pieces=50))

    def attempt(n: int) -> None:
        granted: Any = crowd.do(RedeemItem(item_id=item, member_id=members[n])).events[-1].event
        if n % 4 == 0:
            crowd.do(WithdrawReward(reward_id=granted.reward_id, reason="changed my mind"))

    outcomes = crowd.race(attempt, ROUNDS)
    assert set(outcomes) == {"ok", "OutOfStock"}
    running = f"""
        SELECT max(had), (array_agg(had ORDER BY position DESC))[1] FROM (
            SELECT position, sum(CASE type WHEN 'reward.granted.v1' THEN 1 ELSE -1 END)
                OVER (ORDER BY position) AS had
            FROM log WHERE type IN ('reward.granted.v1', 'reward.withdrawn.v1')
            AND data->>'taken_from' = '{item}') AS each"""
    assert crowd.count("reward.granted") == outcomes["ok"]
    [(most, last)] = crowd.sql(running)
    assert most <= 50
    for n in range(50 - last):  # none of what came back at the end is lost
        crowd.do(RedeemItem(item_id=item, member_id=members[n]))
    assert crowd.sql(running) == [(50, 50)]
    assert crowd.race(
        lambda n: crowd.do(RedeemItem(item_id=item, member_id=members[n]))
    ) == {"OutOfStock": CALLERS}  # fmt: skip


def test_no_code_is_given_twice(crowd: Crowd) -> None:
    """Forty codes of their own and one that twenty share, while more callers than that ask."""
    item = crowd.listed(kind="voucher", coded=True)
    supply = {"actor": "t", "time": START}
    supply_codes(crowd.ledger, item, generated(40), **supply)  # type: ignore[arg-type]
    supply_codes(crowd.ledger, item, ["SPRING-20"], grants_max=20, **supply)  # type: ignore[arg-type]
    members = crowd.members()
    outcomes = crowd.race(
        lambda n: crowd.do(RedeemItem(item_id=item, member_id=members[n])), ROUNDS
    )
    assert outcomes == {"ok": 60, "OutOfCodes": TRIES - 60}
    given = """
        SELECT s.data->'grants_max', count(*), max(g.times), sum(g.times)
        FROM (SELECT data->>'voucher_id' AS id, count(*) AS times FROM log
              WHERE type = 'reward.granted.v1' GROUP BY 1) g
        JOIN log s ON s.type = 'code.supplied.v1' AND s.data->>'voucher_id' = g.id GROUP BY 1"""
    assert Counter(crowd.sql(given)) == Counter([(None, 40, 1, 40), (20, 1, 20, 20)])


def test_what_is_kept_is_granted_once_or_given_up_once(crowd: Crowd) -> None:
    """Thirty pieces are kept; each hold is confirmed and given up at once by several callers."""
    item, members = crowd.listed(stocked=True), crowd.members()
    crowd.do(SupplyStock(item_id=item, pieces=30))
    until = soon()

    def keep(n: int) -> None:
        crowd.do(ReserveItem(item_id=item, member_id=members[n], reward_id=f"w{n}", until=until))

    outcomes = crowd.race(keep, ROUNDS)
    assert outcomes == {"ok": 30, "OutOfStock": TRIES - 30}
    kept = [id_ for (id_,) in crowd.sql(
        "SELECT data->>'reward_id' FROM log WHERE type = 'reward.reserved.v1'"
    )]  # fmt: skip

    def settle(n: int) -> None:
        reward_id = kept[n % len(kept)]
        if n // len(kept) % 2:
            crowd.do(ReleaseItem(reward_id=reward_id))
        else:
            crowd.do(ConfirmItem(reward_id=reward_id))

    outcomes = crowd.race(settle, ROUNDS)
    assert outcomes == {"ok": 30, "RewardNotReserved": TRIES - 30}
    ended = """
        SELECT count(*), max(times), sum(granted) FROM (
            SELECT data->>'reward_id', count(*) AS times,
                count(*) FILTER (WHERE type = 'reward.granted.v1') AS granted
            FROM log WHERE type IN ('reward.granted.v1', 'reward.released.v1') GROUP BY 1
        ) AS each"""
    [(holds, times, granted)] = crowd.sql(ended)
    assert (holds, times) == (30, 1)
    again = crowd.race(lambda n: crowd.do(RedeemItem(item_id=item, member_id=members[n])))
    assert again["ok"] == 30 - granted
    assert crowd.count("reward.granted") == 30


def test_plays_of_a_game_are_numbered_without_a_gap(crowd: Crowd) -> None:
    """Whoever plays at the same moment; and no prize is won once too often."""
    campaign, members = crowd.campaign(), crowd.members()
    seed, now = "3c" * 32, datetime.now(UTC)
    prizes = (Prize(name="Mug", chance=500_000, pieces=9),)
    crowd.do(
        OpenGame(
            game_id="wheel", name="Wheel", campaign_id=campaign, prizes=prizes, seed=seed,
            starts=now - timedelta(hours=1), ends=soon(), commitment=commitment_of(seed),
            public_source="a lottery",
        )
    )  # fmt: skip
    crowd.do(StartGame(game_id="wheel", public_value="4 8 15 16 23 42"))
    outcomes = crowd.race(
        lambda n: crowd.do(PlayGame(game_id="wheel", member_id=members[n])), ROUNDS
    )
    assert outcomes == {"ok": TRIES}
    numbered = """
        SELECT bool_and((data->>'number')::int = place), count(*), count(data->>'prize') FROM (
            SELECT data, row_number() OVER (ORDER BY position) AS place
            FROM log WHERE type = 'game.played.v1'
        ) AS each"""
    assert crowd.sql(numbered) == [(True, TRIES, 9)]
    assert crowd.count("reward.granted") == 9
