"""Programmes over HTTP: opened, amended, read as of an instant; what they say of points holds."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Caller, House

STARS: dict[str, Any] = {
    "points_currency": "stars",
    "expiry": {"kind": "end_of_year", "months": 12},
    "approval_above_points": 100,
    "activation": {"awaits": "stay-completed"},
}


def opened(caller: Caller, programme: str) -> str:
    """Open a programme and an account in it; the account's id."""
    body = {"programme": programme, "name": "The Club", "currencies": [STARS]}
    assert caller.post("/programmes", {**body, "time": "2025-01-01T00:00:00Z"}).status_code == 201
    answer = caller.post("/accounts", {"programme": programme, "points_currency": "stars"})
    return str(answer.json()["events"][0]["event"]["data"]["account_id"])


def test_a_programme_is_read_as_of_an_instant(caller: Caller) -> None:
    """Its terms then, and every version of them."""
    opened(caller, "p-read")
    amendment = {"currencies": [{"points_currency": "stars"}], "time": "2025-06-01T00:00:00Z"}
    answer = caller.post("/programmes/p-read/amendments", amendment)
    assert answer.status_code == 201, answer.text
    position = answer.headers["Ledger-Position"]
    then = caller.get("/programmes/p-read", at="2025-03-01T00:00:00Z", min_position=position)
    assert then.json()["terms"]["currencies"] == [{**STARS}]
    now = caller.get("/programmes/p-read").json()
    assert now["terms"]["currencies"] == [{"points_currency": "stars"}]
    assert now["terms"]["time_zone"] == "Europe/Paris"
    assert len(now["versions"]) == 2
    before = caller.get("/programmes/p-read", at="2024-03-01T00:00:00Z").json()
    assert before["terms"] is None
    listed = caller.get("/programmes").json()["programmes"]
    assert "p-read" in [one["programme"] for one in listed]
    assert caller.get("/programmes/none").status_code == 404


def test_only_an_administrator_changes_terms(house: House) -> None:
    """They decide what every later point is worth."""
    caller = Caller(house, "command", "read")
    body = {"programme": "p-no", "name": "No", "currencies": [STARS]}
    assert caller.post("/programmes", body).status_code == 403


def test_points_are_given_activated_and_adjusted_by_its_terms(caller: Caller, house: House) -> None:
    """An award pends until what it awaits happens; a large correction takes two keys."""
    account = opened(caller, "p-points")
    path = f"/accounts/{account}"
    award = caller.post(f"{path}/awards", {"points": 50, "reason": "hello"}).json()["events"][0]
    assert award["event"]["data"]["awaits"] == "stay-completed"
    assert award["event"]["data"]["expires_at"].endswith("-01-01T00:00:00+01:00")
    refused = caller.post(f"{path}/redemptions", {"points": 50})
    assert refused.json()["type"] == "/problems/not-enough-points"
    answer = caller.post(f"{path}/activations", {"awaited": "stay-completed"})
    assert answer.status_code == 201, answer.text
    assert caller.post(f"{path}/redemptions", {"points": 50}).status_code == 201
    large = {"direction": "credit", "points": 500, "reason": "sorry"}
    refused = caller.post(f"{path}/adjustments", large)
    assert refused.json()["type"] == "/problems/approval-needed"
    proposed = caller.post(f"{path}/adjustments/proposals", large).json()["events"][0]["event"][
        "data"
    ]
    approval = f"{path}/adjustments/{proposed['adjustment_id']}/approval"
    assert caller.post(approval).json()["type"] == "/problems/approver-is-author"
    other = Caller(house, "command", "read")
    answer = other.post(approval)
    assert answer.status_code == 201, answer.text
    balance = caller.get(f"{path}/balance", min_position=answer.headers["Ledger-Position"]).json()
    assert (balance["active"], balance["spent"]) == (500, 50)
    rejection = f"{path}/adjustments/{proposed['adjustment_id']}/rejection"
    assert other.post(rejection).json()["type"] == "/problems/adjustment-settled"
    nothing = caller.post(f"{path}/bookings")
    assert nothing.json()["type"] == "/problems/nothing-is-due"


