"""A house of its own for every fault, and load on it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import FOLDER_VARIABLE, lay_cluster
from tests.faults.house import SMALL, House
from tests.faults.shop import Shop


@pytest.fixture
def house_folder() -> Iterator[Path]:
    """Where a house may be made."""
    folder = Path(os.environ[FOLDER_VARIABLE]) / uuid4().hex[:8]
    lay_cluster(folder / "data", SMALL)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shop(house_folder: Path) -> Iterator[Shop]:
    """A ledger that one server serves."""
    with House(house_folder, servers=1) as house, Shop(house.start()) as shop:
        yield shop


@pytest.fixture
def twice(house_folder: Path) -> Iterator[Shop]:
    """A ledger that two servers serve."""
    with House(house_folder, servers=2) as house, Shop(house.start()) as shop:
        yield shop
