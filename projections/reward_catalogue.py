"""What is asked of the reward catalogue: what is left of an item, and what rewards a member has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from domain.item_terms import Discount, ItemTerms
from domain.types import Money
from projections.reader import Reader
from projections.reward_items import ItemRow, Items, ItemTotals, RewardRow, Rewards


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of an item, or the rewards that it has codes for."""

    supplied: int
    """Less what was removed, or rejected."""
    granted: int
    """A piece of a withdrawn reward is there again; a code that somebody had is not."""
    kept: int
    """Kept for somebody at the stated instant."""
    left: int


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the catalogue at a stated instant, and what was had of it."""

    item_id: str
    at: datetime
    version: int
    terms: ItemTerms
    offered: bool
    """Whether it can be had at this instant, by its validity; not whether any is left."""
    listed_at: datetime | None
    amended_at: datetime | None
    delisted_at: datetime | None
    stock: Stock | None
    """Null: it is not stocked."""
    codes: Stock | None
    """Null: it has no codes."""
    granted: int
    used: int
    """Rewards that were used at least once."""
    uses: int
    withdrawn: int
    points: int
    """What was paid for it, without the withdrawn ones."""
    paid: tuple[Money, ...]
    """The same in money, by currency."""
    cost: tuple[Money, ...]
    """What it cost, by currency, without the withdrawn ones: as granted, until it is known."""


State = Literal["kept", "lapsed", "released", "pending", "usable", "used", "expired", "withdrawn"]


class MemberReward(msgspec.Struct, frozen=True, kw_only=True):
    """A reward of a member, and its state at a stated instant."""

    reward_id: str
    at: datetime
    state: State
    """kept: it is kept, and not theirs yet; lapsed, released: nor will it be; pending: it cannot
    be used yet; used: as often as it can be; expired: no longer."""
    member_id: str | None
    account_id: str | None
    campaign_id: str | None
    item_id: str | None
    item_version: int | None
    kind: str | None
    name: str | None
    code: str | None
    """Sealed, unless the key may see personal data."""
    kept_until: datetime | None
    granted_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    uses: int
    uses_max: int
    used_at: datetime | None
    withdrawn_at: datetime | None
    points: int | None
    paid: Money | None
    value: Money | None
    discount: Discount | None


_KEPT = """
SELECT row->>'item_id', count(*) FROM {rewards}
WHERE row->>'item_id' = ANY(%s) AND (row->>'kept_until_ms')::bigint > %s GROUP BY 1
"""


def items(
    reader: Reader, at: datetime, *, after: str = "", limit: int
) -> tuple[CatalogueEntry, ...]:
    """The items of the catalogue by id, those behind ``after``."""
    found = reader.select(
        "SELECT key FROM {items} WHERE key > %s AND row->'terms' IS NOT NULL ORDER BY key LIMIT %s",
        {"items": Items},
        [after, limit],
    )
    return _entries(reader, [key for (key,) in found], at)


def item(reader: Reader, item_id: str, at: datetime) -> CatalogueEntry | None:
    """One item; None: it was never listed."""
    return next(iter(_entries(reader, [item_id], at)), None)


def _entries(reader: Reader, ids: list[str], at: datetime) -> tuple[CatalogueEntry, ...]:
    rows = reader.rows(Items, ids)
    kept: dict[str, int] = dict(
        reader.select(_KEPT, {"rewards": Rewards}, [ids, _milliseconds(at)])
    )
    return tuple(
        _entry(rows[id_], reader.total(ItemTotals, id_), kept.get(id_, 0), at)
        for id_ in ids
        if id_ in rows and rows[id_].terms is not None
    )


def _entry(row: ItemRow, sums: dict[str, int], kept: int, at: datetime) -> CatalogueEntry:
    terms = row.terms
    assert terms is not None
    granted, withdrawn = sums.get("granted", 0), sums.get("withdrawn", 0)
    return CatalogueEntry(
        item_id=row.item_id,
        at=at,
        version=row.version,
        terms=terms,
        offered=terms.offered(at) and (row.delisted_at is None or at < row.delisted_at),
        listed_at=row.listed_at,
        amended_at=row.amended_at,
        delisted_at=row.delisted_at,
        stock=_stock(row.pieces, granted - withdrawn, kept) if terms.stocked else None,
        codes=_stock(row.codes, sums.get("codes", 0), kept) if terms.coded else None,
        granted=granted,
        used=sums.get("used", 0),
        uses=sums.get("uses", 0),
        withdrawn=withdrawn,
        points=sums.get("points", 0),
        paid=_amounts(sums, "paid"),
        cost=_amounts(sums, "cost"),
    )


def _stock(supplied: int, granted: int, kept: int) -> Stock:
    return Stock(supplied=supplied, granted=granted, kept=kept, left=supplied - granted - kept)


def _amounts(sums: dict[str, int], name: str) -> tuple[Money, ...]:
    prefix = f"{name} "
    found = {key.removeprefix(prefix): n for key, n in sums.items() if key.startswith(prefix)}
    return tuple(Money(amount=found[one], currency=one) for one in sorted(found))


def of_member(
    reader: Reader, member_id: str, at: datetime, *, after: str = "", limit: int
) -> tuple[MemberReward, ...]:
    """The rewards of a member by id, those behind ``after``, with their states at an instant."""
    found = reader.select(
        "SELECT key FROM {rewards} WHERE row->>'member_id' = %s AND key > %s ORDER BY key LIMIT %s",
        {"rewards": Rewards},
        [member_id, after, limit],
    )
    return _rewards(reader, (key for (key,) in found), at)


def of_voucher(
    reader: Reader, voucher_id: str, member_id: str | None, at: datetime, *, limit: int
) -> tuple[MemberReward, ...]:
    """The rewards that a code was given with, of everybody or of one member."""
    found = reader.select(
        "SELECT key FROM {rewards} WHERE row->>'voucher_id' = %s"
        " AND (%s::text IS NULL OR row->>'member_id' = %s) ORDER BY key LIMIT %s",
        {"rewards": Rewards},
        [voucher_id, member_id, member_id, limit],
    )
    return _rewards(reader, (key for (key,) in found), at)


def reward(reader: Reader, reward_id: str, at: datetime) -> MemberReward | None:
    """One reward; None: there is none."""
    return next(iter(_rewards(reader, [reward_id], at)), None)


def _rewards(reader: Reader, ids: Iterable[str], at: datetime) -> tuple[MemberReward, ...]:
    wanted = list(ids)
    rows: dict[str, RewardRow] = reader.rows(Rewards, wanted)
    return tuple(_reward(rows[id_], at) for id_ in wanted if id_ in rows)


def _reward(row: RewardRow, at: datetime) -> MemberReward:
    shared: dict[str, Any] = {
        name: getattr(row, name)
        for name in MemberReward.__struct_fields__
        if name in RewardRow.__struct_fields__
    }
    ms = row.kept_until_ms
    kept_until = None if ms is None else datetime.fromtimestamp(ms / 1_000, tz=at.tzinfo)
    return MemberReward(at=at, state=_state(row, at), kept_until=kept_until, **shared)


def _state(row: RewardRow, at: datetime) -> State:
    if row.granted_at is None and row.withdrawn_at is None and not row.uses:
        if row.kept_until_ms is None:
            return "released"
        return "kept" if _milliseconds(at) < row.kept_until_ms else "lapsed"
    if row.withdrawn_at is not None:
        return "withdrawn"
    if row.uses >= row.uses_max:
        return "used"
    if row.valid_until is not None and row.valid_until <= at:
        return "expired"
    return "pending" if row.valid_from is not None and at < row.valid_from else "usable"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
