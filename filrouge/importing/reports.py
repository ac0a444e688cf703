"""What became of an import, for people and for scripts."""

from __future__ import annotations

import msgspec


class FileReport(msgspec.Struct, kw_only=True):
    """What became of one file."""

    file: str
    source: str
    records: int = 0
    recorded: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    reasons: dict[str, int] = {}
    """Why rows were rejected, and how many of them."""
    rejects: str | None = None
    """Where the rejected rows are."""
    broken: str | None = None
    """Why the rest of the file could not be read."""


class Report(msgspec.Struct, kw_only=True):
    """What became of an import."""

    files: list[FileReport] = []
    recorded: dict[str, int] = {}
    """Events that were recorded, by type."""
    duplicates: dict[str, int] = {}
    """Events that were in the ledger already, by type."""

    @property
    def complete(self) -> bool:
        """Whether everything that was read went in."""
        return not any(file.rejected or file.broken for file in self.files)
