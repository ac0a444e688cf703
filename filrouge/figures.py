"""What the entries of a log add up to: events by type, points and money, straight from the bytes.

This goes its own way to the figures, past the projections, so that the two can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from store.log import Log
from store.voids import Voids

PAGE_ENTRIES: Final = 5_000

POINTS: Final = {
    "points.earned.v1": "earned",
    "points.redeemed.v1": "redeemed",
    "points.reserved.v1": "reserved",
    "points.released.v1": "released",
    "points.cancelled.v1": "cancelled",
    "points.expired.v1": "expired",
    "points.transferred.v1": "transferred",
    "points.clawed_back.v1": "clawed_back",
}
"""Which events move points, and what the total of them is called."""
ADJUSTED: Final = "points.adjusted.v1"
MONEY: Final = {
    "purchase.recorded.v1": "purchases",
    "purchase.returned.v1": "returns",
    "cost.recorded.v1": "costs",
}
"""Which events speak of money; purchases and returns net of tax, costs by their status."""


class _Amount(msgspec.Struct, gc=False):
    amount: int
    currency: str


class _Data(msgspec.Struct, gc=False):
    points: int = 0
    direction: str = ""
    net: int = 0
    currency: str = ""
    status: str = "actual"
    cost: _Amount | None = None


class _Points(msgspec.Struct, gc=False):
    points: int = 0
    direction: str = ""


class _Entry(msgspec.Struct, gc=False):
    type: str
    batch: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Figures(msgspec.Struct, kw_only=True):
    """The figures of a log up to a position. Voided events count in ``events`` only."""

    position: int = 0
    events: dict[str, int] = {}
    """How many events of each type there are, voided ones too."""
    voided: int = 0
    """How many of these count as never recorded."""
    points: dict[str, int] = {}
    money: dict[str, dict[str, int]] = {}
    """Minor units by currency."""


_entry: Final = msgspec.json.Decoder(_Entry)
_data: Final = msgspec.json.Decoder(_Data)
_points: Final = msgspec.json.Decoder(_Points)


class _Sums:
    def __init__(self, voids: Voids) -> None:
        self.voids = voids
        self.events: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.money: Counter[tuple[str, str]] = Counter()
        self.voided = 0

    def add(self, position: int, entry: bytes) -> None:
        seen = _entry.decode(entry)
        name = seen.type
        self.events[name] += 1
        if position in self.voids.positions or seen.batch in self.voids.batches:
            self.voided += 1
        elif name in POINTS:
            self.points[POINTS[name]] += _points.decode(seen.data).points
        elif name == ADJUSTED:
            adjusted = _points.decode(seen.data)
            self.points[f"adjusted_{adjusted.direction}"] += adjusted.points
        elif name in MONEY:
            self._add_money(MONEY[name], _data.decode(seen.data))

    def _add_money(self, what: str, data: _Data) -> None:
        if data.cost is not None:
            self.money[f"{what}_{data.status}", data.cost.currency] += data.cost.amount
        else:
            self.money[what, data.currency] += data.net


def figures_of(
    log: Log, until: int, progress: Callable[[int], Any] = lambda _position: None
) -> Figures:
    """Add up every entry up to a position, leaving out what was voided by then."""
    sums = _Sums(log.voids(until))
    for page in log.pages(0, until, PAGE_ENTRIES):
        for position, entry in page:
            sums.add(position, entry)
        progress(page[-1][0])
    money: dict[str, dict[str, int]] = {}
    for (what, currency), amount in sorted(sums.money.items()):
        money.setdefault(what, {})[currency] = amount
    return Figures(
        position=until,
        events=dict(sorted(sums.events.items())),
        voided=sums.voided,
        points=dict(sorted(sums.points.items())),
        money=money,
    )
