"""`docs/how-to/offer-rewards.md`, followed to the letter against a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "offer-rewards.md"
FILE = re.compile(r"^`([a-z]+\.(?:toml|txt))`.*?^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```(?:sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVE = "filrouge --ledger shop serve\n"
FILROUGE = [sys.executable, "-m", "filrouge"]

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")),
    reason="the page's reader has curl and a shell, and this machine has not",
)


def run(program: Path, environment: dict[str, str], folder: Path, blocks: list[str]) -> str:
    """Type some blocks of the page; what they say."""
    head = ["set -e", f'filrouge() {{ "{program}" "$@"; }}']
    done = subprocess.run(
        ["bash", "-c", "\n".join([*head, *blocks])],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_does_what_it_says(database: str, tmp_path: Path, typed_filrouge: Path) -> None:
    """What is left, spent and refused in the end is what it tells of."""
    text = PAGE.read_text()
    files = dict(FILE.findall(text))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    environment = {
        **os.environ,
        "FILROUGE_DATABASE_URL": database,
        "FILROUGE_KEY_FILE": str(tmp_path / "epoch.key"),
        "FILROUGE_LOG_LEVEL": "warning",
    }
    blocks = [block for block in SHELL.findall(text) if block not in files.values()]
    start = blocks.index(SERVE)
    said = run(typed_filrouge, environment, tmp_path, blocks[:start])
    assert "3 codes were supplied for cinema" in said
    assert "3 had been supplied before" in said
    server = subprocess.Popen(
        [*FILROUGE, *SERVE.split()[1:], "--port", "0", "--json"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        typed = [one.replace("http://127.0.0.1:8000", url) for one in blocks[start + 1 :]]
        again = (
            'ask $SHOP/items/mug/reservations -d \'{"member_id": "\'$MEMBER\'",'
            ' "account_id": "a1", "until": "\'$UNTIL\'"}\'\n'
        )
        place = next(n for n, one in enumerate(typed) if "confirmation" in one)
        typed[place] += again
        headers = "ask -D - -o /dev/null $SHOP/events?limit=1 | tr -d '\\r'"
        waits = f"AT=$({headers} | sed -n 's/^ledger-position: //pi')\n"
        for word in ("CODE=$(", "catalogue list"):
            place = next(n for n, one in enumerate(typed) if word in one)
            typed[place] = f"{waits}ask $SHOP/items?min_position=$AT >/dev/null\n{typed[place]}"
        typed.append("ask $SHOP/accounts/a1/balance?min_position=$AT")
        typed.append("echo; filrouge --ledger shop catalogue list --json")
        said = run(typed_filrouge, environment, tmp_path, typed)
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert '"code":"KINO-7Q2F-99XD"' in said
    assert "/problems/member-limit-reached" in said
    assert '"state":"usable"' in said
    assert "1 plays of wheel" in said
    *_, balance, items = said.strip().splitlines()
    states = json.loads(balance[balance.index('{"issued"') :])
    assert (states["spendable"], states["spent"]) == (150, 200)
    left = {one["item_id"]: (one["stock"], one["codes"]) for one in json.loads(items)}
    assert left == {
        "cinema": (None, {"supplied": 3, "granted": 1, "kept": 0, "left": 2}),
        "mug": ({"supplied": 24, "granted": 0, "kept": 0, "left": 24}, None),
        "welcome": (None, None),
    }
