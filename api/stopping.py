"""Stopping in order: what was begun is finished and answered, and what comes then is refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import ServerStopping
from api.problems import PROBLEM_JSON, RETRY_AFTER_SECONDS, problem_of

LEDGERS: Final = "/v1/"
"""What begins so is refused by a server that is being stopped; its health can still be asked."""


class Stopping:
    """Whether the server is being stopped, and what it still has to answer."""

    def __init__(self) -> None:
        self._set = False
        self._in_flight = 0
        self._nothing_left = asyncio.Event()

    def is_set(self) -> bool:
        """Whether the server is being stopped."""
        return self._set

    async def begin(self, seconds_max: float) -> None:
        """Refuse what comes from here on; returns when all that was begun is answered, or late."""
        self._set = True
        if self._in_flight:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nothing_left.wait(), seconds_max)

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, as long as the server is not being stopped."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(LEDGERS):
                await app(scope, receive, send)
            elif self._set:
                await _refuse(scope, send)
            else:
                await self._counted(app, scope, receive, send)

        return guarded

    async def _counted(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._in_flight += 1
        try:
            await app(scope, receive, send)
        finally:
            self._in_flight -= 1
            if self._set and not self._in_flight:
                self._nothing_left.set()


async def _refuse(scope: Scope, send: Send) -> None:
    problem = problem_of(ServerStopping(), scope["state"].get("request_id"))
    scope["state"]["problem"] = ServerStopping.code  # for the log
    body = msgspec.json.encode(problem)
    headers = {
        "content-type": PROBLEM_JSON,
        "content-length": str(len(body)),
        "retry-after": str(RETRY_AFTER_SECONDS),
        "connection": "close",
    }
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
