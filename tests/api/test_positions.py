"""Every answer says which position it reflects, and a read can wait for one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from api.limits import Limits

READS = [
    "/members/{member_id}", "/members/{member_id}/home", "/members/{member_id}/history",
    "/members?member_id={member_id}", "/accounts/{account_id}/balance",
    "/accounts/{account_id}/statement", "/accounts?account_id={account_id}", "/campaigns",
    "/campaigns/{campaign_id}", "/campaigns/{campaign_id}/returns", "/events", "/events/1",
    "/events/several?position=1",
]  # fmt: skip


def made(caller: Any, path: str, body: dict[str, Any], name: str) -> str:
    """Make something and return its id."""
    answer = caller.post(path, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["events"][0]["event"]["data"][name])


@pytest.fixture(scope="module")
def ids(caller: Any) -> dict[str, str]:
    """A member, an account and a campaign."""
    member_id = made(caller, "/members", {"country": "FR"}, "member_id")
    account = {"programme": "p", "points_currency": "c", "holders": [member_id]}
    plan = {"name": "Spring", "starts": "2026-03-01T00:00:00Z", "currency": "EUR"}
    return {
        "member_id": member_id,
        "account_id": made(caller, "/accounts", account, "account_id"),
        "campaign_id": made(caller, "/campaigns", plan, "campaign_id"),
    }


def with_position(path: str, position: str) -> str:
    """The address with a position to wait for."""
    return f"{path}{'&' if '?' in path else '?'}min_position={position}"


class TestPositions:
    @pytest.mark.parametrize("path", READS)
    def test_own_write_is_seen(self, caller: Any, ids: dict[str, str], path: str) -> None:
        """Given the position of a write, every read reflects it."""
        caller.post(f"/accounts/{ids['account_id']}/awards", {"points": 1, "reason": "x"})
        written = caller.post("/members", {}).headers["ledger-position"]
        answer = caller.get(with_position(path.format(**ids), written))
        assert answer.status_code == 200, answer.text
        read = answer.headers["ledger-position"]
        assert read.split(".")[0] == written.split(".")[0]
        assert int(read.split(".")[1]) >= int(written.split(".")[1])

    def test_balance_right_after_an_award(self, caller: Any, ids: dict[str, str]) -> None:
        """A balance that is asked for with the award's position has the award in it, each time."""
        path = f"/accounts/{ids['account_id']}"
        before = caller.get(f"{path}/balance").json()["issued"]
        for n in range(1, 11):
            award = caller.post(f"{path}/awards", {"points": 10, "reason": "x"})
            position = award.headers["ledger-position"]
            balance = caller.get(with_position(f"{path}/balance", position)).json()
            assert balance["issued"] >= before + 10 * n

    def test_what_was_just_made_is_never_missing(self, caller: Any) -> None:
        """That something is not there is only said as of the end of the log."""
        for _ in range(10):
            member_id = made(caller, "/members", {"country": "FR"}, "member_id")
            assert caller.get(f"/members/{member_id}").status_code == 200

    def test_too_long(self, house: Any, caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A position that does not come in time: 503, and when to come back."""
        at_the_head = with_position("/campaigns", caller.get("/events").headers["ledger-position"])
        assert caller.get(at_the_head).status_code == 200
        monkeypatch.setattr(house.client.app.state, "limits", Limits(wait_seconds=0.5))
        head = int(caller.get("/events").headers["ledger-position"].split(".")[1])
        answer = caller.get(with_position("/campaigns", str(head + 10)))
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/not-yet-reached"
        assert int(answer.headers["retry-after"]) >= 1
        assert "ledger-position" in answer.headers

    def test_waits_for_what_comes(self, caller: Any) -> None:
        """A position that comes while the reader waits is waited for."""
        head = int(caller.get("/events").headers["ledger-position"].split(".")[1])
        timer = threading.Timer(0.1, lambda: caller.post("/members", {}))
        timer.start()
        answer = caller.get(with_position("/members?member_id=m_1", str(head + 1)))
        timer.join()
        assert answer.status_code == 200

    def test_far_ahead(self, caller: Any) -> None:
        """A position that nobody was ever given is refused at once."""
        answer = caller.get(with_position("/campaigns", "999999999"))
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/position-ahead"

    def test_another_epoch(self, caller: Any) -> None:
        """Who holds a position from before a restore is told so."""
        epoch, position = caller.get("/events").headers["ledger-position"].split(".")
        for other in (int(epoch) + 1, int(epoch) - 1):
            answer = caller.get(with_position("/campaigns", f"{other}.{position}"))
            assert answer.status_code == 409
            said = answer.json()
            assert said["type"] == "/problems/epoch-changed"
            assert said["context"]["epoch"] == int(epoch)

    @pytest.mark.parametrize("text", ["", "x", "-1", "1.", ".1", "1.1.1", "9" * 40, "1e3"])
    def test_malformed(self, caller: Any, text: str) -> None:
        """What is no position is refused and named."""
        answer = caller.get("/campaigns", min_position=text)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["parameter"] == "min_position"
