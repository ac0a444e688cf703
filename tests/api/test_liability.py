"""Liability over HTTP: now and in the past, of a campaign, and back-tested."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Caller

STARS: dict[str, Any] = {
    "points_currency": "stars",
    "fair_value": {"amount": 12, "currency": "EUR", "points": 10},
    "expected_redemption": 8_000,
    "cost": {"amount": 1, "currency": "EUR", "points": 2},
}


def test_liability_is_read_now_and_as_of_an_instant(caller: Caller) -> None:
    """A fare of 800 with 2,000 points: 18.75 are deferred; the rest is provided for."""
    club = {"programme": "p-value", "name": "The Club", "currencies": [STARS]}
    opened = caller.post("/programmes", {**club, "time": "2025-01-01T00:00:00Z"})
    assert opened.status_code == 201, opened.text
    account = {
        "programme": "p-value", "points_currency": "stars", "time": "2025-02-01T00:00:00Z",
    }  # fmt: skip
    [event] = caller.post("/accounts", account).json()["events"]
    account_id = event["event"]["data"]["account_id"]
    bought = {
        "specversion": "1.0", "id": "fare", "source": "/till", "type": "purchase.recorded.v1",
        "time": "2025-03-01T10:00:00Z",
        "data": {"purchase_id": "fare", "account_id": account_id, "currency": "EUR", "net": 80_000},
    }  # fmt: skip
    told = caller.post("/events", bought, headers={"Content-Type": "application/cloudevents+json"})
    assert told.status_code < 300, told.text
    time = {"time": "2025-03-01T10:00:00Z"}
    path = f"/accounts/{account_id}/awards"
    award = caller.post(path, {"points": 2_000, "purchase_id": "fare", **time})
    assert award.status_code == 201, award.text
    given = caller.post(path, {"points": 100, "reason": "hello", **time})
    position = given.headers["Ledger-Position"]

    def amounts(**params: Any) -> dict[str, int]:
        answer = caller.get("/programmes/p-value/liability", **params)
        assert answer.status_code == 200, answer.text
        return {one["kind"]: one["amount"] for one in answer.json()["liabilities"]}

    now = {"contract_liability": 1_875, "cost_provision": 40}
    assert amounts(min_position=position) == now
    assert amounts(as_of="2025-04-01T00:00:00Z") == now
    assert amounts(as_of="2025-03-01T00:00:00Z") == {}
    assert amounts(campaign_id="c-none") == {"contract_liability": 0, "cost_provision": 0}
    [mine, _] = caller.get("/programmes/p-value/liability").json()["liabilities"]
    [vintage] = mine["vintages"]
    assert (vintage["vintage"], vintage["outstanding"], vintage["closed"]) == (
        "2025-03", 2_000, False,
    )  # fmt: skip
    assert mine["redemption"]["basis"] == "stated"
    tested = caller.get("/programmes/p-value/liability/back-test").json()
    assert [one["vintages"] for one in tested["tests"]] == [[], []]
    assert caller.get("/programmes/p-none/liability").status_code == 404
    assert caller.get("/programmes/p-none/liability/back-test").status_code == 404
