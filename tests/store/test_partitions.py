"""Partitions of the log: there before they are needed, and nobody has to care."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from domain.ledger import OpenLedger
from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger
from store.partitions import make_room
from store.query import ENTRIES_SQL, Query, QueryItem
from tests.store.test_log import TOTALS, observe, total

POSITIONS = 20
"""What a partition holds here."""
PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits"
    " WHERE inhparent = 'ledger_test.entries'::regclass ORDER BY pg_inherits.inhrelid"
)


@pytest.fixture
def small(database: str) -> Iterator[Database]:
    """An installation whose new ledgers get small partitions."""
    url = make_conninfo(database, options=f"-c filrouge.partition_positions={POSITIONS}")
    made = Database(url, keys=EpochKeys.from_bytes(bytes(range(32))), pool_max=4)
    yield made
    made.close()


@pytest.fixture
def growing(small: Database, opening: OpenLedger) -> Iterator[Ledger]:
    """An open ledger that holds its opening, in small partitions."""
    made = small.create("test", opening)
    yield made
    made.close()


def partitions(database: str) -> list[str]:
    """The names of the tables that hold the entries, in order of position."""
    with psycopg.connect(database) as connection:
        return [name for (name,) in connection.execute(PARTITIONS)]


def positions(ledger: Ledger) -> list[int]:
    """All positions of the log."""
    return [recorded.envelope.position for recorded in ledger.log.read()]


def test_a_whole_partition_is_always_ahead(growing: Ledger, database: str) -> None:
    """Whatever the size of a batch, there is room for it and for a partition more."""
    for till, events in enumerate((1, 18, 1, 45, 7, 200)):
        observe(growing, *(total(n, source=f"/till/{till}") for n in range(events)))
        head = growing.log.head().position
        names = partitions(database)
        assert int(names[-1].rpartition("_")[2]) > head
        assert len(names) == 2 + (head - 1) // POSITIONS
    assert list(range(1, 274)) == positions(growing)


def test_reads_cross_the_borders(growing: Ledger) -> None:
    """By position, tag and type, forward and backward: nobody sees where a partition ends."""
    found = observe(growing, *(total(n) for n in range(150)), batch="b1")
    for items in ((), (QueryItem((TOTALS,)),), (QueryItem(tags=("batch:b1",)),)):
        forward = growing.log.read(Query(items), after=1)
        assert found == [recorded.envelope.position for recorded in forward]
        backward = growing.log.read(Query(items), after=1, backward=True)
        assert found[::-1] == [recorded.envelope.position for recorded in backward]
    some = [148, 3, 41, 40, 21, 20]
    assert sorted(some) == [one.envelope.position for one in growing.log.entries(some)]
    assert [len(page) for page in growing.log.pages(10, 110, 50)] == [50, 50]


def test_a_kept_plan_looks_into_one_partition(growing: Ledger) -> None:
    """However many partitions there are, an entry is looked for in its own only."""
    observe(growing, *(total(n) for n in range(200)))
    with growing.connect() as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        sql = ENTRIES_SQL.format("unnest($1)")
        connection.execute(f"PREPARE wanted (bigint[]) AS {sql}")
        plan = connection.execute("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE wanted ('{45,55}')")
        scans = [line for (line,) in plan if "Index Scan" in line]
    assert len(scans) == 2 + 200 // POSITIONS
    assert len([line for line in scans if "never executed" not in line]) == 1


def test_many_writers_make_room_at_once(small: Database, growing: Ledger) -> None:
    """Four writers grow the log through many partitions: each is made once, no position is left."""
    others = [small.open("test") for _ in range(3)]

    def record(k: int) -> None:
        ledger = (growing, *others)[k % 4]
        for n in range(30):
            observe(ledger, total(n, source=f"/till/{k}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(record, range(8)))
    assert list(range(1, 242)) == positions(growing)
    for other in others:
        other.close()


def test_room_that_was_rolled_back_is_made_again(growing: Ledger, database: str) -> None:
    """Who dies between making a partition and using it leaves nothing behind."""
    before = partitions(database)
    with growing.connect() as connection, connection.transaction(force_rollback=True):
        assert make_room(connection.cursor(), 500) >= 500
    assert before == partitions(database)
    observe(growing, *(total(n) for n in range(100)))
    assert list(range(1, 102)) == positions(growing)


def test_maintenance_of_the_table_holds_nobody_up(growing: Ledger, database: str) -> None:
    """While somebody analyses the table, the room that is ahead is used; then it is made again."""
    observe(growing, *(total(n) for n in range(15)))
    with psycopg.connect(database) as maintenance:
        maintenance.execute("LOCK TABLE ledger_test.entries IN SHARE UPDATE EXCLUSIVE MODE")
        for n in range(20):
            observe(growing, total(n, source="/other"))
        assert len(partitions(database)) == 2
    observe(growing, total(99))
    assert len(partitions(database)) == 3
    assert list(range(1, 38)) == positions(growing)


def test_without_room_the_batch_waits_for_it(growing: Ledger, database: str) -> None:
    """What does not fit into the room that is ahead waits for whoever holds the table."""
    with psycopg.connect(database) as maintenance:
        maintenance.execute("LOCK TABLE ledger_test.entries IN SHARE UPDATE EXCLUSIVE MODE")
        recording = threading.Thread(target=observe, args=(growing, *map(total, range(70))))
        recording.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while maintenance.execute(waiting).fetchone() == (0,):
            assert recording.is_alive()
    recording.join()
    assert list(range(1, 72)) == positions(growing)


def test_each_partition_refuses_change(growing: Ledger, database: str) -> None:
    """The role may not even look at one; its owner is refused like for the whole log."""
    observe(growing, *(total(n) for n in range(50)))
    for name in partitions(database):
        for change in (f"UPDATE {name} SET type = 1", f"DELETE FROM {name}", f"TRUNCATE {name}"):
            with growing.connect() as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(change)
            with (
                psycopg.connect(database) as owner,
                pytest.raises(psycopg.errors.RestrictViolation),
            ):
                owner.execute(change)


def test_an_old_range_goes_as_one_piece(growing: Ledger, database: str) -> None:
    """Its owner may detach the oldest partition; it stays whole, and the log goes on above it."""
    observe(growing, *(total(n) for n in range(60)))
    first = partitions(database)[0]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"ALTER TABLE ledger_test.entries DETACH PARTITION {first}")
        assert owner.execute(f"SELECT count(*) FROM {first}").fetchone() == (POSITIONS,)
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(f"DELETE FROM {first}")
    observe(growing, total(99))
    assert list(range(POSITIONS + 1, 63)) == positions(growing)


def test_room_is_made_for_the_log_and_nothing_else(growing: Ledger, database: str) -> None:
    """Whatever stands in a role's own tables, the owner's function reads those of the log."""
    with growing.connect() as connection:
        connection.execute(
            "CREATE TEMP TABLE partitioning AS SELECT 1000000 AS last, 1 AS positions"
        )
        make_room(connection.cursor(), 100)
    assert len(partitions(database)) == 6


def test_a_restore_makes_its_own_room(growing: Ledger, small: Database, database: str) -> None:
    """A ledger of any size comes back, in one transaction, into partitions made on the way."""
    observe(growing, *(total(n) for n in range(300)))
    entries = [entry for page in growing.log.pages(0, 301) for _, entry in page]
    with closing(small.restore("copy", entries)) as copy:
        assert entries == [entry for page in copy.log.pages(0, 301) for _, entry in page]
    with psycopg.connect(database) as connection:
        made = connection.execute("SELECT last FROM ledger_copy.partitioning").fetchone()
    assert made == (320 + POSITIONS,)
