"""A command that is sent again under its key is not decided again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import Caller


class TestIdempotencyKey:
    def test_same_command_again(self, caller: Any) -> None:
        """The first answer comes back, and says that it does."""
        first = caller.post("/members", {"country": "FR"}, key="again-1")
        again = caller.post("/members", {"country": "FR"}, key="again-1")
        assert (first.status_code, again.status_code) == (201, 200)
        assert "idempotency-hit" not in first.headers
        assert again.headers["idempotency-hit"] == "true"
        assert again.json() == first.json() | {"duplicate": True}
        assert again.headers["ledger-position"] == first.headers["ledger-position"]

    def test_another_command(self, caller: Any) -> None:
        """A key that was used for another command is refused, on the same address or another."""
        caller.post("/members", {"country": "FR"}, key="again-2")
        for answer in (
            caller.post("/members", {"country": "BE"}, key="again-2"),
            caller.post("/accounts", {"programme": "p", "points_currency": "c"}, key="again-2"),
        ):
            assert answer.status_code == 409
            assert answer.json()["type"] == "/problems/content-differs"

    def test_another_caller(self, house: Any, caller: Any) -> None:
        """Two callers may choose the same key; neither sees the other's answer."""
        mine = caller.post("/members", {"country": "FR"}, key="again-3")
        theirs = Caller(house).post("/members", {"country": "BE"}, key="again-3")
        assert theirs.status_code == 201
        assert theirs.json()["position"] != mine.json()["position"]

    def test_without_key(self, caller: Any) -> None:
        """Without a key, every request is a command of its own."""
        first, second = (caller.post("/members", {"country": "FR"}) for _ in range(2))
        assert first.json()["position"] != second.json()["position"]

    def test_refused_command_may_succeed_later(self, caller: Any) -> None:
        """A refusal is not remembered: what was impossible may be possible by now."""
        answer = caller.post("/accounts", {"programme": "p", "points_currency": "c"})
        account_id = answer.json()["events"][0]["event"]["data"]["account_id"]
        redeem = {"points": 10}
        refused = caller.post(f"/accounts/{account_id}/redemptions", redeem, key="later")
        assert refused.status_code == 409
        caller.post(f"/accounts/{account_id}/awards", {"points": 10, "reason": "sorry"})
        accepted = caller.post(f"/accounts/{account_id}/redemptions", redeem, key="later")
        assert accepted.status_code == 201

    def test_at_the_same_time(self, caller: Any) -> None:
        """Of many who send the same command under one key at once, one decides it."""
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: caller.post("/members", {}, key="at-once"), range(16))
            )
        assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
        assert len({answer.json()["position"] for answer in answers}) == 1

    @pytest.mark.parametrize("key", ["", "x" * 256, "with space", "\u00e9"])
    def test_malformed_key(self, caller: Any, key: str) -> None:
        """A key has 1 to 255 visible characters."""
        headers = {"Idempotency-Key": key.encode("latin-1")}
        answer = caller.post("/members", {}, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"

    def test_key_is_nowhere(self, caller: Any) -> None:
        """What a caller writes into a key does not reach the log: only its digest does."""
        caller.post("/members", {"country": "FR"}, key="jo@example.org")
        assert "jo@example" not in caller.get("/events/stream").text
