"""A ledger as a file and back: the same bytes at the same positions, and the same projections."""

import gzip
import json
import lzma
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.filrouge.conftest import Filrouge

READERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
}


@pytest.fixture
def filled(filrouge: Filrouge, tmp_path: Path) -> Filrouge:
    """A ledger with members, sealed values, points, a void and an unmatched return."""
    rows = tmp_path / "rows.json"
    rows.write_text("".join(f'{{"n": {n}, "mail": "a{n}@example.org"}}\n' for n in range(1, 41)))
    mapping = tmp_path / "mapping.toml"
    mapping.write_text("""name = "crm"
[[file]]
match = "*"
source = "crm"
time = 2026-01-01T00:00:00Z
[file.values]
member = { lookup = "member", of = ["n"] }
[[file.event]]
type = "member.enrolled.v1"
fields = { member_id = "$member" }
[[file.event]]
type = "account.opened.v1"
[file.event.fields]
account_id = { template = "a-{$member}" }
programme = "p"
points_currency = "points"
holders = ["$member"]
[[file.event]]
type = "member.identified.v1"
fields = { member_id = "$member", kind = "email", exclusive = true, value = { column = "mail" } }
[[file.event]]
type = "points.earned.v1"
[file.event.fields]
account_id = { template = "a-{$member}" }
lot_id = { template = "l{n}" }
points = { column = "n" }
origin = "goodwill"
available_from = 2026-01-01T00:00:00Z
""")
    filrouge("init")
    filrouge("import", rows, "--mapping", mapping)
    filrouge("void", "5", "--reason", "a mistake")
    filrouge("rebuild", "--workers", "1")
    return filrouge


def tables(database: str, ledger: str) -> dict[str, Any]:
    """Every row of the log and of the live projections, by SQL."""
    found: dict[str, Any] = {}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("SET search_path TO {}").format(sql.Identifier(f"ledger_{ledger}"))
        )
        entries = "SELECT position, time, recorded_at, entry FROM entries ORDER BY position"
        found["entries"] = connection.execute(entries).fetchall()
        for name, build in _live(connection):
            for (table,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
                " AND tablename LIKE %s",
                [f"%\\_{build}"],
            ).fetchall():
                rows = connection.execute(
                    sql.SQL("SELECT to_jsonb(t) FROM {} t").format(sql.Identifier(table))
                ).fetchall()
                key = f"{name}/{table.removesuffix(f'_{build}')}"
                found[key] = sorted(json.dumps(row, sort_keys=True) for (row,) in rows)
    return found


def _live(connection: psycopg.Connection) -> Iterator[tuple[str, int]]:
    yield from connection.execute(
        "SELECT name, build FROM projection_builds WHERE state = 'live'"
    ).fetchall()


@pytest.mark.parametrize("suffix", READERS)
def test_line_n_is_position_n(filled: Filrouge, database: str, tmp_path: Path, suffix: str) -> None:
    """To the last byte, in a file that only its owner can read."""
    file = tmp_path / f"export.ndjson{suffix}"
    said = filled("export", file, "--json").json
    lines = READERS[suffix](file.read_bytes()).splitlines()
    entries = tables(database, "test")["entries"]
    assert said["position"] == len(lines) == len(entries) == 162
    assert lines == [entry for *_, entry in entries]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert filled("export").out.encode().splitlines() == lines
    assert filled("export", file, code=2).err.startswith("Error: ")
    first = file.read_bytes()
    filled("export", file, "--force")
    assert file.read_bytes() == first
    assert not list(tmp_path.glob(".*unfinished"))


@pytest.mark.parametrize("with_keys", [True, False])
def test_restored_is_identical(
    filled: Filrouge, database: str, tmp_path: Path, *, with_keys: bool
) -> None:
    """Entries, positions, recorded times and projections, with and without the key bundle."""
    file, keys = tmp_path / "export.ndjson.gz", tmp_path / "keys.ndjson"
    exported = filled("export", file, "--keys", keys, "--json").json
    assert exported["key_rows"] > 80
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert "example.org" not in keys.read_text() + str(READERS[".gz"](file.read_bytes()))
    option = ["--keys", keys] if with_keys else []
    said = filled("restore", file, *option, "--ledger", "copy", "--json").json
    assert said["epoch"] > filled("status", "--json").json["head"]["epoch"]
    filled("rebuild", "--ledger", "copy", "--workers", "1")
    before = tables(database, "test")
    assert {"balances", "profiles", "statements"} <= {name.partition("/")[0] for name in before}
    assert tables(database, "copy") == before
    status = filled("status", "--ledger", "copy", "--json").json
    assert status["points"] == filled("status", "--json").json["points"]


def test_keys_can_come_later(filled: Filrouge, tmp_path: Path) -> None:
    """The bundle is added by itself; one of another ledger is refused."""
    file, keys = tmp_path / "export.ndjson", tmp_path / "keys.ndjson"
    filled("export", file, "--keys", keys)
    filled("restore", file, "--ledger", "copy")
    assert filled("restore", "--keys", keys, "--ledger", "copy", "--json").json["key_rows"] > 80
    filled("init", "--ledger", "other")
    filled("restore", "--keys", keys, "--ledger", "other", code=1)
    filled("restore", "--keys", keys, "--ledger", "nobody", code=4)


def test_a_bundle_with_epoch_keys_opens_elsewhere(
    filled: Filrouge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an installation with another key file, which then holds both keys."""
    file, keys = tmp_path / "export.ndjson", tmp_path / "keys.ndjson"
    filled("export", file, "--keys", keys, "--with-epoch-keys")
    other = tmp_path / "elsewhere" / "epoch.key"
    monkeypatch.setenv("FILROUGE_KEY_FILE", str(other))
    filled("restore", file, "--keys", keys, "--ledger", "copy")
    assert len(json.loads(other.read_text())["keys"]) == 2
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    rows = tmp_path / "events.ndjson"
    rows.write_text(
        '{"specversion":"1.0","id":"x","source":"/x","type":"profile.updated.v1",'
        '"time":"2026-01-01T00:00:00Z","data":{"member_id":"m_x","personal":{"city":"Lyon"}}}\n'
    )
    filled("import", rows, "--ledger", "copy")


def test_only_an_empty_ledger_takes_a_restore(filled: Filrouge, tmp_path: Path) -> None:
    """And all of an export, or nothing."""
    file = tmp_path / "export.ndjson"
    filled("export", file)
    filled("restore", file, code=1)
    lines = file.read_bytes().splitlines(keepends=True)
    broken = tmp_path / "broken.ndjson"
    for code, content in (
        (1, [*lines[:100], b"{}\n"]),
        (1, [*lines[:100], lines[50]]),
        (2, [*lines[:100], b"\n", *lines[100:]]),
        (2, [*lines[:100], b"x" * 70_000, b"\n"]),
    ):
        broken.write_bytes(b"".join(content))
        filled("restore", broken, "--ledger", "copy", code=code)
        filled("status", "--ledger", "copy", code=4)
    cut = tmp_path / "cut.ndjson.gz"
    cut.write_bytes(gzip.compress(b"".join(lines))[:-100])
    filled("restore", cut, "--ledger", "copy", code=2)
    filled("restore", file, "--ledger", "copy")


def test_a_reader_that_has_seen_enough_is_no_fault(
    filled: Filrouge, environment: dict[str, str]
) -> None:
    """`filrouge export | head -1` says nothing on stderr."""
    filled("status")
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m filrouge export | head -c 10"],
        env={"PATH": os.environ["PATH"], **environment}, capture_output=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == b'{"specvers'
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr
