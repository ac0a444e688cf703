"""Every kind of fault as something that is done to a house at a random moment, and undone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

import psutil

from tests.faults.full_disk import Disk
from tests.faults.proxy import WRITING
from tests.faults.shop import Shop

PARTS = (WRITING, b"COMMIT")
OFFSET_BYTES_MAX = 2_000
STOPPED_EVENTS = 30
END_SECONDS_MAX = 60

Kind = Callable[[Shop, Random], None]


def server_killed(shop: Shop, random: Random) -> None:
    """SIGKILL to a server, which leads the projections or not."""
    random.choice(shop.house.servers).restart()


def server_stopped_in_order(shop: Shop, random: Random) -> None:
    """SIGTERM to a server, which is started again."""
    server = random.choice(shop.house.servers)
    server.stop()
    server.start()


def server_silent(shop: Shop, random: Random) -> None:
    """SIGSTOP to a server; it wakes up once the others have gone on without it."""
    server = random.choice(shop.house.servers)
    server.signal(signal.SIGSTOP)
    try:
        shop.loads[0].goes_on(random.randint(1, STOPPED_EVENTS))
    finally:
        server.signal(signal.SIGCONT)


def postgres_killed(shop: Shop, random: Random) -> None:
    """SIGKILL to PostgreSQL's first process."""
    shop.house.end_postgres(signal.SIGKILL)


def postgres_stopped_at_once(shop: Shop, random: Random) -> None:
    """The immediate stop of PostgreSQL."""
    shop.house.end_postgres(signal.SIGQUIT)


def backend_killed(shop: Shop, random: Random) -> None:
    """SIGKILL to a process of PostgreSQL, which then restarts by itself."""
    processes = shop.house.postmaster().children()
    random.shuffle(processes)
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # a backend whose client has just gone
            one.send_signal(signal.SIGKILL)
            break
    psutil.wait_procs(processes, END_SECONDS_MAX)


def backends_ended(shop: Shop, random: Random) -> None:
    """Every connection is ended by an operator."""
    with shop.house.owner() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


def connections_cut(shop: Shop, random: Random) -> None:
    """Every connection breaks, wherever it is."""
    shop.house.door.cut_all()


def connection_cut_inside(shop: Shop, random: Random) -> None:
    """One connection breaks inside a batch, after a random number of bytes."""
    offset = random.randrange(OFFSET_BYTES_MAX)
    shop.house.door.cut(random.choice(PARTS), offset).wait()


def clock_set_back(shop: Shop, random: Random) -> None:
    """The last entry was recorded some seconds ahead of the clock as it is now."""
    with shop.house.owner() as connection:
        connection.execute(
            f"UPDATE ledger_{shop.name}.head SET recorded_at ="
            " greatest(recorded_at, clock_timestamp()) + make_interval(secs => %s)",
            [random.randint(1, 5)],
        )


def rebuilt(shop: Shop, random: Random) -> None:
    """A rebuild while events pour in."""
    workers = str(random.randint(1, 2))
    deadline = time.monotonic() + END_SECONDS_MAX
    while True:
        process = shop.house.begin("--ledger", shop.name, "rebuild", "--workers", workers)
        _, said = process.communicate()
        if process.returncode != 1:  # PostgreSQL has not yet noticed that another was killed
            break
        assert time.monotonic() < deadline, said
    assert process.returncode == 0, said


def two_rebuilds(shop: Shop, random: Random) -> None:
    """Two at once: each succeeds or is refused, and one at least succeeds."""
    deadline = time.monotonic() + END_SECONDS_MAX
    while True:
        begun = [
            shop.house.begin("--ledger", shop.name, "rebuild", "balances", "--workers", "1")
            for _ in range(2)
        ]
        said = [process.communicate()[1] for process in begun]
        ended = {process.returncode for process in begun}
        assert ended <= {0, 1}, said
        if 0 in ended:
            return
        # PostgreSQL has not yet noticed that another was killed.
        assert time.monotonic() < deadline, said


def rebuild_killed(shop: Shop, random: Random) -> None:
    """A rebuild and its workers are killed somewhere on their way."""
    process = shop.house.begin("--ledger", shop.name, "rebuild", "--workers", "2")
    shop.loads[0].goes_on(random.randint(1, STOPPED_EVENTS))
    shop.house.kill(process)


def disk_full(shop: Shop, random: Random) -> None:
    """The disk is full until callers have been told so."""
    assert shop.disk is not None
    shop.disk.fill()
    try:
        for _ in range(random.randint(1, 20)):
            shop.loads[0].hears("503", shop.disk.fill)
    finally:
        shop.disk.make_room()
    shop.house.start_postgres()


KINDS: Final[tuple[Kind, ...]] = (
    server_killed,
    server_stopped_in_order,
    server_silent,
    postgres_killed,
    postgres_stopped_at_once,
    backend_killed,
    backends_ended,
    connections_cut,
    connection_cut_inside,
    clock_set_back,
    rebuilt,
    two_rebuilds,
    rebuild_killed,
)
WITH_A_DISK: Final[tuple[Kind, ...]] = (*KINDS, disk_full)


def kinds_of(disk: Disk | None) -> tuple[Kind, ...]:
    """What can be done here."""
    return KINDS if disk is None else WITH_A_DISK
