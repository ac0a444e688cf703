"""Early returns: what was brought back of a purchase before anything was given for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.causes import PurchaseCause
from domain.clawbacks import Part, Standing, due_after_returns
from domain.decision import Trigger
from domain.points import PointsClawedBack, PointsEarned
from domain.purchases import PurchaseLine, PurchaseRecorded, PurchaseState, ReturnMatched
from domain.returned_lines import came_back, lines_of


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


def taken_back_of(
    award: PointsEarned, view: PurchaseCause
) -> Iterator[tuple[PointsClawedBack, int | None]]:
    """What goes of an award for a purchase that is known, as if each return came after it."""
    part = Part(award.account_id, award, 0, view.purchase.position, award.points)
    standing = Standing([part])
    returns: list[tuple[int, tuple[PurchaseLine, ...]]] = []
    for matched in view.matches_of(view.purchase):
        returns.append((matched.event.net, lines_of(view, matched.event.return_id)))
        came = came_back(view.purchase.event, returns)
        for _, due in due_after_returns([part], standing, came):
            yield standing.claw_back(part, due, return_id=matched.event.return_id), matched.cause
