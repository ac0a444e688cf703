"""Faults of all kinds, mixed: a few of those that ``make faults`` goes on with for half an hour."""

from pathlib import Path

import pytest

from tests.faults.random_faults import run

SEED = 2026
SECONDS = 7


@pytest.mark.slow
def test_random_faults_lose_nothing(house_folder: Path) -> None:
    """Under load from two processes, on two servers."""
    assert run(house_folder, None, seed=SEED, seconds=SECONDS, processes=2, say=print)
