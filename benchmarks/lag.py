"""``lag``: from the acknowledgement of an event to the row that shows it, under a steady load."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Final

from benchmarks import crowd, places, web
from benchmarks.harness import Bench
from benchmarks.rebuild import PROJECTIONS
from store.errors import StoreOverloaded
from store.ledger import Ledger, NewEvent, Outcome
from store.reply import Reply

NAME: Final = "lag"
UNIT: Final = "ms"
RATE: Final = 2_000
"""Events in a second, each a request of its own."""
SECONDS: Final = 30.0
WINDOWS: Final = 5
"""The load is one, and its windows are the repetitions."""
MEMBERS: Final = 2_000
SUSTAINED_SHARE: Final = 0.95
TICK_SECONDS: Final = 0.005
LOOK_SECONDS: Final = 0.002
"""How often it is looked how far the rows are: what is seen is late by so much."""
CATCH_UP_SECONDS_MAX: Final = 60.0
POSITION_SQL: Final = """
SELECT min(c.position), count(DISTINCT b.name) FROM projection_builds b
JOIN projection_checkpoints c USING (build) WHERE b.state = 'live' AND b.name = ANY(%s)
"""


def run(bench: Bench) -> None:
    """Serve a ledger, record at a steady rate, and watch its projections."""
    seconds = bench.seconds(SECONDS)
    rate = bench.size(RATE, 100)
    members = bench.size(MEMBERS, 20)
    bench.say(f"{NAME}: {rate:,} events/s for {seconds:.0f} s")
    with ExitStack() as stack:
        settings, database = stack.enter_context(places.fresh_installation(bench))
        ledger = stack.enter_context(places.new_ledger(database))
        crowd.bring(ledger, chain(crowd.beginning(), crowd.enrolled(members)))
        stack.enter_context(web.ours(settings, bench.folder / "lag.log"))
        watch = _Watch(ledger)
        watch.wait_for(ledger.log.head().position)
        load = _Load(ledger, crowd.happenings(members, int(rate * seconds), crowd.OBSERVED))
        watch.start()
        took = load.send(rate)
        last = max(position for position, _ in load.acknowledged)
        caught_up = watch.stop_at(last)
    case, must, aim = f"p99 at {rate:,} events/s", 250.0, 50.0
    taken = len(load.acknowledged) / took
    if taken < rate * SUSTAINED_SHARE and not bench.quick:
        why = f"only {taken:,.0f} of {rate:,} events/s were taken, so nothing was sustained"
        bench.record_not_run(NAME, case, why, peer_name="", unit=UNIT, must=must, aim=aim)
        return
    lags = [lag * 1_000 for lag in _lags(sorted(load.acknowledged), watch.seen)]
    each = -(-len(lags) // WINDOWS)
    windows = [lags[start : start + each] for start in range(0, len(lags), each)]
    note = f"p50 {_quantile(lags, 0.5):.1f} ms, p99 of the whole {_quantile(lags, 0.99):.1f} ms"
    if not caught_up:
        note += f"; not caught up {CATCH_UP_SECONDS_MAX:.0f} s after the last"
    bench.record(
        NAME, case, ours=[_quantile(some, 0.99) for some in windows],
        unit=UNIT, must=must, aim=aim, at_most=True, note=note,
        sizes=f"{len(lags):,} events in {took:.1f} s, one a request, in {len(windows)} windows; "
        f"the slowest of {', '.join(PROJECTIONS)}",
    )  # fmt: skip


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


class _Load:
    """Sends events one by one at a steady rate; notes when each was acknowledged, and where."""

    def __init__(self, ledger: Ledger, events: Iterator[NewEvent]) -> None:
        self._ledger = ledger
        self._events = list(events)
        self.acknowledged: list[tuple[int, float]] = []

    def send(self, rate: int) -> float:
        """Send everything; returns how long it took until all was acknowledged, in seconds."""
        began = time.perf_counter()
        futures = []
        sent = 0
        while sent < len(self._events):
            due = min(int((time.perf_counter() - began) * rate) + 1, len(self._events))
            try:
                for new in self._events[sent:due]:
                    future = self._ledger.observe([new], actor=crowd.ACTOR)
                    future.add_done_callback(self._note)
                    futures.append(future)
                    sent += 1
            except StoreOverloaded:
                pass  # as a client does: come back in a moment
            time.sleep(TICK_SECONDS)
        for future in futures:
            [outcome] = future.result()
            assert outcome.position is not None, outcome.error
        took = time.perf_counter() - began
        while len(self.acknowledged) < len(futures):
            time.sleep(TICK_SECONDS)  # whoever waits is woken before it is noted
        return took

    def _note(self, future: Reply[list[Outcome]]) -> None:
        now = time.perf_counter()
        [outcome] = future.result()
        if outcome.position is not None:
            self.acknowledged.append((outcome.position, now))


class _Watch:
    """Looks how far the rows of the projections are, and notes when it changes."""

    def __init__(self, ledger: Ledger) -> None:
        self._connection = ledger.connect()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: list[tuple[int, float]] = []

    def wait_for(self, position: int) -> None:
        """Wait until all the projections are there and have come to a position."""
        deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
        while self._position() < position:
            assert time.monotonic() < deadline, f"the projections are at {self._position()}"
            time.sleep(LOOK_SECONDS)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop_at(self, position: int) -> bool:
        """Go on until a position is shown, or the time is over; False if it is not."""
        deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
        while (not self.seen or self.seen[-1][0] < position) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        self._stopped.set()
        self._thread.join()
        self._connection.close()
        return self.seen[-1][0] >= position

    def _look(self) -> None:
        before = 0
        while not self._stopped.is_set():
            position = self._position()
            if position > before:
                self.seen.append((position, time.perf_counter()))
                before = position
            time.sleep(LOOK_SECONDS)

    def _position(self) -> int:
        there = self._connection.execute("SELECT to_regclass('projection_builds')").fetchone()
        if there is None or there[0] is None:
            return 0  # the server has not come to it yet
        row = self._connection.execute(POSITION_SQL, [list(PROJECTIONS)]).fetchone()
        assert row is not None
        return row[0] if row[1] == len(PROJECTIONS) else 0


def _lags(acknowledged: list[tuple[int, float]], seen: list[tuple[int, float]]) -> Iterator[float]:
    """How long after its acknowledgement each event was seen; at least until the last look."""
    looks = iter(seen)
    shown, at = next(looks)
    for position, when in acknowledged:
        while shown < position:
            following = next(looks, None)
            if following is None:
                break
            shown, at = following
        yield max(at - when, 0.0)
