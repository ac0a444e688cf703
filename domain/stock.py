"""Stock: how many of an item there are, how many are kept for somebody, and how many are left."""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta

from domain.catalogue import CatalogueItem
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.item_terms import MemberLimit
from domain.periods import period_number
from domain.rewards import RewardGranted, RewardReleased, RewardReserved, RewardWithdrawn
from domain.types import ID, ItemID, Text

STOCK_MAX: Final = 10**9
"""Pieces in one supply."""
Pieces = Annotated[int, Meta(ge=1, le=STOCK_MAX)]


@event_type("stock.supplied.v1")
class StockSupplied(Decided, frozen=True, kw_only=True):
    """So many more pieces of an item are there to be had."""

    item_id: ItemID
    pieces: Pieces
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("stock.removed.v1")
class StockRemoved(Decided, frozen=True, kw_only=True):
    """So many pieces of an item that nobody had are there no longer: broken, lost, sold."""

    item_id: ItemID
    pieces: Pieces
    reason: Text
    approved_by: ID | None = None


class OutOfStock(RuleError):
    """No piece of the item is left: supply some, or choose something else.

    Pieces that are kept for somebody are free again when they are given up, or lapse.
    """


class MemberLimitReached(RuleError):
    """The member has had this item as often as it allows, ever or in this period."""


class ItemStock(View):
    """The pieces of an item: supplied, granted, and kept for somebody. Tag: ``item:<id>``.

    A void of a grant, like a withdrawal, brings its piece back.
    """

    supplied = 0
    granted = 0

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self._kept: dict[str, datetime] = {}
        self._lapses: list[datetime] = []
        """When each piece that is kept for somebody is anybody's again, in order."""

    @on(StockSupplied)
    def _supplied(self, event: StockSupplied, envelope: Envelope) -> None:
        self.supplied += event.pieces

    @on(StockRemoved)
    def _removed(self, event: StockRemoved, envelope: Envelope) -> None:
        self.supplied -= event.pieces

    @on(RewardReserved)
    def _reserved(self, event: RewardReserved, envelope: Envelope) -> None:
        self._kept[event.reward_id] = event.until
        insort(self._lapses, event.until)

    @on(RewardReleased)
    def _released(self, event: RewardReleased, envelope: Envelope) -> None:
        self._free(event.reward_id)

    @on(RewardGranted)
    def _granted(self, event: RewardGranted, envelope: Envelope) -> None:
        self._free(event.reward_id)
        self.granted += 1

    @on(RewardWithdrawn)
    def _withdrawn(self, event: RewardWithdrawn, envelope: Envelope) -> None:
        self.granted -= 1

    def _free(self, reward_id: str) -> None:
        until = self._kept.pop(reward_id, None)
        if until is not None:
            del self._lapses[bisect_right(self._lapses, until) - 1]

    def kept(self, now: datetime) -> int:
        """How many pieces are kept for somebody. By the ledger's clock, which never goes back."""
        return len(self._lapses) - bisect_right(self._lapses, now)

    def left(self, now: datetime) -> int:
        """How many pieces anybody can have."""
        return self.supplied - self.granted - self.kept(now)


class MemberItem(View):
    """What a member had of an item. Tags: ``member:<id>``, ``item:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.had: dict[str, tuple[datetime, datetime | None]] = {}
        """By reward: when, and until when it is only kept for them."""

    @on(RewardGranted)
    def _granted(self, event: RewardGranted, envelope: Envelope) -> None:
        self.had[event.reward_id] = envelope.time, None

    @on(RewardReserved)
    def _reserved(self, event: RewardReserved, envelope: Envelope) -> None:
        self.had[event.reward_id] = envelope.time, event.until

    @on(RewardReleased, RewardWithdrawn)
    def _gone(self, event: RewardReleased | RewardWithdrawn, envelope: Envelope) -> None:
        self.had.pop(event.reward_id, None)

    def check(self, limit: MemberLimit | None, time: datetime, now: datetime) -> None:
        """Refuse one more than the item allows. What is only kept counts until it lapses."""
        if limit is None:
            return
        had = [at for at, until in self.had.values() if until is None or now < until]
        if limit.period is not None:
            number = period_number(time, limit.period)
            had = [at for at in had if period_number(at, limit.period) == number]
        if len(had) >= limit.rewards:
            raise MemberLimitReached(
                item=self.tags[1], rewards=limit.rewards, period=limit.period, had=len(had)
            )


class SupplyStock(Command, frozen=True, kw_only=True):
    """Say that so many more pieces of an item are there to be had."""

    item_id: ItemID
    pieces: Pieces
    reason: Text | None = None
    approved_by: ID | None = None


class SupplyingStock(Slice, decides=SupplyStock, reads=(CatalogueItem,)):
    """What is in the catalogue can be supplied."""

    def __init__(self, command: SupplyStock, command_id: str) -> None:
        super().__init__(command, command_id)
        self.item = self.view(CatalogueItem, f"item:{command.item_id}")

    def execute(self) -> None:
        """Supply it."""
        command: SupplyStock = self.command
        self.item.require()
        self.trigger(StockSupplied(**_said(command)))


class RemoveStock(Command, frozen=True, kw_only=True):
    """Say that so many pieces of an item are there no longer; nobody may have them by then."""

    item_id: ItemID
    pieces: Pieces
    reason: Text
    approved_by: ID | None = None


class RemovingStock(Slice, decides=RemoveStock, reads=(CatalogueItem, ItemStock)):
    """Only pieces that are left can be removed: not what was granted, or is kept for somebody."""

    def __init__(self, command: RemoveStock, command_id: str) -> None:
        super().__init__(command, command_id)
        self.item = self.view(CatalogueItem, f"item:{command.item_id}")
        self.stock = self.view(ItemStock, f"item:{command.item_id}")

    def execute(self) -> None:
        """Remove them, if as many are left."""
        command: RemoveStock = self.command
        if self.item.terms is None:
            self.item.require()
        left = self.stock.left(self.now)
        if command.pieces > left:
            raise OutOfStock(item_id=command.item_id, left=max(left, 0), asked=command.pieces)
        self.trigger(StockRemoved(**_said(command)))


def _said(command: SupplyStock | RemoveStock) -> dict[str, Any]:
    return {name: getattr(command, name) for name in ("item_id", "pieces", "reason", "approved_by")}
