"""Killed at random moments under load: the server, PostgreSQL, one of its processes."""

import os
import signal
from random import Random

from tests.faults.kinds import backend_killed
from tests.faults.shop import Shop

KILLS = int(os.environ.get("FILROUGE_TEST_KILLS", "4"))


def test_killed_again_and_again(shop: Shop) -> None:
    """A server, PostgreSQL in two ways, a backend: all come back, and nothing is lost."""
    load, house = shop.begin(), shop.house
    random = Random(7)  # noqa: S311 - when to kill is no secret
    for n in range(KILLS):
        load.goes_on(random.randint(1, 40))
        if n % 4 == 0:
            house.servers[0].restart()
        elif n % 4 == 1:
            house.end_postgres(signal.SIGKILL)
        elif n % 4 == 2:
            house.end_postgres(signal.SIGQUIT)
        else:  # PostgreSQL restarts by itself when one of its processes dies
            backend_killed(shop, random)
    shop.check()
    assert house.servers[0].logged("projection.interrupted")
