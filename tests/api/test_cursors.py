"""Every list is paged by an opaque cursor, and a cursor that was tampered with harms nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from api import cursors
from domain.types import INTEGER_MAX, TIME_CEILING
from tests.api.test_positions import made

LISTS = [
    "/events",
    "/campaigns",
    "/members/{member_id}/history",
    "/accounts/{account_id}/statement",
]


@pytest.fixture(scope="module")
def ids(caller: Any) -> dict[str, str]:
    """A member with a history, an account with movements, and some campaigns."""
    member_id = made(caller, "/members", {"country": "FR"}, "member_id")
    account = {"programme": "p", "points_currency": "c", "holders": [member_id]}
    account_id = made(caller, "/accounts", account, "account_id")
    for n in range(7):
        points = {"points": n + 1, "reason": "x", "member_id": member_id}
        made(caller, f"/accounts/{account_id}/awards", points, "lot_id")
        plan = {"name": f"C{n}", "starts": "2026-03-01T00:00:00Z", "currency": "EUR"}
        made(caller, "/campaigns", plan, "campaign_id")
    caller.get("/campaigns", min_position=caller.get("/events").headers["ledger-position"])
    caller.get(
        f"/accounts/{account_id}/statement",
        min_position=caller.get("/events").headers["ledger-position"],
    )
    return {"member_id": member_id, "account_id": account_id}


def elements(page: dict[str, Any]) -> list[Any]:
    """The one list of a page."""
    [found] = [value for value in page.values() if isinstance(value, list)]
    return found


class TestPages:
    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize("limit", [1, 2, 3, 1000])
    def test_pages_make_the_whole(
        self, caller: Any, ids: dict[str, str], path: str, limit: int
    ) -> None:
        """Page after page gives what one large page gives: nothing twice, nothing left out."""
        path = path.format(**ids)
        whole = elements(caller.get(path, limit=1000).json())
        assert len(whole) >= 7
        found: list[Any] = []
        cursor: str | None = None
        while True:
            options = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page = caller.get(path, **options).json()
            assert len(elements(page)) <= limit
            found += elements(page)
            cursor = page["next"]
            if cursor is None:
                break
        assert found == whole

    def test_backward(self, caller: Any, ids: dict[str, str]) -> None:
        """Pages also run from the newest to the oldest."""
        first = caller.get("/events", limit=2, backward=True).json()
        second = caller.get("/events", limit=2, backward=True, cursor=first["next"]).json()
        positions = [one["position"] for one in elements(first) + elements(second)]
        assert positions == list(range(positions[0], positions[0] - 4, -1))

    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize(
        "cursor", ["", "?", "zz", "-1", "g" * 20, "\0", "%00", "é", "0" * 500, "' OR 1=1 --", "1-"]
    )
    def test_malformed(self, caller: Any, ids: dict[str, str], path: str, cursor: str) -> None:
        """What is no cursor is refused and named."""
        answer = caller.get(path.format(**ids), cursor=cursor)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["parameter"] == "cursor"

    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize("cursor", ["0", "1", "f" * 14, "27", "2d2d", "7a7a7a", "f" * 13 + "-0",
                                        "0-f", "f" * 14 + "-" + "f" * 13])  # fmt: skip
    def test_made_up(self, caller: Any, ids: dict[str, str], path: str, cursor: str) -> None:
        """A cursor that somebody made up is another place of the list, or malformed: no more."""
        assert caller.get(path.format(**ids), cursor=cursor).status_code in {200, 400}


class TestSpelling:
    @given(st.integers(0, INTEGER_MAX))
    def test_position(self, position: int) -> None:
        """A position comes back from its cursor."""
        assert cursors.position_of(cursors.of_position(position)) == position

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
    def test_key(self, key: str) -> None:
        """An id comes back from its cursor."""
        assert cursors.key_of(cursors.of_key(key)) == key

    @given(st.integers(0, int(TIME_CEILING.timestamp() * 1_000_000)), st.integers(1, INTEGER_MAX))
    def test_line(self, micros: int, position: int) -> None:
        """A line of a statement comes back from its cursor."""
        line = f"{micros // 10**6}.{micros % 10**6:06}/acc~1/{position:016}"
        seconds, account, place = str(cursors.line_of(cursors.of_line(line), "acc~1")).split("/")
        assert round(float(seconds) * 10**6) - micros in range(-2, 3)
        assert (account, int(place)) == ("acc~1", position)
