"""Answers to callers: given by the writer after the commit, and handed on from thread to thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import structlog

STANDSTILL_SECONDS: Final = 0.02
"""How long a thread may keep its turn to itself; then all that wait are woken."""

T = TypeVar("T")

log = structlog.get_logger()


class Reply(Generic[T]):
    """What a caller has in its hand: the answer, once there is one. It cannot be cancelled."""

    __slots__ = (
        "_answered", "_callbacks", "_error", "_gate", "_value", "awaited", "following", "passed",
    )  # fmt: skip

    def __init__(self) -> None:
        self._answered = False
        self._callbacks: list[Callable[[Reply[T]], object]] = []
        self._error: BaseException | None = None
        self._gate = Lock()
        self._gate.acquire()
        self._value: T | None = None
        self.awaited = False
        """Whether a thread waits for it."""
        self.following: Reply[Any] | None = None
        """Whose turn it is after this one."""
        self.passed = False
        """Whether the thread that waited has gone on, and looked who follows."""

    def done(self) -> bool:
        """Whether there is an answer."""
        return self._answered

    def result(self) -> T:
        """Wait for the answer; raises the error if it is one."""
        if (error := self.exception()) is not None:
            raise error
        return self._value  # type: ignore[return-value] # set before it was answered

    def exception(self) -> BaseException | None:
        """Wait for the answer; the error if it is one."""
        if not self._answered:
            self.awaited = True
            self._gate.acquire()
            self.wake()  # whoever else waits for the same answer
            self.passed = True
            if self.following is not None:
                self.following.wake()
        return self._error

    def add_done_callback(self, callback: Callable[[Reply[T]], object]) -> None:
        """Call something with this reply once it is answered: in the writer's thread, or now."""
        self._callbacks.append(callback)
        if self._answered:
            self._call_back()

    def answer(self, value: T | None, error: BaseException | None = None) -> None:
        """Give the answer. Threads that wait for it are woken by :class:`Turns`."""
        self._value, self._error = value, error
        self._answered = True
        self._call_back()

    def wake(self) -> None:
        """Let whoever waits go on. Doing it again changes nothing."""
        try:  # noqa: SIM105 - a context manager is dearer than what it would hold, in every answer
            self._gate.release()
        except RuntimeError:
            pass  # it is open already

    def _call_back(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:  # the other thread has taken it at this moment
                return
            try:
                callback(self)
            except Exception:  # what one caller does with its answer is no matter of the others
                log.exception("reply.callback_failed")


class Turns:
    """Lets the threads of answered batches go on one after another, each waking the next.

    Woken all at once they would fight for the interpreter, and the writer, for whom everybody
    waits, would be among the last to get it. A thread that ends before it hands the turn on (an
    interrupt) is noticed by standing still.
    """

    def __init__(self) -> None:
        self._waiting: deque[Reply[Any]] = deque()
        self._moved_at = 0.0

    @property
    def patience_seconds(self) -> float | None:
        """How soon to look again whether somebody stands still; None: nobody waits."""
        return STANDSTILL_SECONDS if self._waiting else None

    def give(self, replies: Iterable[Reply[Any]]) -> None:
        """Let the threads that wait for these replies go on, behind those of before."""
        self.look()
        for reply in replies:
            if not reply.awaited:
                reply.wake()
                continue
            if not self._waiting:
                self._moved_at = monotonic()
                reply.wake()
            else:
                last = self._waiting[-1]
                last.following = reply
                if last.passed:  # it may not have seen who follows
                    reply.wake()
            self._waiting.append(reply)

    def look(self) -> None:
        """Forget who has gone on; wake everybody if nobody has for too long."""
        while self._waiting and self._waiting[0].passed:
            self._waiting.popleft()
            self._moved_at = monotonic()
        if self._waiting and monotonic() - self._moved_at > STANDSTILL_SECONDS:
            self.end()

    def end(self) -> None:
        """Wake everybody."""
        for reply in self._waiting:
            reply.wake()
        self._waiting.clear()
