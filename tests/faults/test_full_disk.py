"""A disk that is full, for real: see ``full_disk`` for what happens on it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.full_disk import namespace


def test_a_disk_that_is_full(data_dir: Path) -> None:
    """During an append, a rebuild and a switch: nothing is lost, and all goes on afterwards."""
    prefix, why_not = namespace()
    if why_not:
        pytest.skip(why_not)
    command = [*prefix, sys.executable, "-m", "tests.faults.full_disk", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
