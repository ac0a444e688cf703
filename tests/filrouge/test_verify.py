"""A stranger with a public key can check a ledger: by command, by export and by the kit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from filrouge.cli import main

Run = Callable[..., Result]

REPORT = [
    {
        "specversion": "1.0", "id": f"r-{day}", "source": "/till",
        "type": "control_total.reported.v1",
        "time": f"2026-03-{day:02d}T12:00:00Z",
        "data": {"feed": "till", "business_date": f"2026-03-{day:02d}", "count": day},
    }
    for day in range(1, 29)
]  # fmt: skip


@pytest.fixture
def run(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``filrouge`` on a ledger with a month of history."""
    monkeypatch.setenv("FILROUGE_DATABASE_URL", database)
    monkeypatch.setenv("FILROUGE_DATA_DIR", str(tmp_path / "var"))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--ledger", "brand", *arguments])

    assert call("init", "--currency", "EUR", "--time-zone", "Europe/Paris").exit_code == 0
    feed = tmp_path / "feed.ndjson"
    feed.write_text("".join(f"{json.dumps(event)}\n" for event in REPORT))
    assert call("import", str(feed)).exit_code == 0
    return call


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the kit's checker as a stranger would: with Python alone."""
    command = [sys.executable, "-I", "-S", str(folder / "check.py"), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


def test_a_sound_ledger_verifies(run: Run) -> None:
    """It says how much was checked and signed, and ends with 0."""
    run("log", "checkpoint")
    result = run("--json", "verify")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said.pop("projections_missing")  # no server ever ran
    assert said == {
        "ledger": "brand", "entries": 29, "sealed": 29, "checkpoints": 1, "rows": 0, "findings": [],
    }  # fmt: skip
    assert "Everything holds: 29 entries" in run("verify").stdout


def test_a_changed_ledger_does_not(run: Run, database: str) -> None:
    """It says where and what, and ends with 1."""
    run("log", "checkpoint")
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ledger_brand.entries SET entry = overlay(entry placing '9'::bytea from"
            " position('\"count\":'::bytea in entry) + 8) WHERE position = 11"
        )
    result = run("verify")
    assert result.exit_code == 1
    assert "position 11:" in result.stdout


def test_an_export_verifies_without_a_database(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing but the file, the checkpoint beside it and the public key."""
    export = tmp_path / "brand.ndjson.gz"
    assert run("export", str(export)).exit_code == 0
    key = json.loads(run("--json", "log", "keys").stdout)["signing"][0]
    monkeypatch.setenv("FILROUGE_DATABASE_URL", "postgresql://nobody@nowhere.invalid/none")
    result = run("--json", "verify", "--export", str(export), "--key", key)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sealed"] == 29
    assert run("verify", "--export", str(export)).exit_code == 2
    other = key.replace("/1+", "/2+")
    assert run("verify", "--export", str(export), "--key", other).exit_code == 1


def test_the_kit_convinces_a_stranger(run: Run, tmp_path: Path) -> None:
    """The checker agrees with ``filrouge verify`` on what is sound and on what is not."""
    kit = tmp_path / "kit"
    assert run("kit", str(kit)).exit_code == 0
    key = json.loads(run("--json", "log", "keys").stdout)["signing"][0]
    assert (kit / "key").read_text().strip() == key
    sound = check(kit, "--key", key)
    assert sound.returncode == 0, sound.stderr
    assert "ok: the first 29 entries are exactly those that were signed" in sound.stdout
    lines = (kit / "entries.ndjson").read_bytes().splitlines(keepends=True)
    for wrong in (
        [*lines[:9], lines[9].replace(b'"count":', b'"count": '), *lines[10:]],
        lines[:-1],
        lines[1:],
        [*lines[:9], lines[10], lines[9], *lines[11:]],
    ):
        (kit / "entries.ndjson").write_bytes(b"".join(wrong))
        assert check(kit, "--key", key).returncode == 1
        verdict = run(
            "verify", "--export", str(kit / "entries.ndjson"), "--key", key,
            "--checkpoint", str(kit / "checkpoint"),
        )  # fmt: skip
        assert verdict.exit_code == 1


@pytest.mark.parametrize("before, after", [("\n29\n", "\n28\n"), ("/1\n", "/3\n")])
def test_the_kit_believes_no_changed_checkpoint(
    run: Run, tmp_path: Path, before: str, after: str
) -> None:
    """The signature is over every byte of the text."""
    kit = tmp_path / "kit"
    run("kit", str(kit))
    note = (kit / "checkpoint").read_text()
    (kit / "checkpoint").write_text(note.replace(before, after, 1))
    found = check(kit)
    assert found.returncode == 1
    assert "WRONG" in found.stderr


def test_a_kept_checkpoint_must_still_hold(run: Run, tmp_path: Path) -> None:
    """What an auditor kept from before is looked for in the new kit."""
    kept = tmp_path / "kept"
    kept.write_text(json.loads(run("--json", "log", "checkpoint").stdout)["checkpoint"])
    feed = tmp_path / "more.ndjson"
    more = {**REPORT[0], "id": "r-more"}
    feed.write_text(json.dumps(more))
    assert run("import", str(feed)).exit_code == 0
    kit = tmp_path / "kit"
    run("kit", str(kit))
    assert check(kit, "--kept", str(kept)).stdout.count("ok:") == 2
    assert run("verify", "--checkpoint", str(kept)).exit_code == 0


def test_a_receipt_is_a_tlog_proof(run: Run) -> None:
    """The form is C2SP's: first line, index, hashes, and the checkpoint."""
    text = json.loads(run("--json", "log", "receipt", "7").stdout)["proof"]
    lines = text.splitlines()
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 6"]
    assert "\n\nfilrouge/" in text
    assert run("log", "receipt", "700").exit_code == 1


def test_a_key_is_changed_for_another(run: Run, tmp_path: Path) -> None:
    """Both sign, then the old one goes; what each signed stays checkable."""
    old = json.loads(run("--json", "log", "keys").stdout)["signing"]
    run("log", "checkpoint")
    assert run("log", "rotate-key").exit_code == 0
    assert run("log", "rotate-key", "--finish").exit_code == 0
    new = json.loads(run("--json", "log", "keys").stdout)
    assert new["former"] == old
    assert not set(new["signing"]) & set(old)
    assert run("log", "rotate-key", "--finish").exit_code == 1
    assert run("verify").exit_code == 0
    mode = (tmp_path / "var" / "keys" / "log.key").stat().st_mode & 0o777
    assert mode == 0o600
    assert os.access(tmp_path / "var" / "keys" / "log.key", os.R_OK)
