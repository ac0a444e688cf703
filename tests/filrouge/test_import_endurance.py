"""An import survives being killed, and takes no more memory for a large file than a small one."""

import json
import lzma
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.filrouge.test_serve import COMMAND, run

MAPPING = """name = "shop"
[ledger]
name = "Shop"
[[file]]
match = "*"
source = "shop"
time = 2026-01-01T00:00:00Z
[[file.event]]
type = "purchase.recorded.v1"
when = { kind = "sale" }
[file.event.fields]
purchase_id = { template = "p{@record}" }
member_id = { lookup = "member", of = ["who"] }
currency = "EUR"
net = { column = "net", as = "minor_units" }
[[file.event]]
type = "profile.updated.v1"
when = { kind = "sale" }
[file.event.fields]
member_id = { lookup = "member", of = ["who"] }
personal = { note = { column = "note" } }
"""
ROWS = 8_000

pytestmark = pytest.mark.slow


def line(number: int, note: str = "") -> str:
    """A row; a few do not fit."""
    kind = "gift" if number % 1_000 == 0 else "sale"
    row = {"who": number % 700, "net": number / 100, "kind": kind, "note": f"note {number}{note}"}
    return json.dumps(row) + "\n"


@pytest.fixture
def env(environment: dict[str, str]) -> dict[str, str]:
    """The settings, for processes of their own."""
    return {"PATH": os.environ["PATH"], **environment}


def entries(database: str, ledger: str) -> list[Any]:
    """What the log holds, without what differs from one ledger to another, by SQL."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            f"""
            SELECT position, e->>'id', e->>'source', e->>'type', e->'data'->'net'
            FROM (SELECT position, convert_from(entry, 'UTF8')::jsonb AS e
                  FROM ledger_{ledger}.entries) AS x
            WHERE position > 1 ORDER BY e->>'id'
            """
        ).fetchall()


def head_of(database: str, ledger: str) -> int:
    """The position of a ledger's head; 0 where there is none yet."""
    with psycopg.connect(database, autocommit=True) as connection:
        there = connection.execute("SELECT to_regclass(%s)", [f"ledger_{ledger}.head"]).fetchone()
        if there is None or there[0] is None:
            return 0
        row = connection.execute(f"SELECT position FROM ledger_{ledger}.head").fetchone()
        return row[0] if row else 0


def killed(arguments: list[str], env: dict[str, str], ledger: str, after: int) -> None:
    """Run a command and kill it without a warning once its ledger has grown past a position."""
    database = env["FILROUGE_DATABASE_URL"]
    process = subprocess.Popen(
        [*COMMAND, "--ledger", ledger, *arguments],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while head_of(database, ledger) <= after:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()


def test_killed_half_way_it_ends_in_the_same_ledger(
    env: dict[str, str], database: str, tmp_path: Path
) -> None:
    """SIGKILL at three moments, then run to its end: the same entries as a run in one go."""
    (tmp_path / "mapping.toml").write_text(MAPPING)
    file = tmp_path / "rows.json.xz"
    file.write_bytes(lzma.compress("".join(map(line, range(1, ROWS + 1))).encode(), preset=0))
    command = ["import", str(file), "--mapping", str(tmp_path / "mapping.toml")]
    whole = run(env, "--ledger", "whole", *command, code=1)
    assert whole["files"][0]["rejected"] == ROWS // 1_000
    rejects = tmp_path / "rows-json-xz.rejects.ndjson"
    rejected = run(env, "--ledger", "whole", "rejects", str(rejects))
    rejects.unlink()
    for after in (0, 3_000, 7_000):
        killed(command, env, "killed", after)
    assert 7_000 < head_of(database, "killed") < whole["head"]
    assert not rejects.exists()
    again = run(env, "--ledger", "killed", *command, code=1)
    assert again["head"] == whole["head"] == 1 + 2 * (ROWS - ROWS // 1_000)
    assert sum(again["duplicates"].values()) >= 7_000
    seen, expected = entries(database, "killed"), entries(database, "whole")
    assert [row[1:] for row in seen] == [row[1:] for row in expected]
    assert sorted(row[0] for row in seen) == list(range(2, whole["head"] + 1))
    assert run(env, "--ledger", "killed", "rejects", str(rejects)) == rejected
    assert sorted(one.name for one in tmp_path.iterdir() if "reject" in one.name) == [rejects.name]


MEASURED = """
import json, resource, sys
import filrouge.importing.run  # so that what the imports take is not measured
from filrouge.cli import main
room = int(sys.argv[1])
if room:
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
try:
    main(sys.argv[2:])
except SystemExit as exit:
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = next(one for one in open("/proc/self/status") if one.startswith("VmHWM"))
    print(json.dumps({"code": exit.code, "peak": 1024 * int(peak.split()[1])}))
"""
ROOM_BYTES = 192 << 20
"""Address space that an import may take on top of an idle process; the file unpacks to far more."""
GROWTH_BYTES_MAX = 24 << 20


def measured(env: dict[str, str], *args: object, room: int) -> dict[str, int]:
    """Run a command under a limit; its exit code and peak memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(room), *map(str, args)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="it measures by Linux's ways")
def test_memory_does_not_grow_with_the_file(env: dict[str, str], tmp_path: Path) -> None:
    """270 MB of rows go through in a fraction of that, as an import of a sixth of them does."""
    (tmp_path / "mapping.toml").write_text(MAPPING)
    peaks = []
    for copies in (1, 6):
        file = tmp_path / f"rows{copies}.json.xz"
        with lzma.open(file, "wb", preset=0) as packed:
            part = "".join(line(n, "x" * 4_000) for n in range(1, 11_001)).encode()
            for _ in range(copies):
                packed.write(part)
        said = measured(
            env, "import", file, "--mapping", tmp_path / "mapping.toml", "--dry-run", "--json",
            room=ROOM_BYTES,
        )  # fmt: skip
        assert said["code"] == 1  # some rows do not fit
        peaks.append(said["peak"])
    assert peaks[1] - peaks[0] < GROWTH_BYTES_MAX, peaks


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="it measures by Linux's ways")
def test_recording_takes_bounded_memory_too(env: dict[str, str], tmp_path: Path) -> None:
    """However many events wait for the ledger, only a few requests are in flight.

    What grows is what is remembered up to a bound (hashes of tags, ids); a row that was kept would
    take a kilobyte and more.
    """
    (tmp_path / "mapping.toml").write_text(MAPPING)
    peaks = []
    for rows in (10_000, 25_000):
        file = tmp_path / f"rows{rows}.json.xz"
        with lzma.open(file, "wt", preset=0) as packed:
            packed.writelines(line(n) for n in range(1, rows + 1))
        said = measured(
            env, "--ledger", f"rows{rows}", "import", file,
            "--mapping", tmp_path / "mapping.toml", "--json", room=0,
        )  # fmt: skip
        assert said["code"] == 1
        peaks.append(said["peak"])
    assert peaks[1] - peaks[0] < 2 * (25_000 - 10_000) * 1_000, peaks
