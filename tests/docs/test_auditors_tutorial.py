"""`docs/auditors-tutorial.md`, followed to the letter by a stranger in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "auditors-tutorial.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("openssl") and shutil.which("bash")),
        reason="the auditor has OpenSSL and a shell, and this machine has not",
    ),
]


def test_a_stranger_is_convinced(database: str, tmp_path: Path, typed_filrouge: Path) -> None:
    """Every block runs, everything that was tampered with is refused, and the figures agree."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "filrouge").symlink_to(typed_filrouge)
    (programs / "python3").symlink_to(sys.executable)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "FILROUGE_DATABASE_URL": database,
        "FILROUGE_DATA_DIR": str(tmp_path / "var"),
        "FILROUGE_LOG_LEVEL": "error",
    }
    simulated = [str(programs / "filrouge"), "simulate", "--members", "60", "--years", "2"]
    subprocess.run(simulated, env=environment, check=True, capture_output=True)
    desk = tmp_path / "desk"
    desk.mkdir()
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    marked = "".join(f"echo '---- {n}'\n{block}" for n, block in enumerate(blocks))
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{marked}"],
        cwd=desk, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    said = re.split(r"^---- \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    answers: dict[str, str] = dict(zip(blocks, said, strict=True))

    def after(words: str) -> str:
        [block] = [block for block in blocks if words in block]
        return answers[block]

    assert "entries are exactly those that were signed" in after("wc -l kit/check.py")
    assert int(after("wc -l kit/check.py").split()[0]) < 150
    assert "NOT REFUSED" not in done.stdout
    assert done.stderr.count("WRONG") == 3
    assert "Signature Verified Successfully" in after("openssl pkeyutl")
    mine, theirs = after("cat > points.py").split()
    assert mine == theirs
    assert int(mine) > 0
    assert "issued is" in after("filrouge explain account")
    assert after('sed -n "${POSITION}p"').startswith('{"specversion":"1.0"')
    assert after("--kept checkpoint-of-this-year").count("ok:") >= 1
