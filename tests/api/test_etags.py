"""Who has the newest answer already is told so, in a few bytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller
from tests.api.test_positions import made


@pytest.fixture(scope="module")
def ids(caller: Any) -> dict[str, str]:
    """A member and an account."""
    member_id = made(caller, "/members", {"country": "FR"}, "member_id")
    account = {"programme": "p", "points_currency": "c", "holders": [member_id]}
    account_id = made(caller, "/accounts", account, "account_id")
    head = caller.get("/events").headers["ledger-position"]
    for path in (f"/members/{member_id}/home", f"/accounts/{account_id}/balance"):
        assert caller.get(path, min_position=head).status_code == 200
    return {"member_id": member_id, "account_id": account_id}


PATHS = ["/members/{member_id}", "/members/{member_id}/home", "/accounts/{account_id}/balance",
         "/accounts?account_id={account_id}", "/events/1"]  # fmt: skip


class TestEntityTags:
    @pytest.mark.parametrize("path", PATHS)
    def test_unchanged(self, caller: Any, ids: dict[str, str], path: str) -> None:
        """An answer that has not changed is not sent again, even if its instant is another."""
        path = path.format(**ids)
        first = caller.get(path)
        assert first.status_code == 200
        again = caller.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
        assert "ledger-position" in again.headers

    def test_changed(self, caller: Any, ids: dict[str, str]) -> None:
        """An answer that has changed comes back whole, with another tag."""
        path = f"/accounts/{ids['account_id']}"
        tag = caller.get(f"{path}/balance").headers["etag"]
        award = caller.post(f"{path}/awards", {"points": 1, "reason": "x"})
        answer = caller.get(
            f"{path}/balance", min_position=award.headers["ledger-position"],
            headers={"If-None-Match": tag},
        )  # fmt: skip
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag

    @pytest.mark.parametrize("form", ["*", 'W/"other", {tag}', "{tag}, x"])
    def test_forms(self, caller: Any, form: str) -> None:
        """Several tags, weak ones and the star are understood."""
        tag = caller.get("/events/1").headers["etag"]
        headers = {"If-None-Match": form.replace("{tag}", tag)}
        assert caller.get("/events/1", headers=headers).status_code == 304

    def test_other_rights_other_tag(self, house: Any, caller: Any, ids: dict[str, str]) -> None:
        """A tag never tells one who may see less that an answer with more in it is the same."""
        identity = {"kind": "email", "value": "tag@example.org", "exclusive": True}
        written = caller.post(f"/members/{ids['member_id']}/identities", identity)
        position = written.headers["ledger-position"]
        path = f"/members/{ids['member_id']}"
        clear = caller.get(path, min_position=position)
        sealed = Caller(house, "read").get(path, headers={"If-None-Match": clear.headers["etag"]})
        assert sealed.status_code == 200
        assert clear.headers["vary"] == "Authorization"
        assert "private" in clear.headers["cache-control"]
