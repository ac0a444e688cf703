"""Rules over HTTP: published, read, awarding, explained, and asked in advance."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller, purchase
from tests.api.test_positions import made

TERMS: dict[str, Any] = {
    "programme": "club",
    "points_currency": "stars",
    "trigger": "purchase.recorded",
    "kind": "per_event",
    "condition": "event.net >= 1000",
    "points": "10",
    "valid_from": "2020-01-01T00:00:00Z",
}


def bought(id_: str, member_id: str, net: int, time: str = "2026-01-01T00:00:00Z") -> Any:
    """A purchase of a member, as a till reports it."""
    event = purchase(id_, net)
    event["data"]["member_id"] = member_id
    return event | {"time": time}


@pytest.fixture
def member(caller: Caller) -> str:
    """A member with an account in stars."""
    member_id = made(caller, "/members", {}, "member_id")
    said = {"programme": "club", "points_currency": "stars", "holders": [member_id]}
    made(caller, "/accounts", said, "account_id")
    return member_id


def of(rule_id: str, explained: Any) -> list[Any]:
    """What is said of one rule."""
    return [one for one in explained["findings"] if one["rule_id"] == rule_id]


def reported(caller: Caller, event: Any) -> int:
    """Where an event stands that is reported."""
    headers = {"Content-Type": "application/cloudevents+json"}
    answer = caller.post("/events", event, headers=headers)
    assert answer.status_code == 201, answer.text
    position: int = answer.json()["position"]
    return position


def judged(caller: Caller, position: int) -> Any:
    """What each rule found of the event at a position, and what it earned."""
    return caller.get(f"/explanations/event/{position}").json()["judged"]


def test_a_rule_from_its_publication_to_its_end(caller: Caller, member: str) -> None:
    """Each purchase is judged by what was in force when it happened, and says why."""
    published = caller.post("/rules", {"rule_id": "spend", "terms": TERMS})
    assert published.status_code == 201, published.text
    enough = reported(caller, bought("b1", member, 1_000))
    less = reported(caller, bought("b2", member, 999))

    explained = judged(caller, enough)
    [found] = of("spend", explained)
    assert (found["rule_id"], found["rule_version"], found["reason"]) == ("spend", 1, "awarded")
    assert (found["points"], found["member_id"]) == (10, member)
    found_at = [caller.get(f"/events/{award}").json() for award in explained["awards"]]
    events = [one["event"] | {"position": one["position"]} for one in found_at]
    assert "spend" in {event["data"]["rule_id"] for event in events}
    assert {(one["type"], one["cause"]) for one in events} == {("points.earned.v1", str(enough))}
    [found] = of("spend", judged(caller, less))
    assert (found["reason"], found["detail"]) == ("condition", "not true: event.net >= 1000")

    figure = f"points[spend/{member}]"
    why = caller.get(f"/explanations/event/{enough}", figure=figure, proofs=True).json()
    [given] = why["figures"]
    assert (given["value"], given["arithmetic"]) == (10, "10 = 10 (version 1: awarded)")
    [spent] = [one["position"] for one in events if one["data"]["rule_id"] == "spend"]
    assert [step["position"] for step in why["steps"]] == [enough, spent]
    assert [step["changes"] for step in why["steps"]] == [
        [], [{"figure": figure, "change": 10, "value": 10}],
    ]  # fmt: skip
    assert int(published.headers["ledger-position"].partition(".")[2]) in why["computed_with"]
    none = caller.get(f"/explanations/event/{less}", figure=figure).json()
    assert none["figures"][0]["value"] == 0
    assert "condition, not true: event.net >= 1000" in none["words"][0]
    before = caller.get(f"/explanations/event/{less}", as_of="2026-01-01T00:00:00Z")
    assert before.status_code == 404

    more = TERMS | {"points": "25", "valid_from": "2026-02-01T00:00:00Z"}
    assert caller.post("/rules/spend/amendments", {"terms": more}).status_code == 201
    late = reported(caller, bought("b3", member, 5_000))
    now = reported(caller, bought("b4", member, 5_000, "2026-02-01T00:00:00+00:00"))
    points = {
        at: [(one["rule_version"], one["points"]) for one in of("spend", explained)]
        for at in (late, now)
        if (explained := judged(caller, at))
    }
    assert points == {late: [(1, 10)], now: [(2, 25)]}

    shown = caller.get("/rules/spend").json()
    assert [one["version"] for one in shown["versions"]] == [1, 2]
    assert shown in caller.get("/rules").json()["rules"]
    assert caller.post("/rules/spend/retirement", {}).status_code == 201
    retired = caller.get("/rules/spend").json()["retired_at"]
    ended = reported(caller, bought("b5", member, 5_000, retired))
    [found] = of("spend", judged(caller, ended))
    assert found["reason"] == "not_in_force"
    assert caller.post("/rules/spend/amendments", {"terms": more}).status_code == 409


def test_what_a_rule_gave_is_read_by_version(caller: Caller, member: str) -> None:
    """Awards, members, points and sales; and nothing before there was anything."""
    assert caller.post("/rules", {"rule_id": "gives", "terms": TERMS}).status_code == 201
    reported(caller, bought("g1", member, 1_000))
    reported(caller, bought("g2", member, 999))
    more = TERMS | {"points": "25", "valid_from": "2026-02-01T00:00:00Z"}
    assert caller.post("/rules/gives/amendments", {"terms": more}).status_code == 201
    last = reported(caller, bought("g3", member, 5_000, "2026-02-01T00:00:00+00:00"))
    where = caller.get(f"/events/{last}").headers["Ledger-Position"]
    gave = caller.get("/rules/gives/performance", min_position=where).json()
    assert (gave["awards"], gave["members"], gave["points"]) == (2, 1, 35)
    assert (gave["events"], gave["revenue"]) == (2, {"EUR": 6_000})
    assert [(one["version"], one["points"]) for one in gave["versions"]] == [(2, 25), (1, 10)]
    assert gave in caller.get("/rule-performance").json()["rules"]
    early = caller.get("/rules/gives/performance", as_of="2026-01-01T00:00:00Z").json()
    assert (early["awards"], early["versions"]) == (0, [])
    assert caller.post("/rules/gives/retirement", {}).status_code == 201
    assert caller.get("/rules/no-such/performance").status_code == 404


def test_a_preview_says_what_would_be_earned_and_writes_nothing(
    caller: Caller, member: str
) -> None:
    """What it promises is what is given when the basket is bought."""
    terms = TERMS | {"points": "event.net / 100", "points_currency": "stars"}
    assert caller.post("/rules", {"rule_id": "asked", "terms": terms}).status_code == 201
    head = caller.get("/rules").headers["ledger-position"]
    basket = bought("x1", member, 4_200)
    asked = {"type": basket["type"], "data": basket["data"]}
    preview = caller.post("/previews", asked)
    assert preview.status_code == 200, preview.text
    points = {one["rule_id"]: one.get("points", 0) for one in preview.json()["findings"]}
    assert points["asked"] == 42
    assert caller.get("/rules").headers["ledger-position"] == head
    position = reported(caller, basket)
    found = judged(caller, position)["findings"]
    assert next(one["points"] for one in found if one["rule_id"] == "asked") == 42


@pytest.mark.parametrize(
    "wrong, code, says",
    [
        ({"condition": "event.nett > 3"}, "expression-invalid", "undeclared reference"),
        ({"condition": "event.net > 'x'"}, "expression-invalid", "no matching overload"),
        ({"condition": "event.net +"}, "expression-invalid", "^"),
        ({"points": "1.5"}, "expression-invalid", "whole number"),
        (
            {"condition": "event.lines.exists(a, event.lines.exists(b, a == b))"},
            "expression-too-costly",
            "locked",
        ),
        ({"trigger": "points.earned"}, "trigger-unknown", "points.earned"),
        ({"trigger": "no.thing"}, "trigger-unknown", "no.thing"),
        ({"kind": "multiplier"}, "rule-terms-contradict", "multiplier"),
        ({"roles": ["referee"]}, "rule-terms-contradict", "referee_id"),
        ({"valid_until": "2019-01-01T00:00:00Z"}, "rule-terms-contradict", "valid_until"),
        ({"expiry": {"kind": "rolling"}}, "rule-terms-contradict", "expiry"),
    ],
)
def test_what_could_not_be_applied_is_refused(
    caller: Caller, wrong: dict[str, Any], code: str, says: str
) -> None:
    """With the place of the fault, before anybody earns or does not earn by it."""
    answer = caller.post("/rules", {"terms": TERMS | wrong})
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["type"] == f"/problems/{code}"
    assert says in problem["detail"]


def test_a_rule_is_published_once_and_amended_only_then(caller: Caller) -> None:
    """Two rules of one name would be one that the last editor wins."""
    said = {"rule_id": "once", "terms": TERMS | {"trigger": "visit.recorded", "condition": "true"}}
    assert caller.post("/rules", said).status_code == 201
    assert caller.post("/rules", said).json()["type"] == "/problems/rule-already-published"
    absent = caller.post("/rules/never/amendments", {"terms": TERMS})
    assert absent.json()["type"] == "/problems/rule-not-published"
    assert caller.get("/rules/never").status_code == 404


def test_a_simulation_shows_who_would_have_other_points(caller: Caller, member: str) -> None:
    """With the rules as they were nobody; with others whom they reach; nothing is written."""
    rule = TERMS | {"trigger": "visit.recorded", "condition": "true"}
    assert caller.post("/rules", {"rule_id": "visits", "terms": rule}).status_code == 201
    event = bought("v1", member, 1)
    event |= {"type": "visit.recorded.v1", "data": {"member_id": member}}
    reported(caller, event)
    position = caller.get("/rules").headers["ledger-position"]
    same = caller.post("/simulations", {}).json()
    assert same["members_with_difference"] == 0
    assert same["points_simulated"] == same["points_recorded"] > 0
    other = caller.post("/simulations", {"rules": {"visits": rule | {"points": "11"}}})
    assert other.status_code == 200, other.text
    rows = other.json()["gain_most"] + other.json()["lose_most"]
    [found] = [one["simulated"] for one in rows if one["name"] == member]
    assert found == 11  # instead of what all the rules of the history gave
    wrong = {"rules": {"visits": rule | {"points": "event.nett"}}}
    assert caller.post("/simulations", wrong).json()["type"] == "/problems/expression-invalid"
    after = caller.get("/rules").headers["ledger-position"]
    assert after == position
