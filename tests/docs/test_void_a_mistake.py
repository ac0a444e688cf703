"""`docs/how-to/void-a-mistake.md`: its Python shows a row as it was known before a void."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from domain.accounts import OpenAccount
from domain.awards import AwardPoints
from domain.ledger import OpenLedger
from domain.voids import VoidEvent
from store.database import Database
from store.keys import EpochKeys

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "void-a-mistake.md"


@pytest.mark.parametrize("since_the_void", [False, True])
def test_the_page_shows_what_was_known(
    database: str, tmp_path: Path, *, since_the_void: bool
) -> None:
    """Before the void the award's lot is there; since then it is not."""
    keys = EpochKeys.from_file(tmp_path / "epoch.key")
    store = Database(database, keys=keys)
    opening = OpenLedger(ledger_id="l1", name="Example", time_zone="UTC", currency="EUR")
    ledger = store.create("example", opening)

    def decided(command: object, name: str) -> int:
        verdict = ledger.decide(command, command_id=name, actor="test").result()  # type: ignore[arg-type]
        return verdict.position

    decided(OpenAccount(account_id="a_example", programme="club", points_currency="points"), "open")
    award = decided(AwardPoints(account_id="a_example", points=70, reason="sorry"), "award")
    void = ledger.log.entry(decided(VoidEvent(position=award, reason="not theirs"), "void"))
    assert void is not None
    known_at = void.envelope.recorded_at + timedelta(microseconds=since_the_void)
    ledger.close()
    store.close()

    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    when = f"datetime.fromisoformat({known_at.isoformat()!r})"
    done = subprocess.run(
        [sys.executable, "-c", code.replace("datetime(2026, 11, 1, tzinfo=UTC)", when)],
        env={
            **os.environ,
            "FILROUGE_DATABASE_URL": database,
            "FILROUGE_KEY_FILE": str(tmp_path / "epoch.key"),
            "FILROUGE_LEDGER": "example",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("credited=70" in done.stdout) is not since_the_void
