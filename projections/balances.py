"""Balances: the lots of each account; the state of their points is computed for an instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.decision import on
from domain.envelope import Envelope
from domain.expiring import is_due
from domain.lot import Lot, States
from domain.lots import (
    MOVEMENTS,
    Movement,
    consumption_order,
    move,
    next_expiry,
    states as states_of,
)
from projections.fold import Contribution, Fold, Projection, Total
from projections.known import Rows
from projections.reader import Reader
from projections.tables import decoder_of

LOTS_SHOWN_MAX: Final = 1_000
ACCOUNTS_SHOWN_MAX: Final = 100


class AccountRow(msgspec.Struct, omit_defaults=True):
    """An account, who holds it, and every lot that it ever had."""

    account_id: str
    programme: str | None = None
    points_currency: str | None = None
    opened_at: datetime | None = None
    holders: list[str] = []
    lots: dict[str, Lot] = {}
    active_days: list[int] = []
    """Days of activity, which keep some lots from expiring (UTC, counted from 1970)."""


class Balances(Fold, table="balances", key="account"):
    """The lots of each account, with their instants; states are computed for a stated instant."""

    Row = AccountRow

    @on(AccountOpened)
    def _(self, row: AccountRow, event: AccountOpened, envelope: Envelope) -> None:
        row.programme, row.points_currency = event.programme, event.points_currency
        row.opened_at = envelope.time
        row.holders = list(dict.fromkeys(event.holders))

    @on(HolderAdded)
    def _(self, row: AccountRow, event: HolderAdded, envelope: Envelope) -> None:
        if event.member_id not in row.holders:
            row.holders.append(event.member_id)

    @on(HolderRemoved)
    def _(self, row: AccountRow, event: HolderRemoved, envelope: Envelope) -> None:
        row.holders = [holder for holder in row.holders if holder != event.member_id]

    @on(*MOVEMENTS)
    def _(self, row: AccountRow, event: Movement, envelope: Envelope) -> None:
        move(row, event, envelope)


class HoldingsRow(msgspec.Struct, omit_defaults=True):
    """The accounts that a member holds, in the order in which they were given."""

    member_id: str
    accounts: list[str] = []


class Holdings(Fold, table="holdings", key="member"):
    """Which accounts each member holds."""

    Row = HoldingsRow

    @on(AccountOpened, HolderAdded)
    def _(self, row: HoldingsRow, event: AccountOpened | HolderAdded, envelope: Envelope) -> None:
        if event.account_id not in row.accounts:
            row.accounts.append(event.account_id)

    @on(HolderRemoved)
    def _(self, row: HoldingsRow, event: HolderRemoved, envelope: Envelope) -> None:
        if event.account_id in row.accounts:
            row.accounts.remove(event.account_id)


class PointTotals(Total, table="point_totals", of=Balances):
    """Points over all accounts, by points currency: what no instant changes."""

    def contributes(self, row: AccountRow, context: Mapping[str, Any]) -> Contribution:
        """The sums of the account's lots."""
        lots = row.lots.values()
        return {
            row.points_currency or "points": {
                "accounts": 1,
                "issued": sum([lot.issued for lot in lots]),
                "spent": sum([lot.spent for lot in lots]),
                "expired": sum([lot.expired for lot in lots]),
                "cancelled": sum([lot.cancelled for lot in lots]),
            }
        }


BALANCES = Projection("balances", version=2, folds=(Balances, Holdings), totals=(PointTotals,))


class Expiry(msgspec.Struct):
    """Points that expire together if nobody spends them before."""

    at: datetime
    points: int


class PointStates(msgspec.Struct, kw_only=True):
    """Points by state at an instant: issued + owed is the sum of the other six, exactly."""

    issued: int
    owed: int
    pending: int
    active: int
    reserved: int
    spent: int
    expired: int
    cancelled: int


