"""Faults of all kinds, one after another in an order that a seed gives, under load."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.faults.full_disk import Disk
from tests.faults.house import House
from tests.faults.kinds import kinds_of
from tests.faults.load import RANDOM_PAUSE_SECONDS
from tests.faults.shop import Shop

SERVERS = 2
EVENTS_BETWEEN_MAX = 80
TALLY_SECONDS = 60


def run(
    folder: Path,
    disk: Disk | None,
    *,
    seed: int,
    seconds: float,
    processes: int,
    say: Callable[[str], None],
) -> Counter[str]:
    """Do so for so long, then check; returns how often each kind was done.

    Each kind is done once before any is done again. The seed gives the kinds, their order and
    their moments; what happens at the same instant elsewhere, nobody can repeat.
    """
    random = Random(seed)  # noqa: S311 - which fault comes next is no secret
    done: Counter[str] = Counter()
    kinds = kinds_of(disk)
    with House(folder, servers=SERVERS) as house, Shop(house.start(), disk) as shop:
        for n in range(processes):
            shop.begin(n, RANDOM_PAUSE_SECONDS)
        began = said = time.monotonic()
        while time.monotonic() - began < seconds:
            for kind in random.sample(kinds, len(kinds)):
                if time.monotonic() - began > seconds:
                    break
                kind(shop, random)
                done[kind.__name__] += 1
                shop.loads[0].goes_on(random.randint(1, EVENTS_BETWEEN_MAX))
                if time.monotonic() - said > TALLY_SECONDS:
                    said = time.monotonic()
                    say(tally(said - began, done, shop))
        head = shop.check()
        say(tally(time.monotonic() - began, done, shop))
    say(f"Nothing is lost: {head:,} positions, each projection equal to its rebuild.")
    return done


def tally(seconds: float, done: Counter[str], shop: Shop) -> str:
    """Where it stands."""
    answers = sum((load.answers for load in shop.loads), Counter[str]())
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(done.items()))
    return (
        f"{seconds / 60:5.1f} min: {len(shop.acknowledged):,} events acknowledged,"
        f" {answers['503']:,} times told to come back; {done.total()} faults ({kinds})"
    )
