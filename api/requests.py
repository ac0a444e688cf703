"""What happens around every request: its id, its line in the log, its time, and HEAD as GET.

Neither the path nor the query is logged, only the template of the route: whatever a caller writes
into an address, no personal data reaches our log. The line of a request that recorded something
says at which positions, so that an event leads to its request, and a request to its events.
"""

from __future__ import annotations

import random
import re
from time import perf_counter
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from api.limits import REQUEST_ID_LENGTH_MAX
from api.metrics import request_time

_REQUEST_ID: Final = re.compile(rb"[0-9A-Fa-f-]{8,%d}" % REQUEST_ID_LENGTH_MAX)
"""A UUID or another hexadecimal number: it goes to the log, so it may not say anything."""
_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

log = structlog.get_logger()


class Requests:
    """ASGI middleware around the whole application, its refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and log that it was answered."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        scope["state"]["request_id"] = exchange.request_id
        bound = bind_contextvars(request_id=exchange.request_id)
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as error:
            if not exchange.headed:
                exchange.failed = type(error).__name__
                raise
        finally:
            exchange.finish()
            reset_contextvars(**bound)


class _Exchange:
    """One request and the answer to it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
        # Not from the system's source of randomness: nothing here is secret, and asking it gives
        # the interpreter's lock away.
        self.request_id = (
            given.decode() if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
        )
        self.method = str(scope["method"])  # type: ignore[typeddict-item]
        self.head = self.method == "HEAD"
        if self.head:
            scope["method"] = "GET"  # type: ignore[typeddict-unknown-key]
        if self.method == "OPTIONS":
            # The framework's own answer forgets methods that are declared one by one. Its refusal
            # of a method that nobody takes lists them all.
            scope["method"] = "TRACE"  # type: ignore[typeddict-unknown-key]
        self.headed = False
        self.failed: str | None = None
        self._scope = scope
        self._send = send
        self._status = 0
        self._bytes = 0
        self._began = perf_counter()

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; of one to HEAD, the headers only."""
        if message["type"] == "http.response.start":
            if self.method == "OPTIONS" and message["status"] == 405:  # noqa: PLR2004
                message["status"] = 204
                message["headers"] = [one for one in message["headers"] if one[0] == b"allow"]
            self._status = message["status"]
            message["headers"] = [*self._headers(message), *SECURITY_HEADERS]
        elif message["type"] == "http.response.body":
            if self._status == 204:  # noqa: PLR2004
                message["body"] = b""
            self._bytes += len(message["body"])
            if self.head:
                await self._send({"type": message["type"], "body": b"", "more_body": False})
                self.headed = True
                # Whatever streams would go on for nobody; this ends it.
                raise ConnectionAbortedError
        await self._send(message)

    def _headers(self, message: Any) -> list[tuple[bytes, bytes]]:
        headers = [
            (name, value + b", HEAD" if name.lower() == b"allow" and b"GET" in value else value)
            for name, value in message["headers"]
        ]
        return [*headers, (b"x-request-id", self.request_id.encode())]

    def finish(self) -> None:
        """Say that the request was answered, how and how fast."""
        scope, state = self._scope, self._scope["state"]
        method = self.method if self.method in _METHODS else "other"
        route = scope.get("path_template") or "none"
        seconds = perf_counter() - self._began
        request_time(method, route, self._status).observe(seconds)
        access = state.get("access")
        said: dict[str, Any] = {
            "method": method,
            "route": route,
            "status": self._status,
            "actor": access.actor if access else None,
            "answer_bytes": self._bytes,
            "seconds": round(seconds, 6),
        }
        if "problem" in state:
            said["problem"] = state["problem"]
        if "recorded" in state:
            said["recorded_first"], said["recorded_last"] = state["recorded"]
        if self.failed:
            said["failed"] = self.failed
        log.info("request.answered", **said)
