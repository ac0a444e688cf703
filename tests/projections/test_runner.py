"""The runner keeps projections up to date, whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from domain.engagement import VisitRecorded
from projections import builds, follower
from projections.engine import Engine
from projections.failures import ProjectionNotReady
from projections.reader import reading
from projections.runner import Runner
from projections.status import wait_for
from store.ledger import Ledger
from tests.projections.brand import Brand
from tests.projections.builds import Live, live_rows
from tests.projections.faulty import FRAGILE, POISON, VISITS, VISITS_AGAIN, Fragile, Visits
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

WAIT_SECONDS_MAX = 60.0
Start = Callable[..., Runner]


@pytest.fixture
def start(ledger: Ledger) -> Iterator[Start]:
    """Start a runner; it is stopped at the end."""
    runners: list[Runner] = []

    def make(*projections: object, **options: object) -> Runner:
        runners.append(Runner(ledger, projections, **options).start())  # type: ignore[arg-type]
        return runners[-1]

    yield make
    for runner in runners:
        runner.stop()


def visit(member: str = "m_1") -> VisitRecorded:
    """Somebody came."""
    return VisitRecorded(member_id=member)


def until_failed(runner: Runner) -> None:
    """Wait until the last projection of a runner has failed."""
    while runner.status()[-1].state != "failed":
        runner._stop.wait(0.01)


def test_it_follows_what_is_recorded(brand: Brand, start: Start) -> None:
    """What was recorded can be read, with the position that it reflects."""
    start(VISITS)
    for count in range(1, 6):
        position = brand.tell(visit())
        assert wait_for(brand.ledger.pool, VISITS, position, WAIT_SECONDS_MAX)
        with reading(brand.ledger.pool, VISITS) as reader:
            assert reader.row(Visits, "m_1").visits == count
            assert reader.position == position


def test_what_was_not_waited_for_can_be_made_durable(ledger: Ledger) -> None:
    """After that all that was committed before is on disk, and replicas can have it."""
    with ledger.connect() as connection:
        builds.prepare(connection)
        builds.commit_without_waiting(connection)
        builds.begin(connection, VISITS, made_by="runner", horizon=0, shares=1)
        [(written,)] = connection.execute("SELECT pg_current_wal_insert_lsn()")
        builds.make_durable(connection)
        [(flushed, setting)] = connection.execute(
            "SELECT pg_current_wal_flush_lsn() >= %s, current_setting('synchronous_commit')",
            [written],
        )
    assert flushed
    assert setting == "off"


def test_nobody_waits_for_ever(brand: Brand, start: Start) -> None:
    """A position that does not come is given up."""
    assert not wait_for(brand.ledger.pool, VISITS, 1, 0.01)
    start(VISITS)
    assert wait_for(brand.ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
    assert not wait_for(brand.ledger.pool, VISITS, 10**9, 0.01)


def test_what_was_never_filled_cannot_be_read(brand: Brand) -> None:
    """Before any runner was there, a reader is told to come back."""
    with pytest.raises(ProjectionNotReady), reading(brand.ledger.pool, VISITS):
        pass


def test_a_long_log_is_filled_before_it_is_followed(
    ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new projection is built from the whole log, and is as if it had always been there."""
    monkeypatch.setattr(follower, "FILL_EVENTS", 37)
    history = History(5)
    history.record_all(ledger, 200)
    runner = start(SAMPLE, batch_events=7)
    head = history.record_all(ledger, 100)
    assert wait_for(ledger.pool, SAMPLE, head, WAIT_SECONDS_MAX), runner.status()
    rows = live_rows(ledger, SAMPLE)
    with ledger.connect() as connection:
        assert Live(ledger, connection, SAMPLE).filled(head, 1, 1000) == rows


def test_a_failure_stops_one_projection_only(brand: Brand, start: Start) -> None:
    """It stops before the event that it cannot take in, says why, and the others go on."""
    brand.tell(*(visit() for _ in range(5)))
    poison = brand.tell(visit(POISON))
    head = brand.tell(visit(), visit())
    runner = start(VISITS, FRAGILE)
    assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
    until_failed(runner)
    running, failed = runner.status()
    assert (running.state, running.position, running.lag_events) == ("running", head, 0)
    assert failed.failed_position == poison
    assert failed.failure is not None
    assert failed.failure.startswith("visit.recorded.v1 in Fragile: ValueError at faulty.py:")
    assert "secret" not in failed.failure
    assert POISON not in failed.failure


