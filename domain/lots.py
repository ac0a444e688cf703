"""The lots of an account: how movements change them, and which of them pay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol, get_args

from domain.accounts import AccountState
from domain.decision import on
from domain.envelope import Envelope
from domain.lot import ALWAYS, NEVER, Lot, States, day_of
from domain.lot_parts import LotDebit, Origin, TransferredLot
from domain.points import (
    PointsActivated,
    PointsAdjusted,
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReleased,
    PointsReserved,
    PointsTransferred,
    cause_tags,
    lot_tags,
)

Movement = (
    PointsEarned
    | PointsActivated
    | PointsReserved
    | PointsReleased
    | PointsRedeemed
    | PointsCancelled
    | PointsExpired
    | PointsTransferred
    | PointsAdjusted
    | PointsClawedBack
)

MOVEMENTS: Final[tuple[type[Movement], ...]] = get_args(Movement)
"""Every event that moves points."""

ACTIVITY: Final = (PointsEarned, PointsRedeemed, PointsTransferred)
"""What keeps points from expiring by inactivity, on the account that earns, redeems or gives."""


class Holding(Protocol):
    """What holds lots: an account in a decision, or its row."""

    account_id: str
    lots: dict[str, Lot]
    active_days: list[int]
    """The days on which points were earned, redeemed or given away, in order (UTC, from 1970)."""


def move(account: Holding, event: Movement, envelope: Envelope) -> None:
    """Take a movement of points into the lots of one account."""
    lots = account.lots
    match event:
        case PointsEarned():
            lot = _credited(lots, event.lot_id, event.points, envelope.time)
            _describe(lot, event, event.origin)
            lot.inactive_days, lot.awaits = event.inactive_days, event.awaits
            lot.qualifying, lot.causes = event.qualifying, cause_tags(event)
            lot.campaign, lot.never_owed = event.campaign_id, event.never_owed
            lot.reckon(account.active_days)
        case PointsAdjusted(direction="credit", lot_id=str() as lot_id):
            lot = _credited(lots, lot_id, event.points, envelope.time)
            _describe(lot, event, "goodwill")
            lot.inactive_days = event.inactive_days
            lot.causes = lot_tags(lot_id)
            lot.reckon(account.active_days)
        case PointsTransferred():
            _transfer(account, event)
        case _:
            for debit in event.lots:
                _debit(_lot(lots, debit.lot_id), debit.points, event, envelope.time)
    if isinstance(event, ACTIVITY) and event.account_id == account.account_id:
        _stay_active(account, day_of(envelope.time))


def _stay_active(account: Holding, day: int) -> None:
    days = account.active_days
    place = bisect_left(days, day)
    if place < len(days) and days[place] == day:
        return
    days.insert(place, day)
    for lot in account.lots.values():
        if lot.inactive_days is not None:
            lot.reckon(days)


def _lot(lots: dict[str, Lot], lot_id: str) -> Lot:
    lot = lots.get(lot_id)
    if lot is None:
        lot = lots[lot_id] = Lot()
    return lot


def _credited(lots: dict[str, Lot], lot_id: str, points: int, at: datetime) -> Lot:
    lot = _lot(lots, lot_id)
    lot.credited += points
    lot.earned_at = at if lot.earned_at is None else min(lot.earned_at, at)
    return lot


def _describe(lot: Lot, said: PointsEarned | PointsAdjusted, origin: Origin) -> None:
    lot.available_from, lot.origin = said.available_from, origin
    lot.expires_at = lot.ends_at = said.expires_at


def _debit(lot: Lot, points: int, event: Movement, time: datetime) -> None:
    match event:
        case PointsReserved():
            lot.hold(event.reservation_id, points, event.until)
        case PointsReleased(lapsed=True):
            lot.book_released(event.reservation_id)
        case PointsReleased():
            lot.hold(event.reservation_id, -points)
        case PointsRedeemed():
            lot.spent += points
            if event.reservation_id is not None:
                lot.hold(event.reservation_id, -points)
        case PointsExpired(lapsed=True):
            lot.book_lapse(points, time)
        case PointsExpired():
            lot.expired += points
        case PointsActivated():
            before = lot.activated_at or event.available_from
            lot.activated_at = min(before, event.available_from)
        case _:
            lot.cancelled += points


def _transfer(account: Holding, event: PointsTransferred) -> None:
    account_id = account.account_id
    for moved in event.lots:
        lot = _lot(account.lots, moved.lot_id)
        if account_id == event.account_id:
            lot.transferred_out += moved.points
        if account_id == event.to_account_id:
            lot.transferred_in += moved.points
            if not lot.credited:
                _take_over(lot, moved)


def _take_over(lot: Lot, moved: TransferredLot) -> None:
    """Of several transfers of one lot, its end is the last one, whichever came first.

    On the account that it was given to first a lot keeps the terms that it was given with.
    """
    known = lot.transferred_in > moved.points
    begins, ends = moved.available_from, moved.expires_at
    if known and lot.available_from is not None:
        begins = min(begins, lot.available_from)
        ends = None if None in {ends, lot.ends_at} else max(ends or NEVER, lot.ends_at or NEVER)
    lot.available_from, lot.expires_at, lot.ends_at = begins, ends, ends
    lot.origin, lot.qualifying, lot.causes = moved.origin, moved.qualifying, moved.causes
    lot.campaign, lot.never_owed = moved.campaign, moved.never_owed
    lot.earned_at = lot.earned_at or moved.earned_at


def states(lots: Iterable[Lot], at: datetime) -> States:
    """The points of an account by state at an instant: the sum over its lots."""
    each = [lot.states(at) for lot in lots]
    return States(*map(sum, zip(*each, strict=True))) if each else States()


def consumption_order(lots: Mapping[str, Lot]) -> list[str]:
    """Ids of the lots in the order in which they are spent: first to expire, first."""
    return sorted(
        lots,
        key=lambda id_: (
            lots[id_].expires_at or NEVER,
            lots[id_].available_from or ALWAYS,
            id_,
        ),
    )


def drawn(points: int, offers: Iterable[tuple[str, int]]) -> tuple[LotDebit, ...]:
    """Take so many points from what lots offer, one lot after another."""
    debits = []
    for lot_id, offered in offers:
        part = min(points, offered)
        if part > 0:
            debits.append(LotDebit(lot_id=lot_id, points=part))
            points -= part
    if points:
        message = f"the lots offer {points} points too few"
        raise ValueError(message)
    return tuple(debits)


def consumed(lots: Mapping[str, Lot], points: int, at: datetime) -> tuple[LotDebit, ...]:
    """Which lots pay so many points at an instant. No more may be asked than is active."""
    return drawn(points, ((id_, lots[id_].active(at)) for id_ in consumption_order(lots)))


def next_expiry(lots: Iterable[Lot], at: datetime) -> tuple[datetime, int] | None:
    """The next instant at which points expire if nobody spends them, and how many."""
    soon: dict[datetime, int] = {}
    for lot in lots:
        left = lot.remaining(at)
        if left and lot.expires_at is not None and at < lot.expires_at:
            soon[lot.expires_at] = soon.get(lot.expires_at, 0) + left
    return min(soon.items()) if soon else None


class AccountLots(AccountState):
    """An account and its lots. Tag: ``account:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.account_id = tags[0].removeprefix("account:")
        self.lots: dict[str, Lot] = {}
        self.active_days: list[int] = []
        self.reservations: set[str] = set()
        """Every reservation that was ever made on the account."""

    @on(*MOVEMENTS)
    def _moved(self, event: Movement, envelope: Envelope) -> None:
        move(self, event, envelope)
        if isinstance(event, PointsReserved):
            self.reservations.add(event.reservation_id)

    def at(self, instant: datetime) -> States:
        """The account's points by state at an instant."""
        return states(self.lots.values(), instant)
