"""The ten offers as a what-if: over a history with its completions, the rules give the same ones.

The rows of the file are what it is checked against, never the code that it checks.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tests.filrouge.starbucks_rules import rules_toml
from tests.filrouge.test_serve import run

START = datetime.fromisoformat("2018-07-27T00:00:00+00:00")
Completions = Counter[tuple[str, str, datetime, int]]
"""Member, offer, hour and points of each."""

PEOPLE_SQL = """
SELECT DISTINCT e->>'id', e->'data'->>'member_id'
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x
WHERE e->>'type' = 'purchase.recorded.v1'
"""


def rows_of(folder: Path, name: str = "transcript") -> list[dict[str, Any]]:
    """The rows of a file, packed or not."""
    packed = folder / f"{name}.json.xz"
    text = (
        lzma.decompress(packed.read_bytes()).decode()
        if packed.exists()
        else (folder / f"{name}.json").read_text()
    )
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def completions(url: str, rows: list[dict[str, Any]]) -> Completions:
    """The completions that the log tells of, by the members of a ledger.

    A purchase is of the row that its event's id begins with: so it is known who is whom.
    """
    with psycopg.connect(url) as connection:
        people = {
            rows[int(id_.partition("/")[0]) - 1]["person"]: member
            for id_, member in connection.execute(PEOPLE_SQL)
        }
    return Counter(
        (
            people[row["person"]],
            row["value"]["offer_id"],
            START + timedelta(hours=row["time"]),
            row["value"]["reward"],
        )
        for row in rows
        if row["event"] == "offer completed"
    )


def what_if(env: dict[str, str], data: Path, folder: Path) -> Completions:
    """Simulate the offers over a ledger that was told its completions; those are what is given.

    Each of them once, none other, and nobody would have other points.
    """
    expected = completions(env["FILROUGE_DATABASE_URL"], rows_of(data))
    points = sum(points * times for (*_, points), times in expected.items())
    rules, awards, members = (folder / f"{name}.what-if" for name in ("rules", "awards", "members"))
    rules.write_text(rules_toml(data / "portfolio.json"))
    report = run(
        env, "simulate-rules", str(rules), "--awards", str(awards), "--members", str(members)
    )
    assert Counter(_given(awards)) == expected
    count = expected.total()
    assert [report[f"awards_{one}"] for one in ("recorded", "simulated", "imported")] == [count] * 3
    assert [report[f"points_{one}"] for one in ("recorded", "simulated", "imported")] == (
        [points] * 3
    )
    assert report["members_with_difference"] == 0
    assert report["gain_most"] == report["lose_most"] == report["uncovered"] == []
    for one in report["campaigns"]:
        assert one["recorded"] == one["simulated"] > 0
    by_member = [json.loads(line) for line in members.read_text().splitlines()]
    assert len(by_member) == len({member for member, *_ in expected})
    assert all(one["recorded"] == one["simulated"] for one in by_member)
    return expected


def _given(awards: Path) -> Iterator[tuple[str, str, datetime, int]]:
    for line in awards.read_text().splitlines():
        said = json.loads(line)
        data = said["data"]
        assert said["type"] == "points.earned.v1"
        assert data["rule_id"] == f"offer-{data['campaign_id']}"
        time = datetime.fromisoformat(said["time"])
        yield data["member_id"], data["campaign_id"], time, data["points"]
