"""`docs/tutorial.md` and the README's requests, followed to the letter against a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILROUGE = [sys.executable, "-c", "from filrouge.cli import main; main()"]
SCOPES = ("observe", "command", "read", "personal", "audit", "admin")
ADDRESS = "http://127.0.0.1:8000"
MARK = "---- block "

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("bash")),
        reason="the tutorial's reader has curl and a shell, and this machine has not",
    ),
]


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a fresh installation, on the PostgreSQL that all tests share."""
    return {
        **os.environ,
        "FILROUGE_DATABASE_URL": database,
        "FILROUGE_DATA_DIR": str(tmp_path),
        "FILROUGE_LOG_LEVEL": "warning",
    }


def filrouge(program: Path, environment: dict[str, str], *arguments: str) -> dict[str, object]:
    """Run a command to its end; returns what it says."""
    done = subprocess.run(
        [program, *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


@pytest.fixture
def served(environment: dict[str, str], typed_filrouge: Path) -> Iterator[tuple[str, str]]:
    """The address and a key of a server with a smaller history than `make run` invents."""
    filrouge(typed_filrouge, environment, "simulate", "--members", "60", "--years", "1")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    key = filrouge(typed_filrouge, environment, "keys", "create", "tutorial", *scopes)["secret"]
    server = subprocess.Popen(
        [*FILROUGE, "serve", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"], str(key)
    finally:
        server.terminate()
        server.communicate(timeout=60)


def blocks(page: str) -> list[str]:
    """The blocks of shell of a page that its reader types once `make run` serves."""
    text = (ROOT / page).read_text()
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith(("make run", "export KEY="))]


def script(program: Path, typed: list[str], url: str) -> str:
    """Blocks as one script, with a mark before the output of each."""
    text = "\n".join(f"echo; echo '{MARK}{n}'\n{block}" for n, block in enumerate(typed))
    return "set -euo pipefail\n" + text.replace(ADDRESS, url).replace(
        ".venv/bin/filrouge", str(program)
    )


def answers(output: str) -> list[list[object]]:
    """The JSON values that each block printed, in their order; what else it said is left out."""
    decoder = json.JSONDecoder()
    found: list[list[object]] = []
    for part in re.split(rf"^{MARK}\d+$", output, flags=re.MULTILINE)[1:]:
        values: list[object] = []
        rest = part
        while start := re.search(r"^[{\[]", rest, re.MULTILINE):
            value, end = decoder.raw_decode(rest, start.start())
            values.append(value)
            rest = rest[end:]
        found.append(values)
    return found


def followed(program: Path, page: str, environment: dict[str, str], served: tuple[str, str]) -> Any:
    """Type what a page says; returns what each of its blocks answered."""
    url, key = served
    typed = blocks(page)
    done = subprocess.run(
        ["bash", "-c", script(program, typed, url)],
        env={**environment, "KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return dict(zip(typed, answers(done.stdout), strict=True))


def test_the_tutorial_and_the_readme_do_what_they_say(
    environment: dict[str, str], served: tuple[str, str], typed_filrouge: Path
) -> None:
    """Every block runs, and the sentences around them are true."""
    [[recorded, shown]] = followed(typed_filrouge, "README.md", environment, served).values()
    assert recorded["position"] > 1
    assert shown["people"]["participants"] == 1
    said = followed(typed_filrouge, "docs/tutorial.md", environment, served)

    def after(words: str) -> Any:
        [block] = [block for block in said if words in block]
        return said[block]

    [enrolled] = after('ask "/events?type=member.enrolled.v1&limit=1" | python3')
    member = enrolled["events"][0]["event"]["data"]["member_id"]
    [profile] = after('ask "/members/$MEMBER"')
    assert profile["member_id"] == member
    [reported] = after("PARTICIPATION='{")
    assert said['observe "$PARTICIPATION"\n'] == [{**reported, "duplicate": True}]
    [planned] = after("tell /campaigns ")
    assert planned["events"][0]["event"]["type"] == "campaign.planned.v1"
    _, balance = after("tell /accounts '")
    assert (balance["active"], balance["spendable"], len(balance["lots"])) == (100, 100, 1)
    [refused] = after("another cup")
    assert (refused["type"], refused["status"]) == ("/problems/not-enough-points", 409)
    [statement] = after("/statement")
    assert [line["points"] for line in statement["lines"]] == [100, -60]
    [returns] = after('ask "/campaigns/tutorial/returns')
    assert (returns["people"]["participants"], returns["people"]["known"]) == (1, 1)
    assert returns["full_cost"] == {"EUR": 25000}
    [campaigns] = after("/campaigns?limit=3")
    assert campaigns["campaigns"]
    [corrected] = after("WRONG=")
    assert (corrected["cancelled"], corrected["spent"], corrected["owed"]) == (100, 60, 60)
    assert corrected["active"] == 0
