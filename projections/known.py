"""Rows as the ledger knew them at an instant, folded again from the log up to there.

What was voided, corrected or identified later is not known yet; what happened earlier but was
recorded later is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from projections.fold import Fold
from projections.folding import Folding
from projections.voids import VoidHistory
from store.log import Log


class Rows(Protocol):
    """What gives the rows of folds by key: of tables, or of an instant in the past."""

    def row(self, fold: type[Fold], key: str) -> Any:
        """The row of a key, or None."""

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys, as far as there are any, by key."""


class KnownRows:
    """The rows as they were known before an instant; ``position`` is what they reflect."""

    def __init__(self, log: Log, known_at: datetime) -> None:
        self.position = log.position_at(known_at)
        self._log = log

    def row(self, fold: type[Fold], key: str) -> Any:
        """The row of a key as it was known, or None."""
        folding = Folding(fold, self._log, VoidHistory(self._log))
        return folding.row(key, until=self.position)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys as they were known, as far as there were any, by key."""
        found = {key: self.row(fold, key) for key in keys}
        return {key: row for key, row in found.items() if row is not None}
