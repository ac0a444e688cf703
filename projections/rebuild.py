"""Filling new tables beside the live ones with all processors, and moving the pointer to them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, NamedTuple

import psycopg
import structlog

from projections import builds
from projections.engine import Engine
from projections.failures import PASSING, HandlerFailed, RebuildFailed, RebuildRunning, described
from projections.fold import Projection
from projections.pages import Pages
from projections.shares import Work, cut
from projections.voids import VoidHistory
from projections.worker import Failed, Share, fill, work
from store.ledger import Ledger

FILL_EVENTS: Final = 20_000
"""Events that one transaction of a worker takes in, unless told otherwise."""
END_SECONDS_MAX: Final = 10.0

log = structlog.get_logger()


class Rebuilt(NamedTuple):
    """What became of one projection."""

    name: str
    position: int
    """What it reflects now; of one that failed, where."""
    seconds: float
    failure: str | None = None
    """Why it failed: then what was live before still is, untouched."""


Progress = Callable[[int, int], None]
"""Called with how many events were taken in, and how many there are."""


def rebuild(
    ledger: Ledger,
    projections: Sequence[Projection],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    batch_events: int = FILL_EVENTS,
    grace_seconds: float = builds.GRACE_SECONDS,
) -> list[Rebuilt]:
    """Fold projections anew from the whole log, and let the new tables be read.

    The live tables stay readable and up to date meanwhile. With one worker it happens in this
    process, with more in processes of their own, each of which folds an equal part. Killed at any
    moment, it leaves the live tables untouched, and the next rebuild cleans up.

    Raises:
        RebuildRunning: somebody else rebuilds one of them.
        RebuildFailed: a worker ended before its work did.

    """
    began = time.monotonic()
    with ledger.connect() as connection, _right_to_rebuild(connection, projections):
        for projection in projections:
            builds.drop_abandoned(connection, projection)
        builds.drop_retired(connection, grace_seconds)
        horizon = ledger.log.head().position
        made = {
            projection: builds.begin(
                connection, projection, made_by="rebuild", horizon=horizon, shares=workers
            )
            for projection in projections
        }
        try:
            shares = shares_of(ledger, made, horizon, workers, batch_events)
            failures = {one.projection: one for one in fill_all(shares, progress)}
            return [
                _rebuilt(
                    projection,
                    failures.get(projection.name)
                    or _finished(ledger, connection, projection, made[projection]),
                    time.monotonic() - began,
                )
                for projection in projections
            ]
        finally:
            for projection in projections:
                builds.drop_abandoned(connection, projection)


@contextmanager
def _right_to_rebuild(
    connection: psycopg.Connection, projections: Sequence[Projection]
) -> Iterator[None]:
    """Keep every other rebuild away, until the connection ends."""
    builds.prepare(connection)
    for projection in projections:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '/' || %s, 2))",
            [projection.name],
        ).fetchone()
        if row is None or not row[0]:
            raise RebuildRunning(projection=projection.name)
    try:
        yield
    finally:
        # A session that ends gives its locks back too, but some time after its client has gone on.
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock_all()")


def shares_of(
    ledger: Ledger, made: Mapping[Projection, int], horizon: int, workers: int, batch_events: int
) -> list[Share]:
    """What each of the workers has to do, to fill these builds up to the horizon."""
    folds = [fold for projection in made for fold in projection.folds]
    cuts = cut(Work(folds, ledger.log.sampled_types(horizon)), workers)
    return [
        Share(ledger.connect, tuple(made.items()), horizon, share, parts, batch_events)
        for share, parts in enumerate(cuts)
    ]


def fill_all(shares: list[Share], progress: Progress | None) -> list[Failed]:
    """Fill every share; returns the builds that failed."""
    positions = [0] * len(shares)
    failed: list[Failed] = []

    def hear(share: int, said: int | Failed) -> None:
        if isinstance(said, Failed):
            failed.append(said)
        else:
            positions[share] = said
            if progress is not None:
                progress(sum(positions) // len(shares), shares[share].horizon)

    if len(shares) == 1:
        fill(shares[0], partial(hear, 0))
    else:
        _fill_by_workers(shares, hear)
    return failed


def _fill_by_workers(shares: list[Share], hear: Callable[[int, int | Failed], None]) -> None:
    context = multiprocessing.get_context("spawn")
    listening: dict[Connection, int] = {}
    workers: list[SpawnProcess] = []
    try:
        for number, share in enumerate(shares):
            ours, theirs = context.Pipe(duplex=False)
            worker = context.Process(target=work, args=(share, theirs), daemon=True)
            worker.start()
            theirs.close()  # so that the end of the worker is the end of the pipe
            listening[ours] = number
            workers.append(worker)
        while listening:
            for ready in wait(list(listening)):
                assert isinstance(ready, Connection)
                if _heard(ready, partial(hear, listening[ready])):
                    del listening[ready]
                    ready.close()
    finally:
        for worker in workers:
            if listening:
                worker.terminate()
            worker.join(END_SECONDS_MAX)
        for pipe in listening:
            pipe.close()


def _heard(pipe: Connection, hear: Callable[[int | Failed], None]) -> bool:
    """Take in what a worker says; True when it is done."""
    try:
        said: int | Failed | None = pipe.recv()
    except EOFError:
        raise RebuildFailed("a worker ended before its work did") from None
    if isinstance(said, Failed) and not said.projection:
        raise RebuildFailed(f"a worker failed: {said.reason}")
    if said is not None:
        hear(said)
    return said is None


def _finished(
    ledger: Ledger, connection: psycopg.Connection, projection: Projection, build: int
) -> int | Failed:
    """Add up, catch up with the log, and move the pointer; returns the position."""
    source = ledger.log
    voids = VoidHistory(source)
    engine = Engine(source, projection, voids, Pages(source, voids, projection.types))
    try:
        with connection.transaction():
            engine.complete(connection, build)
        while (engine.step(connection, build, source.head().position) or 0) < (
            head := source.head().position
        ):
            log.debug("projection.catching_up", projection=projection.name, head=head)
        with connection.transaction():
            return _switched(connection, engine, build)
    except PASSING:
        raise
    except HandlerFailed as failure:
        return Failed(projection.name, failure.position, failure.reason)
    except Exception as error:  # noqa: BLE001 - whatever a projection does, the others go on
        return Failed(projection.name, None, described(error))


def _switched(connection: psycopg.Connection, engine: Engine, build: int) -> int:
    """Move the pointer. What is live waits meanwhile, so that no reader ever goes back."""
    live = builds.current(connection, engine.projection)
    if live is not None:
        builds.hold(connection, live.build)
        live = builds.current(connection, engine.projection)
    least = 0 if live is None else live.position
    while True:
        position = engine.step(connection, build, least)
        assert position is not None, f"build {build} is gone"
        if position >= least:
            builds.point_to(connection, engine.projection, build)
            return position


def _rebuilt(projection: Projection, became: int | Failed, seconds: float) -> Rebuilt:
    if isinstance(became, Failed):
        log.error(
            "projection.rebuild_failed",
            projection=projection.name,
            position=became.position,
            reason=became.reason,
        )
        return Rebuilt(projection.name, became.position or 0, seconds, became.reason)
    log.info(
        "projection.rebuilt", projection=projection.name, position=became, seconds=round(seconds, 3)
    )
    return Rebuilt(projection.name, became, seconds)
