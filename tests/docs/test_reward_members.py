"""`docs/how-to/reward-members.md`, followed to the letter."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "reward-members.md"
FILE = re.compile(r"^`([a-z]+\.(?:csv|toml))`.*?^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(
    not shutil.which("bash"), reason="the page's reader has a shell, and this machine has not"
)


def findings(explained: Any) -> dict[str, tuple[str, int]]:
    """Of each rule why, and how many points."""
    found = explained["judged"]["findings"]
    return {one["rule_id"]: (one["reason"], one.get("points", 0)) for one in found}


def test_the_page_does_what_it_says(database: str, tmp_path: Path, typed_filrouge: Path) -> None:
    """Its files and commands give the stars, and the reasons, that it tells of."""
    text = PAGE.read_text()
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content)
    script = "\n".join(
        ["set -e", f'filrouge() {{ "{typed_filrouge}" "$@"; }}', *SHELL.findall(text)]
    )
    script += "".join(f"\nfilrouge --ledger shop explain event {n} --json" for n in (12, 21, 24))
    script += "\nfilrouge --ledger shop rules list --json"
    for month in ("2026-03", "2027-02", "2028-03"):
        script += (
            f'\nfilrouge --ledger shop explain tier "$MEMBER" --at {month}-03T00:00:00+01:00'
            " 'programmes[club]' --json"
        )
    script += "\nfilrouge --ledger shop export"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "FILROUGE_DATABASE_URL": database,
            "FILROUGE_KEY_FILE": str(tmp_path / "epoch.key"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    first, fourth, fifth, rules, *tiers = lines[:7]
    assert found(first) == {
        "spend": ("awarded", 42), "first": ("awarded", 20), "week": ("threshold", 0),
        "silver": ("condition", 0), "gold": ("condition", 0),
    }  # fmt: skip
    assert found(fourth) == {
        "spend": ("awarded", 95), "first": ("not_first", 0), "week": ("eligibility", 0),
        "silver": ("awarded", 23), "gold": ("condition", 0),
    }  # fmt: skip
    assert found(fifth)["gold"] == ("awarded", 60)
    assert {one["rule_id"]: one["version"] for one in rules} == {
        "first": 1, "gold": 1, "silver": 1, "spend": 2, "week": 1,
    }  # fmt: skip
    figures = [
        {one["figure"].partition("].")[2]: one["value"] for one in tier["figures"]}
        for tier in tiers
    ]
    assert [one["tier"] for one in figures] == ["gold", "silver", "welcome"]
    assert figures[0]["keeping.missing"] == 25_000
    assert figures[0]["held_until"] == "2027-02-01T00:00:00+01:00"
    awards = [one["data"] for one in lines[7:] if one["type"] == "points.earned.v1"]
    points: dict[str, int] = {}
    for award in awards:
        points[award["rule_id"]] = points.get(award["rule_id"], 0) + award["points"]
    # 42 + 180 + 75 + 95 + 60 + 20; two members; 42.40 + 75 are over 50 in one week; a quarter of
    # 95 and of 20; and 60 once more.
    assert points == {"spend": 472, "first": 40, "week": 100, "silver": 28, "gold": 60}


def found(explained: Any) -> dict[str, tuple[str, int]]:
    """What each rule gave, and why."""
    findings = explained["judged"]["findings"]
    return {one["rule_id"]: (one["reason"], one.get("points", 0)) for one in findings}
