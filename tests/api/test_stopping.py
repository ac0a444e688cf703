"""A server that is being stopped answers what it began, and refuses what comes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from api.stopping import Stopping

SECONDS_MAX = 30.0


class Asked:
    """An application that answers when it is let, and what it said."""

    def __init__(self, stopping: Stopping) -> None:
        self.let = asyncio.Event()
        self.app = stopping.around(self._answer)
        self.sent: list[Any] = []

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, path: str) -> None:
        """Send one request."""

        async def send(message: Any) -> None:
            self.sent.append(message)

        async def receive() -> Any:
            raise AssertionError

        scope: Any = {"type": "http", "path": path, "state": {"request_id": "abc12345"}}
        await self.app(scope, receive, send)


def test_what_was_begun_is_answered_and_the_rest_refused() -> None:
    """The stop waits for the one, and the other is told to come back, by a problem of its own."""

    async def stop() -> None:
        stopping = Stopping()
        asked = Asked(stopping)
        begun = asyncio.create_task(asked.ask("/v1/brand/events"))
        await asyncio.sleep(0)
        stop = asyncio.create_task(stopping.begin(SECONDS_MAX))
        await asyncio.sleep(0)
        assert stopping.is_set()
        await asked.ask("/v1/brand/events")
        start, body = asked.sent
        headers = dict(start["headers"])
        assert (start["status"], headers[b"retry-after"]) == (503, b"1")
        assert (headers[b"content-type"], headers[b"connection"]) == (
            b"application/problem+json",
            b"close",
        )
        problem = msgspec.json.decode(body["body"])
        assert problem["type"] == "/problems/server-stopping"
        assert problem["instance"] == "urn:filrouge:request:abc12345"
        assert not stop.done()
        asked.let.set()
        await asyncio.wait_for(stop, SECONDS_MAX)
        await begun
        assert asked.sent[-1]["status"] == 200

    asyncio.run(stop())


def test_its_health_can_still_be_asked() -> None:
    """What is not of a ledger is answered to the end, and nobody waits for it."""

    async def stop() -> None:
        stopping = Stopping()
        asked = Asked(stopping)
        asked.let.set()
        await stopping.begin(SECONDS_MAX)
        await asked.ask("/health")
        assert [message["status"] for message in asked.sent] == [200]

    asyncio.run(stop())


def test_nobody_is_waited_for_for_ever() -> None:
    """A request that does not end is given up."""

    async def stop() -> None:
        stopping = Stopping()
        asked = Asked(stopping)
        begun = asyncio.create_task(asked.ask("/v1/brand/events/stream"))
        await asyncio.sleep(0)
        await stopping.begin(0.01)
        assert not begun.done()
        asked.let.set()
        await begun

    asyncio.run(stop())
