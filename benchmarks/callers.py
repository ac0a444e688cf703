"""Callers that ask one thing after another, each waiting for its answer: threads, or tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import uvloop

from api.threads import resolved
from store.reply import Reply


class Called(NamedTuple):
    """What some callers got done."""

    calls: int
    seconds: float
    latencies: list[float]
    """Of each call, in seconds, in order of length."""

    @property
    def rate(self) -> float:
        """Calls in a second."""
        return self.calls / self.seconds

    def quantile(self, share: float) -> float:
        """The latency that a share of the calls did not exceed, in seconds."""
        return self.latencies[min(int(share * self.calls), self.calls - 1)]


def call_for(seconds: float, callers: int, call: Callable[[], object]) -> Called:
    """Let so many threads call for so long; a call that fails fails the whole measurement."""
    latencies: list[list[float]] = [[] for _ in range(callers)]
    failures: list[BaseException] = []
    ready = threading.Barrier(callers + 1)
    ends = [0.0]

    def go(mine: list[float]) -> None:
        try:
            ready.wait()
            end = ends[0]
            before = time.perf_counter()
            while before < end and not failures:
                call()
                after = time.perf_counter()
                mine.append(after - before)
                before = after
        except BaseException as error:  # noqa: BLE001 - raised in the thread that measures
            failures.append(error)

    threads = [threading.Thread(target=go, args=(mine,)) for mine in latencies]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    ends[0] = began + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise failures[0]
    every = sorted(one for mine in latencies for one in mine)
    return Called(len(every), took, every)


def ask_for(
    seconds: float,
    callers: int,
    ask: Callable[[], Reply[Any]],
    check: Callable[[Any], object] | None = None,
) -> Called:
    """The same with tasks of one event loop, as the requests of the HTTP server are."""
    latencies: list[float] = []

    async def go(end: float) -> None:
        before = time.perf_counter()
        while before < end:
            answer = await resolved(ask())
            after = time.perf_counter()
            if check is not None:
                check(answer)
            latencies.append(after - before)
            before = after

    async def together() -> float:
        began = time.perf_counter()
        await asyncio.gather(*[go(began + seconds) for _ in range(callers)])
        return time.perf_counter() - began

    took = uvloop.run(together())
    return Called(len(latencies), took, sorted(latencies))


class CallRate:
    """Lets callers call for the length of a sample, each time it is asked how fast they are."""

    def __init__(
        self,
        make_call: Callable[[], Callable[[], object]],
        callers: int,
        seconds: float,
        *,
        each: int = 1,
    ) -> None:
        self._make_call = make_call
        self._callers = callers
        self._seconds = seconds
        self._each = each
        self._p99: list[float] = []

    def __call__(self) -> float:
        """How many a second; ``each`` call counts as so many."""
        called = call_for(self._seconds, self._callers, self._make_call())
        return self._counted(called)

    def _counted(self, called: Called) -> float:
        self._p99.append(called.quantile(0.99))
        return called.rate * self._each

    @property
    def p99(self) -> str:
        """The median of the samples' 99th percentiles: what the slowest of 100 calls took."""
        return f"{median(self._p99) * 1000:.1f} ms"


class AskRate(CallRate):
    """The same, for callers that are tasks."""

    def __init__(
        self,
        make_ask: Callable[[], Callable[[], Reply[Any]]],
        callers: int,
        seconds: float,
        *,
        check: Callable[[Any], object] | None = None,
    ) -> None:
        super().__init__(make_ask, callers, seconds)
        self._make_ask = make_ask
        self._check = check

    def __call__(self) -> float:
        """How many a second; ``each`` call counts as so many."""
        return self._counted(ask_for(self._seconds, self._callers, self._make_ask(), self._check))
