"""A disk that fills up while a batch, a rebuild and a switch are under way, and has room again.

The disk is a small tmpfs in a mount namespace of its own, which root makes as root and anybody
else in a user namespace; PostgreSQL's files are on it and nothing else is. It is made as small as
what is on it, so that PostgreSQL meets the system's own ENOSPC.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.house import House
from tests.faults.proxy import FILLING, SWITCHING
from tests.faults.shop import Shop

DISK_BYTES = 4 << 30
PAGE_BYTES = 4096
UNSHARE = ("unshare", "--mount", "--propagation", "private")
AS_ANYBODY = ("--user", "--map-current-user", "--keep-caps")


def namespace() -> tuple[list[str], str]:
    """How to start a command where it may mount a disk; if that cannot be, why not."""
    command = [*UNSHARE, *(AS_ANYBODY if os.geteuid() else ())]
    mount = [*command, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]  # noqa: S108 - in there only
    try:
        tried = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return [], "this system has no `unshare`"
    if tried.returncode:
        return [], f"this system lets nobody mount a disk of his own: {tried.stderr.strip()}"
    return command, ""


class Disk:
    """A file system of its own that can be full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o755, exist_ok=True)
        options = f"size={DISK_BYTES},mode=0755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no room for another page."""
        while os.statvfs(self.folder).f_bavail:
            # What is written meanwhile may be more than what it was to be made as small as.
            used = shutil.disk_usage(self.folder).used
            self._resize(used, check=False)

    def make_room(self) -> None:
        """Let there be room again."""
        self._resize(DISK_BYTES, check=True)

    def _resize(self, size: int, *, check: bool) -> None:
        command = ["mount", "-o", f"remount,size={max(size, PAGE_BYTES)}", str(self.folder)]
        subprocess.run(command, check=check, capture_output=not check)


def disk_of(folder: Path) -> Disk:
    """The disk that the PostgreSQL of a house will be on."""
    folder.mkdir(parents=True, exist_ok=True)
    return Disk(folder / "data")


def while_appending(shop: Shop, disk: Disk) -> None:
    """Nothing can be recorded, which every caller is told; what is there can still be read."""
    load, house = shop.begin(), shop.house
    disk.fill()
    while not any("DiskFull" in str(one) for one in house.servers[0].logged("batch.failed")):
        load.hears("503", disk.fill)
    disk.make_room()
    house.start_postgres()
    shop.check()


def while_rebuilding(shop: Shop, disk: Disk) -> None:
    """The rebuild ends and says so; the live tables stay, and the next one succeeds."""
    load, house = shop.begin(), shop.house
    shop.is_read()
    before = house.builds(shop.name)
    for moment in (FILLING, SWITCHING):
        with house.another_door() as door:
            there = door.hold(moment)
            process = house.begin("--ledger", shop.name, "rebuild", "--workers", "1", door=door)
            there.wait()
            disk.fill()
            there.let_go()
            _, said = process.communicate()
        disk.make_room()
        house.start_postgres()
        if moment == FILLING:
            assert (process.returncode, house.builds(shop.name)) == (3, before), said
        else:  # moving a pointer takes so little room that it may be there
            assert process.returncode in {0, 3}, said
        load.goes_on()
    house.run("--ledger", shop.name, "rebuild")
    shop.check()


def main(arguments: Sequence[str]) -> None:
    """One after another, in the folder that is named."""
    for n, scene in enumerate((while_appending, while_rebuilding)):
        folder = Path(arguments[0]) / str(n)
        disk = disk_of(folder)
        with House(folder, servers=1) as house, Shop(house.start(), disk) as shop:
            try:
                scene(shop, disk)
            finally:
                disk.make_room()


if __name__ == "__main__":
    main(sys.argv[1:])
