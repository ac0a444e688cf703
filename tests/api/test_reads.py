"""What the reads say: a home page, a balance at an instant, a statement, a campaign's returns."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_events import BATCH, visit
from tests.api.test_positions import made


@pytest.fixture(scope="module")
def ids(caller: Any) -> dict[str, str]:
    """A member with points that expire, in a campaign that cost something."""
    plan = {"name": "Summer", "starts": "2026-01-01T00:00:00+01:00", "currency": "EUR"}
    campaign_id = made(caller, "/campaigns", plan, "campaign_id")
    enrol = {"campaign_id": campaign_id, "country": "FR", "time": "2026-01-10T10:00:00+01:00"}
    member_id = made(caller, "/members", enrol, "member_id")
    account = {"programme": "club", "points_currency": "stars", "holders": [member_id]}
    account_id = made(caller, "/accounts", account, "account_id")
    for points, expires in ((100, "2027-01-01T00:00:00Z"), (50, "2026-12-31T00:00:00Z")):
        award = {
            "points": points, "reason": "welcome", "member_id": member_id,
            "time": "2026-01-10T10:00:00Z", "expires_at": expires,
        }  # fmt: skip
        made(caller, f"/accounts/{account_id}/awards", award, "lot_id")
    cost = visit("cost-1", type="cost.recorded.v1")
    cost["data"] = {
        "campaign_id": campaign_id, "kind": "media", "status": "actual",
        "cost": {"amount": 12_345, "currency": "EUR", "net": 12_345},
    }  # fmt: skip
    events = [cost, visit("home-1", member=member_id)]
    answer = caller.post("/events", events, headers=BATCH)
    assert answer.json()["recorded"] == 2, answer.text
    position = answer.headers["ledger-position"]
    for path in (f"/members/{member_id}/home", "/campaigns", f"/accounts/{account_id}/statement"):
        assert caller.get(path, min_position=position).status_code == 200
    return {"member_id": member_id, "account_id": account_id, "campaign_id": campaign_id}


class TestMembers:
    def test_home(self, caller: Any, ids: dict[str, str]) -> None:
        """Profile, balances and the points that expire first, in one call."""
        home = caller.get(f"/members/{ids['member_id']}/home", at="2026-06-01T00:00:00Z").json()
        assert home["profile"]["member_id"] == ids["member_id"]
        assert home["profile"]["enrolment"]["country"] == "FR"
        [balance] = home["balances"]
        assert balance["active"] == 150
        assert home["next_expiry"] == {"at": "2026-12-31T00:00:00Z", "points": 50}

    def test_history(self, caller: Any, ids: dict[str, str]) -> None:
        """What speaks of a member, newest first; what was taken back says so."""
        path = f"/members/{ids['member_id']}/history"
        shared = visit("to-void", type="visit.recorded.v1", member=ids["member_id"])
        position = caller.post("/events", shared).json()["position"]
        assert caller.get(path).json()["events"][0]["voided"] is False
        caller.post(f"/events/{position}/voiding", {"reason": "wrong"})
        events = caller.get(path).json()["events"]
        assert {one["position"]: one["voided"] for one in events}[position] is True
        positions = [one["position"] for one in events]
        assert positions == sorted(positions, reverse=True)

    def test_several(self, caller: Any, ids: dict[str, str]) -> None:
        """Several profiles in one call, and which are missing."""
        answer = caller.get("/members", member_id=[ids["member_id"], "m_none"]).json()
        assert [one["member_id"] for one in answer["members"]] == [ids["member_id"]]
        assert answer["missing"] == ["m_none"]

    def test_unknown(self, caller: Any) -> None:
        """Nobody is there under an unknown id."""
        for path in ("", "/home", "/history"):
            answer = caller.get(f"/members/m_none{path}")
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems/no-such-member"


class TestAccounts:
    @pytest.mark.parametrize(
        "at, active, expired",
        [
            ("2026-06-01T00:00:00Z", 150, 0),
            ("2026-12-31T00:00:00Z", 100, 50),
            ("2027-06-01T00:00:00+02:00", 0, 150),
        ],
    )
    def test_balance_at_an_instant(
        self, caller: Any, ids: dict[str, str], at: str, active: int, expired: int
    ) -> None:
        """A balance is computed for the instant that is stated."""
        balance = caller.get(f"/accounts/{ids['account_id']}/balance", at=at).json()
        assert (balance["active"], balance["expired"]) == (active, expired)
        assert balance["issued"] == 150

    def test_several(self, caller: Any, ids: dict[str, str]) -> None:
        """Several balances in one call, and which are missing."""
        answer = caller.get("/accounts", account_id=["a_none", ids["account_id"]]).json()
        assert [one["account_id"] for one in answer["balances"]] == [ids["account_id"]]
        assert answer["missing"] == ["a_none"]

    def test_statement(self, caller: Any, ids: dict[str, str]) -> None:
        """Every movement with its running balance."""
        lines = caller.get(f"/accounts/{ids['account_id']}/statement").json()["lines"]
        assert [(line["points"], line["balance"]) for line in lines] == [(100, 100), (50, 150)]

    def test_unknown(self, caller: Any) -> None:
        """Nothing is there under an unknown id."""
        for path in ("balance", "statement"):
            answer = caller.get(f"/accounts/a_none/{path}")
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems/no-such-account"


class TestCampaigns:
    def test_one_and_all(self, caller: Any, ids: dict[str, str]) -> None:
        """A campaign as planned, alone and in the list."""
        one = caller.get(f"/campaigns/{ids['campaign_id']}").json()
        assert one["name"] == "Summer"
        assert one in caller.get("/campaigns").json()["campaigns"]

    def test_returns(self, caller: Any, ids: dict[str, str]) -> None:
        """What it cost and whom it brought."""
        returns = caller.get(f"/campaigns/{ids['campaign_id']}/returns").json()
        assert returns["full_cost"] == {"EUR": 12_345}
        assert returns["people"]["enrolments"] == 1

    def test_unknown(self, caller: Any) -> None:
        """Nothing is there under an unknown id."""
        for path in ("", "/returns"):
            answer = caller.get(f"/campaigns/c_none{path}")
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems/no-such-campaign"
