"""What decisions look at: each event once, whoever took something back, and whenever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import sleep
from typing import Any

import psycopg
import pytest

from domain.accounts import OpenAccount
from domain.awards import AwardPoints
from domain.custom import CustomRecorded
from domain.decision import Command
from domain.ledger import ControlTotalReported, EventVoided
from domain.movements import NotEnoughPoints
from domain.redemptions import RedeemPoints
from domain.voids import VoidBatch, VoidEvent
from store.connections import connect_to
from store.database import Database
from store.ledger import Ledger, NewEvent, Verdict
from store.round_trip import prepare
from store.statements import PLANNING, STATEMENTS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Do = Callable[[Ledger, Command], Verdict]


@pytest.fixture
def do() -> Do:
    """Decide commands, each under an id of its own."""
    numbers = iter(range(1_000))
    return lambda ledger, command: ledger.decide(
        command, command_id=f"c{next(numbers)}", actor="t"
    ).result()


@pytest.fixture
def shop(ledger: Ledger, do: Do) -> Ledger:
    """A ledger with 100 points on an account, and a batch that somebody brought."""
    do(ledger, OpenAccount(account_id="a1", programme="club", points_currency="pts", holders=()))
    do(ledger, AwardPoints(account_id="a1", points=100, reason="start"))
    total = ControlTotalReported(feed="till", business_date="2026-03-01", count=1)
    ledger.observe([NewEvent(total, "t1", "/till", NOON)], actor="t", batch="b1").result()
    return ledger


@contextmanager
def held_up(ledger: Ledger, database: str) -> Iterator[None]:
    """Keep the writer busy meanwhile: what is asked of it here comes to it in one batch."""
    with connect_to(database, f"ledger_{ledger.name}") as connection, connection.transaction():
        connection.execute("SELECT FROM head FOR UPDATE")
        waiting = ledger.observe(
            [NewEvent(CustomRecorded(kind="wait"), "w1", "/wait", NOON)], actor="t"
        )
        watcher = psycopg.connect(database, autocommit=True)
        blocked = (
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )
        while watcher.execute(blocked).fetchone() is None:
            sleep(0.005)
        watcher.close()
        yield
    waiting.result()


@pytest.mark.usefixtures("shop")
def test_what_waits_for_a_void_is_decided_on_the_history_once(
    installation: Database, database: str
) -> None:
    """A redemption in the batch of a void looks at the account anew, and not at twice of it."""
    other = installation.open("test")  # a writer that has never seen the account
    other.vault  # noqa: B018 - asked before the writer is held up
    with held_up(other, database):
        void = other.decide(VoidBatch(batch_id="b1", reason="wrong"), command_id="v", actor="t")
        redemptions = [
            other.decide(RedeemPoints(account_id="a1", points=100), command_id=f"r{n}", actor="t")
            for n in range(3)
        ]
    void.result()
    errors = [redemption.exception() for redemption in redemptions]
    other.close()
    assert [type(error) for error in errors] == [type(None), NotEnoughPoints, NotEnoughPoints]


@pytest.mark.usefixtures("shop")
def test_what_was_looked_up_before_a_void_is_looked_up_again(
    installation: Database, database: str
) -> None:
    """A redemption in the batch of a void does not spend what was there when the batch began."""
    other = installation.open("test")  # a writer that has never seen the account
    [award] = [r for r in other.log.read() if r.envelope.type == "points.earned.v1"]
    undo = VoidEvent(position=award.envelope.position, reason="wrong")
    spend = RedeemPoints(account_id="a1", points=10)
    other.vault  # noqa: B018 - asked before the writer is held up
    with held_up(other, database):
        void = other.decide(undo, command_id="v", actor="t")
        redemption = other.decide(spend, command_id="r", actor="t")
    void.result()
    error = redemption.exception()
    other.close()
    assert isinstance(error, NotEnoughPoints)


def test_a_void_by_another_writer_is_seen(shop: Ledger, installation: Database, do: Do) -> None:
    """What one process took back, another does not spend, though it knew it as there."""
    other = installation.open("test")
    do(other, RedeemPoints(account_id="a1", points=10))
    [award] = [r for r in shop.log.read() if r.envelope.type == "points.earned.v1"]
    do(shop, VoidEvent(position=award.envelope.position, reason="wrong"))
    with pytest.raises(NotEnoughPoints):
        do(other, RedeemPoints(account_id="a1", points=10))
    other.close()


def test_a_void_that_repeats_no_tags_is_seen(shop: Ledger, do: Do) -> None:
    """A void that was brought in from elsewhere counts for decisions like any other."""
    do(shop, RedeemPoints(account_id="a1", points=10))
    [award] = [r for r in shop.log.read() if r.envelope.type == "points.earned.v1"]
    void: Any = EventVoided(position=award.envelope.position, reason="wrong")
    new = NewEvent(void, "v1", "/elsewhere", NOON)
    [outcome] = shop.observe([new], actor="t", admin=True).result()
    assert outcome.error is None
    with pytest.raises(NotEnoughPoints):
        do(shop, RedeemPoints(account_id="a1", points=10))


@pytest.mark.parametrize("name, parameters", [("boundary", 4), ("conditions", 5)])
def test_probes_planned_on_an_empty_log_go_by_the_hash(
    ledger: Ledger, name: str, parameters: int
) -> None:
    """Such a plan is kept while the log grows: each look at the tags must begin with a hash."""
    with ledger.connect() as connection:
        connection.execute(PLANNING.encode())
        prepare(connection, STATEMENTS)
        nothing = ", ".join(["'{}'"] * parameters)
        rows = connection.execute(f"EXPLAIN (COSTS OFF) EXECUTE {name}({nothing})".encode())
        plan = "\n".join(line for (line,) in rows.fetchall())
    looks = re.findall(r"using tags_pkey on tags .*\n +Index Cond: (.*)", plan)
    assert len(looks) == 2, plan
    assert all("hash = " in look for look in looks), plan
    assert "Seq Scan on tags" not in plan
