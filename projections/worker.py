"""A process that fills its share of the rows of some builds."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
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
from projections.pages import Page, Pages
from projections.passes import SLICES, Notes, Room, Slices
from projections.selection import Selection
from projections.shares import Parts
from projections.voids import VoidHistory
from store.log import Log

COLLECT_AFTER: Final = 2_000_000
"""Objects that are made before the newest are looked through for cycles: rows make none."""


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


Say = Callable[[int | Failed], None]


def fill(share: Share, say: Say) -> list[Filling]:
    """Fill the share; says each position that all builds have reached, and each build that fails.

    Returns what was filled, which still has the rows that were written last.
    The builds go along the log together, so that every entry is decoded once; where the rows do not
    fit in memory, in several passes over it, each of which decodes what its rows need.
    """
    with (share.into or share.connect)() as connection, share.connect() as reading:
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
        filling = _Share(share, say, connection, pages, going)
        reached = filling.fold_at_once()
        if reached < share.horizon:
            filling.fold_in_passes(reached)
    return going


class _Share:
    """The fillings of a share on their way along the log."""

    def __init__(
        self,
        share: Share,
        say: Say,
        connection: psycopg.Connection,
        pages: Pages,
        going: list[Filling],
    ) -> None:
        self._share = share
        self._horizon = share.horizon
        self._say = say
        self._connection = connection
        self._pages = pages
        self._going = going
        self._room = Room()
        self._told = 0

    def fold_at_once(self) -> int:
        """Fold all owners. Returns the horizon, or how far it came before there was no room."""
        for page in self._along():
            self._each(lambda filling: filling.take(page))  # noqa: B023 - called at once
            if not self._room.is_left() and page.end < self._horizon:
                self._each(Filling.begin_again)
                return page.end
            if page.end < self._horizon:
                self._tell(SLICES * page.end)
        self._write(last=True)
        self._tell(SLICES * self._horizon)
        return self._horizon

    def fold_in_passes(self, reached: int) -> None:
        """Fold some slices of the owners at a time, as many as have room.

        The first pass goes along the log and notes where the events of the others are.
        """
        slices = Slices(0, max(1, SLICES * reached // self._horizon))
        with closing(Notes()) as notes:
            for page in self._along():
                slices = self._take(page, slices, notes)
                notes.keep()
                self._tell(slices.width * page.end)
            self._write(last=slices.end == SLICES)
            while slices.end < SLICES and self._going:
                slices = slices.following()
                for page in self._pages.at(notes.positions(slices)):
                    slices = self._take(page, slices)
                    self._tell(slices.first * self._horizon + slices.width * page.end)
                self._write(last=slices.end == SLICES)
        self._tell(SLICES * self._horizon)

    def _tell(self, done: int) -> None:
        """Say about how far it is, if that is more than was said."""
        if done // SLICES > self._told:
            self._told = done // SLICES
            self._say(self._told)

    def _along(self) -> Iterator[Page]:
        position = 0
        while position < self._horizon and self._going:
            until = min(position + self._share.batch_events, self._horizon)
            page = self._pages.next(position, until)
            yield page
            position = page.end

    def _take(self, page: Page, slices: Slices, notes: Notes | None = None) -> Slices:
        """Fold a page into the rows of some slices; of how many, where they had no room."""
        self._each(lambda filling: filling.take(page, slices, notes))
        if not self._room.is_left() and slices.width > 1:
            slices = slices.narrowed()
            self._each(lambda filling: filling.keep(slices))
        return slices

    def _each(self, do: Callable[[Filling], None]) -> None:
        """Do something with each build; one that fails is left out from here on."""
        for filling in list(self._going):
            try:
                do(filling)
            except PASSING:
                raise
            except Exception as error:  # noqa: BLE001 - the others go on
                self._going.remove(filling)
                self._say(_failed(filling.engine.projection, error))

    def _write(self, *, last: bool) -> None:
        self._each(self._write_last if last else self._write_some)

    def _write_some(self, filling: Filling) -> None:
        with self._connection.transaction():
            self._lock(filling)
            filling.write_slices()

    def _write_last(self, filling: Filling) -> None:
        with self._connection.transaction():
            found = self._lock(filling)
            filling.write(self._horizon)
            builds.move(self._connection, found, self._horizon)

    def _lock(self, filling: Filling) -> Checkpoint:
        found = builds.lock(self._connection, filling.checkpoint.build, filling.checkpoint.share)
        assert found == filling.checkpoint, f"{filling.checkpoint} is {found} now"
        return found


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
        _kept = fill(share, out.send)
        said = None
    except (BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:  # noqa: BLE001 - whoever started it is told
        said = Failed("", None, described(error))
    out.send(said)
    # To give millions of rows back, one by one, would take longer than to write some of them.
    os._exit(0)
