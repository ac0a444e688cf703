"""The connections of a process are bounded, and say what they are for."""

from __future__ import annotations

import psycopg
import pytest

from store.connections import shares_of
from store.ledger import Ledger


@pytest.mark.parametrize("pool_max", [4, 5, 8, 16, 1000])
def test_the_pools_of_a_process_share_one_bound(pool_max: int) -> None:
    """Keys, vault and readers together are no more than what is set, each has its part."""
    shares = shares_of(pool_max, 1)
    assert sum(shares) <= pool_max
    assert min(shares) >= 1
    few = shares_of(pool_max, 3)
    assert 3 * few.readers <= max(shares.readers, 3 * 2)


def test_each_connection_says_what_it_is_for(ledger: Ledger, database: str) -> None:
    """PostgreSQL shows its purpose and its ledger."""
    with ledger.connect("lease"), ledger.connect(), psycopg.connect(database) as owner:
        rows = owner.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    names = {name for (name,) in rows}
    assert {"filrouge lease test", "filrouge worker test"} <= names
    assert all(name.startswith("filrouge ") for name in names if name)
