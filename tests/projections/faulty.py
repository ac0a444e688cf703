"""Projections that fail, or change, for the tests of what happens then."""

from __future__ import annotations

import msgspec

from domain.decision import on
from domain.engagement import VisitRecorded
from domain.envelope import Envelope
from domain.people import MemberEnrolled
from projections.fold import Fold, Projection

POISON = "m_poison"


class Visits(Fold, table="visits", key="member"):
    """How often each member came."""

    class Row(msgspec.Struct):
        """One row."""

        member_id: str
        visits: int = 0

    @on(MemberEnrolled, VisitRecorded)
    def _(self, row: Row, event: MemberEnrolled | VisitRecorded, envelope: Envelope) -> None:
        row.visits += isinstance(event, VisitRecorded)


class Fragile(Fold, table="fragile", key="member"):
    """The same, but it cannot bear one member while it is fragile."""

    fragile = True

    class Row(msgspec.Struct):
        """One row."""

        member_id: str
        visits: int = 0

    @on(VisitRecorded)
    def _(self, row: Row, event: VisitRecorded, envelope: Envelope) -> None:
        if Fragile.fragile and event.member_id == POISON:
            raise ValueError(f"somebody's secret: {event.member_id}")
        row.visits += 1


VISITS = Projection("visits", version=1, folds=(Visits,))
FRAGILE = Projection("fragile", version=1, folds=(Fragile,))
VISITS_AGAIN = Projection("visits", version=2, folds=(Visits,))
