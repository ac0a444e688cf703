"""How much memory a command came to hold, by the kernel's own account of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.harness import Bench

CHILD: Final = Path(__file__).with_name("measured_child.py")
KIBIBYTE: Final = 1 if os.uname().sysname == "Darwin" else 1_024
"""In what the kernel counts resident memory."""


class Ran(NamedTuple):
    """A command that ended well."""

    seconds: float
    resident_bytes: int
    """The most that its process, or one that it started, held in memory at once."""


def run_measured(command: list[str], variables: Mapping[str, str], bench: Bench) -> Ran:
    """Run a command, tell what it says, and measure it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")}
    out = bench.folder / "resident.txt"
    said = []
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(out), *command],
        env={**kept, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            bench.say(f"    {line.rstrip()}")
    took = time.perf_counter() - began
    assert process.returncode == 0, f"{command} ended with {process.returncode}\n{''.join(said)}"
    return Ran(took, int(out.read_text()) * KIBIBYTE)
