"""The HTTP server of one process: bound, announced, and stopped in order."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from api.app import create_app
from api.limits import Limits
from filrouge.failures import Exit, Failure
from filrouge.settings import Settings
from filrouge.wiring import credentials, opened_database
from projections import ALL
from projections.runner import Runner
from store.database import Database

DRAIN_SECONDS_MAX = 10
"""How long requests in flight may take once the server is told to stop."""


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets)
        if self.started:
            self._started()


def server_config(app: Any) -> uvicorn.Config:
    """How uvicorn serves an application, ours or one that is measured beside it."""
    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
    )


def serve_until_stopped(
    settings: Settings,
    *,
    host: str,
    port: int,
    started: Callable[[str], None],
    prepare: Callable[[Database], None] = lambda _: None,
) -> None:
    """Serve every ledger and run its projections, until Ctrl-C or SIGTERM.

    ``prepare`` has the database before it is served, but after the address was found to be free;
    ``started`` is told the address once it answers. At the end, requests in flight are finished,
    then the runners stop, the ledgers close, and an embedded PostgreSQL that nobody else uses.

    Raises:
        Failure: the address is taken, or the server did not start.

    """
    listener = _bind(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}"
    with stopped_by_signals(), listener, opened_database(settings) as database:
        prepare(database)
        app = create_app(
            database.open,
            credentials(database),
            runner_of=lambda ledger: Runner(ledger, ALL).start(),
            limits=Limits(
                body_bytes=settings.body_bytes_max, wait_seconds=settings.wait_seconds_max
            ),
            ready=database.names(),
        )
        server = _Server(server_config(app), lambda: started(url))
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return  # this is how one stops it
        if not server.started:
            raise Failure(
                "The server did not start", "The log lines above say why.",
                code="server", exit_code=Exit.UNAVAILABLE,
            )  # fmt: skip


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
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Failure(
            f"Cannot listen on {host} port {port}: {error.strerror or error}",
            "Stop what listens there, or choose another with --port (0: any free one).",
            code="address", exit_code=Exit.UNAVAILABLE,
        ) from error  # fmt: skip
