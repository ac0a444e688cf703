"""A ledger in a house, the load on it, and the check that ends a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import projections
from projections.status import wait_for
from tests.faults.check import SETTLE_SECONDS_MAX, check
from tests.faults.load import PAUSE_SECONDS, Acknowledged, Load, Target

if TYPE_CHECKING:
    from tests.faults.full_disk import Disk
    from tests.faults.house import House


class Shop:
    """A ledger that the servers of a house serve."""

    def __init__(self, house: House, disk: Disk | None = None) -> None:
        self.house = house
        self.disk = disk
        """What the house is on, if that can be full."""
        self.name, self.key, self.accounts = house.new_ledger()
        self.loads: list[Load] = []

    def begin(self, seed: int = 0, pause_seconds: float = PAUSE_SECONDS) -> Load:
        """Put load on it, from a process more, and wait until it is under way."""
        urls = [server.url for server in self.house.servers]
        target = Target(urls, self.name, self.key, self.accounts, seed, pause_seconds)
        self.loads.append(Load(target))
        self.loads[-1].goes_on()
        return self.loads[-1]

    @property
    def acknowledged(self) -> Acknowledged:
        """What all callers have been told so far."""
        found: Acknowledged = {}
        for load in self.loads:
            found |= load.acknowledged
        return found

    def is_read(self) -> None:
        """Wait until every projection can be read."""
        with self.house.ledger(self.name) as ledger:
            for projection in projections.ALL:
                assert wait_for(ledger.pool, projection, 1, SETTLE_SECONDS_MAX), projection.name

    def check(self) -> int:
        """End the load, and see that nothing is lost; returns the head."""
        for load in self.loads:
            load.goes_on()
        for load in self.loads:
            load.stop()
        return check(self.house, self.name, self.acknowledged)

    def __enter__(self) -> Self:
        """End the load at the end of a ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the load."""
        for load in self.loads:
            load.close()
