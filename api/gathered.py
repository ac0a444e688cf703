"""Reads that come at the same time are answered from one snapshot, read in one round trip.

While one group is with the database the next one gathers. Nobody waits for company: a read that
comes alone goes alone. A group's snapshot begins after all of its reads were asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from api.threads import in_thread
from projections.reader import FoundRows, RowReader, Snapshot

KEYS_TOGETHER_MAX: Final = 1_000
"""Keys that one statement asks for, unless one read alone names more."""

T = TypeVar("T")


class _Asked(NamedTuple):
    keys: Sequence[str]
    query: Callable[[FoundRows], Any]
    answer: asyncio.Future[tuple[Any, Snapshot]]


class Gathered:
    """The reads of one fold's rows, of all requests to one ledger. It belongs to one event loop."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._waiting: list[_Asked] = []
        self._working: asyncio.Task[None] | None = None

    async def read(
        self, keys: Sequence[str], query: Callable[[FoundRows], T]
    ) -> tuple[T, Snapshot]:
        """What the query makes of the rows of these keys, and the snapshot that they are of.

        The query runs in a thread. What it raises is its caller's alone; what the database
        refuses, the whole group is told.
        """
        asked = _Asked(keys, query, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # so that all who came in this turn of the loop are in it
                await self._serve(self._next())
        finally:
            self._working = None

    def _next(self) -> list[_Asked]:
        """Those who wait, up to the limit; who went away meanwhile is not asked for."""
        self._waiting = [asked for asked in self._waiting if not asked.answer.done()]
        taken, keys = 0, 0
        for asked in self._waiting:
            keys += len(asked.keys)
            if taken and keys > KEYS_TOGETHER_MAX:
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _serve(self, group: list[_Asked]) -> None:
        if not group:
            return
        try:
            snapshot, answers = await in_thread(self._look, group)
        except Exception as error:  # noqa: BLE001 - each of them raises it to its own caller
            for asked in group:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, (found, failure) in zip(group, answers, strict=True):
            if asked.answer.done():
                continue
            if failure is None:
                asked.answer.set_result((found, snapshot))
            else:
                asked.answer.set_exception(failure)

    def _look(self, group: list[_Asked]) -> tuple[Snapshot, list[tuple[Any, Exception | None]]]:
        snapshot = self._reader.read({key for asked in group for key in asked.keys})
        rows = FoundRows(self._reader.fold, snapshot.texts)
        return snapshot, [_answered(asked.query, rows) for asked in group]


def _answered(query: Callable[[FoundRows], Any], rows: FoundRows) -> tuple[Any, Exception | None]:
    try:
        return query(rows), None
    except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
        return None, error
