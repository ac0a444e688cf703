"""Observations come in in four forms, and come out by tag, type, time and position."""

from __future__ import annotations

import json
from typing import Any

import pytest

TIME = "2026-02-01T12:00:00+01:00"


def visit(identity: str, *, member: str = "m_events", **attributes: Any) -> dict[str, Any]:
    """A visit as a CloudEvent."""
    return {
        "specversion": "1.0", "id": identity, "source": "/shops/lyon",
        "type": "visit.recorded.v1", "time": TIME, "data": {"member_id": member},
    } | attributes  # fmt: skip


BATCH = {"Content-Type": "application/cloudevents-batch+json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


class TestRecording:
    @pytest.mark.parametrize("media_type", ["application/cloudevents+json", "application/json"])
    def test_structured(self, caller: Any, media_type: str) -> None:
        """One event, its attributes and data in one object."""
        event = visit(f"structured-{len(media_type)}")
        answer = caller.post("/events", event, headers={"Content-Type": media_type})
        assert answer.status_code == 201, answer.text
        position = answer.json()["position"]
        assert answer.headers["location"] == f"/v1/brand/events/{position}"
        stored = caller.get(f"/events/{position}").json()["event"]
        assert {name: stored[name] for name in event} == event

    def test_binary(self, caller: Any) -> None:
        """One event, its attributes in headers and its data as the body."""
        event = visit("binary-1")
        headers = {f"ce-{name}": value for name, value in event.items() if name != "data"}
        answer = caller.post("/events", event["data"], headers=headers)
        assert answer.status_code == 201, answer.text
        again = caller.post("/events", event)
        assert again.json() == {"position": answer.json()["position"], "duplicate": True}

    def test_binary_with_a_header_missing(self, caller: Any) -> None:
        """The header that is missing is named."""
        event = visit("binary-2")
        headers = {f"ce-{name}": event[name] for name in ("specversion", "id", "type", "source")}
        answer = caller.post("/events", event["data"], headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == "ce-time"

    @pytest.mark.parametrize("form", ["batch", "lines"])
    def test_several(self, caller: Any, form: str) -> None:
        """Each event of several is answered on its own: position, duplicate or problem."""
        events = [
            visit(f"{form}-1"),
            visit(f"{form}-1"),
            visit(f"{form}-1", time="2026-02-01T12:00:01+01:00"),
            visit(f"{form}-2", type="nothing.known.v1"),
            visit(f"{form}-3", data={"member_id": 5}),
            visit(f"{form}-5", data={"member_id": "m", "landing": "a\0b"}),
            visit(f"{form}-4"),
        ]
        if form == "batch":
            answer = caller.post("/events", events, headers=BATCH)
        else:
            content = "\n".join(map(json.dumps, events)) + "\n\n"
            answer = caller.post("/events", content=content.encode(), headers=NDJSON)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["recorded"], said["duplicates"], said["refused"]) == (2, 1, 4)
        first, same, other, unknown, wrong, nul, last = said["results"]
        assert same == first | {"duplicate": True}
        assert other["problem"]["type"] == "/problems/content-differs"
        assert unknown["problem"]["type"] == "/problems/unknown-event-type"
        assert wrong["problem"]["errors"][0]["pointer"] == "/data/member_id"
        assert nul["problem"]["errors"][0]["pointer"] == "/data/landing"
        assert answer.headers["ledger-position"].endswith(f".{last['position']}")

    def test_duplicate(self, caller: Any) -> None:
        """The same event again is answered with the position of the first, by any key."""
        first = caller.post("/events", visit("same"))
        again = caller.post("/events", visit("same"))
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json() | {"duplicate": True}

    def test_other_content(self, caller: Any) -> None:
        """The same id with another content is refused, and the field that differs is named."""
        caller.post("/events", visit("differs"))
        answer = caller.post("/events", visit("differs", data={"member_id": "m_other"}))
        assert answer.status_code == 409
        assert answer.json()["context"]["field"] == "data.member_id"

    def test_whole_numbers_may_be_written_with_a_point(self, caller: Any) -> None:
        """In JSON, 5.0 is the integer 5."""
        event = visit("point", type="service_contact.recorded.v1")
        event["data"] = {"member_id": "m_events", "channel": "phone", "response_minutes": 5.0}
        answer = caller.post("/events", event)
        assert answer.status_code in {201, 422}
        assert "float" not in answer.text


@pytest.fixture(scope="module")
def history(caller: Any) -> list[dict[str, Any]]:
    """Twelve visits of three members on twelve days."""
    events = [
        visit(f"read-{n}", member=f"m_read_{n % 3}", time=f"2026-03-{n + 1:02}T09:00:00Z")
        for n in range(12)
    ]
    answer = caller.post("/events", events, headers=BATCH)
    assert answer.json()["recorded"] == 12, answer.text
    return [
        {"position": result["position"], "id": event["id"]}
        for result, event in zip(answer.json()["results"], events, strict=True)
    ]


def ids(answer: Any) -> list[str]:
    """The ids of the events of a page."""
    assert answer.status_code == 200, answer.text
    return [one["event"]["id"] for one in answer.json()["events"]]


class TestReading:
    def test_by_tag(self, caller: Any, history: Any) -> None:
        """By a tag, in the order of the ledger or newest first."""
        expected = ["read-1", "read-4", "read-7", "read-10"]
        assert ids(caller.get("/events", tag="member:m_read_1")) == expected
        assert ids(caller.get("/events", tag="member:m_read_1", backward=True)) == expected[::-1]

    def test_by_type(self, caller: Any, history: Any) -> None:
        """By any of several types."""
        answer = caller.get("/events", type=["ledger.opened.v1", "share.recorded.v1"])
        assert [one["position"] for one in answer.json()["events"]] == [1]

    def test_by_time(self, caller: Any, history: Any) -> None:
        """By when it happened; the window is half open."""
        window = {"time_from": "2026-03-03T09:00:00Z", "time_until": "2026-03-05T10:00:00+01:00"}
        assert ids(caller.get("/events", **window)) == ["read-2", "read-3"]

    def test_by_recorded_time(self, caller: Any, history: Any) -> None:
        """By when the ledger learned it."""
        first = caller.get(f"/events/{history[0]['position']}").json()["event"]["recordedat"]
        found = ids(caller.get("/events", recorded_from=first, tag="member:m_read_0"))
        assert found == ["read-0", "read-3", "read-6", "read-9"]
        assert ids(caller.get("/events", recorded_until=first, tag="member:m_read_0")) == []

    def test_by_position(self, caller: Any, history: Any) -> None:
        """Above one position and below another."""
        bounds = {"after": history[2]["position"], "before": history[6]["position"]}
        assert ids(caller.get("/events", **bounds)) == ["read-3", "read-4", "read-5"]

    def test_several(self, caller: Any, history: Any) -> None:
        """Several by their positions in one call; what is missing is said."""
        wanted = [history[4]["position"], history[0]["position"], 10**9]
        answer = caller.get("/events/several", position=wanted)
        assert ids(answer) == ["read-0", "read-4"]
        assert answer.json()["missing"] == [10**9]

    def test_nothing_there(self, caller: Any, history: Any) -> None:
        """A position past the end is not found, and the answer says where the end is."""
        answer = caller.get("/events/99999999")
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/no-such-event"
        assert "ledger-position" in answer.headers

    def test_stream(self, caller: Any, history: Any) -> None:
        """As a stream: one JSON object per line, the same events as the pages."""
        answer = caller.get("/events/stream", tag="member:m_read_2", backward=True)
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.text.splitlines()]
        page = caller.get("/events", tag="member:m_read_2", backward=True).json()["events"]
        assert lines == page

    def test_entry_is_exact(self, house: Any, caller: Any, history: Any) -> None:
        """What comes out is what is stored, byte for byte."""
        position = history[3]["position"]
        ledger = house.database.open("brand")
        entry = ledger.log.entry(position).entry
        ledger.close()
        assert caller.get(f"/events/{position}").content.endswith(entry + b"}")


def test_voided_batch(caller: Any) -> None:
    """What was taken back as a whole takes nothing more in."""
    assert caller.post("/events?batch=wrong-file", visit("wrong-1")).status_code == 201
    assert caller.post("/batches/wrong-file/voiding", {"reason": "wrong"}).status_code == 201
    answer = caller.post("/events?batch=wrong-file", visit("wrong-2"))
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/batch-is-voided"
