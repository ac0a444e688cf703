"""One process at a time runs the projections of a ledger; who lost the lease writes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from domain.ledger import OpenLedger
from projections import builds
from projections.lease import (
    LEASE_IS_OVER,
    LEASE_SECONDS,
    LOOK_SECONDS,
    TAKEOVER_SECONDS_MAX,
    TERMINATE_MILLISECONDS_MAX,
    Lease,
    holder,
)
from projections.reader import reading
from projections.runner import Runner
from projections.status import wait_for
from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger
from tests.projections.brand import Brand
from tests.projections.builds import engine_of
from tests.projections.faulty import VISITS, VISITS_AGAIN, Visits
from tests.projections.test_runner import WAIT_SECONDS_MAX, visit

ROOT = Path(__file__).resolve().parents[2]
Leader = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def leader(ledger: Ledger, database: str) -> Iterator[Leader]:
    """Start a process that holds the lease; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(silent: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.projections.leader", database, silent],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert wait_for(ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
        process.communicate(timeout=WAIT_SECONDS_MAX)


def visits(ledger: Ledger) -> int:
    """How often the one member came, as it is read."""
    with reading(ledger.pool, VISITS) as reader:
        row = reader.row(Visits, "m_1")
    return 0 if row is None else int(row.visits)


def number_of(ledger: Ledger) -> int:
    """The process that holds the lease."""
    found = holder(ledger.pool, [VISITS])
    assert found is not None
    assert found.held
    return int(found.name.split()[-1])


def test_there_is_no_holder_before_anybody_led(ledger: Ledger) -> None:
    """Nobody is named; not even the table need be there."""
    assert holder(ledger.pool, [VISITS]) is None
    with ledger.connect() as connection:
        builds.prepare(connection)
    assert holder(ledger.pool, [VISITS]) is None


def test_one_at_a_time_holds_it(ledger: Ledger) -> None:
    """Others are refused until it is given back; who asks again over a new connection has it."""
    first, second = (Lease(ledger.connect, [VISITS]) for _ in range(2))
    newer = Lease(ledger.connect, [VISITS_AGAIN])
    with ledger.connect() as one, ledger.connect() as other, ledger.connect() as again:
        builds.prepare(one)
        assert first.take(one)
        assert not second.take(other)
        assert newer.take(other), "newer software has a lease of its own"
        assert first.take(again)
        assert not second.take(other)
        with first.renewed():
            assert number_of(ledger) == os.getpid()
        found = holder(ledger.pool, [VISITS])
        assert found is not None
        assert not found.held
        assert found.since <= found.until
        assert second.take(other)


@pytest.mark.parametrize("end", ["interval '-1 second'", "interval '1 hour'"])
def test_who_lost_it_writes_nothing(brand: Brand, end: str) -> None:
    """The checkpoint is compared with the lease: past its deadline, or of another, it is refused.

    A deadline that is an hour away is one too: the clock of the database went back.
    """
    ledger = brand.ledger
    engine = engine_of(ledger, VISITS)
    head = brand.tell(visit())
    old, new = (Lease(ledger.connect, [VISITS]) for _ in range(2))
    with ledger.connect() as connection, ledger.connect() as other, ledger.connect() as woken:
        builds.prepare(connection)
        assert old.take(connection)
        build = builds.ensure(connection, VISITS, 0)
        assert build is not None
        with connection.transaction():
            engine.complete(connection, build.build)
            builds.point_to(connection, VISITS, build.build)
        fence = connection.execute("SELECT current_setting('filrouge.fence')").fetchone()
        assert fence is not None
        woken.execute("SELECT set_config('filrouge.fence', %s, false)", fence)
        other.execute(f"UPDATE projection_leases SET until = clock_timestamp() + {end}")
        if "hour" not in end:
            with pytest.raises(psycopg.OperationalError) as refused:
                engine.step(woken, build.build, head)
            assert refused.value.sqlstate == LEASE_IS_OVER
        assert new.take(other)
        writes: tuple[Callable[[], object], ...] = (
            lambda: engine.step(woken, build.build, head),
            lambda: builds.point_to(woken, VISITS, build.build),
            lambda: builds.fail(woken, build, 1, "no"),
            lambda: builds.drop(woken, build.build),
        )
        for write in writes:
            with pytest.raises(psycopg.OperationalError) as refused:
                write()
            assert refused.value.sqlstate == LEASE_IS_OVER
        assert visits(ledger) == 0
        assert engine.step(other, build.build, head) == head
        assert visits(ledger) == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")  # its session was ended, with whatever it had locked


@pytest.mark.parametrize("silent", ["before", "after"])
def test_a_leader_that_falls_silent_is_replaced(brand: Brand, leader: Leader, silent: str) -> None:
    """Stopped inside a transaction, with locks: within five seconds another one leads.

    Woken up, it writes nothing, and stands by until it is its turn.
    """
    assert LEASE_SECONDS + LOOK_SECONDS + TERMINATE_MILLISECONDS_MAX / 1000 < TAKEOVER_SECONDS_MAX
    process = leader(silent)
    assert number_of(brand.ledger) == process.pid
    with Runner(brand.ledger, [VISITS]).start() as standing_by:
        head = brand.tell(visit())
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
        assert number_of(brand.ledger) == os.getpid()
        process.send_signal(signal.SIGCONT)
        head = brand.tell(visit(), visit())
        assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
        assert number_of(brand.ledger) == os.getpid()
        standing_by.stop()
        head = brand.tell(visit())
        assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
    assert number_of(brand.ledger) == process.pid
    assert visits(brand.ledger) == 4


def test_a_leader_that_dies_is_replaced(brand: Brand, leader: Leader) -> None:
    """Killed, it is followed by whoever stands by, within five seconds."""
    process = leader("never")
    with Runner(brand.ledger, [VISITS]).start():
        assert number_of(brand.ledger) == process.pid
        process.kill()
        head = brand.tell(visit())
        assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
        assert number_of(brand.ledger) == os.getpid()
    assert visits(brand.ledger) == 1


def test_who_stops_hands_over_at_once(brand: Brand) -> None:
    """The lease is given back, so nobody waits for its deadline."""
    first = Runner(brand.ledger, [VISITS]).start()
    assert wait_for(brand.ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
    assert number_of(brand.ledger) == os.getpid()
    first.stop()
    found = holder(brand.ledger.pool, [VISITS])
    assert found is not None
    assert not found.held
    with Runner(brand.ledger, [VISITS]).start():
        assert wait_for(brand.ledger.pool, VISITS, brand.tell(visit()), WAIT_SECONDS_MAX)


def test_a_lease_is_renewed_while_a_connection_is_cut(
    brand: Brand, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that renews makes its connection again, and the leader stays the leader."""
    monkeypatch.setattr("projections.lease.LEASE_SECONDS", 30.0)
    with Runner(brand.ledger, [VISITS]).start():
        assert wait_for(brand.ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
        first = holder(brand.ledger.pool, [VISITS])
        assert first is not None
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        with psycopg.connect(database, autocommit=True) as owner:
            while not owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'filrouge lease test' AND datname = current_database()"
            ).fetchall():
                assert time.monotonic() < deadline
        while (found := holder(brand.ledger.pool, [VISITS])) is None or found.until <= first.until:
            assert time.monotonic() < deadline
        assert found.since == first.since


def test_a_role_without_privileges_can_take_over(postgres_url: str, opening: OpenLedger) -> None:
    """Whoever may make ledgers may end the session of a leader that logged in as the same role."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'it'")
        owner.execute(f"CREATE DATABASE {name} OWNER {name}")
        parts = urlsplit(postgres_url)
        host = parts.netloc.rpartition("@")[2]
        url = parts._replace(netloc=f"{name}:it@{host}", path=f"/{name}").geturl()
        database = Database(url, keys=EpochKeys.from_bytes(bytes(range(32))), pool_max=4)
        ledger = database.create(name[:32], opening)
        old, new = (Lease(ledger.connect, [VISITS]) for _ in range(2))
        with ledger.connect() as connection, ledger.connect() as other:
            builds.prepare(connection)
            assert old.take(connection)
            assert not new.take(other)
            other.execute("UPDATE projection_leases SET until = clock_timestamp()")
            assert new.take(other)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        ledger.close()
        database.close()
        owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        owner.execute(f"DROP ROLE ledger_{name[:32]}")
        owner.execute(f"DROP ROLE {name}")
