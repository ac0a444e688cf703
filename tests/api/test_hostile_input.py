"""Whatever somebody sends, the answer is a problem that names the field, and projections go on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.test_events import TIME, visit
from tests.api.test_positions import made


@pytest.fixture(scope="module")
def account_id(caller: Any) -> str:
    """An account."""
    return made(caller, "/accounts", {"programme": "p", "points_currency": "c"}, "account_id")


BAD_EVENTS: list[tuple[str, dict[str, Any], str]] = [
    ("unknown attribute", visit("h1", balance=1), "/balance"),
    ("unknown field", visit("h2", data={"member_id": "m", "x": 1}), "/data/x"),
    ("text for a number", visit("h3", type="impressions.reported.v1",
     data={"campaign_id": "c", "channel": "x", "stage": "served", "count": "5"}), "/data/count"),
    ("number for a text", visit("h4", data={"member_id": 4}), "/data/member_id"),
    ("null data", visit("h5", data=None), "/data"),
    ("list for data", visit("h6", data=[]), "/data"),
    ("no time", {k: v for k, v in visit("h7").items() if k != "time"}, "/time"),
    ("time without an offset", visit("h8", time="2026-01-01T00:00:00"), "/time"),
    ("time as a number", visit("h9", time=1767225600), "/time"),
    ("year 1", visit("h10", time="0001-01-01T00:00:00Z"), "/time"),
    ("year 1, before it in UTC", visit("h11", time="0001-01-01T00:00:00+14:00"), "/time"),
    ("year 9999", visit("h12", time="9999-12-31T23:59:59-14:00"), "/time"),
    ("an offset that no clock has", visit("h25", time="2026-01-01T00:00:00+23:59"), "/time"),
    ("another offset that no clock has", visit("h26", time="2026-01-01T00:00:00-16:00"), "/time"),
    ("tomorrow", visit("h13", time="2190-01-01T00:00:00Z"), "/time"),
    ("a person in the id", visit("jo@example.org"), "/id"),
    ("a person in the source", visit("h14", source="/jo@example.org"), "/source"),
    ("another specversion", visit("h15", specversion="0.3"), "/specversion"),
    ("another content type", visit("h16", datacontenttype="text/xml"), "/datacontenttype"),
    ("the ledger's own attribute", visit("h17", recordedat=TIME), "/recordedat"),
    ("a NUL in a text", visit("h18", data={"member_id": "m", "landing": "a\0b"}), "/data/landing"),
    ("a NUL in an id", visit("h19", data={"member_id": "a\0b"}), "/data/member_id"),
    ("a NUL in a key", visit("h20", type="profile.updated.v1",
     data={"member_id": "m", "plain": {"a\0": "b"}}), "/data/plain"),
    ("a huge integer", visit("h21", type="impressions.reported.v1",
     data={"campaign_id": "c", "channel": "x", "stage": "served", "count": 10**40}), "/data/count"),
    ("a negative count", visit("h22", type="impressions.reported.v1",
     data={"campaign_id": "c", "channel": "x", "stage": "served", "count": -1}), "/data/count"),
    ("a fraction", visit("h23", type="impressions.reported.v1",
     data={"campaign_id": "c", "channel": "x", "stage": "served", "count": 1.5}), "/data/count"),
    ("a sealed value", visit("h24", type="profile.updated.v1", data={"member_id": "m",
     "personal": {"name": "sealed|profile.updated.v1|personal.name|member:m|AAAA"}}),
     "/personal/name"),
]  # fmt: skip


class TestEvents:
    @pytest.mark.parametrize("what, event, pointer", BAD_EVENTS, ids=[one[0] for one in BAD_EVENTS])
    def test_refused_and_named(
        self, caller: Any, what: str, event: dict[str, Any], pointer: str
    ) -> None:
        """A bad event is refused, the field is named, and nothing of it is recorded."""
        head = caller.get("/status").json()["position"]
        answer = caller.post("/events", event)
        assert 400 <= answer.status_code < 500, what
        said = answer.json()
        assert any(pointer in one.get("pointer", "") for one in said["errors"]), said
        assert caller.get("/status").json()["position"] == head

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}x", b"\x00", b"\xef\xbb\xbf{}", b"\xff",
         b'{"id": "\xc3\x28"}', b'{"id": "\\ud800"}', b'{"a": NaN}', b"[" * 100_000,
         b'{"a":' * 50_000, b'{"a": 1e999999}', b"1" * 100_000],
    )  # fmt: skip
    def test_not_an_event(self, caller: Any, body: bytes) -> None:
        """What is no JSON object, or no JSON at all, is refused."""
        for media_type in ("application/cloudevents+json", "application/json"):
            answer = caller.post("/events", content=body, headers={"Content-Type": media_type})
            assert answer.status_code in {400, 422}, answer.text
            assert answer.json()["type"].startswith("/problems/")

    @pytest.mark.parametrize(
        "media_type",
        ["text/plain", "", "application/xml", "application/json; charset=latin-1",
         "multipart/form-data", "application/cloudevents+json; charset=utf-8", "\x80"],
    )  # fmt: skip
    def test_media_types(self, caller: Any, media_type: str) -> None:
        """A media type that is not taken is refused; parameters of one that is do not matter."""
        headers = {"Content-Type": media_type.encode("latin-1")}
        content = json.dumps(visit(f"media-{len(media_type)}")).encode()
        answer = caller.post("/events", content=content, headers=headers)
        if media_type.startswith(("application/json", "application/cloudevents")):
            assert answer.status_code == 201
        else:
            assert answer.status_code == 415


class TestCommands:
    @pytest.mark.parametrize(
        "points", [0, -5, 10**30, 10**9 + 1, "10", 1.5, None, True, [], {}, 1e400]
    )
    def test_points(self, caller: Any, account_id: str, points: Any) -> None:
        """Points are whole, positive and bounded."""
        content = json.dumps({"points": points, "reason": "x"}).encode()
        answer = caller.post(f"/accounts/{account_id}/awards", content=content)
        assert answer.status_code in {400, 422}
        said = answer.json()
        assert (
            said["type"] == "/problems/malformed-body" or said["errors"][0]["pointer"] == "/points"
        )

    @pytest.mark.parametrize(
        "time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2190-01-01T00:00:00Z",
                 "2026-01-01", "", 5, "2026-02-30T00:00:00Z",
                 "2026-01-01T00:00:00+16:00", "2026-01-01T00:00:00-23:59"],
    )  # fmt: skip
    def test_time(self, caller: Any, time: Any) -> None:
        """The time of a command is an instant that can have been."""
        answer = caller.post("/members", {"time": time})
        assert 400 <= answer.status_code < 500
        assert answer.json()["errors"][0]["pointer"] == "/time"

    def test_negative_money(self, caller: Any) -> None:
        """Amounts are never negative."""
        plan = {"name": "N", "starts": "2026-03-01T00:00:00Z", "currency": "EUR"}
        answer = caller.post("/campaigns", plan | {"reward_budget": -1})
        assert answer.json()["errors"][0]["pointer"] == "/reward_budget"

    def test_nul(self, caller: Any) -> None:
        """A NUL in a text is refused and named."""
        plan = {"name": "a\0b", "starts": "2026-03-01T00:00:00Z", "currency": "EUR"}
        answer = caller.post("/campaigns", plan)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/name"

    def test_id_of_the_path_in_the_body(self, caller: Any, account_id: str) -> None:
        """An id that stands in the path is not said again, so it cannot be another one."""
        body = {"points": 1, "reason": "x", "account_id": "other"}
        answer = caller.post(f"/accounts/{account_id}/awards", body)
        assert answer.json()["errors"][0]["pointer"] == "/account_id"

    @pytest.mark.parametrize(
        "account", ["%00", "a%20b", "jo@example.org", "..%2f..", "a" * 129, "%ff", "\u00e9", "'--"]
    )
    def test_ids_in_the_path(self, caller: Any, account: str) -> None:
        """An id that cannot be one is refused in the path too."""
        for answer in (
            caller.post(f"/accounts/{account}/awards", {"points": 1, "reason": "x"}),
            caller.get(f"/accounts/{account}/balance"),
        ):
            assert answer.status_code in {400, 404}
            assert answer.json()["type"].startswith("/problems/")

    def test_id_that_the_vault_fills_in(self, caller: Any) -> None:
        """Nobody chooses the id of an identity: only the vault knows which it is."""
        body = {"kind": "email", "value": "x@example.org", "exclusive": True, "identity_id": "i_1"}
        answer = caller.post("/members/m_1/identities", body)
        assert answer.json()["errors"][0]["pointer"] == "/identity_id"


class TestProjections:
    def test_go_on(self, caller: Any) -> None:
        """After all of this, every projection is at the end of the ledger and none has failed."""
        for item in ("m_1", "m_2"):
            caller.post("/events", visit(f"go-on-{item}", member=item))
        position = caller.post("/members", {}).headers["ledger-position"]
        assert (
            caller.get(
                "/members?member_id=x",
            ).status_code
            == 200
        )
        for path in ("/members?member_id=x", "/campaigns", "/accounts?account_id=x"):
            answer = caller.get(f"{path}{'&' if '?' in path else '?'}min_position={position}")
            assert answer.status_code == 200
        assert not [one for one in caller.get("/status").json()["projections"] if one["failure"]]


class TestOffsets:
    @pytest.mark.parametrize("offset", ["+15:59", "-15:59", "+14:00", "-12:00"])
    def test_every_offset_that_is_taken_can_be_read(
        self, caller: Any, account_id: str, offset: str
    ) -> None:
        """What is taken in with any offset comes out of every read, sorted by its instant."""
        time = f"2026-01-05T00:00:00{offset}"
        award = {
            "points": 1,
            "reason": "x",
            "time": time,
            "expires_at": f"2199-01-01T00:00:00{offset}",
        }
        answer = caller.post(f"/accounts/{account_id}/awards", award)
        assert answer.status_code == 201, answer.text
        position = answer.headers["ledger-position"]
        path = f"/accounts/{account_id}"
        lines = caller.get(f"{path}/statement", min_position=position).json()["lines"]
        assert time in [line["time"] for line in lines]
        assert caller.get(f"{path}/balance", at=time, min_position=position).status_code == 200
        window = {"time_from": time, "time_until": f"2026-01-06T00:00:00{offset}"}
        assert caller.get("/events", **window).json()["events"]


class TestQueries:
    @pytest.mark.parametrize(
        "name, value",
        [
            ("time_from", "0001-01-01T00:00:00Z"), ("time_from", "2026-01-01"),
            ("time_from", "5"), ("time_until", "2026-01-01T00:00:00+23:59"),
            ("recorded_until", "9999-12-31T23:59:59-14:00"),
            ("after", "-1"), ("after", str(10**30)), ("before", "0"), ("before", "null"),
            ("backward", "perhaps"), ("tag", "jo@example.org"), ("tag", "member:"),
            ("type", "nothing.known.v1"), ("type", "\0"), ("cursor", "\0"),
        ],
    )  # fmt: skip
    def test_parameters(self, caller: Any, name: str, value: str) -> None:
        """A parameter that is not of the documented form is refused and named."""
        for path in ("/events", "/events/stream"):
            if path == "/events/stream" and name == "cursor":
                continue
            answer = caller.get(path, **{name: value})
            assert answer.status_code == 400, answer.text
            assert answer.json()["errors"][0]["parameter"] == name
