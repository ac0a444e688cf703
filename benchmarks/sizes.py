"""What the log takes on disk, part by part."""

from __future__ import annotations

from typing import Final

from benchmarks.grown import LARGE, Grown
from benchmarks.harness import Bench

PARTS_SQL: Final = """
SELECT CASE relkind WHEN 'r' THEN 'table ' ELSE 'index ' END
        || coalesce(pg_partition_root(c.oid), c.oid)::regclass::text AS part,
    sum(CASE relkind WHEN 'r' THEN pg_table_size(c.oid) ELSE pg_relation_size(c.oid) END)::bigint
FROM pg_class c WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'i')
GROUP BY part ORDER BY 2 DESC
"""
ENTRIES_SQL: Final = "SELECT count(*), sum(octet_length(entry))::bigint FROM entries"
LEAST_BYTES: Final = 0.5
"""Parts that take less than this of an event are not listed."""


def bytes_on_disk(bench: Bench, made: Grown) -> None:
    """Bytes for each event, beside the entry's own. Before there are projections in the schema."""
    with made.large.connect() as connection:
        row = connection.execute(ENTRIES_SQL).fetchone()
        assert row is not None
        events, entry_bytes = row
        parts = connection.execute(PARTS_SQL, [f"ledger_{LARGE}"]).fetchall()
    each = [(part, size / events) for part, size in parts]
    bench.record(
        "growth", "bytes on disk for an event, indexes included",
        ours=[sum(size for _, size in each)], peer=[entry_bytes / events],
        peer_name="the entry's own bytes", unit="B", aim=2.5, at_most=True,
        sizes=f"{events:,} events",
        note=", ".join(f"{part} {size:.0f}" for part, size in each if size >= LEAST_BYTES),
    )  # fmt: skip
