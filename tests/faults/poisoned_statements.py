"""What makes the statements of a server fail on the first award of nine points."""

from typing import Any

from domain.points import PointsEarned
from projections.fold import Fold
from projections.statements import STATEMENTS

POISON = 9


def poison() -> None:
    """Let it fail from here on, in this process."""
    for fold in STATEMENTS.folds:
        if PointsEarned in fold.handlers:
            _poison(fold)


def _poison(fold: type[Fold]) -> None:
    handler = fold.handlers[PointsEarned]

    def fails(self: Any, row: Any, event: PointsEarned, envelope: Any) -> None:
        if event.points == POISON:
            raise ValueError("somebody's secret")
        handler(self, row, event, envelope)

    fold.handlers[PointsEarned] = fails
