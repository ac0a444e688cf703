"""Everything but health and documentation needs a key, of this ledger, with the right scope."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, ClassVar

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.access import Gate
from api.errors import Unauthenticated
from store.credentials import ApiKey, Credentials
from tests.api.conftest import until

EVENT = {
    "specversion": "1.0", "id": "access-1", "source": "/test", "type": "visit.recorded.v1",
    "time": "2026-01-05T10:00:00+01:00", "data": {"member_id": "m_1"},
}  # fmt: skip
PARTS = defaultdict(
    lambda: "x", position="1", name="docs.js", code="no-such-page", level="0", place="000",
    ledger="brand",
)  # fmt: skip
OPEN = {
    "/", "/docs", "/openapi.json", "/static/{name}", "/problems", "/problems/{code}",
    "/health", "/ready", "/metrics",
}  # fmt: skip


def addresses(app: Litestar) -> list[tuple[str, str]]:
    """Every method and path."""
    return [
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in sorted(route.methods - {"OPTIONS"})
    ]


class TestWithoutKey:
    def test_everything_else_is_refused(self, house: Any) -> None:
        """Without a key nothing is answered but health and documentation."""
        until(lambda: house.client.get("/ready").status_code == 200)  # it has just been started
        for method, path in addresses(house.app):
            answer = house.client.request(method, path.format_map(PARTS))
            if path in OPEN:
                assert answer.status_code < 500
                assert answer.status_code != 401
            else:
                assert answer.status_code == 401, path
                assert answer.json()["type"] == "/problems/unauthenticated"
                assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Basic abc", "Bearer fr_abc_def", "Bearer " + "x" * 10_000,
         "Bearer \xff\xfe", "fr_abc_def"],
    )  # fmt: skip
    def test_wrong_key(self, house: Any, header: str) -> None:
        """A key that is not one is refused like none."""
        headers = {"Authorization": header.encode("latin-1")}
        assert house.client.get("/v1/brand/events", headers=headers).status_code == 401

    def test_refused_before_the_body_is_looked_at(self, house: Any) -> None:
        """Whoever has no key learns nothing about a body, however wrong it is."""
        assert house.client.post("/v1/brand/members", content=b"{{{").status_code == 401


class TestScopes:
    @pytest.mark.parametrize(
        "scope, allowed",
        [
            ("observe", {"record_events"}),
            ("command", {"enrol_member"}),
            ("read", {"list_events", "read_members", "read_status"}),
            ("audit", {"list_events", "read_status"}),
            ("personal", set()),
            ("admin", {"record_events", "void_batch"}),
        ],
    )
    def test_each_opens_its_own(self, house: Any, scope: str, allowed: set[str]) -> None:
        """A scope lets in what it is for, and nothing else."""
        headers = house.key(scope)
        asked = {
            "record_events": ("POST", "/events", EVENT | {"id": f"access-{scope}"}),
            "enrol_member": ("POST", "/members", {}),
            "void_batch": ("POST", "/batches/none/voiding", {"reason": "test"}),
            "list_events": ("GET", "/events", None),
            "read_members": ("GET", "/members?member_id=m_1", None),
            "read_status": ("GET", "/status", None),
        }
        for name, (method, path, body) in asked.items():
            answer = house.client.request(method, f"/v1/brand{path}", json=body, headers=headers)
            if name in allowed:
                assert answer.status_code not in {401, 403}, (scope, name, answer.text)
            else:
                assert answer.status_code == 403, (scope, name, answer.text)
                assert answer.json()["type"] == "/problems/not-permitted"

    def test_key_of_another_ledger(self, house: Any) -> None:
        """To the key of another ledger, this one is not there."""
        headers = house.key(ledgers=("another",))
        answer = house.client.get("/v1/brand/events", headers=headers)
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/no-such-ledger"

    @pytest.mark.parametrize("name", ["nothing_here", "BRAND", "brand;", "%00", "../x"])
    def test_unknown_ledger(self, house: Any, name: str) -> None:
        """A ledger that is not there is not found, whatever its name."""
        headers = house.key(ledgers=("*",))
        assert house.client.get(f"/v1/{name}/events", headers=headers).status_code == 404

    def test_revoked_key(self, house: Any) -> None:
        """A key that was revoked is soon worth nothing."""
        key, secret = house.credentials.create("old", ledgers=["brand"], scopes=["read"])
        gate = Gate(house.credentials, remember_seconds=0)
        assert asyncio.run(gate.key_of(f"Bearer {secret}")) == key
        house.credentials.revoke(key.id)
        with pytest.raises(Unauthenticated):
            asyncio.run(gate.key_of(f"Bearer {secret}"))

    def test_looked_up_together(self, house: Any) -> None:
        """However many ask with one key at the same time, it is looked up once, and again later."""

        class Counted(Credentials):
            times = 0

            def authenticate(self, secret: str) -> ApiKey | None:
                self.times += 1
                return super().authenticate(secret)

        credentials = Counted(house.database.pool.connection)
        key, secret = credentials.create("many", ledgers=["brand"], scopes=["read"])
        gate = Gate(credentials, remember_seconds=0)

        async def ask(asked: str) -> list[Any]:
            many = (gate.key_of(f"Bearer {asked}") for _ in range(20))
            return await asyncio.gather(*many, return_exceptions=True)

        assert asyncio.run(ask(secret)) == [key] * 20
        assert credentials.times == 1
        refused = asyncio.run(ask(secret + "x"))
        assert all(isinstance(one, Unauthenticated) for one in refused)
        assert credentials.times == 2

    def test_actor(self, house: Any) -> None:
        """What a key records has the key's id as its actor, and never its name."""
        key, secret = house.credentials.create("Jo", ledgers=["brand"], scopes=["command", "read"])
        headers = {"Authorization": f"Bearer {secret}"}
        answer = house.client.post("/v1/brand/members", json={}, headers=headers)
        assert answer.json()["events"][0]["event"]["actor"] == f"key:{key.id}"


