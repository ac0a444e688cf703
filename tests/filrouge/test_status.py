"""``filrouge status`` says where everything stands: lag, failures, rebuilds, room on the disk."""

from __future__ import annotations

import os
import re

import psycopg
from psycopg_pool import ConnectionPool

from filrouge.status_view import in_bytes
from projections import ALL, builds
from projections.progress import fillings
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import wait_for
from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger
from store.log_keys import LogKeys
from store.sizes import sizes, total_bytes
from tests.filrouge.conftest import Filrouge

WAIT_SECONDS_MAX = 60.0
BALANCES = next(one for one in ALL if one.name == "balances")


def connected(database: str) -> psycopg.Connection:
    """A connection that sees the ledger's schema, with the rights of its role."""
    options = "-c role=ledger_test -c search_path=ledger_test"
    return psycopg.connect(database, autocommit=True, options=options)


def test_who_leads(filrouge: Filrouge, database: str) -> None:
    """Nobody yet, somebody now, or who it was and until when."""
    filrouge("init")
    assert filrouge("status", "--no-figures", "--json").json["leader"] is None
    assert "nobody has run the projections yet" in filrouge("status", "--no-figures").out
    installation = Database(database, keys=EpochKeys.from_bytes(bytes(32)), pool_max=4)
    ledger = installation.open("test")
    with Runner(ledger, ALL).start():
        assert wait_for(ledger.pool, BALANCES, 1, WAIT_SECONDS_MAX)
        said = filrouge("status", "--no-figures", "--json").json["leader"]
        assert (said["held"], said["name"].split()[1]) == (True, str(os.getpid()))
        text = filrouge("status", "--no-figures").out
        assert f"projections are run by {said['name']} since " in text
    ledger.close()
    installation.close()
    assert not filrouge("status", "--no-figures", "--json").json["leader"]["held"]
    text = filrouge("status", "--no-figures").out
    assert f"nobody runs the projections; {said['name']} did, until " in text


def test_how_much_is_sealed(filrouge: Filrouge, database: str) -> None:
    """Up to the position that a signed checkpoint covers."""
    filrouge("init")
    assert filrouge("status", "--no-figures", "--json").json["head"]["sealed_position"] == 0
    installation = Database(database, keys=EpochKeys.from_bytes(bytes(32)), pool_max=4)
    ledger = installation.open("test")
    ledger.tree.grow(LogKeys([bytes(32)]))
    ledger.close()
    installation.close()
    assert filrouge("status", "--no-figures", "--json").json["head"]["sealed_position"] == 1
    assert "sealed up to 1, recorded " in filrouge("status", "--no-figures").out


def test_a_projection_that_stands_still_says_where_and_why(
    filrouge: Filrouge, database: str
) -> None:
    """In both forms, with the position and the reason."""
    filrouge("init")
    filrouge("rebuild", "--workers", 1)
    with connected(database) as connection:
        live = builds.current(connection, BALANCES)
        assert live is not None
        builds.fail(connection, live, 7, "points.earned.v1 in balances: KeyError at balances.py:1")
    said = filrouge("status", "--no-figures", "--json").json
    [one] = [one for one in said["projections"] if one["name"] == "balances"]
    assert (one["state"], one["failed_position"]) == ("failed", 7)
    text = filrouge("status", "--no-figures").out
    assert re.search(r"^balances +failed +1 +0 +0\.0$", text, re.MULTILINE)
    assert "balances stands still before position 7: points.earned.v1 in balances" in text


def test_rebuilds_say_how_far_they_are(filrouge: Filrouge, database: str) -> None:
    """One that runs, and one that was killed and left its tables."""
    filrouge("init")
    filrouge("rebuild", "--workers", 1)
    assert filrouge("status", "--no-figures", "--json").json["rebuilds"] == []
    with connected(database) as connection:
        build = builds.begin(connection, BALANCES, made_by="rebuild", horizon=10, shares=2)
        connection.execute(
            "UPDATE projection_checkpoints SET position = 2 + 4 * share WHERE build = %s", [build]
        )
        connection.execute(
            "SELECT pg_advisory_lock(hashtextextended(current_schema() || '/balances', 2))"
        )
        [one] = filrouge("status", "--no-figures", "--json").json["rebuilds"]
        assert (one["name"], one["made_by"]) == ("balances", "rebuild")
        assert (one["position"], one["horizon"], one["running"]) == (4, 10, True)
        text = filrouge("status", "--no-figures").out
        assert re.search(r"^balances v\d+ +rebuild +4 +10 +40 % in \d+ s$", text, re.MULTILINE)
    [one] = filrouge("status", "--no-figures", "--json").json["rebuilds"]
    assert not one["running"]
    assert "killed; the next rebuild removes it" in filrouge("status", "--no-figures").out
    filrouge("rebuild", "--workers", 1)
    assert filrouge("status", "--no-figures", "--json").json["rebuilds"] == []


def test_a_rebuild_is_seen_while_it_runs(ledger: Ledger) -> None:
    """The right to rebuild that a real one holds is the one that is looked for."""
    seen = []
    rebuild(ledger, [BALANCES], progress=lambda *_: seen.extend(fillings(ledger.pool)))
    assert [(one.name, one.running, one.made_by) for one in seen] == [("balances", True, "rebuild")]
    assert fillings(ledger.pool) == []


def test_the_room_on_the_disk_is_all_of_it(ledger: Ledger) -> None:
    """The parts add up to what PostgreSQL says of the whole schema."""
    with Runner(ledger, ALL).start():
        for one in ALL:
            assert wait_for(ledger.pool, one, 1, WAIT_SECONDS_MAX)
    found = sizes(ledger.pool)
    assert {one.part for one in found} == {"entries", "tags", "origins", "projections", "rest"}
    assert all(one.table_bytes + one.index_bytes > 0 for one in found)
    assert total_bytes(found) == whole(ledger.pool)


def whole(pool: ConnectionPool) -> int:
    """All relations of the ledger's schema, with what belongs to them."""
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)))::bigint"
            " FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_bytes_are_said_as_people_read_them() -> None:
    """In the unit that leaves few digits."""
    said = {999: "999 B", 1536: "1.5 KiB", 3 << 20: "3.0 MiB", 5 << 40: "5.0 TiB"}
    assert {count: in_bytes(count) for count in said} == said
