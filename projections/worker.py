"""A process that fills its share of the rows of some builds."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import psycopg

from projections import builds
from projections.builds import Checkpoint
from projections.engine import Aliased, Engine
from projections.failures import PASSING, HandlerFailed, described
from projections.filling import Filling
from projections.fold import Projection
from projections.owners import Roots
from projections.pages import Pages
from projections.selection import Selection
from projections.shares import Parts
from projections.voids import VoidHistory
from store.log import Log

KEPT_BYTES_MAX: Final = 400_000_000
KEPT_ROWS_MAX: Final = 500_000
"""How much one worker folds in memory before it writes rows: entries, and rows of all tables."""


COLLECT_AFTER: Final = 200_000


class Share(NamedTuple):
    """What one worker has to do: its parts of the folds of these builds."""

    connect: Callable[[], psycopg.Connection]
    builds: tuple[tuple[Projection, int], ...]
    horizon: int
    share: int
    parts: Parts
    batch_events: int
    into: Callable[[], psycopg.Connection] | None = None
    """Where the tables are, if not beside the log."""
    as_of: datetime | None = None


class Failed(NamedTuple):
    """A build that cannot be filled."""

    projection: str
    position: int | None
    reason: str


def fill(share: Share, say: Callable[[int | Failed], None]) -> None:
    """Fill the share; says each position that all builds have reached, and each build that fails.

    The builds go along the log together, so that every entry is decoded once.
    """
    with (
        (share.into or share.connect)() as connection,
        share.connect() as reading,
        ExitStack() as files,
    ):
        log = Log.over(reading)
        voids = Selection(VoidHistory(log), share.horizon, share.as_of)
        types = frozenset[str]().union(*(fold.types for fold in share.parts))
        pages = Pages(log, voids, types)
        roots: dict[Aliased, Roots] = {}
        going = [
            Filling(
                Engine(log, projection, voids, pages, roots),
                connection,
                Checkpoint(build, share.share, "filling", share.horizon, 0, None),
                share.parts,
            )
            for projection, build in share.builds
        ]
        for filling in going:
            files.callback(filling.close)
        position, kept_bytes = 0, 0
        while position < share.horizon and going:
            page = pages.next(position, min(position + share.batch_events, share.horizon))
            position = page.end
            _each(going, lambda filling: filling.take(page), say)  # noqa: B023 - called at once
            kept_bytes += page.size_bytes
            rows_count = sum(filling.rows_count for filling in going)
            if (
                position == share.horizon
                or kept_bytes > KEPT_BYTES_MAX
                or rows_count > KEPT_ROWS_MAX
            ):
                _each(going, partial(_write, connection, position), say)
                kept_bytes = 0
            say(position)


def _each(
    going: list[Filling], do: Callable[[Filling], None], say: Callable[[int | Failed], None]
) -> None:
    """Do something with each build; one that fails is left out from here on."""
    for filling in list(going):
        try:
            do(filling)
        except PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - the others go on
            going.remove(filling)
            say(_failed(filling.engine.projection, error))


def _write(connection: psycopg.Connection, position: int, filling: Filling) -> None:
    with connection.transaction():
        found = builds.lock(connection, filling.checkpoint.build, filling.checkpoint.share)
        assert found == filling.checkpoint, f"{filling.checkpoint} is {found} now"
        filling.write(position, goes_on=True)
        builds.move(connection, found, position)


def _failed(projection: Projection, error: Exception) -> Failed:
    if isinstance(error, HandlerFailed):
        return Failed(projection.name, error.position, error.reason)
    return Failed(projection.name, None, described(error))


def work(share: Share, out: Connection) -> None:
    """The whole of a worker process. It ends when nobody listens to it any more."""
    said: Any
    # Rows that stay and events that go: looking for cycles among them is work for nothing.
    gc.set_threshold(COLLECT_AFTER)
    try:
        fill(share, out.send)
        said = None
    except (BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:  # noqa: BLE001 - whoever started it is told
        said = Failed("", None, described(error))
    out.send(said)
