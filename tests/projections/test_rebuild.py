"""A rebuild fills new tables beside the live ones, and nobody who reads feels it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

import psycopg
import pytest
from psycopg import sql

from domain.engagement import VisitRecorded
from projections import builds
from projections.failures import RebuildFailed, RebuildRunning
from projections.reader import reading
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import wait_for
from projections.tables import table_name
from store.ledger import Ledger
from store.log import Log
from tests.projections.brand import Brand
from tests.projections.builds import Live, live_rows
from tests.projections.faulty import FRAGILE, POISON, VISITS, Fragile, Visits
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

WAIT_SECONDS_MAX = 60.0


def visit(member: str = "m_1") -> VisitRecorded:
    """Somebody came."""
    return VisitRecorded(member_id=member)


def tables_of(connection: psycopg.Connection) -> set[str]:
    """The tables of all builds."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^projection_.*_[0-9]+$'"
        " AND relnamespace = current_schema()::regnamespace"
    ).fetchall()
    return {name for (name,) in rows}


def test_a_rebuild_while_events_come_in_misses_nothing(ledger: Ledger) -> None:
    """Readers never go back, and in the end all rows are those of a fresh build."""
    history = History(21)
    history.record_all(ledger, 200)
    with Runner(ledger, [SAMPLE], batch_events=11).start() as runner:
        head = ledger.log.head().position
        assert wait_for(ledger.pool, SAMPLE, head, WAIT_SECONDS_MAX), runner.status()
        stop = threading.Event()
        went_back: list[tuple[int, int]] = []

        def read_on() -> None:
            before = 0
            while not stop.is_set():
                with reading(ledger.pool, SAMPLE) as reader:
                    if reader.position < before:
                        went_back.append((before, reader.position))
                    before = reader.position

        readers = threading.Thread(target=read_on)
        readers.start()
        for number, head in enumerate(history.record(ledger, 150)):
            if number % 8 == 0:
                (done,) = rebuild(ledger, [SAMPLE], batch_events=40, grace_seconds=0)
                assert done.position >= head
        assert wait_for(ledger.pool, SAMPLE, head, WAIT_SECONDS_MAX), runner.status()
        stop.set()
        readers.join()
    assert not went_back
    rows = live_rows(ledger, SAMPLE)
    with ledger.connect() as connection:
        assert Live(ledger, connection, SAMPLE).filled(head, 1, 1000) == rows


def test_a_row_that_fits_into_a_page_is_not_compressed(ledger: Ledger) -> None:
    """A row of kilobytes is written again with each of its events."""
    fold = SAMPLE.folds[0]
    row = '{"long": "%s"}' % ("a" * 7_500)
    with ledger.connect() as connection:
        builds.prepare(connection)
        build = builds.begin(connection, SAMPLE, made_by="rebuild", horizon=0, shares=1)
        table = sql.Identifier(table_name(fold, SAMPLE.version, build))
        connection.execute(sql.SQL("INSERT INTO {} VALUES ('k', %s)").format(table), [row])
        found = connection.execute(
            sql.SQL("SELECT pg_column_size(row), pg_column_compression(row) FROM {}").format(table)
        ).fetchone()
    assert found is not None
    size, compression = found
    assert size > len(row)
    assert compression is None


def test_old_tables_go_after_the_grace(brand: Brand) -> None:
    """They stay for those who read them when the pointer moved."""
    brand.tell(visit())
    rebuild(brand.ledger, [VISITS])
    with brand.ledger.connect() as connection:
        (first,) = tables_of(connection)
        with reading(brand.ledger.pool, VISITS) as reader:
            rebuild(brand.ledger, [VISITS])
            assert reader.row(Visits, "m_1").visits == 1
        assert len(tables_of(connection)) == 2
        assert builds.drop_retired(connection, 3600) == 0
        assert builds.drop_retired(connection, 0) == 1
        (second,) = tables_of(connection)
    assert first != second


