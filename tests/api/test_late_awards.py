"""A purchase of last month that arrives today: by which rule, and who knew of it when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.api.conftest import Caller
from tests.api.test_positions import made
from tests.api.test_rules import TERMS, bought, reported

LONG_AGO = "2020-01-01T00:00:00Z"
MARCH = "2026-03-01T00:00:00Z"


def read(caller: Caller, path: str, **query: Any) -> Any:
    """An answer that is there."""
    answer = caller.get(path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_late_event_is_awarded_by_the_rule_of_its_time_and_known_from_today(
    caller: Caller,
) -> None:
    """Version 1 was in force when it happened; what was known before it came stays as it was."""
    member = made(caller, "/members", {"time": LONG_AGO}, "member_id")
    said = {"programme": "club", "points_currency": "stars", "holders": [member]}
    account = made(caller, "/accounts", said | {"time": LONG_AGO}, "account_id")
    terms = TERMS | {"condition": f"event.member_id == '{member}'"}
    assert caller.post("/rules", {"rule_id": "late", "terms": terms}).status_code == 201
    other = terms | {"points": "25", "valid_from": "2026-02-01T00:00:00Z"}
    assert caller.post("/rules/late/amendments", {"terms": other}).status_code == 201
    on_time = reported(caller, bought("on-time", member, 1, "2026-02-10T12:00:00Z"))
    known = datetime.now(UTC).isoformat()
    late = reported(caller, bought("late", member, 1, "2026-01-10T12:00:00Z"))

    # What the rules say of the two: each by the version of its own time.
    found = {at: read(caller, f"/explanations/event/{at}")["judged"] for at in (on_time, late)}
    versions = {
        at: [(one["rule_version"], one["points"]) for one in why["findings"] if "points" in one]
        for at, why in found.items()
    }
    assert versions == {on_time: [(2, 25)], late: [(1, 10)]}
    assert found[late]["time"] == "2026-01-10T12:00:00Z"
    assert found[late]["recorded_at"] > known

    # The balance: today's knowledge of today and of February, and what was known before it came.
    [award] = found[late]["awards"]
    balance = f"/accounts/{account}/balance"
    now = read(caller, balance, min_position=f"1.{award}")
    assert now["active"] == 35
    assert read(caller, balance, known_at=known)["active"] == 25
    february = {"as_of": "2026-02-01T00:00:00Z"}
    assert read(caller, balance, **february)["active"] == 10
    assert read(caller, balance, **february, known_at=known)["active"] == 0

    # The statement: the late line stands where it happened, and every balance after it is another.
    statement = f"/accounts/{account}/statement"
    lines = read(caller, statement, min_position=f"1.{award}")["lines"]
    assert [(one["position"], one["balance"]) for one in lines] == [
        (award, 10), (award - 2, 35),
    ]  # fmt: skip
    [line] = read(caller, statement, known_at=known)["lines"]
    assert (line["position"], line["balance"]) == (award - 2, 25)

    explained = f"/explanations/account/{account}"
    # And the explanation of the balance says all of it: rule, version, and both times.
    steps = read(caller, explained, figure="active", at=MARCH)["steps"]
    [step] = [one for one in steps if one["position"] == award]
    assert (step["rule_id"], step["rule_version"], step["cause"]) == ("late", 1, late)
    assert step["time"] == "2026-01-10T12:00:00Z"
    assert step["recorded_at"] > known
    then = read(caller, explained, figure="active", at=MARCH, known_at=known)
    assert [one["position"] for one in then["steps"] if "rule_id" in one] == [award - 2]
