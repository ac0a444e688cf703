"""Restoring: the same entries, positions and recorded times, or nothing at all."""

from datetime import UTC, datetime

import pytest

from domain.ledger import ControlTotalReported
from store.database import Database, LedgerExists
from store.ledger import Ledger, NewEvent
from store.restore import CannotRestore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def entries(ledger: Ledger) -> list[bytes]:
    """The entries of a small ledger."""
    events = [
        NewEvent(
            ControlTotalReported(feed="till", business_date="2026-03-01", count=n),
            f"t{n}",
            "/till",
            NOON,
        )
        for n in range(20)
    ]
    ledger.observe(events, actor="tester", batch="b").result()
    return [recorded.entry for recorded in ledger.log.read()]


def test_a_restored_log_is_the_same(
    ledger: Ledger, installation: Database, entries: list[bytes]
) -> None:
    """Every row of the log's tables is equal; only the epoch is raised."""
    copy = installation.restore("copy", entries)
    tables = ("entries", "tags", "origins")
    for table in tables:
        rows = []
        for one in (ledger, copy):
            with one.connect() as connection:
                found = connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
                rows.append(found.fetchall())
        assert rows[0] == rows[1]
    assert copy.log.head().position == ledger.log.head().position
    assert copy.log.head().recorded_at == ledger.log.head().recorded_at
    assert copy.log.head().epoch > ledger.log.head().epoch
    again = copy.observe(
        [
            NewEvent(
                ControlTotalReported(feed="till", business_date="2026-03-01", count=3),
                "t3",
                "/till",
                NOON,
            )
        ],
        actor="x",
    ).result()
    assert again[0].duplicate
    copy.close()


def test_only_into_an_empty_ledger(installation: Database, entries: list[bytes]) -> None:
    """A ledger that holds something is left as it is."""
    with pytest.raises(LedgerExists):
        installation.restore("test", entries)


@pytest.mark.parametrize("wrong", ["not json", "twice", "backwards", "unknown", "nul"])
def test_a_wrong_entry_is_named_and_nothing_is_kept(
    installation: Database, entries: list[bytes], wrong: str
) -> None:
    """All or nothing; a corrected file can be restored under the same name."""
    spoilt = list(entries)
    match wrong:
        case "not json":
            spoilt[7] = b"{"
        case "twice":
            spoilt[7] = spoilt[6]
        case "backwards":
            spoilt[7] = spoilt[7].replace(b'"recordedat":"20', b'"recordedat":"19')
        case "unknown":
            spoilt[7] = spoilt[7].replace(b"control_total.reported.v1", b"no.such.v1")
        case "nul":
            spoilt[7] = spoilt[7].replace(b'"feed":"till"', b'"feed":"ti\\u0000ll"')
    with pytest.raises(CannotRestore):
        installation.restore("copy", spoilt)
    restored = installation.restore("copy", entries)
    assert len(entries) == restored.log.head().position
    restored.close()
