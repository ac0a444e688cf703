"""Where blocking work is done: in threads, so that the event loop never waits for a database."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from api.limits import READERS_MAX
from store.reply import Reply

P = ParamSpec("P")
R = TypeVar("R")

_readers: RunVar[CapacityLimiter] = RunVar("readers")
_arrivals: WeakKeyDictionary[asyncio.AbstractEventLoop, Arrivals] = WeakKeyDictionary()


class Arrivals:
    """What other threads resolved for one event loop: a batch of it wakes the loop once."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[Reply[Any], asyncio.Future[Any]]] = deque()
        self._woken = False

    def awaited(self, reply: Reply[R]) -> asyncio.Future[R]:
        """What resolves, on the loop, as the reply comes; who stops waiting cancels nothing."""
        awaited: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda done: self._arrive(done, awaited))
        return awaited

    def _arrive(self, done: Reply[Any], awaited: asyncio.Future[Any]) -> None:
        self._arrived.append((done, awaited))
        loop = awaited.get_loop()
        if not self._woken and not loop.is_closed():
            self._woken = True
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # first, so that what arrives from here on wakes again
        while self._arrived:
            done, awaited = self._arrived.popleft()
            if awaited.done():
                continue
            error = done.exception()
            if error is None:
                awaited.set_result(done.result())
            else:
                awaited.set_exception(error)


def resolved(reply: Reply[R]) -> asyncio.Future[R]:
    """What to await for what another thread resolves. To cancel it cancels nothing there."""
    loop = asyncio.get_running_loop()
    arrivals = _arrivals.get(loop)
    if arrivals is None:
        arrivals = _arrivals[loop] = Arrivals()
    return arrivals.awaited(reply)


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking work in a thread. No more than READERS_MAX run at once; the others queue."""
    try:
        limiter = _readers.get()
    except LookupError:
        limiter = CapacityLimiter(READERS_MAX)
        _readers.set(limiter)
    called: Any = partial(work, *args, **kwargs)
    return await run_sync(called, limiter=limiter)
