"""Explanations over HTTP: of a balance, a campaign, a consent; by page, with proofs on demand."""

from __future__ import annotations

from typing import Any

import pytest

from store.log_keys import LogKeys
from tests.api.conftest import Caller, House

KEYS = LogKeys([b"one key".ljust(32)])


def made(caller: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a command answered."""
    answer = caller.post(path, body)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def account(caller: Caller) -> str:
    """An account with three awards."""
    opened = made(caller, "/accounts", {"programme": "club", "points_currency": "pts"})
    account_id: str = opened["events"][0]["event"]["data"]["account_id"]
    for points in (50, 20, 7):
        made(caller, f"/accounts/{account_id}/awards", {"points": points, "reason": "hello"})
    return account_id


def test_a_balance_is_explained_page_by_page(caller: Caller, account: str) -> None:
    """The changes of all pages add up, and each step says its event."""
    path = f"/explanations/account/{account}"
    changes: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = caller.get(path, figure="active", limit=2, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        changes += [change["change"] for step in page["steps"] for change in step["changes"]]
        assert len(page["words"]) == len(page["steps"]) + (not cursor)
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert changes == [50, 20, 7]
    [figure] = page["figures"]
    assert (figure["value"], figure["arithmetic"]) == (77, "50 + 20 + 7 = 77")
    position = answer.headers["Ledger-Position"]
    balance = caller.get(f"/accounts/{account}/balance", min_position=position).json()
    assert balance["active"] == figure["value"]
    assert caller.get(path, figure="actives").json()["type"] == "/problems/no-such-figure"
    absent = caller.get("/explanations/account/nobody")
    assert (absent.status_code, absent.json()["type"]) == (404, "/problems/nothing-to-explain")
    assert caller.get("/explanations/tree/t1").status_code == 400


def test_proofs_come_on_demand(caller: Caller, house: House, account: str) -> None:
    """Each event that is sealed comes with what proves that it is in the signed log."""
    path = f"/explanations/account/{account}"
    assert all(one.get("proof") is None for one in caller.get(path).json()["steps"])
    ledger = house.database.open("brand")
    ledger.tree.grow(KEYS)
    ledger.close()
    for step in caller.get(path, proofs=True).json()["steps"]:
        lines = step["proof"].splitlines()
        assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {step['position'] - 1}"]


def test_a_consent_and_a_campaign_are_explained(caller: Caller) -> None:
    """By who said what, and by what was spent."""
    member = made(caller, "/members", {})["events"][0]["event"]["data"]["member_id"]
    said = {
        "specversion": "1.0", "id": "c-1", "source": "/crm", "type": "consent.granted.v1",
        "time": "2026-02-01T00:00:00Z",
        "data": {"member_id": member, "purpose": "marketing", "channel": "email"},
    }  # fmt: skip
    headers = {"Content-Type": "application/cloudevents+json"}
    assert caller.post("/events", said, headers=headers).status_code == 201
    found = caller.get(f"/explanations/member/{member}", figure="consents").json()
    assert [step["type"] for step in found["steps"]] == ["consent.granted.v1"]
    granted = {one["figure"]: one["value"] for one in found["figures"]}
    assert granted["consents[marketing/email].granted"] is True
    plan = {"name": "Summer", "starts": "2026-06-01T00:00:00Z", "currency": "EUR"}
    campaign = made(caller, "/campaigns", plan)["events"][0]["event"]["data"]["campaign_id"]
    cost = {
        **said, "id": "k-1", "type": "cost.recorded.v1",
        "data": {
            "campaign_id": campaign, "kind": "media", "cost": {"amount": 900, "currency": "EUR"},
        },
    }  # fmt: skip
    recorded = caller.post("/events", cost, headers=headers).json()
    found = caller.get(f"/explanations/campaign/{campaign}", figure="full_cost").json()
    assert [(step["position"], step["changes"]) for step in found["steps"]] == [
        (recorded["position"], [{"figure": "full_cost.EUR", "change": 900, "value": 900}])
    ]
