"""`docs/how-to/add-an-event.md`, followed to the letter in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "add-an-event.md"
COPIED = ("domain", "store", "projections", "api", "filrouge", "migrations", "pyproject.toml")

REPLACE = re.compile(
    r"In\s+`(?P<file>[\w/.]+)`,\s+replace\n\n```python\n(?P<old>.*?)\n```\n\nby\n\n"
    r"```python\n(?P<new>.*?)\n```",
    re.DOTALL,
)
ADD = re.compile(
    r"In\s+`(?P<file>[\w/.]+)`,\s+(?P<where>above|below)\s+the\s+line\s+`(?P<line>[^`]+)`,\s+add\n\n"
    r"```python\n(?P<code>.*?)```",
    re.DOTALL,
)

# What a reader would do by hand with the changed project: record the event, look at the row, ask
# the API and the reference about it.
SCRIPT = """
import json, sys
from datetime import datetime, timezone
from pathlib import Path

import domain.accounts
from api.app import openapi_document
from domain.accounts import CardShown, OpenAccount
from domain.ledger import OpenLedger
from filrouge.documentation.events import events_page, schemas
from projections.balances import BALANCES, Balances, balance
from projections.reader import reading
from projections.runner import Runner
from projections.status import wait_for
from store.database import Database
from store.keys import EpochKeys
from store.ledger import NewEvent

def shown(id, day, store):
    event = CardShown(account_id="a1", store_id=store)
    return NewEvent(event, id, "till-7", datetime(2026, 11, day, 10, tzinfo=timezone.utc))

database = Database(sys.argv[1], keys=EpochKeys.from_bytes(bytes(32)))
opening = OpenLedger(ledger_id="l1", name="Example", time_zone="Europe/Paris", currency="EUR")
ledger = database.create("example", opening)
command = OpenAccount(account_id="a1", programme="club", points_currency="points")
ledger.decide(command, command_id="open", actor="reader").result()
# The later one comes first, as from a store that was offline; the last one is a repetition.
new = [shown("2", 20, "lyon"), shown("1", 3, "paris"), shown("1", 3, "paris")]
outcomes = ledger.observe(new, actor="reader").result()
runner = Runner(ledger, [BALANCES]).start()
try:
    assert wait_for(ledger.pool, BALANCES, outcomes[-1].position, 60)
    with reading(ledger.pool, BALANCES) as reader:
        row = reader.row(Balances, "a1")
        answer = balance(reader, "a1", datetime.now(timezone.utc))
finally:
    runner.stop()
found = [recorded.tags for recorded in ledger.log.tagged(["account:a1"], until=99)]
ledger.close()
database.close()
schema = json.loads(schemas()["events/card.shown.v1.json"])
document = json.dumps(openapi_document(), default=str)
print(json.dumps({
    "module": domain.accounts.__file__,
    "positions": [outcome.position for outcome in outcomes],
    "duplicates": [outcome.duplicate for outcome in outcomes],
    "tags": found[-1],
    "version": BALANCES.version,
    "row": row.card_shown_at.isoformat(),
    "answer": answer.card_shown_at.isoformat(),
    "in_api": "card.shown.v1" in document,
    "answered_by_api": "card_shown_at" in document,
    "schema": sorted(schema["$defs"]["CardShown"]["properties"]),
    "in_reference": "### card.shown.v1" in events_page(),
}))
"""


class Step(NamedTuple):
    """One thing that the page tells its reader to do to a file."""

    at: int
    file: str
    old: str
    new: str


def steps() -> list[Step]:
    """The page's instructions, in its order."""
    text = PAGE.read_text()

    def found() -> Iterator[Step]:
        for one in REPLACE.finditer(text):
            yield Step(one.start(), one["file"], one["old"], one["new"])
        for one in ADD.finditer(text):
            line = _whole_line(ROOT / one["file"], one["line"])
            new = one["code"] + line if one["where"] == "above" else line + one["code"]
            yield Step(one.start(), one["file"], line, new)

    return sorted(found())


def _whole_line(path: Path, line: str) -> str:
    lines = [one for one in path.read_text().splitlines(keepends=True) if one.strip() == line]
    assert len(lines) == 1, f"{path.name} has {len(lines)} lines {line!r}"
    return lines[0]


def apply(project: Path) -> set[str]:
    """Do what the page says; returns the files that it touched."""
    for step in steps():
        path = project / step.file
        text = path.read_text()
        assert text.count(step.old) == 1, (
            f"{step.file} holds {step.old!r} {text.count(step.old)} times"
        )
        path.write_text(text.replace(step.old, step.new))
    return {step.file for step in steps()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's code."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_the_page_names_two_files_and_leaves_no_code_out() -> None:
    """Every Python block of the page is part of an instruction, and there are two files."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    done = "\n".join(step.old + step.new for step in steps())
    assert all(block.rstrip("\n") in done for block in blocks)
    assert {step.file for step in steps()} == {"domain/accounts.py", "projections/balances.py"}


def test_following_the_page_records_the_event_and_shows_it(project: Path, database: str) -> None:
    """The event goes into a real ledger, and its row, the API and the reference show it."""
    before = {path: path.read_bytes() for path in project.rglob("*.py")}
    touched = apply(project)
    changed = {path for path, text in before.items() if path.read_bytes() != text}
    assert {str(path.relative_to(project)) for path in changed} == touched

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, database],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {
        "module": str(project / "domain" / "accounts.py"),
        "positions": [3, 4, 4],
        "duplicates": [False, False, True],
        "tags": ["account:a1"],
        "version": 3,
        "row": "2026-11-20T10:00:00+00:00",
        "answer": "2026-11-20T10:00:00+00:00",
        "in_api": True,
        "answered_by_api": True,
        "schema": ["account_id", "store_id"],
        "in_reference": True,
    }


def test_the_changed_files_still_follow_the_style(project: Path) -> None:
    """Nobody has to tidy up what they copied from the page."""
    touched = sorted(apply(project))
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, *touched],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
