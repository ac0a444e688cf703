"""Every request has an id and one line in the log; HEAD and OPTIONS are answered properly."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import structlog
import uvicorn
from litestar.testing import TestClient
from structlog.contextvars import merge_contextvars

from api.app import create_app
from tests.api.conftest import LEDGER, SECONDS_MAX, purchase, until


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


class TestTracing:
    def test_an_event_leads_to_its_request(self, caller: Any) -> None:
        """The line of a request that recorded something says where, and under which id."""
        given = uuid4().hex
        with structlog.testing.capture_logs([merge_contextvars]) as lines:
            answer = caller.post("/members", headers={"X-Request-ID": given})
        position = answer.json()["position"]
        [line] = [one for one in lines if "recorded_first" in one]
        assert line["request_id"] == given == answer.headers["x-request-id"]
        assert line["recorded_first"] <= position == line["recorded_last"]
        [event] = [one["event"] for one in answer.json()["events"]]
        assert event["actor"] == line["actor"]

    def test_a_batch_says_its_first_and_last_position(self, caller: Any) -> None:
        """Of a batch, duplicates are not counted: this request did not record them."""

        def lines_of(*ids: str) -> tuple[Any, Any]:
            body = "".join(json.dumps(purchase(one)) + "\n" for one in ids)
            headers = {"Content-Type": "application/x-ndjson"}
            with structlog.testing.capture_logs() as lines:
                answer = caller.post("/events", content=body, headers=headers).json()
            [line] = [one for one in lines if one["event"] == "request.answered"]
            return line, [one["position"] for one in answer["results"]]

        one, two, three = (uuid4().hex for _ in range(3))
        line, positions = lines_of(one, two)
        assert [line["recorded_first"], line["recorded_last"]] == positions
        line, positions = lines_of(one, three)
        assert line["recorded_first"] == line["recorded_last"] == positions[1]
        line, _ = lines_of(one)
        assert "recorded_first" not in line

    def test_a_refusal_names_its_rule(self, caller: Any) -> None:
        """The problem that is answered, its line and its header carry the same id."""
        with structlog.testing.capture_logs([merge_contextvars]) as lines:
            answer = caller.post("/accounts", {"programme": 7})
        [line] = [one for one in lines if one["event"] == "request.answered"]
        assert line["problem"] == "invalid-body"
        assert answer.json()["instance"] == f"urn:filrouge:request:{line['request_id']}"

    def test_all_lines_of_a_request_share_its_id(self, house: Any) -> None:
        """Those that are written in a thread, or for an error, too; and those of no other."""

        def broken(_: str) -> Any:
            log.warning("ledger.opening")
            raise ZeroDivisionError

        log = structlog.get_logger()
        app = create_app(broken, house.credentials)
        with (
            TestClient(app, raise_server_exceptions=False) as client,
            structlog.testing.capture_logs([merge_contextvars]) as lines,
        ):
            answers = [client.get("/v1/brand/events", headers=house.key()) for _ in range(2)]
            log.info("afterwards")
        assert [answer.status_code for answer in answers] == [500, 500]
        for answer in answers:
            found = [
                line["event"]
                for line in lines
                if line.get("request_id") == answer.headers["x-request-id"]
            ]
            assert found == ["ledger.opening", "request.failed", "request.answered"]
        [line] = [line for line in lines if line["event"] == "afterwards"]
        assert "request_id" not in line


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
        answer = house.client.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        until(lambda: house.client.get("/ready").status_code == 200)  # it has just been started

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
