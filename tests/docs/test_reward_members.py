"""`docs/how-to/reward-members.md`, followed to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys
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


def test_the_page_does_what_it_says(database: str, tmp_path: Path) -> None:
    """Its files and commands give the stars, and the reasons, that it tells of."""
    text = PAGE.read_text()
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content)
    command = f"{sys.executable} -m filrouge"
    script = "\n".join(["set -e", f'filrouge() {{ {command} "$@"; }}', *SHELL.findall(text)])
    script += "\nfilrouge --ledger shop explain event 10 --json"
    script += "\nfilrouge --ledger shop explain event 13 --json"
    script += "\nfilrouge --ledger shop rules list --json\nfilrouge --ledger shop export"
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
    first, second, rules, *events = lines
    found = {
        one["rule_id"]: (one["reason"], one.get("points", 0)) for one in first["judged"]["findings"]
    }
    assert found == {
        "spend": ("awarded", 12), "first": ("awarded", 20), "week": ("threshold", 0),
        "large": ("condition", 0),
    }  # fmt: skip
    found = {
        one["rule_id"]: (one["reason"], one.get("points", 0))
        for one in second["judged"]["findings"]
    }
    assert found == {
        "spend": ("awarded", 55), "first": ("awarded", 20), "week": ("eligibility", 0),
        "large": ("awarded", 27),
    }  # fmt: skip
    assert {one["rule_id"]: one["version"] for one in rules} == {
        "first": 1, "large": 1, "spend": 2, "week": 1,
    }  # fmt: skip
    awards = [one["data"] for one in events if one["type"] == "points.earned.v1"]
    points: dict[str, int] = {}
    for award in awards:
        points[award["rule_id"]] = points.get(award["rule_id"], 0) + award["points"]
    # 12 + 55 + 30 + 8 + 20; two members; 27 + 15; 12.40 + 30 + 8 are over 50 in one week.
    assert points == {"spend": 125, "first": 40, "large": 42, "week": 100}
