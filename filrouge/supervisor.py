"""Several processes that share one listening socket: started, kept alive, and stopped in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import Final

import structlog

from filrouge.failures import Exit, Failure
from filrouge.shared_metrics import worker_ended

FIRST_PAUSE_SECONDS: Final = 0.1
LAST_PAUSE_SECONDS: Final = 10.0
"""How long a process that died waits to be started again: twice as long each time, up to this."""
SOUND_SECONDS: Final = 30.0
"""A process that lived this long did not die of how it was started."""
STOP_SECONDS_MAX: Final = 90.0
"""How long the processes have to stop; then they are killed."""

Work = Callable[[socket.socket, Callable[[], None]], None]
"""Serves a listening socket, and says when it answers."""

log = structlog.get_logger()


def supervise(
    work: Work, listener: socket.socket, count: int, *, started: Callable[[], None]
) -> None:
    """Run so many processes that serve, until interrupted; start again whichever dies.

    ``started`` is called once all of them answer. Raises Failure if one of them does not start.
    """
    workers = [_Worker(number, work, listener) for number in range(1, count + 1)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.await_answer()
        started()
        while True:
            _keep_alive(workers)
    finally:
        listener.close()  # so that it is gone once the last process has let go of it
        _stop(workers)


class _Worker:
    """One place among the processes, and whoever has it at the moment."""

    def __init__(self, number: int, work: Work, listener: socket.socket) -> None:
        self.process: SpawnProcess | None = None
        self.due = 0.0
        """When a process that ended is started again."""
        self._number = number
        self._work = work
        self._listener = listener
        self._answers: Connection | None = None
        self._began = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_run, args=(self._work, self._listener, theirs))
        self._began = monotonic()
        self.process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        log.info("worker.started", worker=self._number, process=self.process.pid)

    def await_answer(self) -> None:
        assert self._answers is not None
        try:
            self._answers.recv()
        except EOFError:
            raise Failure(
                "The server did not start", "The log lines above say why.",
                code="server", exit_code=Exit.UNAVAILABLE,
            ) from None  # fmt: skip

    def ended(self) -> None:
        """Note that the process is gone, and when another takes its place."""
        assert self.process is not None
        assert self.process.pid is not None
        worker_ended(self.process.pid)
        if monotonic() - self._began > SOUND_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        log.error(
            "worker.ended",
            worker=self._number,
            process=self.process.pid,
            code=self.process.exitcode,
            retry_seconds=self._pause,
        )
        self.process = None
        self.due = monotonic() + self._pause
        self._pause = min(2 * self._pause, LAST_PAUSE_SECONDS)


def _keep_alive(workers: list[_Worker]) -> None:
    """Wait until a process ends or is due to be started again, and see to it."""
    living = [worker.process.sentinel for worker in workers if worker.process is not None]
    dues = [worker.due for worker in workers if worker.process is None]
    wait(living, timeout=max(0.0, min(dues) - monotonic()) if dues else None)
    for worker in workers:
        if worker.process is None:
            if monotonic() >= worker.due:
                worker.start()
        elif worker.process.exitcode is not None:
            worker.ended()


def _stop(workers: list[_Worker]) -> None:
    living = [worker.process for worker in workers if worker.process is not None]
    for process in living:
        process.terminate()
    deadline = monotonic() + STOP_SECONDS_MAX
    for process in living:
        process.join(max(0.0, deadline - monotonic()))
        if process.exitcode is None:
            log.error("worker.killed", process=process.pid, seconds=STOP_SECONDS_MAX)
            process.kill()
            process.join()


def _run(work: Work, listener: socket.socket, answers: Connection) -> None:
    """The whole of one process."""
    threading.Thread(target=_stop_when_orphaned, daemon=True).start()
    work(listener, partial(answers.send, "started"))


def _stop_when_orphaned() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
