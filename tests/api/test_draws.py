"""Draws over HTTP: published, opened, entered, fixed, and read."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Caller

RULES = {
    "rules_version": 1, "digest": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    "language": "fr", "jurisdiction": "FR", "free_entry": "a card",
    "prizes": [{"name": "A bike", "value": 50_000, "currency": "EUR"}],
}  # fmt: skip


def decided(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    """Ask for a decision that is taken; its first event."""
    answer = caller.post(path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["events"][0]["event"]["data"]


def refused(caller: Caller, path: str, body: dict[str, Any]) -> str:
    """Ask for a decision that is refused; by which rule."""
    answer = caller.post(path, body)
    assert answer.status_code == 409, answer.text
    return str(answer.json()["type"]).removeprefix("/problems/")


def test_a_draw_is_held_over_http(caller: Caller) -> None:
    """Each step has an address, and a reader sees how far it is."""
    starts = "2026-01-01T00:00:00Z"
    campaign = {"campaign_id": "c-d", "name": "D", "currency": "EUR", "starts": starts}
    decided(caller, "/campaigns", campaign)
    decided(caller, "/campaigns/c-d/activations", {"activation_id": "n-d", "kind": "game"})
    decided(caller, "/activations/n-d/rules", RULES)
    opening = {
        "draw_id": "d-1", "activation_id": "n-d", "campaign_id": "c-d", "rules_version": 1,
        "opens": starts, "closes": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    opened = decided(caller, "/draws", opening)
    assert opened["rules_digest"] == RULES["digest"]
    assert refused(caller, "/draws", opening) == "draw-already-opened"
    member = decided(caller, "/members", {})["member_id"]
    card = {"member_id": member, "route": "post", "time": "2026-01-01T12:00:00Z"}
    decided(caller, "/draws/d-1/entries", card)
    commitment = {"result": {"name": "Loto", "form": "dashes", "due": "2030-01-01T00:00:00Z"}}
    assert refused(caller, "/draws/d-1/commitment", commitment) == "draw-not-closed"
    decided(caller, "/draws/d-1/closing", {})
    assert refused(caller, "/draws/d-1/entries", card) == "draw-is-closed"
    committed = decided(caller, "/draws/d-1/commitment", commitment)
    assert (committed["entries"], committed["tickets"]) == (1, 1)
    assert refused(caller, "/draws/d-1/value", {"result": "1-2-3"}) == "value-not-due"
    assert refused(caller, "/draws/d-1/winners", {}) == "value-missing"
    assert refused(caller, "/draws/d-1/places/1/claim", {}) == "place-not-won"
    answer = caller.post("/draws/d-1/cancellation", {"reason": "storm"})
    position = answer.headers["Ledger-Position"]
    shown = caller.get("/draws/d-1", min_position=position).json()
    assert (shown["step"], shown["cancelled_because"]) == ("cancelled", "storm")
    assert shown["commitment"]["root"] == committed["root"]
    listed = caller.get("/draws", limit=1).json()
    assert [one["draw_id"] for one in listed["draws"]] == ["d-1"]
    assert listed["next"] is None
    assert caller.get("/draws/none").status_code == 404
