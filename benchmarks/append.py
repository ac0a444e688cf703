"""``append``: batches of a hundred events, each under a condition, by sixteen callers."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Final

from benchmarks import places
from benchmarks.append_load import recorder_call, umadb_call
from benchmarks.callers import CallRate
from benchmarks.harness import Bench

NAME: Final = "append"
UNIT: Final = "events/s"
CASE: Final = "16 callers x batches of 100"
CALLERS: Final = 16
EVENTS: Final = 100
SAMPLE_SECONDS: Final = 3.0
SIZES: Final = "200 B payload, 3 tags on each event, one condition on a batch"


def run(bench: Bench) -> None:
    """Measure against the library and UmaDB."""
    bench.say(f"{NAME}: {CASE}")
    seconds = bench.seconds(SAMPLE_SECONDS)
    module = places.umadb_module()
    with ExitStack() as stack:
        ledger = stack.enter_context(places.fresh_ledger(bench))
        library = stack.enter_context(places.library_recorder(bench, pool=CALLERS))
        makers = {
            "ours": partial(recorder_call, ledger.recorder, EVENTS),
            places.LIBRARY: partial(recorder_call, library, EVENTS),
        }
        if module is not None:
            client = stack.enter_context(places.umadb_client(bench))
            makers[places.UMADB] = partial(umadb_call, module, client, EVENTS)
        contenders = {
            name: CallRate(make, CALLERS, seconds, each=EVENTS) for name, make in makers.items()
        }
        figures = bench.take_turns(contenders)
    ours = figures["ours"]
    for peer, must, aim in ((places.LIBRARY, 2.5, 4.0), (places.UMADB, 0.3, 0.6)):
        if peer not in figures:
            bench.record_not_run(
                NAME, CASE, places.UMADB_ABSENT, peer_name=peer, unit=UNIT, must=must, aim=aim
            )
            continue
        bench.record(
            NAME, CASE, ours=ours, peer=figures[peer], peer_name=peer, unit=UNIT, must=must,
            aim=aim, sizes=SIZES,
            note=f"p99 {contenders['ours'].p99}, peer {contenders[peer].p99}",
        )  # fmt: skip
