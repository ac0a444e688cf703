"""``filrouge tick``: what time did to points becomes events, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.accounts import AccountOpened
from domain.points import PointsEarned
from filrouge import commands_tick
from filrouge.commands_tick import book_due
from store.ledger import Ledger, NewEvent
from tests.filrouge.conftest import Filrouge

NOW = datetime.now(UTC)
BOOKED = """
SELECT e->'data'->>'account_id', sum((e->'data'->>'points')::bigint)::bigint
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM entries) AS log
WHERE e->>'type' = 'points.expired.v1' GROUP BY 1 ORDER BY 1
"""


def filled(ledger: Ledger, accounts: int) -> None:
    """Accounts of which each second has points that expired, each third pending ones."""
    events = []
    for number in range(accounts):
        account = f"a{number}"
        ends = NOW + timedelta(days=-1 if number % 2 else 30)
        begins = NOW - timedelta(days=2 if number % 3 else 40)
        lot = PointsEarned(
            account_id=account, lot_id="l", points=number + 1, origin="goodwill",
            available_from=begins, expires_at=ends, reason="x",
        )  # fmt: skip
        opened = AccountOpened(account_id=account, programme="club", points_currency="stars")
        events += [
            NewEvent(opened, f"o{number}", "/test", NOW - timedelta(days=50)),
            NewEvent(lot, f"e{number}", "/test", NOW - timedelta(days=30)),
        ]
    outcomes = ledger.observe(events, actor="test", admin=True).result()
    assert not any(outcome.error for outcome in outcomes)


def test_what_is_due_is_booked_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every account, whatever the size of a page; and again, nothing."""
    monkeypatch.setattr(commands_tick, "ACCOUNTS_AT_ONCE", 4)
    filled(ledger, 13)
    booked = book_due(ledger)
    assert booked["points.expired.v1"] == 6
    # Those that are not over became available; those that are, did and ended.
    assert booked["points.activated.v1"] == 4, booked
    with ledger.pool.connection() as connection:
        found = connection.execute(BOOKED).fetchall()
    assert found == sorted((f"a{n}", n + 1) for n in range(13) if n % 2)
    head = ledger.log.head().position
    assert not book_due(ledger)
    assert ledger.log.head().position == head


def test_the_command_says_what_it_did(filrouge: Filrouge) -> None:
    """A ledger in which nothing is due stays as it is."""
    filrouge("init")
    assert filrouge("tick").out.strip() == "Nothing is due."
    assert filrouge("tick", "--json").json == {"accounts": 0, "points": 0, "events": {}}
