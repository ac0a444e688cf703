"""What a row keeps of purchases, so that a return takes off what was counted, and no more."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime
from operator import itemgetter
from typing import ClassVar

import msgspec

from domain.envelope import Envelope
from domain.purchases import PurchaseRecorded, ReturnMatched


class Purchase(msgspec.Struct, array_like=True):
    """One purchase, by its ``purchase_id``. Amounts are minor units, less tax."""

    position: int
    time: datetime
    currency: str
    net: int
    returned: int = 0
    """What was given back of it, whenever that was."""


class Spend(msgspec.Struct):
    """What was bought in one currency. Amounts are minor units, less tax."""

    named_by: ClassVar[tuple[str, ...]] = ("currency",)

    currency: str
    purchases: int = 0
    net: int = 0
    """What was paid."""
    returned: int = 0
    """What was given back of these purchases, by matched returns."""

    @property
    def revenue(self) -> int:
        """What was paid and not given back."""
        return self.net - self.returned


Purchases = dict[str, Purchase]


def take_purchase(purchases: Purchases, event: PurchaseRecorded, envelope: Envelope) -> None:
    """Take in a purchase; of one reported twice the first counts, and parts bring only lines."""
    if event.part == 1 and event.purchase_id not in purchases:
        purchases[event.purchase_id] = Purchase(
            envelope.position, envelope.time, event.currency, event.net
        )


def take_return(purchases: Purchases, event: ReturnMatched) -> None:
    """Take a matched return off its purchase; if that was voided there is nothing to take off."""
    purchase = purchases.get(event.purchase_id)
    if purchase is not None and purchase.position == event.purchase_position:
        purchase.returned += event.net


def spending(purchases: Iterable[Purchase]) -> list[Spend]:
    """What these purchases come to, by currency."""
    found: dict[str, Spend] = {}
    for purchase in purchases:
        spend = found.get(purchase.currency)
        if spend is None:
            spend = found[purchase.currency] = Spend(purchase.currency)
        spend.purchases += 1
        spend.net += purchase.net
        spend.returned += purchase.returned
    return [found[currency] for currency in sorted(found)]


def first_purchase(purchases: Purchases) -> datetime | None:
    """When the first of them was made."""
    return min((purchase.time for purchase in purchases.values()), default=None)


class Bought:
    """The purchases of a row, to be asked about many windows.

    Instants that have one and the same offset are compared many times as fast as others.
    """

    def __init__(self, purchases: Purchases) -> None:
        each = [(one.time.astimezone(UTC), one) for one in purchases.values()]
        each.sort(key=itemgetter(0))
        self._all = [one for _, one in each]
        self._times = [time for time, _ in each]
        self.first = self._times[0] if each else None
        """When the first of them was made, in UTC."""

    def within(self, since: datetime, until: datetime | None) -> list[Purchase]:
        """Those from one instant to before another; without another, all since the one."""
        start = bisect_left(self._times, since.astimezone(UTC))
        end = None if until is None else bisect_left(self._times, until.astimezone(UTC))
        return self._all[start:end]
