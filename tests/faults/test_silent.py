"""A server that falls silent while it has the head of the log locked, and comes back."""

import pytest

from tests.faults.proxy import WRITING
from tests.faults.shop import Shop


@pytest.mark.parametrize("offset", [0, 400])
def test_a_server_that_falls_silent_in_a_batch(twice: Shop, offset: int) -> None:
    """Between two statements or inside the one that writes: the other server ends its session.

    It goes on. Nobody hears of the batch, so its callers ask again; awake, the server goes on too.
    """
    house = twice.house
    first, second = house.servers
    with house.another_door() as door:
        first.stop()
        first.environment = house.environment_through(door)
        first.start()
        load = twice.begin()
        silent = door.hold(WRITING, offset)
        silent.wait()
        while not second.logged("head.taken_over"):
            load.goes_on(1)
        silent.let_go()
        while not first.logged("batch.failed"):
            load.goes_on(1)
        twice.check()
        first.stop()  # while it can still reach PostgreSQL
