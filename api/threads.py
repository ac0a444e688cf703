"""Where blocking work is done: in threads, so that the event loop never waits for a database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from api.limits import READERS_MAX

P = ParamSpec("P")
R = TypeVar("R")

_readers: RunVar[CapacityLimiter] = RunVar("readers")


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking work in a thread. No more than READERS_MAX run at once; the others queue."""
    try:
        limiter = _readers.get()
    except LookupError:
        limiter = CapacityLimiter(READERS_MAX)
        _readers.set(limiter)
    called: Any = partial(work, *args, **kwargs)
    return await run_sync(called, limiter=limiter)
