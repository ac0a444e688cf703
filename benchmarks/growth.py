"""``growth``: whether anything slows down when the log is a hundred times as large."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import crowd, places, web
from benchmarks.append_load import recorder_call
from benchmarks.callers import CallRate
from benchmarks.grown import LARGE, SMALL, Grown, grown
from benchmarks.harness import Bench
from benchmarks.http import SCOPES
from benchmarks.rebuild import PROJECTIONS, rebuilt
from benchmarks.resident import Ran, run_measured
from benchmarks.sizes import bytes_on_disk
from benchmarks.wrk_scripts import get_script
from filrouge.settings import Settings
from filrouge.wiring import credentials
from store.ledger import Ledger

NAME: Final = "growth"
CALLERS: Final = 64
SAMPLE_SECONDS: Final = 3.0
IMPORT_EVENTS: Final = 20_000
REBUILDS: Final = 2
"""Repetitions of the rebuild: one of the large ledger takes as long as everything else here."""
MEBIBYTE: Final = 2**20
RESIDENT_MAX: Final = 1_024.0


def run(bench: Bench) -> None:
    """Measure the two ledgers in turn, then what the large one takes of disk and memory."""
    made = bench.once(grown)
    bytes_on_disk(bench, made)
    _import(bench, made)
    _decide(bench, made)
    _rebuild(bench, made)
    memory = {"import": made.filling, **_export_and_restore(bench, made)}
    memory["rebuild"] = _rebuild_all(bench, made, LARGE)
    _rebuild_all(bench, made, SMALL)
    for what, ran in memory.items():
        bench.record(
            NAME, f"resident memory: {what} of {made.large_events:,} events",
            ours=[ran.resident_bytes / MEBIBYTE], unit="MiB", must=RESIDENT_MAX, at_most=True,
            sizes=f"the largest process of it; {ran.seconds:.0f} s in all",
        )  # fmt: skip
    _get(bench, made)


def _record(
    bench: Bench, made: Grown, case: str, figures: dict[str, list[float]], unit: str, must: float,
    aim: float, sizes: str = "",
) -> None:  # fmt: skip
    bench.record(
        NAME, f"{case} at {made.large_events:,} events", ours=figures[LARGE], peer=figures[SMALL],
        peer_name=f"the same at {made.small_events:,} events", unit=unit, must=must, aim=aim,
        sizes=sizes,
    )  # fmt: skip


def _import(bench: Bench, made: Grown) -> None:
    """Each turn brings more in."""
    events = bench.size(IMPORT_EVENTS, 200)
    bench.say(f"{NAME}: import")
    turns = {
        LARGE: _Import(made.large, made.large_events, made.large_members, events),
        SMALL: _Import(made.small, made.small_events, made.small_members, events),
    }
    figures = bench.take_turns(turns)
    sizes = f"{events:,} events a turn, batches of {crowd.BATCH_EVENTS:,}"
    _record(bench, made, "import", figures, "events/s", 0.5, 0.9, sizes)


class _Import:
    """Brings the next events in."""

    def __init__(self, ledger: Ledger, first: int, members: int, events: int) -> None:
        self._ledger = ledger
        self._next = first
        self._members = members
        self._events = events

    def __call__(self) -> float:
        """Events in a second."""
        some = list(crowd.happenings(self._members, self._events, first=self._next))
        self._next += self._events
        began = time.perf_counter()
        new = crowd.bring(self._ledger, iter(some))
        took = time.perf_counter() - began
        assert new == self._events
        return new / took


def _decide(bench: Bench, made: Grown) -> None:
    bench.say(f"{NAME}: decide")
    seconds = bench.seconds(SAMPLE_SECONDS)
    figures = bench.take_turns(
        {
            LARGE: CallRate(partial(recorder_call, made.large.recorder), CALLERS, seconds),
            SMALL: CallRate(partial(recorder_call, made.small.recorder), CALLERS, seconds),
        }
    )
    _record(bench, made, "decide", figures, "decisions/s", 0.8, 1.0, f"{CALLERS} callers")


def _rebuild(bench: Bench, made: Grown) -> None:
    bench.say(f"{NAME}: rebuild")
    figures = bench.take_turns(
        {LARGE: partial(rebuilt, made.large), SMALL: partial(rebuilt, made.small)},
        warm=False, times=min(REBUILDS, bench.repetitions),
    )  # fmt: skip
    sizes = f"{', '.join(PROJECTIONS)}; {len(figures[LARGE])} repetitions"
    _record(bench, made, "rebuild", figures, "events/s", 0.8, 1.0, sizes)


def _command(bench: Bench, settings: Settings, ledger: str, *arguments: str) -> Ran:
    command = [sys.executable, "-m", "filrouge", *arguments]
    return run_measured(command, places.variables(settings, ledger), bench)


def _rebuild_all(bench: Bench, made: Grown, ledger: str) -> Ran:
    bench.say(f"{NAME}: rebuild of everything, {ledger}")
    return _command(bench, made.settings, ledger, "rebuild")


def _export_and_restore(bench: Bench, made: Grown) -> dict[str, Ran]:
    file: Path = bench.folder / "entries.ndjson"
    bench.say(f"{NAME}: export and restore")
    exported = _command(bench, made.settings, LARGE, "export", str(file))
    # Into a database of its own: what is served later is not to be projected besides.
    with places.fresh_installation(bench) as (settings, _):
        restored = _command(bench, settings, places.LEDGER, "restore", str(file))
    file.unlink()
    return {"export": exported, "restore": restored}


def _get(bench: Bench, made: Grown) -> None:
    """Last: while a server runs, its projections follow what is recorded."""
    case, unit, must, aim = "GET of one balance", "requests/s", 0.8, 1.0
    if web.wrk_program() is None:
        bench.record_not_run(
            NAME, f"{case} at {made.large_events:,} events", web.WRK_ABSENT, must=must, aim=aim,
            peer_name=f"the same at {made.small_events:,} events", unit=unit,
        )  # fmt: skip
        return
    bench.say(f"{NAME}: {case}")
    _, secret = credentials(made.database).create(NAME, ledgers=[LARGE, SMALL], scopes=SCOPES)
    seconds = bench.seconds(SAMPLE_SECONDS)
    scripts = {
        LARGE: get_script(bench.folder, LARGE, secret, made.large_members),
        SMALL: get_script(bench.folder, SMALL, secret, made.small_members),
    }
    with web.ours(made.settings, bench.folder / "growth.log") as url:

        def asked(ledger: str) -> float:
            return web.wrk(url, scripts[ledger], seconds).rate

        figures = bench.take_turns({name: partial(asked, name) for name in scripts})
    _record(bench, made, case, figures, unit, must, aim, f"{web.CONNECTIONS} connections")
