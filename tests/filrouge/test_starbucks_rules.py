"""The ten offers as rules: without the completions, the ledger awards exactly those of the log.

And over a history that was imported with them, the rules as a what-if give the same. An eighth of
the members; all of them with FILROUGE_TEST_STARBUCKS=whole.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from tests.filrouge.conftest import ROOT
from tests.filrouge.starbucks_rules import rules_toml
from tests.filrouge.starbucks_what_if import completions, rows_of, what_if
from tests.filrouge.test_serve import run
from tests.filrouge.test_starbucks import POINTS, files, fresh, part_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAPPING = ROOT / "docs" / "examples" / "starbucks.toml"
COMPLETIONS = 33_579
WHOLE = os.environ.get("FILROUGE_TEST_STARBUCKS") == "whole"

AWARDS_SQL = """
SELECT e->'data'->>'member_id', e->'data'->>'campaign_id', e->>'time',
       (e->'data'->>'points')::int, e->'data'->>'rule_id', e->'data'->>'rule_version'
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x
WHERE e->>'type' = 'points.earned.v1'
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


def test_the_rules_award_exactly_the_completions_of_the_log(
    postgres_url: str, data: Path, mapping: Path, tmp_path: Path
) -> None:
    """Member, offer and hour of every one are equal, and there is none more."""
    rules = tmp_path / "rules.toml"
    rules.write_text(rules_toml(data / "portfolio.json"))
    with fresh(postgres_url, tmp_path) as env:
        run(env, "import", str(data / "portfolio.json"), "--mapping", str(mapping))
        applied = run(env, "rules", "apply", str(rules))
        assert len(applied["changes"]) == 8  # two of the ten are informational
        others = sorted(str(one) for one in data.glob("[!p]*.json*"))
        run(env, "import", *map(str, data.glob("profile*")), *others, "--mapping", str(mapping))
        with psycopg.connect(env["FILROUGE_DATABASE_URL"]) as connection:
            awards = connection.execute(AWARDS_SQL).fetchall()
        expected = completions(env["FILROUGE_DATABASE_URL"], rows_of(data))
        again = run(env, "rules", "apply", str(rules))
    assert again["changes"] == []
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


def test_as_a_what_if_over_the_imported_history_they_give_the_same(
    postgres_url: str, data: Path, tmp_path: Path
) -> None:
    """The completions were imported: each is given once by the rules, and nobody has others."""
    with fresh(postgres_url, tmp_path) as env:
        run(env, "import", *files(data), "--mapping", str(MAPPING))
        found = what_if(env, data, tmp_path)
    given = sum(points * times for (*_, points), times in found.items())
    assert given > 0
    if WHOLE:
        assert (found.total(), given) == (COMPLETIONS, POINTS)