def test_the_books_are_read_at_any_position(caller: Caller) -> None:
    """What every event posted, and the trial balance then and now."""
    account = opened(caller, "p-books")
    path = f"/accounts/{account}"
    for points in (50, 30):
        award = {"points": points, "reason": "x", "available_from": "2025-01-01T00:00:00Z"}
        answer = caller.post(f"{path}/awards", award)
        assert answer.status_code == 201, answer.text
    position = answer.headers["Ledger-Position"]
    first = caller.get(f"{path}/journal", limit=1, min_position=position).json()
    assert first["entries"][0]["postings"] == {"issued": -50, "wallets": 50}
    rest = caller.get(f"{path}/journal", limit=5, cursor=first["next"]).json()
    assert [entry["postings"]["wallets"] for entry in rest["entries"]] == [30]
    assert rest["next"] is None

    def wallets(**params: Any) -> int:
        found = caller.get("/journal/trial-balance", **params).json()["currencies"]
        [mine] = [one for one in found if one["programme"] == "p-books"]
        assert mine["sum"] == 0
        return int(mine["wallets"])

    head = int(position.partition(".")[2])
    assert (wallets(), wallets(position=head), wallets(position=head - 1)) == (80, 80, 50)


def test_a_members_tier_is_read_and_explained(caller: Caller) -> None:
    """At any instant, with what is missing, what keeps it, and the events behind it."""
    tiers = {
        "measure": "points", "points_currency": "status", "period": "year",
        "tiers": [
            {"tier": "silver", "threshold": 100},
            {"tier": "gold", "threshold": 300, "benefits": [{"benefit": "lounge"}]},
        ],
    }  # fmt: skip
    status = {"points_currency": "status", "spendable": False}
    body = {
        "programme": "p-tiers", "name": "Tiers", "currencies": [STARS, status], "tiers": tiers,
        "time": "2025-01-01T00:00:00Z",
    }  # fmt: skip
    assert caller.post("/programmes", body).status_code == 201
    member = caller.post("/members", {"time": "2025-02-01T00:00:00Z"}).json()
    member_id = member["events"][0]["event"]["data"]["member_id"]
    opening = {"programme": "p-tiers", "points_currency": "status", "holders": [member_id]}
    account = caller.post("/accounts", {**opening, "time": "2025-02-01T00:00:00Z"}).json()
    account_id = account["events"][0]["event"]["data"]["account_id"]
    for points, day in ((120, "2025-03-01"), (200, "2025-04-01")):
        award = {"points": points, "reason": "x", "time": f"{day}T00:00:00Z"}
        answer = caller.post(f"/accounts/{account_id}/awards", award)
        assert answer.status_code == 201, answer.text
    position = answer.headers["Ledger-Position"]
    path = f"/members/{member_id}/tiers"
    read = caller.get(path, at="2025-05-01T00:00:00Z", min_position=position)
    assert read.status_code == 200, read.text
    [found] = read.json()["programmes"]
    assert (found["tier"], found["amount"], found["unit"]) == ("gold", 320, "status")
    assert found["held_until"] == "2027-01-01T00:00:00+01:00"
    assert found["benefits"] == [{"benefit": "lounge"}]
    [then] = caller.get(path, as_of="2025-03-15T00:00:00Z").json()["programmes"]
    assert (then["tier"], then["next"]["missing"]) == ("silver", 180)
    [later] = caller.get(path, at="2027-06-01T00:00:00Z").json()["programmes"]
    assert [one["tier"] for one in later["history"]] == ["silver", "gold", None]
    why = caller.get(
        f"/explanations/tier/{member_id}", figure="programmes[p-tiers].amount",
        at="2025-05-01T00:00:00Z",
    ).json()  # fmt: skip
    assert why["figures"][0]["arithmetic"] == "120 + 200 = 320"
    [at_home] = caller.get(f"/members/{member_id}/home", at="2025-05-01T00:00:00Z").json()["tiers"]
    assert at_home == found
    assert caller.get("/members/nobody/tiers").status_code == 404
