"""Requests that wait for the writer: in order, bounded, and gathered into batches."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from store.errors import StoreClosed, StoreOverloaded
from store.requests import Request

REQUESTS_WAITING_MAX: Final = 10_000
"""Requests waiting for the writer; beyond it, callers are told to come back."""


class WaitingRequests:
    """The queue between the callers and the writer."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._lock = threading.Lock()
        self._enough = threading.Condition(self._lock)
        self._wanted = 0
        """How many requests the writer sleeps for; 0: it does not sleep."""
        self._closed = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._requests)

    def put(self, request: Request) -> None:
        """Add a request. Raises StoreClosed or StoreOverloaded."""
        with self._lock:
            if self._closed:
                raise StoreClosed
            if len(self._requests) >= REQUESTS_WAITING_MAX:
                raise StoreOverloaded
            self._requests.append(request)
            if 0 < self._wanted <= len(self._requests):
                self._wanted = 0
                self._enough.notify()

    def close(self) -> None:
        """Take no more."""
        with self._lock:
            self._closed = True
            self._enough.notify()

    def take(
        self, size_max: int, *, expected: int, linger_seconds: float, patience_seconds: float | None
    ) -> list[Request] | None:
        """The next requests, up to a size in events; None: it is closed, and all were taken.

        Waits for the first one, as long as ``patience_seconds`` if there is a limit, and then no
        longer than ``linger_seconds`` for as many as are expected.
        """
        with self._lock:
            self._sleep(1, patience_seconds)
            if self._requests:
                self._sleep(expected, linger_seconds)
            return None if self._closed and not self._requests else self._pop(size_max)

    def take_more(self, size_max: int) -> list[Request]:
        """Those that wait already, up to a size in events."""
        with self._lock:
            return self._pop(size_max)

    def _pop(self, size_max: int) -> list[Request]:
        taken: list[Request] = []
        size = 0
        while self._requests and size < size_max:
            taken.append(self._requests.popleft())
            size += taken[-1].size
        return taken

    def _sleep(self, wanted: int, seconds: float | None) -> None:
        if len(self._requests) < wanted and not self._closed:
            self._wanted = wanted
            self._enough.wait(seconds)
            self._wanted = 0
