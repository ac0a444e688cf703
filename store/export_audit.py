"""Checking an export without a database: its entries against a signed checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from domain.envelope import decode_entry
from store.audit_rows import Finding
from store.merkle import HASH_BYTES, TILE_WIDTH, Growth, Tree, leaf_hash
from store.notes import Checkpoint, Verifier, opened


class ExportAudited(NamedTuple):
    """What an export was checked against, and what was found wrong."""

    checkpoint: Checkpoint
    entries: int
    """How many entries it holds; those beyond the checkpoint are not proven."""
    findings: list[Finding]


def audit_export(
    entries: Iterable[bytes], note: str | bytes, trusted: Iterable[Verifier]
) -> ExportAudited:
    """Hash the entries again and compare the root with the signed one.

    Raises InvalidNote if nobody who is trusted signed the checkpoint.
    """
    checkpoint, _ = opened(note, trusted)
    growth = Growth(0, lambda _level, _index: b"")
    findings = []
    count = 0
    for count, entry in enumerate(entries, 1):
        if count <= checkpoint.size:
            growth.add([leaf_hash(entry)])
            _forget_whole_tiles(growth)
        try:
            decode_entry(entry, count)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError) as error:
            findings.append(Finding(count, f"the entry cannot be read: {error}"))
    size = checkpoint.size
    if count < size:
        findings.append(Finding(count + 1, f"{size:,} entries were signed, {count:,} are here"))
    elif Tree(size, growth.read).root() != checkpoint.root:
        findings.append(
            Finding(1, f"the root over the first {size:,} entries is not the one signed")
        )
    return ExportAudited(checkpoint, count, findings)


def _forget_whole_tiles(growth: Growth) -> None:
    """A tile of leaves that is whole stands in the level above: no root looks at it again."""
    last = (0, growth.size // TILE_WIDTH - 1)
    if growth.size % TILE_WIDTH == 0 and len(growth.changed[last]) == TILE_WIDTH * HASH_BYTES:
        del growth.changed[last]
