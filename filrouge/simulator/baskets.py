"""What is in a basket, and what comes back of it; lines add up to the receipt, to the cent."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from domain.purchases import PurchaseLine, PurchaseRecorded, Tender
from filrouge.simulator.brand import ARTICLES, SALES_PERCENT
from filrouge.simulator.chance import Dice

CENTS_PER_POINT: Final = 20
"""Five points for each euro paid."""
LINES_MAX: Final = 12


class Basket(NamedTuple):
    """The lines of a receipt and their sums, in cents."""

    lines: tuple[PurchaseLine, ...]
    gross: int
    discount: int
    net: int
    tax: int

    @property
    def paid(self) -> int:
        """What the customer paid, tax included."""
        return self.net + self.tax

    @property
    def points(self) -> int:
        """What a member earns for it."""
        return self.paid // CENTS_PER_POINT


def basket(dice: Dice, size: float, tax_percent: int, *, sales: bool) -> Basket:
    """Fill a basket of about this size, beside the usual one."""
    count = 1 + min(LINES_MAX - 1, dice.count(0.75 * size))
    lines = []
    for number in range(1, count + 1):
        article = ARTICLES.at(dice.random())
        quantity = 2 if article.price < 3000 and dice.happens(0.25) else 1  # noqa: PLR2004 - 30 EUR
        gross = article.price * quantity
        reduced = sales and dice.happens(0.6)
        discount = gross * SALES_PERCENT // 100 if reduced else 0
        net, tax = without_tax(gross - discount, tax_percent)
        lines.append(
            PurchaseLine(
                line=number,
                sku=article.sku,
                category=article.category,
                quantity=quantity,
                gross=gross,
                discount=discount or None,
                discount_cause="soldes" if reduced else None,
                net=net,
                tax=tax,
                unit_cost=article.unit_cost,
            )
        )
    return summed(tuple(lines))


def summed(lines: tuple[PurchaseLine, ...]) -> Basket:
    """The receipt of these lines."""
    return Basket(
        lines,
        sum(line.gross or 0 for line in lines),
        sum(line.discount or 0 for line in lines),
        sum(line.net or 0 for line in lines),
        sum(line.tax or 0 for line in lines),
    )


def without_tax(paid: int, tax_percent: int) -> tuple[int, int]:
    """Split what was paid into net and tax; half a cent goes to the net."""
    net = (paid * 200 + 100 + tax_percent) // (2 * (100 + tax_percent))
    return net, paid - net


def brought_back(dice: Dice, lines: tuple[PurchaseLine, ...]) -> tuple[PurchaseLine, ...]:
    """Which lines come back: all of them, or one of several."""
    if len(lines) == 1 or dice.happens(0.5):
        return lines
    return (dice.pick(lines),)


def tenders(paid: int, voucher: int, dice: Dice) -> tuple[Tender, ...]:
    """How a purchase was paid: by a voucher as far as it goes, and the rest by card or in cash."""
    covered = min(paid, voucher)
    kind = "card" if dice.happens(0.85) else "cash"
    found = [Tender(kind="voucher", amount=covered)] if covered else []
    if paid > covered:
        found.append(Tender(kind=kind, amount=paid - covered))
    return tuple(found)


def misread(purchase: PurchaseRecorded, factor: int) -> PurchaseRecorded:
    """The same receipt, read by a till that lost the decimal point: amounts are too large."""
    return msgspec.structs.replace(
        purchase,
        lines=tuple(_scaled(line, factor) for line in purchase.lines),
        tenders=tuple(
            msgspec.structs.replace(tender, amount=tender.amount * factor)
            for tender in purchase.tenders
        ),
        **_amounts(purchase, factor),
    )


def _scaled(line: PurchaseLine, factor: int) -> PurchaseLine:
    return msgspec.structs.replace(line, **_amounts(line, factor))


def _amounts(item: PurchaseRecorded | PurchaseLine, factor: int) -> dict[str, int]:
    amounts = {name: getattr(item, name) for name in ("gross", "discount", "net", "tax")}
    return {name: value * factor for name, value in amounts.items() if value}
