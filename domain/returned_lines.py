"""What came back of a purchase, and the points that go with it: by line, or by its price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.lot_parts import LinePoints
from domain.purchases import PurchaseLine, PurchaseRecorded, PurchaseState


class Came(NamedTuple):
    """What came back of one line."""

    quantity: int
    net: int | None
    """Minor units, less tax; None: a return did not say."""


class CameBack(NamedTuple):
    """All that came back of one purchase."""

    purchase: PurchaseRecorded
    net: int
    """Minor units, less tax."""
    lines: Mapping[int, Came] | None
    """By line; None: not every return says which lines of the purchase it is of."""

    def points(self, earned: int, lines: tuple[LinePoints, ...] = ()) -> int:
        """The part of an award that goes: all for all, and rounded down for a part.

        Of an award that says what each line earned it is what the returned lines did.
        """
        if self.net >= self.purchase.net:
            return earned
        if not lines or self.lines is None:
            return returned_share(earned, self.net, self.purchase.net)
        bought = _by_number(self.purchase.lines)
        found = ((one, self.lines[one.line]) for one in lines if one.line in self.lines)
        return sum(_of_line(one.points, came, bought[one.line]) for one, came in found)


def came_back(
    purchase: PurchaseRecorded, returns: Iterable[tuple[int, tuple[PurchaseLine, ...]]]
) -> CameBack:
    """Add up returns of one purchase, each with its net amount and its lines."""
    net, lines, known = 0, dict[int, Came](), True
    bought = _by_number(purchase.lines)
    for returned_net, returned_lines in returns:
        net += returned_net
        known = known and bool(returned_lines) and all(r.line in bought for r in returned_lines)
        for one in returned_lines if known else ():
            assert one.line is not None
            before = lines.get(one.line, Came(0, 0))
            amount = None if before.net is None or one.net is None else before.net + one.net
            lines[one.line] = Came(before.quantity + one.quantity, amount)
    return CameBack(purchase, net, lines if known else None)


def lines_of(view: PurchaseState, return_id: str) -> tuple[PurchaseLine, ...]:
    """The lines that a return in the history names."""
    returned = view.returned.get(return_id)
    return () if returned is None else returned.event.lines


def returned_share(earned: int, returned: int, of: int) -> int:
    """The points that go with what was returned: all for all, rounded down for a part."""
    return earned if returned >= of else earned * returned // of


def _by_number(lines: Iterable[PurchaseLine]) -> dict[int, PurchaseLine]:
    return {one.line: one for one in lines if one.line is not None}


def _of_line(earned: int, came: Came, line: PurchaseLine) -> int:
    if came.net is None or line.net is None:
        return returned_share(earned, came.quantity, line.quantity)
    return returned_share(earned, came.net, line.net)
