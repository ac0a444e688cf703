"""The reward catalogue: its items, what is left of each, and every reward that was had of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.catalogue import ItemAmended, ItemDelisted, ItemListed
from domain.codes import CodeRejected, CodeSupplied
from domain.decision import on
from domain.envelope import Envelope
from domain.item_terms import Discount, ItemTerms
from domain.rewards import (
    RewardGranted,
    RewardRedeemed,
    RewardReleased,
    RewardReserved,
    RewardWithdrawn,
)
from domain.stock import StockRemoved, StockSupplied
from domain.types import Money
from projections.fold import Contribution, Fold, Projection, Total


class ItemRow(msgspec.Struct, omit_defaults=True):
    """One item: its terms, and what was supplied of it."""

    item_id: str
    terms: ItemTerms | None = None
    version: int = 0
    listed_at: datetime | None = None
    amended_at: datetime | None = None
    delisted_at: datetime | None = None
    pieces: int = 0
    codes: int = 0
    """For how many rewards."""


class Items(Fold, table="reward_items", key="item"):
    """What is in the catalogue."""

    Row = ItemRow

    @on(ItemListed, ItemAmended)
    def _(self, row: ItemRow, event: ItemListed | ItemAmended, envelope: Envelope) -> None:
        row.terms, row.version = event.terms, event.version
        if isinstance(event, ItemListed):
            row.listed_at = envelope.time
        else:
            row.amended_at = envelope.time

    @on(ItemDelisted)
    def _(self, row: ItemRow, event: ItemDelisted, envelope: Envelope) -> None:
        row.delisted_at = envelope.time

    @on(StockSupplied)
    def _(self, row: ItemRow, event: StockSupplied, envelope: Envelope) -> None:
        row.pieces += event.pieces

    @on(StockRemoved)
    def _(self, row: ItemRow, event: StockRemoved, envelope: Envelope) -> None:
        row.pieces -= event.pieces

    @on(CodeSupplied)
    def _(self, row: ItemRow, event: CodeSupplied, envelope: Envelope) -> None:
        row.codes += event.grants_max

    @on(CodeRejected)
    def _(self, row: ItemRow, event: CodeRejected, envelope: Envelope) -> None:
        row.codes -= event.grants_max


class RewardRow(msgspec.Struct, omit_defaults=True):
    """One reward of a member: what it is, and what became of it."""

    reward_id: str
    member_id: str | None = None
    account_id: str | None = None
    campaign_id: str | None = None
    item_id: str | None = None
    listed: bool = False
    """The item is one of the catalogue."""
    item_version: int | None = None
    kind: str | None = None
    name: str | None = None
    code: str | None = None
    """Sealed."""
    voucher_id: str | None = None
    voucher_shared: bool = False
    kept_until_ms: int | None = None
    """Milliseconds since 1970 until which it is only kept, as a number that an index orders."""
    granted_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    uses_max: int = 1
    uses: int = 0
    used_at: datetime | None = None
    """When it was used last."""
    withdrawn_at: datetime | None = None
    points: int | None = None
    paid: Money | None = None
    value: Money | None = None
    cost: Money | None = None
    """As it was granted, until it is known what it did cost."""
    discount: Discount | None = None


_COPIED = (
    "member_id", "account_id", "campaign_id", "item_version", "kind", "name", "code", "voucher_id",
    "voucher_shared", "valid_from", "valid_until", "uses_max", "points", "paid", "value", "cost",
    "discount",
)  # fmt: skip


class Rewards(
    Fold,
    table="rewards",
    key="reward",
    indexes=(
        "(row->>'member_id'), key",
        "(row->>'voucher_id'), key",
        "(row->>'item_id'), ((row->>'kept_until_ms')::bigint)",
    ),
):
    """Every reward: of the catalogue, or granted outside of it."""

    Row = RewardRow

    @on(RewardReserved)
    def _(self, row: RewardRow, event: RewardReserved, envelope: Envelope) -> None:
        row.member_id, row.account_id = event.member_id, event.account_id
        row.campaign_id, row.item_id = event.campaign_id, event.taken_from
        row.kept_until_ms = int(event.until.timestamp() * 1_000)

    @on(RewardReleased)
    def _(self, row: RewardRow, event: RewardReleased, envelope: Envelope) -> None:
        row.kept_until_ms = None

    @on(RewardGranted)
    def _(self, row: RewardRow, event: RewardGranted, envelope: Envelope) -> None:
        row.kept_until_ms = None
        if row.granted_at is not None:
            return
        row.granted_at = envelope.time
        row.item_id = event.taken_from or event.item_id
        row.listed = event.taken_from is not None
        known = row.cost
        for name in _COPIED:
            setattr(row, name, getattr(event, name))
        row.cost = known or row.cost

    @on(RewardRedeemed)
    def _(self, row: RewardRow, event: RewardRedeemed, envelope: Envelope) -> None:
        row.member_id = row.member_id or event.member_id
        row.uses += 1
        row.used_at = max(row.used_at or envelope.time, envelope.time)
        row.cost = event.cost or row.cost

    @on(RewardWithdrawn)
    def _(self, row: RewardRow, event: RewardWithdrawn, envelope: Envelope) -> None:
        row.member_id = row.member_id or event.member_id
        row.withdrawn_at = envelope.time


class ItemTotals(Total, table="reward_item_totals", of=Rewards, key="item"):
    """By item: what was granted, used and withdrawn, and what it brought and cost."""

    def contributes(self, row: RewardRow, context: Mapping[str, Any]) -> Contribution:
        """What the reward adds, of an item of the catalogue. A withdrawn one costs nothing."""
        del context
        if row.item_id is None or row.granted_at is None or not row.listed:
            return {}
        amounts = {"granted": 1, "uses": row.uses, "used": min(row.uses, 1)}
        if row.withdrawn_at is not None:
            amounts["withdrawn"] = 1
        if row.voucher_id is not None and not (row.withdrawn_at and row.voucher_shared):
            amounts["codes"] = 1
        if row.withdrawn_at is None:
            amounts["points"] = row.points or 0
            for name, money in (("paid", row.paid), ("cost", row.cost)):
                if money is not None:
                    amounts[f"{name} {money.currency}"] = money.amount
        return {row.item_id: amounts}


REWARD_ITEMS = Projection("reward_items", version=1, folds=(Items, Rewards), totals=(ItemTotals,))
