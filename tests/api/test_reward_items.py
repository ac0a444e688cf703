"""The reward catalogue over HTTP: having an item, its code, using it, and being forgotten."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Caller, House
from tests.api.test_positions import made


def listed(caller: Any, **terms: Any) -> str:
    """The id of a new item."""
    said = {"name": "Mug", "kind": "gift", **terms}
    return str(made(caller, "/items", {"terms": said}, "item_id"))


def decided(answer: Any) -> dict[str, Any]:
    """The last event that a command brought about, and the position."""
    assert answer.status_code == 201, answer.text
    said = answer.json()
    return {**said["events"][-1]["event"]["data"], "position": said["position"]}


@pytest.fixture
def member_id(caller: Any) -> str:
    """A new member."""
    return str(made(caller, "/members", {}, "member_id"))


def test_an_item_from_the_shelf_to_its_use(caller: Any, member_id: str) -> None:
    """What is left, what a member has, and its state, at every step."""
    item = listed(caller, stocked=True, cost={"amount": 450, "currency": "EUR"}, reward_days=30)
    decided(caller.post(f"/items/{item}/supplies", {"pieces": 3}))
    granted = decided(caller.post(f"/items/{item}/redemptions", {"member_id": member_id}))
    kept = decided(
        caller.post(
            f"/items/{item}/reservations",
            {"member_id": member_id, "until": f"{granted['valid_until'][:10]}T00:00:00Z"},
        )
    )
    entry = caller.get(f"/items/{item}", min_position=kept["position"]).json()
    assert entry["stock"] == {"supplied": 3, "granted": 1, "kept": 1, "left": 1}
    assert entry["cost"] == [{"amount": 450, "currency": "EUR"}]
    assert entry["offered"] is True
    decided(caller.post(f"/rewards/{kept['reward_id']}/confirmation"))
    used = decided(caller.post(f"/rewards/{granted['reward_id']}/redemption", {"store_id": "s1"}))
    again = caller.post(f"/rewards/{granted['reward_id']}/redemption")
    assert again.json()["type"] == "/problems/reward-already-redeemed"
    rewards = caller.get(f"/members/{member_id}/rewards", min_position=used["position"]).json()
    states = {one["reward_id"]: one["state"] for one in rewards["rewards"]}
    assert states == {granted["reward_id"]: "used", kept["reward_id"]: "usable"}
    later = caller.get(f"/rewards/{kept['reward_id']}", at="2190-01-01T00:00:00Z").json()
    assert later["state"] == "expired"
    entry = caller.get(f"/items/{item}").json()
    assert (entry["granted"], entry["used"], entry["uses"]) == (2, 1, 1)
    gone = decided(caller.post(f"/rewards/{kept['reward_id']}/withdrawal", {"reason": "late"}))
    entry = caller.get(f"/items/{item}", min_position=gone["position"]).json()
    assert entry["stock"] == {"supplied": 3, "granted": 1, "kept": 0, "left": 2}
    before = caller.get(f"/items/{item}", as_of=entry["listed_at"])
    assert before.status_code == 404


def test_the_catalogue_is_listed_in_pages(caller: Any) -> None:
    """Each item once."""
    ids = {listed(caller) for _ in range(3)}
    found: list[str] = []
    page: dict[str, Any] = {"next": None}
    head = caller.get("/events", limit=1).headers["Ledger-Position"]
    while page["next"] or not found:
        more = {"cursor": page["next"]} if page["next"] else {}
        page = caller.get("/items", limit=2, min_position=head, **more).json()
        found += [one["item_id"] for one in page["items"]]
    assert ids <= set(found)
    assert len(found) == len(set(found))


def test_a_code_is_shown_to_who_may_see_it_and_found_by_who_takes_it(
    house: House, caller: Any, member_id: str
) -> None:
    """Whoever shows it, in whatever spelling; whoever looks is written down."""
    item = listed(caller, kind="voucher", coded=True)
    code = f"SPRING-{uuid4().hex[:12].upper()}"
    supplied = caller.post(f"/items/{item}/codes", {"codes": [code, code.lower()]})
    assert supplied.json() == {"supplied": 1, "known": 1}
    again = caller.post(f"/items/{item}/codes", {"codes": [code]})
    assert again.json() == {"supplied": 0, "known": 1}
    granted = decided(caller.post(f"/items/{item}/redemptions", {"member_id": member_id}))
    assert granted["code"] == code
    path, position = f"/members/{member_id}/rewards", granted["position"]
    [mine] = caller.get(path, min_position=position).json()["rewards"]
    assert mine["code"] == code
    [sealed] = Caller(house, "read").get(path).json()["rewards"]
    assert sealed["code"].startswith("sealed|code.supplied.v1|code|voucher:")
    assert caller.get(f"/rewards/{mine['reward_id']}").json()["code"] == code
    accesses = caller.get("/accesses", subject=f"member:{member_id}").json()["reads"]
    assert {one["operation"] for one in accesses} >= {"list_rewards", "read_reward"}
    till = Caller(house, "read", "command")
    found = till.post("/codes/lookup", {"code": code.lower().replace("-", " ")}).json()
    assert [one["reward_id"] for one in found["rewards"]] == [mine["reward_id"]]
    decided(till.post(f"/rewards/{mine['reward_id']}/redemption"))
    unknown = till.post("/codes/lookup", {"code": "SPRING-X"})
    assert unknown.json()["type"] == "/problems/no-such-code"
    entry = caller.get(f"/items/{item}", min_position=position).json()
    assert entry["codes"] == {"supplied": 1, "granted": 1, "kept": 0, "left": 0}


def test_codes_are_made_here_and_never_stand_in_the_log(
    house: House, caller: Any, member_id: str
) -> None:
    """Sixteen signs of base 32; the bytes of the log hold none of them."""
    item = listed(caller, kind="voucher", coded=True)
    made_ = caller.post(f"/items/{item}/codes", {"generate": 20})
    assert made_.json() == {"supplied": 20, "known": 0}
    codes = set()
    for _ in range(20):
        granted = decided(caller.post(f"/items/{item}/redemptions", {"member_id": member_id}))
        codes.add(granted["code"])
    assert len(codes) == 20
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    ledger = house.database.open("brand")
    try:
        log = b"".join(entry for page in ledger.log.pages(0, 10**6) for _, entry in page)
    finally:
        ledger.close()
    assert b"code.supplied.v1" in log
    for code in codes:
        assert code.encode() not in log
        assert code.replace("-", "").lower().encode() not in log.lower()


def test_an_erasure_takes_a_members_codes_and_leaves_the_sums(caller: Any, member_id: str) -> None:
    """Nobody opens their own code any more, or finds them by it; a shared one stays good."""
    own, shared = (listed(caller, kind="voucher", coded=True) for _ in range(2))
    secret, public = (f"K{uuid4().hex[:14].upper()}" for _ in range(2))
    caller.post(f"/items/{own}/codes", {"codes": [secret]})
    caller.post(f"/items/{shared}/codes", {"codes": [public], "grants_max": 5})
    for item in (own, shared):
        granted = decided(caller.post(f"/items/{item}/redemptions", {"member_id": member_id}))
    copy = caller.get(f"/members/{member_id}/copy", min_position=granted["position"]).text
    assert secret in copy
    erased = decided(caller.post(f"/members/{member_id}/erasure"))
    path = f"/members/{member_id}/rewards"
    rewards = caller.get(path, min_position=erased["position"]).json()["rewards"]
    assert {one["item_id"]: one["code"] for one in rewards} == {own: None, shared: public}
    assert caller.post("/codes/lookup", {"code": secret}).status_code == 404
    assert caller.post("/codes/lookup", {"code": public}).status_code == 200
    assert caller.get(f"/items/{own}").json()["granted"] == 1
