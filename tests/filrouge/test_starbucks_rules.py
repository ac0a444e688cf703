"""The ten offers as rules: without the completions, the ledger awards exactly those of the log.

An eighth of the members; all of them with FILROUGE_TEST_STARBUCKS=whole.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.filrouge.conftest import ROOT
from tests.filrouge.starbucks_rules import rules_toml
from tests.filrouge.test_serve import run
from tests.filrouge.test_starbucks import fresh, part_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAPPING = ROOT / "docs" / "examples" / "starbucks.toml"
START = datetime.fromisoformat("2018-07-27T00:00:00+00:00")
WHOLE = os.environ.get("FILROUGE_TEST_STARBUCKS") == "whole"
COMPLETIONS, POINTS = 33_579, 164_676

AWARDS_SQL = """
SELECT e->'data'->>'member_id', e->'data'->>'campaign_id', e->>'time',
       (e->'data'->>'points')::int, e->'data'->>'rule_id', e->'data'->>'rule_version'
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x
WHERE e->>'type' = 'points.earned.v1'
"""
PEOPLE_SQL = """
SELECT DISTINCT e->>'id', e->'data'->>'member_id'
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x
WHERE e->>'type' = 'purchase.recorded.v1'
"""


@pytest.fixture
def data(starbucks: Path, tmp_path: Path) -> Path:
    """The files: of an eighth of the members, or all."""
    folder = tmp_path / "data"
    if WHOLE:
        shutil.copytree(starbucks, folder)
        folder.chmod(0o755)
    else:
        part_of(starbucks, folder)
    return folder


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """The documented mapping, which leaves the completions out."""
    text = MAPPING.read_text()
    before, _, rest = text.partition('[[file.event]]\ntype = "points.earned.v1"')
    _, purchase, after = rest.partition('[[file.event]]\ntype = "purchase.recorded.v1"')
    path = tmp_path / "mapping.toml"
    skip = '[[file.skip]]\nwhen = { event = "offer completed" }\n\n'
    path.write_text(before + skip + purchase + after)
    return path


def lines_of(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, packed or not."""
    packed = folder / f"{name}.json.xz"
    text = (
        lzma.decompress(packed.read_bytes()).decode()
        if packed.exists()
        else (folder / f"{name}.json").read_text()
    )
    yield from (json.loads(line) for line in text.splitlines() if line.strip())


def test_the_rules_award_exactly_the_completions_of_the_log(
    postgres_url: str, data: Path, mapping: Path, tmp_path: Path
) -> None:
    """Member, offer and hour of every one are equal, and there is none more."""
    rules = tmp_path / "rules.toml"
    rules.write_text(rules_toml(data / "portfolio.json"))
    rows = list(lines_of(data, "transcript"))
    with fresh(postgres_url, tmp_path) as env:
        run(env, "import", str(data / "portfolio.json"), "--mapping", str(mapping))
        applied = run(env, "rules", "apply", str(rules))
        assert len(applied["changes"]) == 8  # two of the ten are informational
        others = sorted(str(one) for one in data.glob("[!p]*.json*"))
        run(env, "import", *map(str, data.glob("profile*")), *others, "--mapping", str(mapping))
        with psycopg.connect(env["FILROUGE_DATABASE_URL"]) as connection:
            awards = connection.execute(AWARDS_SQL).fetchall()
            people = _members(connection, rows)
        again = run(env, "rules", "apply", str(rules))
    assert again["changes"] == []
    expected = Counter(
        (
            people[row["person"]],
            row["value"]["offer_id"],
            START + timedelta(hours=row["time"]),
            row["value"]["reward"],
        )
        for row in rows
        if row["event"] == "offer completed"
    )
    found = Counter(
        (member, offer, datetime.fromisoformat(time), points)
        for member, offer, time, points, _, _ in awards
    )
    assert found == expected
    assert {(offer, rule) for _, offer, _, _, rule, _ in awards} == {
        (offer, f"offer-{offer}") for _, offer, _, _ in expected
    }
    assert {version for *_, version in awards} == {"1"}
    if WHOLE:
        assert (sum(found.values()), sum(row[3] for row in awards)) == (COMPLETIONS, POINTS)


def _members(connection: psycopg.Connection, rows: list[dict[str, Any]]) -> dict[str, str]:
    """The member of each person: a purchase is of the row that its event's id begins with."""
    return {
        rows[int(id_.partition("/")[0]) - 1]["person"]: member
        for id_, member in connection.execute(PEOPLE_SQL)
    }
