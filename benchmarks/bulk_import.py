"""``import``: bulk observations from an iterator, beside the bare COPY of the very same rows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final, NamedTuple

import psycopg

from benchmarks import crowd, places
from benchmarks.harness import Bench
from store.ledger import Ledger, NewEvent

NAME: Final = "import"
UNIT: Final = "events/s"
EVENTS: Final = 50_000
MEMBERS: Final = 1_000
TABLES: Final = ("entries", "tags", "origins")
MIXES: Final = (
    ("purchases, participations, visits, invitations, shares", crowd.OBSERVED),
    ("visits, invitations, shares", crowd.UNRULED),
)


class Piece(NamedTuple):
    """The rows of one batch, as binary COPY takes them: a table and its bytes."""

    table: str
    packed: bytes


def run(bench: Bench) -> None:
    """Measure with everything that is reported, and with what no rule follows from."""
    events = bench.size(EVENTS, 500)
    members = bench.size(MEMBERS, 50)
    for said, weights in MIXES:
        bench.say(f"{NAME}: {said}")
        turn = _Turn(bench, list(crowd.happenings(members, events, weights)), members)
        figures = bench.take_turns({"ours": turn.ours, "COPY": turn.copy})
        bench.record(
            NAME, said, ours=figures["ours"], peer=figures["COPY"],
            peer_name="bare COPY of the same rows", unit=UNIT, must=0.6, aim=0.8,
            sizes=f"{events:,} events of {members:,} members, batches of {crowd.BATCH_EVENTS:,}; "
            f"{turn.rows_said}",
        )  # fmt: skip


class _Turn:
    """One import into a fresh ledger, then the COPY of what it had written into another one."""

    def __init__(self, bench: Bench, events: list[NewEvent], members: int) -> None:
        self._bench = bench
        self._events = events
        self._members = members
        self._pieces: list[Piece] = []
        self.rows_said = ""

    def ours(self) -> float:
        """Events in a second, recorded through the ledger."""
        with self._prepared() as ledger:
            after = ledger.log.head().position
            began = time.perf_counter()
            new = crowd.bring(ledger, iter(self._events))
            took = time.perf_counter() - began
            assert new == len(self._events)
            self._pieces, self.rows_said = packed_rows(ledger, after)
        return new / took

    def copy(self) -> float:
        """Events in a second, written as rows into a ledger that stands where the other stood."""
        with self._prepared() as ledger, ledger.connect() as connection:
            began = time.perf_counter()
            copy_bare(connection, self._pieces)
            took = time.perf_counter() - began
        return len(self._events) / took

    @contextmanager
    def _prepared(self) -> Iterator[Ledger]:
        """A fresh ledger in which the members and campaigns are known."""
        with places.fresh_ledger(self._bench) as ledger:
            crowd.bring(ledger, chain(crowd.beginning(), crowd.enrolled(self._members)))
            yield ledger


def packed_rows(ledger: Ledger, after: int) -> tuple[list[Piece], str]:
    """The rows of all entries above a position in batches, and how many there are."""
    head = ledger.log.head().position
    counts = dict.fromkeys(TABLES, 0)
    pieces: list[Piece] = []
    with ledger.connect() as connection:
        for start in range(after, head, crowd.BATCH_EVENTS):
            for table in TABLES:
                window = f"position > {start} AND position <= {start + crowd.BATCH_EVENTS}"
                cursor = connection.cursor()
                with cursor.copy(
                    f"COPY (SELECT * FROM {table} WHERE {window} ORDER BY position)"
                    " TO STDOUT (FORMAT binary)".encode()
                ) as copy:
                    pieces.append(Piece(table, b"".join(map(bytes, copy))))
                counts[table] += cursor.rowcount
    return pieces, ", ".join(f"{count:,} {table}" for table, count in counts.items())


def copy_bare(connection: psycopg.Connection, pieces: Iterable[Piece]) -> None:
    """Write packed rows, each batch in a transaction of its own."""
    for batch in zip(*[iter(pieces)] * len(TABLES), strict=True):
        with connection.transaction():
            for table, packed in batch:
                with connection.cursor().copy(
                    f"COPY {table} FROM STDIN (FORMAT binary)".encode()
                ) as copy:
                    copy.write(packed)
