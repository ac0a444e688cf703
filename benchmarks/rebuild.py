"""``rebuild``: four projections from nothing, on all processors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from typing import Final

from benchmarks import places
from benchmarks.harness import Bench
from benchmarks.library_views import RowView, events_per_second, load
from filrouge.simulator.run import Progress, fill
from filrouge.simulator.state import State
from projections import ALL
from projections.fold import Projection
from projections.rebuild import rebuild
from store.ledger import Ledger

NAME: Final = "rebuild"
UNIT: Final = "events/s"
PROJECTIONS: Final = ("balances", "campaign_returns", "profiles", "statements")
EVENTS: Final = 1_000_000
YEARS: Final = 3.0
EVENTS_PER_MEMBER_YEAR: Final = 17.0
"""About what the simulator tells of a member in a year."""
SEED: Final = 1
LIBRARY_EVENTS: Final = 1_000
COPY_SQL: Final = "COPY (SELECT entry FROM entries ORDER BY position) TO STDOUT"


def run(bench: Bench) -> None:
    """Measure beside the plain export of the entries, and beside the library's way."""
    events = bench.size(EVENTS, 2_000)
    bench.say(f"{NAME}: about {events:,} simulated events")
    with ExitStack() as stack:
        ledger = stack.enter_context(places.fresh_ledger(bench))
        simulate(bench, ledger, events)
        head = ledger.log.head().position
        library = _Library(bench, stack, ledger)
        figures = bench.take_turns(
            {
                "ours": lambda: rebuilt(ledger),
                "COPY": lambda: copied_out(ledger),
                "library": library.rebuilt,
            },
            warm=False,
        )
    sizes = f"{head:,} simulated events; {', '.join(PROJECTIONS)}; {os.cpu_count()} processes"
    bench.record(
        NAME, "beside the text of the entries", ours=figures["ours"], peer=figures["COPY"],
        peer_name="COPY (SELECT entry ... ORDER BY position) TO STDOUT, thrown away", unit=UNIT,
        must=0.2, aim=0.6, sizes=sizes,
    )  # fmt: skip
    bench.record(
        NAME, "beside tracked rows", ours=figures["ours"], peer=figures["library"],
        peer_name=f"subscriptions of {places.LIBRARY}, one tracked row per event and view",
        unit=UNIT, must=100.0, aim=300.0,
        sizes=f"{sizes}; the library: {library.events:,} of these events, {len(PROJECTIONS)} views",
    )  # fmt: skip


def simulate(bench: Bench, ledger: Ledger, events: int) -> None:
    """Tell an invented brand's history of about so many events."""
    history = State(max(20, round(events / YEARS / EVENTS_PER_MEMBER_YEAR)), YEARS, SEED)
    with bench.progress("simulating", events) as report:

        def said(progress: Progress) -> None:
            report(progress.events)

        fill(ledger, history, report=said)


def wanted() -> list[Projection]:
    """The four projections."""
    return [one for one in ALL if one.name in PROJECTIONS]


def rebuilt(ledger: Ledger) -> float:
    """Rebuild the four; events in a second."""
    head = ledger.log.head().position
    began = time.perf_counter()
    done = rebuild(ledger, wanted(), workers=os.cpu_count() or 1, grace_seconds=0)
    took = time.perf_counter() - began
    failed = [one for one in done if one.failure is not None or one.position < head]
    assert not failed, failed
    return head / took


def copied_out(ledger: Ledger) -> float:
    """Have the server send all entries as text, and throw them away; events in a second."""
    with ledger.connect() as connection:
        began = time.perf_counter()
        cursor = connection.cursor()
        with cursor.copy(COPY_SQL) as copy:
            for _ in copy:
                pass
        return cursor.rowcount / (time.perf_counter() - began)


class _Library:
    """The library with some of the same events, in a database of its own."""

    def __init__(self, bench: Bench, stack: ExitStack, ledger: Ledger) -> None:
        self.events = bench.size(LIBRARY_EVENTS, 20)
        pool = 4 * len(PROJECTIONS)
        self._recorder = stack.enter_context(places.library_recorder(bench, pool=pool))
        found = ledger.log.read(limit=self.events)
        load(self._recorder, [(one.envelope.type, one.entry, list(one.tags)) for one in found])
        self._names: Callable[[], int] = count().__next__

    def rebuilt(self) -> float:
        turn = self._names()
        views = [
            RowView(self._recorder.datastore, f"view{number}_{turn}")
            for number in range(len(PROJECTIONS))
        ]
        for view in views:
            view.create_table()
        return events_per_second(self._recorder, views, self.events)
