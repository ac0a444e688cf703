"""The answer to a caller that waits for it in its own thread: one lock, and nothing else."""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Reply(Generic[T]):
    """A future for one waiting thread. It cannot be cancelled, nor be waited for twice."""

    __slots__ = ("_answered", "_error", "_value")

    def __init__(self) -> None:
        self._answered = Lock()
        self._answered.acquire()
        self._error: BaseException | None = None
        self._value: T | None = None

    def set_running_or_notify_cancel(self) -> bool:
        """It is never cancelled."""
        return True

    def set_result(self, value: T) -> None:
        """Answer it."""
        self._value = value
        self._answered.release()

    def set_exception(self, error: BaseException) -> None:
        """Say why there is no answer."""
        self._error = error
        self._answered.release()

    def result(self) -> T:
        """Wait for the answer; raises the error if it is one."""
        self._answered.acquire()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value] # set before the lock was let go
