"""An answer whose bytes are ready, and the addresses that send it as it is.

The framework's own answers merge headers, cookies, encoders and media types of every layer on each
request; here there are none, and that alone costs as much as reading a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

JSON: Final = "application/json"
NOT_MODIFIED: Final = 304


class Ready(Response[bytes]):
    """A body in JSON that is encoded already, with its headers."""

    def __init__(self, body: bytes, *, status: int = 200, headers: Mapping[str, str]) -> None:
        super().__init__(body, status_code=status, media_type=JSON, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        if self.status_code != NOT_MODIFIED:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", b"%d" % len(self.content)))
        assert self.status_code is not None
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


class Address(HTTPRouteHandler):
    """A handler that sends what is ready as it is, and is not copied for each guard."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Ask the guards."""
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc] # they were made awaitable

    async def to_response(
        self, app: Litestar, data: Any, request: Request[Any, Any, Any]
    ) -> ASGIApp:
        """What is sent for what the handler returned."""
        if isinstance(data, Ready):
            return data
        return await super().to_response(app, data, request)
