"""How much memory a process came to hold, by the kernel's own account of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from benchmarks.harness import Bench

KIBIBYTE: Final = 1 if os.uname().sysname == "Darwin" else 1_024
"""In what the kernel counts resident memory."""


class Ran(NamedTuple):
    """A process that ended well."""

    seconds: float
    resident_bytes: int
    """The most that it, or one of the processes that it started, held in memory at once."""


def run_measured(command: list[str], variables: Mapping[str, str], bench: Bench) -> Ran:
    """Run a command, tell what it says, and measure it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**kept, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        said = []
        for line in process.stdout:
            said.append(line)
            bench.say(f"    {line.strip()}")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}\n{''.join(said)}"
    return Ran(time.perf_counter() - began, usage.ru_maxrss * KIBIBYTE)