class TestDecidedEvents:
    EARNED: ClassVar[dict[str, Any]] = EVENT | {
        "id": "decided-1",
        "type": "points.earned.v1",
        "data": {
            "account_id": "a_1", "lot_id": "l_1", "points": 5, "origin": "goodwill",
            "available_from": "2026-01-05T10:00:00+01:00",
        },
    }  # fmt: skip

    def test_observer_cannot_bring_one_in(self, house: Any) -> None:
        """A key that observes cannot bring in what only the ledger decides, by any door."""
        headers = house.key("observe", "command", "read", "personal", "audit")
        send = house.client.post
        path = "/v1/brand/events"
        answer = send(path, json=self.EARNED, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/event-is-decided"
        batch = headers | {"Content-Type": "application/cloudevents-batch+json"}
        [result] = send(path, json=[self.EARNED], headers=batch).json()["results"]
        assert result["problem"]["type"] == "/problems/event-is-decided"
        binary = headers | {f"ce-{name}": value for name, value in self.EARNED.items()
                            if name != "data"}  # fmt: skip
        answer = send(path, json=self.EARNED["data"], headers=binary)
        assert answer.json()["type"] == "/problems/event-is-decided"
        found = house.client.get(path, params={"tag": "account:a_1"}, headers=headers).json()
        assert found["events"] == []

    def test_admin_can(self, house: Any) -> None:
        """A key with the scope admin brings in another system's decisions, marked by a batch."""
        headers = house.key("admin", "read")
        event = self.EARNED | {
            "id": "decided-2",
            "data": dict(self.EARNED["data"]) | {"account_id": "a_2"},
        }
        answer = house.client.post("/v1/brand/events?batch=legacy-1", json=event, headers=headers)
        assert answer.status_code == 201, answer.text
        position = answer.json()["position"]
        entry = house.client.get(f"/v1/brand/events/{position}", headers=headers).json()["event"]
        assert entry["batch"] == "legacy-1"

    @pytest.mark.parametrize(
        "name, data",
        [
            ("event.voided.v1", {"position": 1, "reason": "x"}),
            ("batch.voided.v1", {"batch_id": "b", "reason": "x"}),
            (
                "ledger.opened.v1",
                {"ledger_id": "l_2", "name": "X", "time_zone": "UTC", "currency": "EUR"},
            ),
        ],
    )
    def test_not_what_speaks_of_this_ledger(
        self, house: Any, name: str, data: dict[str, Any]
    ) -> None:
        """Not even an administrator reports a void or an opening: there are commands for that."""
        event = {
            "specversion": "1.0",
            "id": f"own-{name}",
            "source": "/elsewhere",
            "type": name,
            "time": "2026-02-01T12:00:00Z",
            "data": data,
        }
        answer = house.client.post("/v1/brand/events", json=event, headers=house.key())
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/event-is-decided"

    @pytest.mark.parametrize("source", ["/commands", "/reactions", "/opaque"])
    def test_nobody_speaks_for_the_ledger(self, house: Any, source: str) -> None:
        """The sources of the ledger's own events are nobody else's, not even an admin's."""
        answer = house.client.post(
            "/v1/brand/events", json=EVENT | {"source": source}, headers=house.key()
        )
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/source-is-reserved"
