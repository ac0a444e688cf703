"""Checking an export without a database: its entries against a signed checkpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from domain.envelope import decode_entry
from store.audit_rows import Finding
from store.merkle import HASH_BYTES, TILE_WIDTH, Growth, Tree, leaf_hash
from store.notes import Verifier, opened

PROGRESS_ENTRIES: Final = 2_000


class ExportAudited(NamedTuple):
    """What was checked, and what was found wrong."""

    entries: int
    sealed: int
    """How many entries the largest checkpoint covers; those beyond are not proven."""
    findings: list[Finding]


def audit_export(
    entries: Iterable[bytes],
    notes: Iterable[str],
    trusted: Iterable[Verifier],
    progress: Callable[[int], None] = lambda _done: None,
) -> ExportAudited:
    """Hash the entries again and compare the roots with those of signed checkpoints.

    Raises InvalidNote if nobody who is trusted signed one of the checkpoints.
    """
    trusted = list(trusted)
    waiting = deque(sorted({opened(note, trusted)[0] for note in notes}, key=attrgetter("size")))
    sealed = waiting[-1].size if waiting else 0
    growth = Growth(0, lambda _level, _index: b"")
    findings = []
    count = 0
    for count, entry in enumerate(entries, 1):
        if waiting:
            growth.add([leaf_hash(entry)])
            _forget_whole_tiles(growth)
        while waiting and waiting[0].size == count:
            if Tree(count, growth.read).root() != waiting.popleft().root:
                message = f"the root over the first {count:,} entries is not the one signed"
                findings.append(Finding(count, message))
        try:
            decode_entry(entry, count)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError) as error:
            findings.append(Finding(count, f"the entry cannot be read: {error}"))
        if count % PROGRESS_ENTRIES == 0:
            progress(count)
    for checkpoint in waiting:
        message = f"{checkpoint.size:,} entries were signed, {count:,} are here"
        findings.append(Finding(count + 1, message))
    return ExportAudited(count, sealed, sorted(findings))


def _forget_whole_tiles(growth: Growth) -> None:
    """A tile of leaves that is whole stands in the level above: no root looks at it again."""
    last = (0, growth.size // TILE_WIDTH - 1)
    if growth.size % TILE_WIDTH == 0 and len(growth.changed[last]) == TILE_WIDTH * HASH_BYTES:
        del growth.changed[last]
