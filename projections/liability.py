"""Liability: the points of each programme by vintage, origin and campaign, and what they stand for.

A *vintage* is the month in which lots were awarded, on the calendar of the place that the award
came from (with its own offset, as the periods of rules). The tables hold points and prices alone;
the programme's terms (value, cost, expected redemption) are applied when the figure is read, for
the instant that it is read for. The formulae are those of :mod:`domain.liability` and
:mod:`domain.breakage`.

Points are those of the journal's books: what time took and no event has booked yet is outstanding
still, so ``filrouge tick`` comes before a closing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

import msgspec

from domain.accounts import AccountOpened
from domain.cohorts import UNKNOWN, vintage_of
from domain.decision import on
from domain.envelope import Envelope
from domain.journal import of_lot, post
from domain.lot import Lot
from domain.lots import MOVEMENTS, Movement
from domain.points import (
    PointsAdjusted,
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
)
from projections.fold import Contribution, Fold, Projection, Total

ENDED: Final = "ended:"
PRICED: Final = "priced:"
TAKING: Final = (PointsRedeemed, PointsExpired, PointsCancelled, PointsClawedBack, PointsAdjusted)
"""What ends points."""


class Priced(msgspec.Struct, frozen=True):
    """The purchase that a lot was given with, and what was paid for all of it, less tax."""

    purchase: str
    net: int
    currency: str


class LiabilityRow(msgspec.Struct, omit_defaults=True):
    """One account: its lots as the books know them, and what they were given with."""

    account_id: str
    programme: str | None = None
    points_currency: str | None = None
    lots: dict[str, Lot] = {}
    active_days: list[int] = []
    begun: dict[str, bool] = {}
    """Lots that an event has shown to be available."""
    clawed_back: dict[str, int] = {}
    """By lot: how many of its cancelled points."""
    priced: dict[str, Priced] = {}
    """By lot: the purchase, where its price is known."""
    ended: dict[str, str] = {}
    """By lot: the last month (UTC) in which any of its points ended."""


class Liabilities(Fold, table="liability", key="account"):
    """The lots of every account, for what they stand for."""

    Row = LiabilityRow

    @on(AccountOpened)
    def _(self, row: LiabilityRow, event: AccountOpened, envelope: Envelope) -> None:
        row.programme, row.points_currency = event.programme, event.points_currency

    @on(*MOVEMENTS)
    def _(self, row: LiabilityRow, event: Movement, envelope: Envelope) -> None:
        post(row, event, envelope)
        if isinstance(event, PointsEarned) and event.price is not None:
            price = event.price
            purchase = event.purchase_id or event.lot_id
            row.priced[event.lot_id] = Priced(purchase, price.amount, price.currency)
        if isinstance(event, TAKING):
            month = f"{envelope.time.astimezone(UTC):%Y-%m}"
            for debit in event.lots:
                row.ended[debit.lot_id] = max(month, row.ended.get(debit.lot_id, ""))
                if isinstance(event, PointsClawedBack):
                    before = row.clawed_back.get(debit.lot_id, 0)
                    row.clawed_back[debit.lot_id] = before + debit.points


def _place(row: LiabilityRow) -> str:
    return f"{row.programme or UNKNOWN}/{row.points_currency or UNKNOWN}"


class LiabilityCells(Total, table="liability_cells", of=Liabilities):
    """Points by ``programme/points currency/vintage/origin/campaign``."""

    def contributes(self, row: LiabilityRow, context: Mapping[str, Any]) -> Contribution:
        """How each lot stands in the books, what was awarded at which price, and when it ended."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for lot_id, lot in row.lots.items():
            vintage = vintage_of(lot.earned_at)
            key = f"{_place(row)}/{vintage}/{lot.origin or UNKNOWN}/{lot.campaign or UNKNOWN}"
            cell, books = found[key], of_lot(lot, begun=lot_id in row.begun)
            clawed_back = min(row.clawed_back.get(lot_id, 0), books.cancelled)
            cell["awarded"] += lot.credited
            cell["owed"] -= books.owed
            cell["clawed_back"] += clawed_back
            cell["cancelled"] += books.cancelled - clawed_back
            for name in ("pending", "wallets", "reserved", "spent", "expired"):
                cell[name] += getattr(books, name)
            if lot_id in row.priced:
                cell[PRICED + row.priced[lot_id].currency] += lot.credited
            if lot_id in row.ended:
                cell[ENDED + row.ended[lot_id]] += 1
        return {key: dict(cell) for key, cell in found.items()}


class LiabilityPrices(Total, table="liability_prices", of=Liabilities):
    """What was paid for purchases that earned, by ``programme/points currency/vintage/currency``.

    A purchase counts once on an account, whatever the number of lots that it earned.
    """

    def contributes(self, row: LiabilityRow, context: Mapping[str, Any]) -> Contribution:
        """The net price of each purchase, in the month of the first lot that it earned."""
        first: dict[str, tuple[str, Priced]] = {}
        for lot_id, priced in row.priced.items():
            said = vintage_of(row.lots[lot_id].earned_at), priced
            first[priced.purchase] = min(first.get(priced.purchase, said), said, key=_order)
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for vintage, priced in first.values():
            sums = found[f"{_place(row)}/{vintage}/{priced.currency}"]
            sums["net"] += priced.net
            sums["purchases"] += 1
        return {key: dict(sums) for key, sums in found.items()}


def _order(said: tuple[str, Priced]) -> tuple[str, str, int]:
    vintage, priced = said
    return vintage, priced.currency, priced.net


LIABILITY = Projection(
    "liability", version=1, folds=(Liabilities,), totals=(LiabilityCells, LiabilityPrices)
)
