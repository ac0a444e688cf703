"""Many who spend the points of one account at once: exactly what there is can be spent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.test_positions import made

PATH = "/v1/brand"
CALLERS = 50


def spent(
    address: str, headers: dict[str, str], account_id: str, each: int
) -> list[httpx.Response]:
    """Redeem from fifty threads that start together, each over its own connection."""
    start = threading.Barrier(CALLERS)

    def redeem(_: int) -> httpx.Response:
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            start.wait(30)
            path = f"{PATH}/accounts/{account_id}/redemptions"
            return client.post(path, json={"points": each})

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(redeem, range(CALLERS)))


@pytest.mark.parametrize("each, successes", [(10, 10), (30, 3), (100, 1), (101, 0), (2, 50)])
def test_fifty_at_once(server: str, caller: Any, each: int, successes: int) -> None:
    """Of fifty redemptions of one account of 100 points, as many succeed as 100 points allow."""
    account_id = made(caller, "/accounts", {"programme": "p", "points_currency": "c"}, "account_id")
    made(caller, f"/accounts/{account_id}/awards", {"points": 100, "reason": "x"}, "lot_id")
    answers = spent(server, caller.headers, account_id, each)

    accepted = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(accepted) == successes
    for answer in refused:
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/not-enough-points"

    # The log says the same, and so does the balance.
    events = caller.get("/events", tag=f"account:{account_id}").json()["events"]
    redeemed = [one for one in events if one["event"]["type"] == "points.redeemed.v1"]
    positions = sorted(one["position"] for one in redeemed)
    assert positions == sorted(answer.json()["position"] for answer in accepted)
    lots = [lot for one in redeemed for lot in one["event"]["data"]["lots"]]
    assert sum(lot["points"] for lot in lots) == each * successes
    balance = caller.get(
        f"/accounts/{account_id}/balance", min_position=events[-1]["position"]
    ).json()
    assert balance["spendable"] == balance["active"] == 100 - each * successes
    assert balance["spent"] == each * successes
    assert balance["issued"] == 100
    statement = caller.get(
        f"/accounts/{account_id}/statement", min_position=events[-1]["position"]
    ).json()["lines"]
    assert len(statement) == 1 + successes
    assert statement[-1]["balance"] == 100 - each * successes
