"""Every request has an id and one line in the log; HEAD and OPTIONS are answered properly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import structlog
import uvicorn

from api.app import create_app
from tests.api.conftest import LEDGER

SECONDS_MAX = 60.0


class TestRequestId:
    def test_given(self, house: Any) -> None:
        """An id that the caller gives comes back."""
        answer = house.client.get("/health", headers={"X-Request-ID": "0af7651916cd43dd"})
        assert answer.headers["x-request-id"] == "0af7651916cd43dd"

    @pytest.mark.parametrize("given", ["", "jo", "jo@example.org", "a b", "0" * 65, "<script>"])
    def test_made(self, house: Any, given: str) -> None:
        """Without one, or with one that could say something, an id is made."""
        answer = house.client.get("/health", headers={"X-Request-ID": given})
        made = answer.headers["x-request-id"]
        assert made != given
        assert len(made) == 16


class TestLog:
    def test_line(self, house: Any, caller: Any) -> None:
        """The line says what was asked by whom, how it was answered, and how fast."""
        with structlog.testing.capture_logs() as lines:
            answer = caller.get("/events", tag="member:m_9")
        [line] = [line for line in lines if line["event"] == "request.answered"]
        assert line["method"] == "GET"
        assert line["route"] == "/v1/{ledger}/events"
        assert line["status"] == 200
        assert line["actor"].startswith("key:")
        assert line["answer_bytes"] == len(answer.content)
        assert line["seconds"] > 0

    def test_template_only(self, house: Any, caller: Any) -> None:
        """Neither ids nor queries are logged: the route's template is."""
        with structlog.testing.capture_logs() as lines:
            caller.get("/members/m_secret", min_position="0")
            house.client.get("/whatever/m_secret?x=m_secret")
        assert "m_secret" not in str(lines)


class TestMethods:
    @pytest.mark.parametrize("path", ["/health", "/v1/brand/events", "/v1/brand/events/1", "/docs"])
    def test_head(self, house: Any, caller: Any, path: str) -> None:
        """HEAD has the headers of GET, and no body."""
        get = house.client.get(path, headers=caller.headers)
        head = house.client.head(path, headers=caller.headers)
        assert head.status_code == get.status_code == 200
        assert head.content == b""
        for name in ("content-type", "content-length", "etag", "ledger-position"):
            assert head.headers.get(name) == get.headers.get(name)

    def test_head_of_a_stream(self, caller: Any) -> None:
        """HEAD of a stream does not read the ledger."""
        answer = caller.client.head("/v1/brand/events/stream", headers=caller.headers)
        assert answer.status_code == 200
        assert answer.content == b""

    def test_options(self, house: Any) -> None:
        """OPTIONS lists every method of an address."""
        answer = house.client.options("/v1/brand/members")
        assert answer.status_code == 204
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
        assert house.client.options("/nowhere").status_code == 404


class TestHealth:
    def test_health_and_readiness(self, house: Any) -> None:
        """Health and readiness need no key."""
        for path in ("/health", "/ready"):
            answer = house.client.get(path)
            assert answer.status_code == 200
            assert answer.json() == {"status": "ok"}

    def test_status(self, caller: Any) -> None:
        """The status says how far the ledger and each projection are."""
        status = caller.get("/status").json()
        assert status["ledger"] == LEDGER
        names = {one["name"] for one in status["projections"]}
        assert names >= {"profiles", "balances", "statements", "campaign_returns", "identities"}


class TestRealServer:
    def test_large_body_is_answered(self, server: str, caller: Any) -> None:
        """Who sends ten megabytes over a real connection gets the refusal, not a broken pipe."""
        for _ in range(3):
            answer = httpx.post(
                f"{server}/v1/brand/events",
                content=b" " * 10_000_000,
                headers=caller.headers,
                timeout=SECONDS_MAX,
            )
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"

    def test_broken_http(self, server: str) -> None:
        """What is not even HTTP harms nothing."""
        address = urlsplit(server)
        for junk in (
            b"\x00\x01\x02\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET \xff HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection((address.hostname, address.port or 80)) as connection:
                connection.sendall(junk)
                connection.settimeout(SECONDS_MAX)
                connection.recv(1_000)
        assert httpx.get(f"{server}/health", timeout=SECONDS_MAX).status_code == 200

    def test_stopping_finishes_what_was_begun(self, house: Any) -> None:
        """Told to stop, the server answers the requests that it has, then ends."""
        app = create_app(house.database.open, house.credentials, ready=[LEDGER])
        config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        headers = house.key()
        reached = house.client.get("/v1/brand/events", headers=headers).headers["ledger-position"]
        wanted = int(reached.split(".")[1]) + 1

        with ThreadPoolExecutor(1) as pool:
            address = f"http://127.0.0.1:{port}/v1/brand/events?min_position={wanted}"
            reader = pool.submit(httpx.get, address, headers=headers, timeout=SECONDS_MAX)
            until(lambda: bool(server.server_state.tasks))
            server.should_exit = True
            until(lambda: not server.servers[0].is_serving())
            house.client.post("/v1/brand/members", json={}, headers=headers)
            assert reader.result(SECONDS_MAX).status_code == 200
        thread.join(SECONDS_MAX)
        assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = monotonic() + SECONDS_MAX
    while not holds():
        assert monotonic() < deadline
        threading.Event().wait(0.005)
