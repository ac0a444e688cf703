"""What the tests of the front door share: the command line on a database of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from filrouge.cli import main
from filrouge.wiring import load_domain

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

load_domain()


class Said:
    """What a run of ``filrouge`` said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        """Its stdout, read as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The last line of its stderr, read as JSON."""
        return json.loads(self.err.strip().splitlines()[-1])


Filrouge = Callable[..., Said]


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    """The settings under which the command line works on an empty database."""
    return {
        "FILROUGE_DATABASE_URL": database,
        "FILROUGE_KEY_FILE": str(tmp_path / "keys" / "epoch.key"),
        "FILROUGE_LEDGER": "test",
        "FILROUGE_POOL_MAX": "4",
    }


@pytest.fixture
def filrouge(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Filrouge:
    """Run ``filrouge`` in this process and check the code that it exits with."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*args: object, code: int = 0, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
        said = Said(result.exit_code, result.stdout, result.stderr)
        assert said.code == code, f"exit {said.code}\n{said.out}\n{said.err}"
        return said

    return run


@pytest.fixture
def starbucks() -> Path:
    """The folder of the Starbucks data set, which is not part of the project."""
    folder = DATA / "starbucks"
    if not folder.is_dir():
        pytest.skip(f"the data set is not there: {folder}")
    return folder


@pytest.fixture
def complete_journey() -> Path:
    """The folder of the Complete Journey data set, which is not part of the project."""
    folder = DATA / "completejourney"
    if not folder.is_dir():
        pytest.skip(f"the data set is not there: {folder}")
    return folder