def test_who_still_reads_old_tables_holds_nobody_up(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleaning up leaves them for the next time."""
    monkeypatch.setattr(builds, "DROP_MILLISECONDS_MAX", 10)
    rebuild(brand.ledger, [VISITS])
    with brand.ledger.connect() as connection:
        with reading(brand.ledger.pool, VISITS) as reader:
            reader.row(Visits, "m_1")
            rebuild(brand.ledger, [VISITS])
            assert builds.drop_retired(connection, 0) == 0
        assert builds.drop_retired(connection, 0) == 1


def test_a_failing_handler_leaves_the_live_tables_and_the_others(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One projection cannot be rebuilt: the other is, and what was live still is."""
    monkeypatch.setattr(Fragile, "fragile", False)
    poison = brand.tell(visit(), visit(POISON))
    head = brand.tell(visit())
    rebuild(brand.ledger, [FRAGILE])
    before = live_rows(brand.ledger, FRAGILE)
    monkeypatch.undo()
    failed, done = rebuild(brand.ledger, [FRAGILE, VISITS])
    assert (failed.name, failed.position) == ("fragile", poison)
    assert failed.failure is not None
    assert failed.failure.startswith("visit.recorded.v1 in Fragile: ValueError")
    assert (done.name, done.position, done.failure) == ("visits", head, None)
    assert live_rows(brand.ledger, FRAGILE) == before
    with brand.ledger.connect() as connection:
        assert len(tables_of(connection)) == 2


def test_a_rebuild_mends_what_failed(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new tables take over from those that stand still."""
    with Runner(brand.ledger, [FRAGILE]).start() as runner:
        assert wait_for(brand.ledger.pool, FRAGILE, 1, WAIT_SECONDS_MAX)
        brand.tell(visit(POISON))
        while runner.status()[0].state != "failed":
            runner._stop.wait(0.01)
        monkeypatch.setattr(Fragile, "fragile", False)
        rebuild(brand.ledger, [FRAGILE])
        head = brand.tell(visit())
        assert wait_for(brand.ledger.pool, FRAGILE, head, WAIT_SECONDS_MAX)
        assert runner.status()[0].state == "running"


def test_two_rebuilds_of_one_projection_do_not_meet(brand: Brand) -> None:
    """The second is refused, and does not disturb the first."""
    brand.tell(visit())
    refused: list[type[Exception]] = []

    def again(_done: int, _of: int) -> None:
        with pytest.raises(RebuildRunning) as caught:
            rebuild(brand.ledger, [VISITS])
        refused.append(caught.type)

    (done,) = rebuild(brand.ledger, [VISITS], progress=again)
    assert refused == [RebuildRunning]
    assert done.failure is None
    assert live_rows(brand.ledger, VISITS)["visits"]["m_1"]["visits"] == 1


def _rebuild_and_hang(connect: Callable[[], psycopg.Connection], out: Connection) -> None:
    """Begin a rebuild in a process that is killed in the middle of it."""

    class LedgerOfOneConnection:
        def __init__(self) -> None:
            self.connect = connect
            self.log = Log.over(connect())

    def hang(done: int, _of: int) -> None:
        out.send(done)
        signal.pause()

    rebuild(LedgerOfOneConnection(), [VISITS], workers=2, batch_events=1, progress=hang)  # type: ignore[arg-type]


def _wait_for_the_right(connection: psycopg.Connection) -> None:
    """Until PostgreSQL has noticed that whoever had the right to rebuild is gone."""
    while connection.execute(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone():
        threading.Event().wait(0.01)


def test_a_killed_rebuild_leaves_nothing_that_lasts(brand: Brand) -> None:
    """What was live is untouched, its workers end, and the next rebuild cleans up."""
    brand.tell(visit(), visit("m_2"))
    rebuild(brand.ledger, [VISITS])
    before = live_rows(brand.ledger, VISITS)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    victim = context.Process(target=_rebuild_and_hang, args=(brand.ledger.connect, theirs))
    victim.start()
    theirs.close()
    assert ours.recv() >= 0
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    with brand.ledger.connect() as connection:
        _wait_for_the_right(connection)
        assert len(tables_of(connection)) == 2, "it was not in the middle"
        assert live_rows(brand.ledger, VISITS) == before
        rebuild(brand.ledger, [VISITS], grace_seconds=0)
        builds.drop_retired(connection, 0)
        assert len(tables_of(connection)) == 1
    assert live_rows(brand.ledger, VISITS) == before


def test_a_worker_that_dies_is_noticed(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rebuild fails, and leaves nothing but what was live."""
    brand.tell(*(visit(f"m_{number}") for number in range(20)))
    context = multiprocessing.get_context("spawn")
    real = context.Process

    def die(*arguments: object, **options: object) -> object:
        options["target"] = os._exit
        options["args"] = (9,)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(context, "Process", die)
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)
    with pytest.raises(RebuildFailed):
        rebuild(brand.ledger, [VISITS], workers=2)
    with brand.ledger.connect() as connection:
        assert not tables_of(connection)