def test_a_live_projection_that_fails_can_be_read_and_tried_again(
    brand: Brand, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All before the event was taken in; starting again after a mend takes in the rest."""
    runner = start(FRAGILE)
    assert wait_for(brand.ledger.pool, FRAGILE, 1, WAIT_SECONDS_MAX)
    poison = [brand.tell(visit(), visit(), visit(POISON)), brand.tell(visit())][0]
    until_failed(runner)
    (status,) = runner.status()
    assert (status.failed_position, status.position) == (poison, poison - 1)
    assert (status.lag_events, status.lag_seconds > 0) == (2, True)
    with reading(brand.ledger.pool, FRAGILE) as reader:
        assert (reader.row(Fragile, "m_1").visits, reader.position) == (2, poison - 1)
    runner.stop()
    monkeypatch.setattr(Fragile, "fragile", False)
    runner = start(FRAGILE)
    assert wait_for(brand.ledger.pool, FRAGILE, poison + 1, WAIT_SECONDS_MAX)
    assert runner.status()[0].failure is None


def test_several_runners_count_everything_once(ledger: Ledger, start: Start) -> None:
    """Two runners of one ledger step on each other's feet, and the rows are right."""
    for _ in range(2):
        start(SAMPLE, batch_events=3)
    head = History(8).record_all(ledger, 150)
    assert wait_for(ledger.pool, SAMPLE, head, WAIT_SECONDS_MAX)
    rows = live_rows(ledger, SAMPLE)
    with ledger.connect() as connection:
        assert Live(ledger, connection, SAMPLE).filled(head, 1, 1000) == rows


def test_lost_connections_are_made_again(
    ledger: Ledger, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is cut again and again while events come in; nothing is missed or doubled."""
    monkeypatch.setattr("projections.runner.FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("projections.runner.LAST_RETRY_SECONDS", 0.01)
    runner = start(SAMPLE, batch_events=5)
    assert wait_for(ledger.pool, SAMPLE, 1, WAIT_SECONDS_MAX), runner.status()
    with psycopg.connect(ledger.connect.args[0], autocommit=True) as owner:  # type: ignore[attr-defined]
        cut = 0
        for head in History(9).record(ledger, 150):
            found = owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%projection_%' AND pid <> pg_backend_pid()"
                " AND usename = current_user AND datname = current_database()"
            ).fetchall()
            cut += len(found)
            end = head
        assert cut > 0
    assert wait_for(ledger.pool, SAMPLE, end, WAIT_SECONDS_MAX), runner.status()
    rows = live_rows(ledger, SAMPLE)
    with ledger.connect() as connection:
        assert Live(ledger, connection, SAMPLE).filled(end, 1, 1000) == rows


def test_a_new_version_is_filled_beside_the_old_one(brand: Brand, start: Start) -> None:
    """The older software reads on until the grace ends; then its tables are dropped."""
    head = brand.tell(visit(), visit())
    old = start(VISITS)
    assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
    new = start(VISITS_AGAIN)
    head = brand.tell(visit())
    for version in (VISITS, VISITS_AGAIN):
        assert wait_for(brand.ledger.pool, version, head, WAIT_SECONDS_MAX)
        with reading(brand.ledger.pool, version) as reader:
            assert reader.row(Visits, "m_1").visits == 3
    old.stop()
    new.stop()
    with brand.ledger.connect() as connection:
        assert builds.drop_retired(connection, grace_seconds=3600) == 0
        assert builds.drop_retired(connection, grace_seconds=0) == 1
        assert builds.ensure(connection, VISITS, head) is None, "old software makes nothing new"
        assert builds.current(connection, VISITS_AGAIN) is not None
    with pytest.raises(ProjectionNotReady), reading(brand.ledger.pool, VISITS):
        pass


def test_whatever_goes_wrong_in_a_step_is_told(
    brand: Brand, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is nobody's handler's still stops the one projection, and is told."""
    advance = Engine._advance

    def fail(engine: Engine, *arguments: object) -> None:
        if engine.projection is FRAGILE:
            raise RuntimeError("a secret")
        advance(engine, *arguments)  # type: ignore[arg-type]

    runner = start(VISITS, FRAGILE)
    assert wait_for(brand.ledger.pool, FRAGILE, 1, WAIT_SECONDS_MAX)
    monkeypatch.setattr(Engine, "_advance", fail)
    head = brand.tell(visit())
    assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
    until_failed(runner)
    _, failed = runner.status()
    assert failed.failed_position == head
    assert failed.failure is not None
    assert failed.failure.startswith("RuntimeError at ")
