"""``make faults``: random faults under load for as long as one likes, and then the check."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

import click

from tests.faults.full_disk import disk_of, namespace
from tests.faults.random_faults import run

MINUTES = 30.0
PROCESSES = 3
INSIDE = "FILROUGE_TEST_FAULTS_INSIDE"


def main() -> int:
    """Go where a small disk can be made, if there is such a place, and begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    minutes = float(os.environ.get("FILROUGE_TEST_FAULT_MINUTES", MINUTES))
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--processes", type=int, default=PROCESSES)
    said = parser.parse_args()
    inside = os.environ.get(INSIDE)
    if inside is None:
        return _go_inside(said)
    folder = Path(inside)
    disk = None if os.environ.get(f"{INSIDE}_NO_DISK") else disk_of(folder)
    click.echo(f"seed {said.seed}: make faults SEED={said.seed} repeats it")
    run(
        folder,
        disk,
        seed=said.seed,
        seconds=60 * said.minutes,
        processes=said.processes,
        say=click.echo,
    )
    return 0


def _go_inside(said: argparse.Namespace) -> int:
    prefix, why_not = namespace()
    folder = tempfile.mkdtemp(prefix="filrouge-faults-")
    environment = {**os.environ, INSIDE: folder}
    if why_not:
        click.echo(f"without a disk that fills up: {why_not}")
        environment[f"{INSIDE}_NO_DISK"] = "1"
    options = (f"--minutes={said.minutes}", f"--seed={said.seed}", f"--processes={said.processes}")
    command = [*prefix, sys.executable, "-m", "tests.faults", *options]
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
