"""Rebuilds under load: two at once, one whose worker is killed, and a version that is raised."""

import signal
import time
from contextlib import suppress

import psutil

from projections.balances import BALANCES
from tests.faults.house import House
from tests.faults.proxy import FILLING, SWITCHING
from tests.faults.shop import Shop

END_SECONDS_MAX = 60


def test_two_at_once_while_events_pour_in(shop: Shop) -> None:
    """The second is refused and changes nothing; the first ends, with all that came meanwhile."""
    load, house = shop.begin(), shop.house
    with house.another_door() as door:
        filling, switching = door.hold(FILLING), door.hold(SWITCHING)
        first = house.begin("--ledger", shop.name, "rebuild", "--workers", "1", door=door)
        filling.wait()
        load.goes_on()
        house.run("--ledger", shop.name, "rebuild", "balances", code=1)
        filling.let_go()
        switching.wait()
        load.goes_on()
        switching.let_go()
        _, said = first.communicate()
        assert first.returncode == 0, said
    shop.check()


def test_a_worker_that_is_killed(shop: Shop) -> None:
    """The rebuild says so and ends; the live tables are untouched; the next one succeeds."""
    load, house = shop.begin(), shop.house
    shop.is_read()
    before = house.builds(shop.name)
    rebuild = ("--ledger", shop.name, "rebuild", "--workers", "2")
    with house.another_door() as door:
        filling = door.hold(FILLING)
        process = house.begin(*rebuild, door=door)
        filling.wait()
        workers = workers_of(process.pid)
        for worker in workers:  # whichever it is that is held
            with suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode != 0
        assert "a worker ended before its work did" in said
        filling.let_go()
        assert psutil.wait_procs(workers, END_SECONDS_MAX)[1] == []
    load.goes_on()
    assert house.builds(shop.name) == before
    house.run(*rebuild)
    shop.check()


def test_a_rebuild_that_is_killed(shop: Shop) -> None:
    """Its workers end with it; the next rebuild clears away what it left."""
    load, house = shop.begin(), shop.house
    rebuild = ("--ledger", shop.name, "rebuild", "--workers", "2")
    with house.another_door() as door:
        filling = door.hold(FILLING)
        process = house.begin(*rebuild, door=door)
        filling.wait()
        workers = workers_of(process.pid)
        process.kill()
        process.wait()
        filling.let_go()
        process.communicate()  # the workers hold its pipes until they have ended
        assert psutil.wait_procs(workers, END_SECONDS_MAX)[1] == []
    load.goes_on()
    house.run(*rebuild)
    with house.owner() as connection:
        left = connection.execute(
            f"SELECT count(*) FROM ledger_{shop.name}.projection_builds"
            " WHERE state IN ('filling', 'filled')"
        ).fetchone()
    assert left == (0,)
    shop.check()


def test_a_version_that_is_raised_under_load(twice: Shop) -> None:
    """One server after the other gets the new version: readers see no gap and never go back."""
    house = twice.house
    for server in house.servers:
        server.prelude = "from tests.faults.older_balances import older; older()"
        server.restart()
    load = twice.begin()
    deadline = time.monotonic() + END_SECONDS_MAX
    while not (read := versions(house, twice.name)):
        assert time.monotonic() < deadline
        load.goes_on()
    assert read == {BALANCES.version - 1}
    for server in house.servers:
        server.prelude = ""
        server.restart()
        load.goes_on(40)
    twice.check()
    assert BALANCES.version in versions(house, twice.name)


def workers_of(process: int) -> list[psutil.Process]:
    """The processes that fold for a rebuild."""
    found = []
    for one in psutil.Process(process).children():
        with suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def versions(house: House, name: str) -> set[int]:
    """The versions of the balances that are read."""
    with house.owner() as connection:
        rows = connection.execute(
            f"SELECT version FROM ledger_{name}.projection_builds"
            " WHERE name = 'balances' AND state = 'live'"
        ).fetchall()
    return {version for (version,) in rows}
