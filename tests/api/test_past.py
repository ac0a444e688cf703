"""Reads of the past: a void changes every figure from then on, and not what was known."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from api.app import openapi_document
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


def test_a_members_history_as_it_was_and_as_it_was_known(house: House) -> None:
    """What happened, or was recorded, from the instant on is not there; nor is a later void."""
    enrolled = _post(house, "members", {"time": "2026-01-01T00:00:00Z"})
    member = enrolled["events"][0]["event"]["data"]["member_id"]
    said = {
        "specversion": "1.0", "id": f"v-{member}", "source": "/web", "type": "visit.recorded.v1",
        "time": "2026-02-01T00:00:00Z", "data": {"member_id": member},
    }  # fmt: skip
    headers = {**house.key(), "Content-Type": "application/cloudevents+json"}
    answer = house.client.post(f"/v1/{LEDGER}/events", content=json.dumps(said), headers=headers)
    visit = answer.json()["position"]
    known = datetime.now(UTC).isoformat()
    _post(house, f"events/{visit}/voiding", {"reason": "a mistake"})
    url = f"/v1/{LEDGER}/members/{member}/history"

    def history(**when: str) -> dict[int, bool]:
        answer = house.client.get(url, params=when, headers=house.key())
        assert answer.status_code == 200, answer.text
        return {one["position"]: one["voided"] for one in answer.json()["events"]}

    first = enrolled["position"]
    now = history()
    assert (now[first], now[visit]) == (False, True)
    assert history(known_at=known) == {first: False, visit: False}
    assert history(as_of="2026-02-01T00:00:00Z") == {first: False}
    before = {"as_of": "2026-01-01T00:00:00Z"}
    assert house.client.get(url, params=before, headers=house.key()).status_code == 404


def test_the_past_is_not_waited_for(house: House) -> None:
    """A position that is still to come does not hold up an answer about what was known."""
    opened = _post(house, "accounts", {"programme": "club", "points_currency": "pts"})
    account = opened["events"][0]["event"]["data"]["account_id"]
    known = datetime.now(UTC).isoformat()
    answer = _balance(house, account, opened["position"] + 5, known_at=known)
    assert answer.status_code == 200


def test_every_projected_read_takes_both_times() -> None:
    """A read that names a projected row, account, member or campaign takes `as_of` and `known_at`.

    Those of the log itself have windows of their own; questions of auditors are about today; whose
    a code is, a till asks of now; and a rule is read with all of its versions, each with its
    beginning and its position.
    """
    for path, methods in openapi_document()["paths"].items():
        operation = methods.get("get") or methods["post"]
        names = {one["name"] for one in operation.get("parameters", ())}
        if "min_position" not in names or "/events" in path:
            continue
        if operation["tags"] == ["rules"] or path.endswith("/codes/lookup"):
            continue
        if operation["tags"] == ["privacy"] and not path.endswith("/consents"):
            continue
        assert {"as_of", "known_at"} <= names, path
        codes = operation["responses"]["422"]["content"]["application/problem+json"]["examples"]
        assert "past-too-long" in codes


def test_as_of_and_known_at_together(house: House) -> None:
    """An award of yesterday that is recorded today was true yesterday, and not known."""
    opened = _post(house, "accounts", {"programme": "club", "points_currency": "pts"})
    account = opened["events"][0]["event"]["data"]["account_id"]
    now = datetime.now(UTC)
    _post(house, f"accounts/{account}/awards", {"points": 50, "reason": "a welcome"})
    later = (now + timedelta(days=1)).isoformat()
    assert _balance(house, account, as_of=later).json()["at"] == later.replace("+00:00", "Z")
    assert _balance(house, account, as_of=later).json()["issued"] == 50
    assert _balance(house, account, as_of=later, known_at=now.isoformat()).json()["issued"] == 0
    assert _balance(house, account, as_of="2026-01-01T00:00:00Z").status_code == 404
    url = f"/v1/{LEDGER}/accounts/{account}/statement"
    lines = house.client.get(url, params={"as_of": later}, headers=house.key()).json()["lines"]
    assert [line["balance"] for line in lines] == [50]


def test_a_campaign_as_it_was_planned(house: House) -> None:
    """As known before its dates were changed, it has the old ones, and so have its returns."""
    plan = {"name": "Summer", "starts": "2026-06-01T00:00:00Z", "currency": "EUR"}
    campaign = _post(house, "campaigns", plan)["events"][0]["event"]["data"]["campaign_id"]
    known_at = datetime.now(UTC).isoformat()
    _post(house, f"campaigns/{campaign}/amendments", {"starts": "2026-07-01T00:00:00Z"})
    then: dict[str, Any] = {"params": {"known_at": known_at}, "headers": house.key()}
    read = house.client.get(f"/v1/{LEDGER}/campaigns/{campaign}", **then).json()
    assert read["starts"] == plan["starts"]
    read = house.client.get(f"/v1/{LEDGER}/campaigns/{campaign}/returns", **then).json()
    assert read["revenue_from"] == plan["starts"]
    read = house.client.get(f"/v1/{LEDGER}/campaigns", **then).json()
    assert [one["starts"] for one in read["campaigns"]] == [plan["starts"]]
