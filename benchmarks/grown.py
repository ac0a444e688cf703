"""Two ledgers of the same kind, one small and one a hundred times as large, made once for a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final, NamedTuple

from benchmarks import crowd, places
from benchmarks.harness import Bench
from benchmarks.resident import Ran, run_measured
from filrouge.settings import Settings
from filrouge.wiring import closing_ledger, opened_ledger
from store.database import Database
from store.ledger import Ledger, NewEvent

SMALL_EVENTS: Final = 100_000
LARGE: Final = "large"
SMALL: Final = "small"


class Grown(NamedTuple):
    """The two ledgers, and how the large one came about."""

    settings: Settings
    database: Database
    small: Ledger
    large: Ledger
    small_events: int
    large_events: int
    filling: Ran
    """The process that brought the large one in."""

    @property
    def small_members(self) -> int:
        """Members of the small ledger."""
        return members_of(self.small_events)

    @property
    def large_members(self) -> int:
        """Members of the large ledger."""
        return members_of(self.large_events)


def members_of(events: int) -> int:
    """So many members have about so many events: each as many in a small ledger as in a large."""
    return max(events // crowd.EVENTS_PER_MEMBER, 1)


@contextmanager
def grown(bench: Bench) -> Iterator[Grown]:
    """Make both ledgers, through the ledger's own way for many events."""
    small_events = bench.size(SMALL_EVENTS, 1_000)
    large_events = bench.size(bench.grown_events, 5_000)
    with places.fresh_installation(bench) as (settings, database):
        with places.new_ledger(database, SMALL) as small, places.new_ledger(database, LARGE):
            bench.say(f"growing a ledger of {small_events:,} events")
            crowd.bring(small, history(small_events))
        bench.say(f"growing a ledger of {large_events:,} events")
        filling = run_measured(
            [sys.executable, "-m", "benchmarks.grown", str(large_events)],
            places.variables(settings, LARGE), bench,
        )  # fmt: skip
        with (
            closing_ledger(database.open(SMALL)) as small,
            closing_ledger(database.open(LARGE)) as large,
        ):
            head = large.log.head().position
            assert head >= large_events, f"the large ledger stands at {head}"
            yield Grown(settings, database, small, large, small_events, large_events, filling)


def history(events: int) -> Iterator[NewEvent]:
    """So many events of as many members as they take: who they are, and what they do."""
    members = members_of(events)
    return chain(
        crowd.beginning(),
        crowd.enrolled(members),
        crowd.happenings(members, events - 2 * members - 2 * crowd.CAMPAIGNS),
    )


def main() -> None:
    """Bring a history into the ledger that the settings name; say how far it has come."""
    events = int(sys.argv[1])
    with opened_ledger(Settings.load()) as ledger:
        told = 0

        def report(done: int) -> None:
            nonlocal told
            if done * 20 // events > told:
                told = done * 20 // events
                print(f"{done:,} of {events:,} events", flush=True)

        crowd.bring(ledger, history(events), report)


if __name__ == "__main__":
    main()
