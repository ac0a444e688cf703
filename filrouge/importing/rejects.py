"""The rejects file: which rows did not fit, and why, so that they can be mended and sent again.

It holds whole rows, so it may hold personal data: they are sealed under a key of the file's own,
which the next erasure of anybody destroys, and ``filrouge rejects`` shows them. The file lies
beside the one that the rows came from (or where the user says), can be read by its owner only, and
nothing of it is logged.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from filrouge.importing.records import Record
from filrouge.importing.rows import SPECIAL

SUFFIX: Final = ".rejects.ndjson"
REASONS_COUNTED_MAX: Final = 1_000
"""A mapping has few; a bound all the same."""

_encoder: Final = msgspec.json.Encoder(decimal_format="number")  # as it was written


class Rejects:
    """The rejects of one file in one run. Nothing is written before there is one."""

    def __init__(
        self,
        source: Path,
        folder: Path | None,
        row_sealer: Callable[[], Callable[[str], str]],
        *,
        write: bool = True,
    ) -> None:
        self._row_sealer = row_sealer
        self._seal: Callable[[str], str] | None = None
        self.source = source
        # Without the source's dots, so that a pattern like *.json* does not take it for data.
        self.path = (folder or source.parent) / f"{source.name.replace('.', '-')}{SUFFIX}"
        self.count = 0
        self.reasons: Counter[str] = Counter()
        """How many rows there are for each reason, without what a reason quotes of its row."""
        self._write = write
        self._unfinished = self.path.with_name(f".{self.path.name}.unfinished")
        self._file: BinaryIO | None = None

    def add(self, record: Record, reason: str) -> None:
        """Write down a row and why it does not fit."""
        self.count += 1
        shown = without_values(reason)
        if len(self.reasons) < REASONS_COUNTED_MAX or shown in self.reasons:
            self.reasons[shown] += 1
        if not self._write:
            return
        if self._file is None:
            self._file = _private(self._unfinished)
        if self._seal is None:
            self._seal = self._row_sealer()
        row: Any = (
            record.raw
            if record.problem
            else {name: value for name, value in record.values.items() if name not in SPECIAL}
        )
        self._file.write(
            _encoder.encode(
                {
                    "file": self.source.name,
                    "line": record.line,
                    "record": record.number,
                    "reason": shown,
                    "sealed": self._seal(_encoder.encode({"reason": reason, "row": row}).decode()),
                }
            )
            + b"\n"
        )

    def finish(self) -> None:
        """Put the file in its place; what an earlier run rejected of this file is replaced."""
        if not self._write:
            return
        if self._file is None:
            self._unfinished.unlink(missing_ok=True)  # an earlier run may have been killed
            self.path.unlink(missing_ok=True)
            return
        self._file.close()
        self._file = None
        self._unfinished.replace(self.path)

    def discard(self) -> None:
        """Leave no unfinished file behind. Does nothing after ``finish``."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._unfinished.unlink(missing_ok=True)


def opened(line: bytes, open_text: Callable[[str], str | None]) -> dict[str, Any]:
    """A line of a rejects file with its row, and what the reason quotes of it.

    Without a row, if the key is gone: then it stands only in the file that it came from.
    """
    said: dict[str, Any] = msgspec.json.decode(line)
    text = open_text(said.pop("sealed"))
    return said if text is None else said | msgspec.json.decode(text)


def without_values(reason: str) -> str:
    """A reason as it may be shown on a screen: what it quotes of the row is left out."""
    reason = re.sub(r"(Invalid enum value) .*?( - at|$)", r"\1\2", reason)
    return re.sub(r"\d[\d:.,T+-]{3,}", "…", reason)


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")
