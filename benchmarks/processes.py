"""Processes that decide on one ledger together, each with callers of its own."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from benchmarks.append_load import recorder_call
from benchmarks.callers import call_for
from filrouge.settings import Settings
from filrouge.wiring import closing_ledger, opened_database
from store.collecting import SERVING_COLLECT_AFTER, rarely_collected

ANSWER_SECONDS_MAX: Final = 120


class Processes:
    """Some processes that have opened the ledger and wait to be told to call."""

    def __init__(self, settings: Settings, count: int, callers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(settings, callers, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Self:
        """Wait until all of them are ready."""
        self._hear()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End them."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(ANSWER_SECONDS_MAX)

    def call(self, seconds: float) -> float:
        """Let all of them call at once for so long; calls in a second, in all."""
        for pipe in self._pipes:
            pipe.send(seconds)
        return sum(self._hear())

    def _hear(self) -> list[float]:
        for pipe in self._pipes:
            if not pipe.poll(ANSWER_SECONDS_MAX):
                raise TimeoutError("a process that was to call does not answer")
        return [pipe.recv() for pipe in self._pipes]


def _work(settings: Settings, callers: int, pipe: Connection) -> None:
    with (
        opened_database(settings) as database,
        closing_ledger(database.open(settings.ledger)) as ledger,
        rarely_collected(SERVING_COLLECT_AFTER),
    ):
        call = recorder_call(ledger.recorder)
        pipe.send(0.0)
        while True:
            try:
                seconds = pipe.recv()
            except EOFError:
                return
            pipe.send(call_for(seconds, callers, call).rate)