class LotBalance(PointStates, kw_only=True):
    """One lot: a credit of points with its own instants and origin."""

    named_by: ClassVar[tuple[str, ...]] = ("lot_id",)

    lot_id: str
    origin: str | None
    qualifying: bool
    available_from: datetime | None
    awaits: str | None
    """What has to happen before its points can be spent; null: nothing, or it happened."""
    expires_at: datetime | None
    """As it stands: it moves on while the account is active, where inactivity ends the lot."""


class Balance(PointStates, kw_only=True):
    """The points of one account at a stated instant, in all and by lot."""

    account_id: str
    programme: str | None
    points_currency: str | None
    holders: tuple[str, ...]
    at: datetime
    """The instant that the states are computed for."""
    spendable: int
    """What a redemption can take: active less owed, never below zero."""
    next_expiry: Expiry | None
    lots: tuple[LotBalance, ...]
    """Lots in which something is left, first to be spent first; then the finished ones."""
    lots_count: int
    """How many lots there are; at most ``LOTS_SHOWN_MAX`` of them are shown."""


class PointsInAll(msgspec.Struct):
    """Points of one currency over all accounts; expiry counts where an event states it."""

    points_currency: str
    accounts: int = 0
    issued: int = 0
    spent: int = 0
    expired: int = 0
    cancelled: int = 0


def balance(reader: Rows, account_id: str, at: datetime) -> Balance | None:
    """The balance of an account at an instant; None if nothing is known of the account."""
    row = reader.row(Balances, account_id)
    return None if row is None else balance_of(row, at)


def of_member(reader: Reader, member_id: str, at: datetime) -> tuple[Balance, ...]:
    """The balances of the accounts that a member holds, at most ``ACCOUNTS_SHOWN_MAX``."""
    holdings = reader.row(Holdings, member_id)
    if holdings is None:
        return ()
    rows = reader.rows(Balances, holdings.accounts[:ACCOUNTS_SHOWN_MAX])
    return tuple(balance_of(rows[account], at) for account in holdings.accounts if account in rows)


def due_accounts(reader: Reader, after: str, limit: int, at: datetime) -> tuple[list[str], str]:
    """Accounts with something that time did by an instant and no event has booked, one page.

    Also the key after which the next page begins; it is empty at the end.
    """
    rows = reader.select(
        "SELECT key, row::text FROM {balances} WHERE key > %s ORDER BY key LIMIT %s",
        {"balances": Balances},
        [after, limit],
    )
    decode = decoder_of(AccountRow)
    due = [key for key, row in rows if is_due(decode(row).lots, at)]
    return due, rows[-1][0] if len(rows) == limit else ""


def totals(reader: Reader) -> tuple[PointsInAll, ...]:
    """Points over all accounts, by points currency."""
    return tuple(
        PointsInAll(currency, **amounts)
        for currency, amounts in sorted(reader.every_total(PointTotals).items())
    )


def balance_of(row: AccountRow, at: datetime) -> Balance:
    """What an account's row says for an instant."""
    sums = states_of(row.lots.values(), at)
    expiry = next_expiry(row.lots.values(), at)
    each = {lot_id: row.lots[lot_id].states(at) for lot_id in consumption_order(row.lots)}
    shown = sorted(each, key=lambda lot_id: not _is_open(each[lot_id]))[:LOTS_SHOWN_MAX]
    return Balance(
        account_id=row.account_id,
        programme=row.programme,
        points_currency=row.points_currency,
        holders=tuple(row.holders),
        at=at,
        spendable=sums.spendable,
        next_expiry=None if expiry is None else Expiry(*expiry),
        lots=tuple(_lot_balance(lot_id, row.lots[lot_id], each[lot_id]) for lot_id in shown),
        lots_count=len(each),
        **sums._asdict(),
    )


def _is_open(states: States) -> bool:
    return bool(states.pending or states.active or states.reserved or states.owed)


def _lot_balance(lot_id: str, lot: Lot, states: States) -> LotBalance:
    return LotBalance(
        lot_id=lot_id,
        origin=lot.origin,
        qualifying=lot.qualifying,
        available_from=lot.available_from,
        awaits=lot.awaits if lot.activated_at is None else None,
        expires_at=lot.expires_at,
        **states._asdict(),
    )
