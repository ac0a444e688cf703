"""``decide``: guarded one-event decisions, each durable when it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from benchmarks import places
from benchmarks.append_load import queue_call, recorder_call, umadb_call
from benchmarks.callers import AskRate, CallRate
from benchmarks.harness import Bench
from benchmarks.participation_load import (
    MEMBERS,
    enrol,
    participation_ask,
    participation_call,
    recorded,
)
from benchmarks.processes import Processes
from benchmarks.rules_load import RULES, publish
from store.collecting import SERVING_COLLECT_AFTER, rarely_collected
from store.ledger import Ledger

NAME: Final = "decide"
UNIT: Final = "decisions/s"
SAMPLE_SECONDS: Final = 3.0
CALLERS: Final = (64, 256)
LIBRARY_MUST: Final = {64: 8.0, 256: 10.0}
PROCESSES: Final = 4
SIZES: Final = "200 B payload, 3 tags, condition on a type and one of them"
TASKS: Final = "our callers are tasks of one event loop, as requests over HTTP are"
THREADS: Final = "each caller a thread"


def run(bench: Bench) -> None:
    """Measure all cases; the collector of garbage comes as rarely as in a server, for everybody."""
    with rarely_collected(SERVING_COLLECT_AFTER):
        _one_process(bench)
        _several_processes(bench)
        _through_a_slice(bench)
        _with_rules(bench)


def _calls(bench: Bench, callers: int, make: Callable[[], Callable[[], object]]) -> CallRate:
    return CallRate(make, callers, bench.seconds(SAMPLE_SECONDS))


@contextmanager
def _umadb(bench: Bench) -> Iterator[dict[str, CallRate]]:
    """UmaDB with so many callers; nothing where it is not installed."""
    module = places.umadb_module()
    if module is None:
        yield {}
        return
    with places.umadb_client(bench) as client:
        call = partial(umadb_call, module, client)
        yield {f"{places.UMADB} {callers}": _calls(bench, callers, call) for callers in CALLERS}


def _one_process(bench: Bench) -> None:
    bench.say(f"{NAME}: one process")
    with ExitStack() as stack:
        ledger = stack.enter_context(places.fresh_ledger(bench))
        recorder = stack.enter_context(places.library_recorder(bench))
        contenders: dict[str, CallRate] = {}
        for count in CALLERS:
            contenders[f"ours {count}"] = AskRate(
                partial(queue_call, ledger.recorder), count, bench.seconds(SAMPLE_SECONDS)
            )
            contenders[f"{THREADS} {count}"] = _calls(
                bench, count, partial(recorder_call, ledger.recorder)
            )
        contenders[places.LIBRARY] = _calls(
            bench, places.LIBRARY_THREADS, partial(recorder_call, recorder)
        )
        contenders |= stack.enter_context(_umadb(bench))
        figures = bench.take_turns(contenders)
    for count in CALLERS:
        ours = contenders[f"ours {count}"]
        case = f"{count} callers"
        library = contenders[places.LIBRARY]
        bench.record(
            NAME, case, ours=figures[f"ours {count}"], peer=figures[places.LIBRARY],
            peer_name=f"{places.LIBRARY}, {places.LIBRARY_THREADS} threads", unit=UNIT,
            must=LIBRARY_MUST[count], aim=15.0, sizes=f"{SIZES}; {TASKS}",
            note=f"p99 {ours.p99}, peer {library.p99}",
        )  # fmt: skip
        threads = f"{THREADS} {count}"
        bench.record(
            NAME, f"{case}, {THREADS}", ours=figures[threads], peer=figures[places.LIBRARY],
            peer_name=f"{places.LIBRARY}, {places.LIBRARY_THREADS} threads", unit=UNIT,
            sizes=SIZES, note=f"p99 {contenders[threads].p99}, peer {library.p99}",
        )  # fmt: skip
        name = f"{places.UMADB} {count}"
        if name not in figures:
            bench.record_not_run(
                NAME, case, places.UMADB_ABSENT, peer_name=places.UMADB, unit=UNIT, must=1.2, aim=2
            )
            continue
        bench.record(
            NAME, case, ours=figures[f"ours {count}"], peer=figures[name], peer_name=places.UMADB,
            unit=UNIT, must=1.2, aim=2.0, sizes=f"{SIZES}; {TASKS}",
            note=f"p99 {ours.p99}, peer {contenders[name].p99}",
        )  # fmt: skip


def _several_processes(bench: Bench) -> None:
    bench.say(f"{NAME}: {PROCESSES} processes")
    callers, seconds = CALLERS[0], bench.seconds(SAMPLE_SECONDS)
    with (
        places.fresh_installation(bench) as (settings, database),
        places.new_ledger(database),
        Processes(settings, 1, callers) as one,
        Processes(settings, PROCESSES, callers) as several,
    ):
        figures = bench.take_turns(
            {"4 processes": lambda: several.call(seconds), "1 process": lambda: one.call(seconds)}
        )
    bench.record(
        NAME, f"{PROCESSES} processes x {callers} callers", ours=figures["4 processes"],
        peer=figures["1 process"], peer_name=f"ours, 1 process x {callers} callers", unit=UNIT,
        must=0.4, aim=1.0, sizes=SIZES,
    )  # fmt: skip


def _asking(bench: Bench, ledger: Ledger, members: int) -> AskRate:
    ask = partial(participation_ask, ledger, members)
    return AskRate(ask, CALLERS[0], bench.seconds(SAMPLE_SECONDS), check=recorded)


def _through_a_slice(bench: Bench) -> None:
    members, callers = bench.size(MEMBERS, 200), CALLERS[0]
    case = f"slice of a participation, {callers} callers"
    for tasks in (True, False):
        named = case if tasks else f"{case}, {THREADS}"
        bench.say(f"{NAME}: {named}, {members:,} members")
        with places.fresh_ledger(bench) as ledger:
            with bench.progress("enrolling", members) as report:
                enrol(ledger, members, report)
            contenders = (_asked if tasks else _called)(bench, ledger, members)
            figures = bench.take_turns(contenders)
        bench.record(
            NAME, named, ours=figures["slice"], peer=figures["without"],
            peer_name="ours without the slice", unit=UNIT,
            must=0.6 if tasks else None, aim=0.9 if tasks else None,
            sizes=f"{members:,} members, drawn at random; 4 tags, an entry limit"
            + (f"; {TASKS}" if tasks else ""),
            note=f"p99 {contenders['slice'].p99}, peer {contenders['without'].p99}",
        )  # fmt: skip


def _asked(bench: Bench, ledger: Ledger, members: int) -> dict[str, CallRate]:
    without = partial(queue_call, ledger.recorder)
    return {
        "slice": _asking(bench, ledger, members),
        "without": AskRate(without, CALLERS[0], bench.seconds(SAMPLE_SECONDS)),
    }


def _called(bench: Bench, ledger: Ledger, members: int) -> dict[str, CallRate]:
    return {
        "slice": _calls(bench, CALLERS[0], partial(participation_call, ledger, members)),
        "without": _calls(bench, CALLERS[0], partial(recorder_call, ledger.recorder)),
    }


def _with_rules(bench: Bench) -> None:
    """The same slice in a ledger with rules, all of which look at a participation; one gives."""
    members = bench.size(MEMBERS // 10, 200)
    bench.say(f"{NAME}: through the same slice with {RULES} rules in force")
    with ExitStack() as stack:
        ledgers = {name: stack.enter_context(places.fresh_ledger(bench)) for name in ("rules", "-")}
        for ledger in ledgers.values():
            with bench.progress("enrolling", members) as report:
                enrol(ledger, members, report)
        publish(ledgers["rules"], RULES)
        contenders = {name: _asking(bench, ledger, members) for name, ledger in ledgers.items()}
        figures = bench.take_turns(contenders)
    bench.record(
        NAME, f"slice of a participation, {RULES} rules on it", ours=figures["rules"],
        peer=figures["-"], peer_name="ours without rules", unit=UNIT, must=0.4, aim=0.7,
        sizes=f"{members:,} members; every rule's condition is evaluated, one awards; {TASKS}",
        note=f"p99 {contenders['rules'].p99}, peer {contenders['-'].p99}",
    )  # fmt: skip
