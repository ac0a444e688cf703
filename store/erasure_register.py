"""The register of erasures: a file beside the key file that says who was erased, whatever is lost.

It holds the entries of the erasures themselves, one on each line, as an export has them: opaque
ids and instants. An older export, or a backup of the database, does not know them; the register
does, and with it a restore applies them again. It is only ever added to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from domain.envelope import Recorded, decode_entry, stored_attributes
from domain.erasures import ERASED
from domain.event import stored_names

SUFFIX: Final = ".erasures.ndjson"
ERASED_TYPES: Final = tuple(name for cls in ERASED for name in stored_names(cls))


class ErasureRegister:
    """The register of one ledger. Processes may share the file; a line may stand there twice."""

    def __init__(self, folder: Path, ledger_id: str) -> None:
        self.path = folder / f"{ledger_id}{SUFFIX}"
        self._known: set[tuple[str, str]] | None = None

    def add(self, entries: Iterable[bytes]) -> None:
        """Write down erasures that are not in it yet; durable when it returns."""
        known = self._read()
        new = []
        for entry in entries:
            attributes = stored_attributes(entry)
            origin = (attributes.source, attributes.id)
            if origin not in known:
                known.add(origin)
                new.append(entry + b"\n")
        if not new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(new))
            file.flush()
            os.fsync(file.fileno())

    def erasures(self) -> Iterator[Recorded]:
        """The erasures that stand in it."""
        if self.path.exists():
            with self.path.open("rb") as file:
                # The last line may be cut: a crash while it was written. The log still has it.
                yield from erasures_among(line[:-1] for line in file if line.endswith(b"\n"))

    def _read(self) -> set[tuple[str, str]]:
        if self._known is None:
            self._known = {(one.envelope.source, one.envelope.id) for one in self.erasures()}
        return self._known


def erasures_among(entries: Iterable[bytes]) -> Iterator[Recorded]:
    """The erasures among entries; the others are passed over without being read."""
    wanted = tuple(name.encode() for name in ERASED_TYPES)
    for entry in entries:
        if any(name in entry for name in wanted):
            recorded = decode_entry(entry, 0)
            if isinstance(recorded.event, ERASED):
                yield recorded
