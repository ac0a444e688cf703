"""Live equals rebuilt, row for row, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from projections import (
    engine as engine_module,
    filling,
    folding,
    owners,
    pages,
    passes,
    tables,
    totals,
)
from projections.builds import move
from projections.rebuild import rebuild
from store import log, windows
from store.ledger import Ledger
from tests.projections import naive
from tests.projections.builds import BATCHES, Live, live_rows
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

EVENTS = 300


@pytest.fixture
def connection(ledger: Ledger) -> Iterator[psycopg.Connection]:
    """A connection that sees the ledger."""
    with ledger.connect() as made:
        yield made


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("seed", range(6))
def test_rows_do_not_depend_on_batches_or_shares(
    ledger: Ledger, connection: psycopg.Connection, seed: int
) -> None:
    """One that followed step by step equals those filled at once, in any batches and shares."""
    live = Live(ledger, connection, SAMPLE, seed)
    for head in History(seed).record(ledger, EVENTS):
        if live.random.random() < 0.5:
            live.follow(head)
    live.follow(head)
    rows = live.rows()
    assert all(rows.values()), "the history is too poor"
    for shares, size in zip((1, 2, 3), BATCHES, strict=True):
        assert live.filled(head, shares, size) == rows


@pytest.mark.parametrize("size", BATCHES)
def test_rows_are_what_a_naive_model_says(
    ledger: Ledger, connection: psycopg.Connection, size: int
) -> None:
    """Each row saw the events that are its own, in order, and no voided one."""
    live = Live(ledger, connection, SAMPLE)
    for head in History(size + 100).record(ledger, EVENTS):
        live.follow(head, size)
    found = {key: row["trace"] for key, row in live.rows()["sample_audience"].items()}
    assert found == naive.traces(live.connection)


def test_limits_of_memory_change_nothing(
    ledger: Ledger, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small pages of owners, events, keys and rows give the same rows as large ones."""
    live = Live(ledger, connection, SAMPLE)
    head = History(7).record_all(ledger, EVENTS)
    live.follow(head)
    for module, name, limit in (
        (folding, "OWNERS_AT_ONCE", 2),
        (log, "PAGE_EVENTS", 3),
        (windows, "TAGGED_EVENTS", 3),
        (owners, "KEPT_MAX", 3),
        (pages, "FETCH_EVENTS", 5),
        (pages, "PAGE_BYTES_MAX", 2_000),
        (tables, "WRITE_BYTES_MAX", 200),
        (tables, "KEYS_AT_ONCE", 2),
        (totals, "TOTALS_AT_ONCE", 2),
        (engine_module, "ROWS_AT_ONCE", 2),
        (passes, "OBJECTS_MAX", 0),
        (filling, "FEW_ROWS", 3),
    ):
        monkeypatch.setattr(module, name, limit)
    careful = Live(ledger, connection, SAMPLE)
    for until in range(20, head, 20):
        careful.follow(until)
    careful.follow(head)
    rows = live.rows()
    assert careful.rows() == rows
    assert live.filled(head, 2, 50) == rows
    rebuild(ledger, [SAMPLE], batch_events=30)
    assert live_rows(ledger, SAMPLE) == rows


def test_a_crash_between_batches_changes_nothing(
    ledger: Ledger, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step had done when it died is undone, and done again by the next."""
    live = Live(ledger, connection, SAMPLE, 3)

    def crash_sometimes(*arguments: object) -> None:
        if live.random.random() < 0.3:
            raise Crash
        move(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("projections.builds.move", crash_sometimes)
    crashes = 0
    for head in History(3).record(ledger, EVENTS):
        done = False
        while not done:
            try:
                live.follow(head)
                done = True
            except Crash:
                crashes += 1
    monkeypatch.undo()
    assert crashes > 10
    assert live.filled(head, 1, 100) == live.rows()


def test_a_rebuild_with_more_workers_gives_the_same_rows(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of processes and the seed of their hashes."""
    History(11).record_all(ledger, EVENTS)
    rebuild(ledger, [SAMPLE])
    rows = live_rows(ledger, SAMPLE)
    for workers, hash_seed in ((2, "1"), (3, "4711")):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        seen: list[tuple[int, int]] = []
        (done,) = rebuild(
            ledger,
            [SAMPLE],
            workers=workers,
            batch_events=50,
            progress=lambda *step: seen.append(step),  # noqa: B023 - called before it changes
        )
        assert done.failure is None
        assert seen[-1] == (done.position, done.position)
        assert live_rows(ledger, SAMPLE) == rows
