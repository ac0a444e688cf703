"""Checking a whole log: every entry against its columns, its tags, its tree and what was signed.

Nothing that is checked is believed: leaves are hashed again from the stored bytes, tiles from the
leaves, roots from the tiles. What is wrong is told with the first position that it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
import psycopg

from domain.envelope import decode_entry
from store.audit_rows import AuditRow, AuditRows, Finding
from store.notes import Verifier, opened
from store.rows import origin_key, tag_hash
from store.tree_audit import TreeAudit
from store.tree_tables import Kept, TileTable, every_checkpoint

FINDINGS_MAX: Final = 100
"""Findings after which the checking ends: the rest would only repeat them."""
PROGRESS_ENTRIES: Final = 2_000
GAP_MAX: Final = 1_000_000
"""Positions of a gap that are looked at one by one."""


class Audited(NamedTuple):
    """What was checked, and what was found wrong, by position."""

    entries: int
    sealed: int
    """How many entries the newest checkpoint covers."""
    checkpoints: int
    findings: list[Finding]


def audit(
    connection: psycopg.Connection,
    trusted: Iterable[Verifier],
    *,
    kept: Iterable[str] = (),
    findings_max: int = FINDINGS_MAX,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Audited:
    """Check a log as it is at one instant; ends early when there is more than so much to tell.

    ``trusted`` are the public keys that may have signed; ``kept`` are signed checkpoints that
    somebody got earlier and kept elsewhere: a log that was cut short, or replaced whole, does not
    fit them. ``progress`` is told how many entries were checked and how many there are.

    Raises:
        InvalidNote: one of the kept checkpoints is not signed by a key that is trusted.

    """
    trusted = list(trusted)
    outside = [_kept(note, trusted) for note in kept]
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        checkpoints = list(every_checkpoint(connection))
        signed = sorted([*checkpoints, *outside], key=attrgetter("size"))
        tree = TreeAudit(TileTable(connection), signed, trusted)
        rows = AuditRows(connection)
        head = _head(connection)
        findings: list[Finding] = []
        position, recorded_at = 0, None
        for row in rows:
            findings += _bridge(tree, rows, position, row.position)
            position = row.position
            findings += [Finding(position, what) for what in _faults(row, recorded_at)]
            recorded_at = row.recorded_at
            tree.add(row.entry)
            if position % PROGRESS_ENTRIES == 0:
                progress(position, head)
            if len(findings) + len(tree.findings) > findings_max:
                break
        else:
            findings += _bridge(tree, rows, position, rows.last + 1)
            position = rows.last
            tree.end(position)
            if position != head:
                message = f"the head says {head:,}, and the last entry stands at {position:,}"
                findings.append(Finding(min(position, head) + 1, message))
        progress(position, head)
    findings += [*rows.findings, *tree.findings, *_ranges(rows.unreadable)]
    sealed = checkpoints[-1].size if checkpoints else 0
    return Audited(position, sealed, len(checkpoints), sorted(findings))


def _kept(note: str, trusted: Sequence[Verifier]) -> Kept:
    checkpoint, _ = opened(note, trusted)
    return Kept(0, checkpoint.size, checkpoint.root, note)


def _bridge(tree: TreeAudit, rows: AuditRows, after: int, before: int) -> list[Finding]:
    """What there is between two entries that ought to follow each other."""
    missing = []
    for place in range(after + 1, min(before, after + 1 + GAP_MAX)):
        tree.add(None)
        if place not in rows.unreadable:
            missing.append(place)
    if not missing:
        return []
    message = f"the entries {missing[0]:,} to {before - 1:,} are not there"
    return [Finding(missing[0], message)]


def _head(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT position FROM head").fetchone()
    return 0 if row is None else int(row[0])


def _faults(row: AuditRow, before: datetime | None) -> Iterator[str]:
    """What is wrong with one entry, beside its hash."""
    try:
        recorded = decode_entry(row.entry, row.position)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError) as error:
        yield f"the entry cannot be read: {error}"
        return
    envelope = recorded.envelope
    for name, column, said in (
        ("type", row.type, envelope.type),
        ("time", row.time, envelope.time),
        ("recorded time", row.recorded_at, envelope.recorded_at),
    ):
        if column != said:
            yield f"its {name} is {said}, and its column says {column}"
    if before is not None and row.recorded_at < before:
        yield f"it was recorded at {row.recorded_at}, before the entry that stands before it"
    expected = {(tag_hash(tag), row.type_id) for tag in recorded.tags}
    if sorted(expected) != sorted(row.tags):
        missing, extra = expected - set(row.tags), set(row.tags) - expected
        yield f"of its tags {len(missing)} cannot be found, and {len(extra)} are not its own"
    if row.origins != [origin_key(envelope.source, envelope.id)]:
        yield "its source and id are not noted as those of this entry"


def _ranges(positions: Iterable[int]) -> Iterator[Finding]:
    """Positions that follow one another, told as one damage."""
    numbered = enumerate(sorted(positions))
    for _, some in groupby(numbered, key=lambda pair: pair[1] - pair[0]):
        found = [position for _, position in some]
        message = f"the entries {found[0]:,} to {found[-1]:,} cannot be read: a file is damaged"
        yield Finding(found[0], message)
