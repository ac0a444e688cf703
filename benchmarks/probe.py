"""``probe``: one condition, a tag and a type, in a small log and in a large one."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Final

from benchmarks import crowd
from benchmarks.grown import grown, members_of
from benchmarks.harness import Bench
from store.ledger import Ledger
from store.query import Query, QueryItem, Span, positions_sql

NAME: Final = "probe"
UNIT: Final = "us"
PROBES: Final = 5_000
SEED: Final = 3
TYPE: Final = "purchase.recorded.v1"


def run(bench: Bench) -> None:
    """Measure both."""
    made = bench.once(grown)
    probes = bench.size(PROBES, 50)
    bench.say(f"{NAME}: {probes:,} conditions")
    figures = bench.take_turns(
        {
            "large": partial(microseconds, made.large, made.large_events, probes),
            "small": partial(microseconds, made.small, made.small_events, probes),
        }
    )
    bench.record(
        NAME, f"one condition at {made.large_events:,} events", ours=figures["large"],
        peer=figures["small"], peer_name=f"the same at {made.small_events:,} events", unit=UNIT,
        must=1.5, aim=1.1, at_most=True,
        sizes=f"{probes:,} members drawn at random, {crowd.EVENTS_PER_MEMBER} events each; the "
        "round trip to the server is part of it",
    )  # fmt: skip


def microseconds(ledger: Ledger, events: int, probes: int) -> float:
    """How long it takes to find the first purchase of a member."""
    draw = random.Random(SEED).random
    members = members_of(events)
    until = ledger.log.head().position
    type_ids = ledger.log.type_ids()
    asked = [
        positions_sql(
            Query((QueryItem((TYPE,), (f"member:{crowd.member(int(draw() * members))}",)),)),
            Span(0, until),
            type_ids,
        )
        for _ in range(probes)
    ]
    with ledger.connect() as connection, connection.cursor(binary=True) as cursor:
        # As the writer asks: a generic plan, made once.
        connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        cursor.execute(asked[0][0].encode(), asked[0][1], prepare=True)
        began = time.perf_counter()
        for sql, values in asked:
            cursor.execute(sql.encode(), values, prepare=True).fetchall()
        return (time.perf_counter() - began) / probes * 1e6
