"""Reads as known before: a void changes every figure from then on, and not what was known."""

from datetime import UTC, datetime
from typing import Any

from tests.api.conftest import LEDGER, House


def _post(house: House, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = house.client.post(f"/v1/{LEDGER}/{path}", json=body, headers=house.key())
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _balance(house: House, account: str, position: int | None = None, **query: str) -> Any:
    if position is not None:
        query["min_position"] = f"1.{position}"
    url = f"/v1/{LEDGER}/accounts/{account}/balance"
    return house.client.get(url, params=query, headers=house.key())


def test_known_before_the_void_still_shows_it(house: House) -> None:
    """The balance of today leaves the voided award out; the one that was known then has it."""
    before_all = datetime.now(UTC)
    opened = _post(house, "accounts", {"programme": "club", "points_currency": "pts"})
    account = opened["events"][0]["event"]["data"]["account_id"]
    award = _post(house, f"accounts/{account}/awards", {"points": 50, "reason": "a welcome"})
    known = datetime.now(UTC)
    voided = _post(house, f"events/{award['position']}/voiding", {"reason": "a mistake"})
    now = _balance(house, account, voided["position"])
    assert now.json()["issued"] == 0
    then = _balance(house, account, known_at=known.isoformat())
    assert then.json()["issued"] == 50
    assert int(then.headers["Ledger-Position"].partition(".")[2]) == award["position"]
    assert _balance(house, account, known_at=before_all.isoformat()).status_code == 404


def test_a_members_profile_as_known(house: House) -> None:
    """A member who enrolled later was not known."""
    before = datetime.now(UTC)
    enrolled = _post(house, "members", {})
    member = enrolled["events"][0]["event"]["data"]["member_id"]
    url = f"/v1/{LEDGER}/members/{member}"
    now = datetime.now(UTC).isoformat()
    assert house.client.get(url, params={"known_at": now}, headers=house.key()).status_code == 200
    early = house.client.get(url, params={"known_at": before.isoformat()}, headers=house.key())
    assert early.status_code == 404


def test_the_past_is_not_waited_for(house: House) -> None:
    """A position that is still to come does not hold up an answer about what was known."""
    opened = _post(house, "accounts", {"programme": "club", "points_currency": "pts"})
    account = opened["events"][0]["event"]["data"]["account_id"]
    known = datetime.now(UTC).isoformat()
    answer = _balance(house, account, opened["position"] + 5, known_at=known)
    assert answer.status_code == 200
