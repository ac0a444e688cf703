"""A live subscriber beside many writers has each event once, in order; the library's loses some."""

import multiprocessing
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent, DCBRecorder
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger

EVENTS = int(os.environ.get("FILROUGE_TEST_FOLLOWED_EVENTS", "60_000"))
THREADS, PROCESSES = 16, 4
APPENDED_AT_ONCE = 20


def append_all(recorder: DCBRecorder, name: str, events: int) -> None:
    """Append events that say who appended them and the how many-th they are, some at a time."""
    for first in range(0, events, APPENDED_AT_ONCE):
        numbers = range(first, min(first + APPENDED_AT_ONCE, events))
        recorder.append([DCBEvent(type="t", data=b"%d" % n, tags=[name]) for n in numbers])


def append_elsewhere(url: str, name: str, events: int) -> None:
    """The whole of an appending process."""
    database = Database(url, keys=EpochKeys.from_bytes(bytes(32)), pool_max=1)
    with closing(database), closing(database.open("test")) as ledger:
        append_all(ledger.recorder, name, events)


def test_each_event_is_followed_once_in_order(ledger: Ledger, database: str) -> None:
    """16 threads and 4 processes append; the follower sees 2, 3, 4, ... each as it was appended."""
    share = EVENTS // (THREADS + PROCESSES)
    subscription = ledger.recorder.subscribe(after=1)
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=append_elsewhere, args=(database, f"process-{n}", share))
        for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    seen: Counter[str] = Counter()
    with subscription, ThreadPoolExecutor(THREADS) as pool:
        appending = [
            pool.submit(append_all, ledger.recorder, f"thread-{n}", share) for n in range(THREADS)
        ]
        received = islice(subscription, share * (THREADS + PROCESSES))
        for position, sequenced in enumerate(received, start=2):
            (name,) = sequenced.event.tags
            assert (sequenced.position, int(sequenced.event.data)) == (position, seen[name])
            seen[name] += 1
    for process in processes:
        process.join()
        assert process.exitcode == 0
    for future in appending:
        future.result()
    assert set(seen.values()) == {share}
    assert len(seen) == THREADS + PROCESSES


SLOW_COMMIT = """
CREATE FUNCTION public.wait_to_commit() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({is_slow}) EXECUTE FUNCTION public.wait_to_commit()
"""
"""The commit of a slow event waits for a lock that the test holds, as it may for a disk."""
HELD_UP = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def received_beside_a_slow_commit(
    database: str, slow: DCBRecorder, quick: DCBRecorder, *, after: int
) -> list[str]:
    """What a subscriber receives when somebody appends while the commit before takes its time."""

    def append(recorder: DCBRecorder, name: str) -> None:
        recorder.append([DCBEvent(type=name, data=b"")])

    with (
        psycopg.connect(database, autocommit=True) as test,
        ThreadPoolExecutor(2) as pool,
        quick.subscribe(after=after) as subscription,
    ):

        def held_up() -> int:
            row = test.execute(HELD_UP).fetchone()
            assert row is not None
            return int(row[0])

        test.execute("SELECT pg_advisory_lock(4711)")
        slowly = pool.submit(append, slow, "slow")
        while held_up() < 1:
            assert not slowly.done()
        quickly = pool.submit(append, quick, "quick")
        while held_up() < 2 and not quickly.done():
            pass
        # It was told that it stands in the log: then a subscriber has it too.
        received = [next(subscription).event.type] if quickly.done() else []
        test.execute("SELECT pg_advisory_unlock(4711)")
        slowly.result()
        quickly.result()
        append(quick, "last")
        while received[-1:] != ["last"]:
            received.append(next(subscription).event.type)
    return received


def test_the_library_loses_what_commits_late(database: str) -> None:
    """Its positions come from a sequence: the follower is past the slow one's before it is there.

    This is why the log has a recorder of its own. Should it fail, the library has mended it.
    """
    parts = conninfo_to_dict(database)
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]), host=str(parts["host"]), port=str(parts["port"]),
        user=str(parts["user"]), password=str(parts.get("password", "")), pool_size=8,
    )  # fmt: skip
    with closing(datastore):
        recorder = PostgresDCBRecorderTT(datastore)
        recorder.create_table()
        with psycopg.connect(database) as connection:
            table = f"{datastore.schema}.{recorder.events_table_name}"
            connection.execute(SLOW_COMMIT.format(table=table, is_slow="NEW.type = 'slow'"))
        received = received_beside_a_slow_commit(database, recorder, recorder, after=0)
        assert received == ["quick", "last"]
        assert [one.event.type for one in recorder.read()] == ["slow", "quick", "last"]


def test_a_late_commit_holds_its_place(
    ledger: Ledger, installation: Database, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same beside two writers of ours: the quick one waits, and nothing is lost."""
    # What slows the commit down is a lock, and a writer gives up a lock after so long.
    monkeypatch.setattr("store.statements.LOOK_SECONDS", 60)
    with psycopg.connect(database) as connection:
        is_slow = "position('\"slow\"'::bytea IN NEW.entry) > 0"
        connection.execute(SLOW_COMMIT.format(table="ledger_test.entries", is_slow=is_slow))
    with closing(installation.open("test")) as other:
        received = received_beside_a_slow_commit(database, other.recorder, ledger.recorder, after=1)
    assert received == ["slow", "quick", "last"]
