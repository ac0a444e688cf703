"""The yardstick of ``http``: bare litestar handlers, served as ours are. Run with a port."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post

from domain.types import Instant
from filrouge.serving import server_config

ANSWER: Final = (
    b'{"account_id":"a_9e3779b97f4a7c15","at":"2026-11-21T12:00:00Z","points_currency":"points",'
    b'"available":500,"pending":0,"reserved":0,"expired":0,"owed":0,"lots":[{"lot_id":"l_award1",'
    b'"points":500,"remaining":500,"available_from":"2026-06-01T12:00:00Z",'
    b'"expires_at":"2028-06-01T12:00:00Z"}]}'
)


class Incoming(msgspec.Struct):
    """A CloudEvent, decoded as far as its data."""

    specversion: str
    id: str
    source: str
    time: Instant
    type: str
    data: dict[str, Any]


class Recorded(msgspec.Struct):
    """What an event is answered with."""

    position: int


_decode = msgspec.json.Decoder(Incoming).decode
_encode = msgspec.json.Encoder().encode


@get("/health", media_type="application/json")
async def health() -> Response[bytes]:
    """Say that it answers."""
    return Response(b"{}")


@get("/v1/{ledger:str}/accounts/{account_id:str}/balance", media_type="application/json")
async def read_balance() -> Response[bytes]:
    """Answer a constant, as long as a balance is."""
    return Response(ANSWER)


@post("/v1/{ledger:str}/events", media_type="application/json")
async def record_event(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Decode the event and answer."""
    event = _decode(await request.body())
    return Response(_encode(Recorded(len(event.id))), status_code=201)


def main() -> None:
    """Serve until stopped."""
    app = Litestar([health, read_balance, record_event], openapi_config=None, logging_config=None)
    config = server_config(app)
    config.host, config.port = "127.0.0.1", int(sys.argv[1])
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
