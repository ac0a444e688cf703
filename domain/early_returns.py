"""Early returns: what was brought back of a purchase before the purchase was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.clawbacks import Part, Standing, due_after_returns
from domain.decision import Trigger
from domain.points import PointsClawedBack
from domain.purchases import PurchaseLine, PurchaseRecorded, PurchaseState, ReturnMatched
from domain.returned_lines import came_back


def taken_back(
    purchase: PurchaseRecorded,
    parts: list[Part],
    matches: Iterable[Trigger],
    views: Iterable[PurchaseState],
) -> Iterator[tuple[PointsClawedBack, int | None]]:
    """What goes of awards that are made just now, as if each return had come after them.

    ``matches`` say which returns are of the purchase; the ``views`` hold their lines.
    """
    lines = {id_: one.event.lines for view in views for id_, one in view.returned.items()}
    standing = Standing(parts)
    returns: list[tuple[int, tuple[PurchaseLine, ...]]] = []
    for match in matches:
        event = match.event
        assert isinstance(event, ReturnMatched)
        returns.append((event.net, lines.get(event.return_id, ())))
        for part, points in due_after_returns(parts, standing, came_back(purchase, returns)):
            yield standing.claw_back(part, points, return_id=event.return_id), match.cause
