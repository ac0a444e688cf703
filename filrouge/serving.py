"""The HTTP server of one process: bound, announced, and stopped in order."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, Final

import uvicorn

from api.app import create_app
from api.limits import Limits
from api.stopping import Stopping
from filrouge.failures import Exit, Failure
from filrouge.log_lines import written_together
from filrouge.logs import configure_logs
from filrouge.settings import Settings
from filrouge.shared_metrics import shared_metrics
from filrouge.supervisor import supervise
from filrouge.wiring import credentials, log_keys, opened_database
from projections import ALL
from projections.runner import Runner
from store.database import Database
from store.ledger import Ledger
from store.tree_sealer import TreeSealer
from store.witnesses import witnesses_in

DRAIN_SECONDS_MAX: Final = 10
"""How long requests in flight may take once the server is told to stop."""
WAITING_CONNECTIONS_MAX: Final = 2048
"""Connections that wait to be taken by this process, or one of several."""


class _Server(uvicorn.Server):
    """Says when it answers, and finishes what it began before it stops."""

    def __init__(
        self, config: uvicorn.Config, stopping: Stopping, started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what comes, answer what was begun, then stop as uvicorn does."""
        await self._stopping.begin(DRAIN_SECONDS_MAX)
        await super().shutdown(sockets)


class _Keepers:
    """What one ledger needs beside its callers: projections, sealing, and erasures carried out."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        keys = log_keys(settings)

        def erase() -> None:
            ledger.erasures.follow()
            ledger.certificates.issue(keys)

        self.runner = Runner(ledger, ALL).start()
        self.sealer = TreeSealer(
            ledger.tree,
            keys,
            witnesses=witnesses_in(settings.witness_file) if settings.witness_file else (),
            interval_seconds=settings.seal_seconds,
            after=erase,
        ).start()

    def close(self) -> None:
        """Stop when what was begun is done."""
        self.runner.close()
        self.sealer.close()


def serve_until_stopped(
    settings: Settings,
    *,
    host: str,
    port: int,
    started: Callable[[str], None],
    workers: int = 1,
    json_logs: bool = False,
    prepare: Callable[[Database], None] = lambda _: None,
) -> None:
    """Serve every ledger and run its projections, until Ctrl-C or SIGTERM.

    ``prepare`` has the database before it is served, but after the address was found to be free;
    ``started`` is told the address once it answers. With several workers each is a process, and
    this one keeps them alive. At the end, requests in flight are finished, then the runners stop,
    the ledgers close, and an embedded PostgreSQL that nobody else uses.

    Raises:
        Failure: the address is taken, or the server did not start.

    """
    listener = _bind(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}"
    with stopped_by_signals(), listener, opened_database(settings) as database:
        prepare(database)
        try:
            if workers == 1:
                serve(settings, database, listener, lambda: started(url))
            else:
                work = partial(_work, settings, json_logs)
                with shared_metrics():
                    supervise(work, listener, workers, started=lambda: started(url))
        except KeyboardInterrupt:
            return  # this is how one stops it


def serve(
    settings: Settings, database: Database, listener: socket.socket, started: Callable[[], None]
) -> None:
    """Serve in this process. Raises KeyboardInterrupt when it was told to stop, or Failure."""
    app = create_app(
        database.open,
        credentials(database),
        runner_of=lambda ledger: _Keepers(settings, ledger),
        limits=Limits(body_bytes=settings.body_bytes_max, wait_seconds=settings.wait_seconds_max),
        ready=database.names(),
        migrating=database.migrating,
        metrics_token=settings.metrics_token,
    )
    server = _Server(server_config(app), app.state.stopping, started)
    with written_together():
        server.run(sockets=[listener])
    if not server.started:
        raise Failure(
            "The server did not start", "The log lines above say why.",
            code="server", exit_code=Exit.UNAVAILABLE,
        )  # fmt: skip


def server_config(app: Any) -> uvicorn.Config:
    """How uvicorn serves an application, ours or one that is measured beside it."""
    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=WAITING_CONNECTIONS_MAX,
        timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
    )


def _work(
    settings: Settings,
    json_logs: bool,  # noqa: FBT001 - given by place to a process
    listener: socket.socket,
    started: Callable[[], None],
) -> None:
    """Serve in one of several processes."""
    os.setpgrp()  # what is typed at the terminal goes to whoever started this process
    configure_logs(settings, json=json_logs)
    with (
        suppress(KeyboardInterrupt),
        stopped_by_signals(),
        opened_database(settings, prepare=False) as database,
    ):
        serve(settings, database, listener, started)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM, and a terminal that closes, do what Ctrl-C does: everything stops in order.

    By itself SIGTERM would end the process at once, and leave the database running.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def terminate(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt),
        signal.SIGHUP: signal.signal(signal.SIGHUP, terminate),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS_MAX)
    except OSError as error:
        raise Failure(
            f"Cannot listen on {host} port {port}: {error.strerror or error}",
            "Stop what listens there, or choose another with --port (0: any free one).",
            code="address", exit_code=Exit.UNAVAILABLE,
        ) from error  # fmt: skip
