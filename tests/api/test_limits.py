"""Everything has a limit, and going over it is a refusal that says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.limits import (
    BATCH_EVENTS_MAX,
    FILTER_TAGS_MAX,
    FILTER_TYPES_MAX,
    IDS_MAX,
    PAGE_MAX,
    Limits,
)  # fmt: skip
from tests.api.test_events import BATCH, NDJSON, visit


class TestLimits:
    @pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1, 10**30, "x", "1.5", "", "null"])
    def test_page(self, caller: Any, limit: Any) -> None:
        """A page has 1 to PAGE_MAX elements."""
        assert caller.get("/events", limit=limit).status_code == 400
        assert caller.get("/events", limit=PAGE_MAX).status_code == 200

    def test_batch(self, caller: Any) -> None:
        """A batch has at most BATCH_EVENTS_MAX events, however it is sent."""
        full: list[Any] = [None] * BATCH_EVENTS_MAX
        lines = "\n".join(map(json.dumps, [*full, None])).encode()
        assert caller.post("/events", full, headers=BATCH).status_code == 200
        for answer in (
            caller.post("/events", [*full, None], headers=BATCH),
            caller.post("/events", content=lines, headers=NDJSON),
        ):
            assert answer.status_code == 422
            assert answer.json()["type"] == "/problems/too-many-events"

    def test_body(self, caller: Any) -> None:
        """A body of exactly the limit is read; one more byte is not."""
        limit = Limits().body_bytes
        body = json.dumps(visit("body-limit")).encode()
        assert caller.post("/events", content=body.ljust(limit)).status_code == 201
        assert caller.post("/events", content=body.ljust(limit + 1)).status_code == 413

    def test_entry(self, caller: Any) -> None:
        """An event that would make too large an entry is refused on its own."""
        event = visit("large", type="profile.updated.v1")
        event["data"]["plain"] = {f"a{n}": "\u20ac" * 200 for n in range(100)}
        event["data"]["personal"] = {f"p{n}": "\u20ac" * 2_000 for n in range(20)}
        answer = caller.post("/events", event)
        assert answer.status_code == 422
        assert "65,535" in answer.json()["detail"]

    def test_elements_of_a_query(self, caller: Any) -> None:
        """Lists in an address are bounded too."""
        for path, name, element, most in (
            ("/events", "tag", "member:m_{}", FILTER_TAGS_MAX),
            ("/events/several", "position", "{}", IDS_MAX),
            ("/members", "member_id", "m_{}", IDS_MAX),
            ("/accounts", "account_id", "a_{}", IDS_MAX),
        ):
            elements = [element.format(n + 1) for n in range(most + 1)]
            assert caller.get(path, **{name: elements}).status_code == 400
            assert caller.get(path, **{name: elements[:most]}).status_code == 200
        types = ["visit.recorded.v1"] * (FILTER_TYPES_MAX + 1)
        assert caller.get("/events", type=types).status_code == 400
