"""Memory: what an import, an export and a restore need does not grow with the log."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from filrouge.commands_import import plan
from filrouge.entry_files import write_entries
from filrouge.importing.destinations import IntoLedger
from filrouge.importing.run import Run
from store.database import Database
from store.ledger import Ledger

AT_ONCE = 100
"""Events that the parts under test take in at once here; usually it is thousands."""
SMALL, LARGE = 2_000, 8_000
GROWTH_MAX = 2.0
"""What kept its events would need four times as much; bounded caches that fill need less."""


class Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        """Forget it."""
        return len(data)


def peak_bytes(task: Callable[[], object]) -> int:
    """How much memory of Python's a task has at once, at most."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def events_file(path: Path, count: int) -> Path:
    """A file of CloudEvents."""
    with path.open("w") as file:
        for n in range(count):
            event = {
                "specversion": "1.0", "id": f"n{n}", "source": f"/{count}",
                "type": "control_total.reported.v1", "time": "2026-01-01T10:00:00Z",
                "data": {"feed": "till", "business_date": "2026-03-01", "count": n},
            }  # fmt: skip
            file.write(json.dumps(event) + "\n")
    return path


def import_(ledger: Ledger, path: Path) -> None:
    """Bring a file of CloudEvents in."""
    report = Run(IntoLedger(ledger, actor="tester", batch="b")).files(
        plan(None, [path], time_zone="UTC", currency="EUR")
    )
    assert report.complete


def entries(ledger: Ledger, until: int) -> Iterator[bytes]:
    """The first entries of a log, a few in memory at a time."""
    for page in ledger.log.pages(0, until, AT_ONCE):
        yield from (entry for _, entry in page)


def test_memory_is_bounded(
    ledger: Ledger, installation: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of four times the size takes no more memory to import, to export or to restore."""
    monkeypatch.setattr("filrouge.importing.run.EVENTS_AT_ONCE", AT_ONCE)
    monkeypatch.setattr("filrouge.importing.run.GROUP_RECORDS", AT_ONCE)
    monkeypatch.setattr("filrouge.entry_files.PAGE_ENTRIES", AT_ONCE)
    monkeypatch.setattr("store.restore.CHUNK_ENTRIES_MAX", AT_ONCE)
    files = [events_file(tmp_path / f"{count}.ndjson", count) for count in (SMALL, LARGE)]
    import_(ledger, events_file(tmp_path / "first.ndjson", AT_ONCE))  # what is cached once
    nowhere = cast("BinaryIO", Nowhere())

    def export(until: int) -> None:
        write_entries(ledger.log, until, nowhere, lambda _: None)

    def restore(until: int) -> None:
        installation.restore(f"copy{until}", entries(ledger, until)).close()

    peaks = {
        "import": [peak_bytes(partial(import_, ledger, file)) for file in files],
        "export": [peak_bytes(partial(export, count)) for count in (SMALL, LARGE)],
        "restore": [peak_bytes(partial(restore, count)) for count in (SMALL, LARGE)],
    }
    for name, (small, large) in peaks.items():
        assert large < GROWTH_MAX * small, name
