"""The arithmetic of lots: what of each award is pending, active, held, spent, gone or owed.

Everything here is a running sum over the movements of points, so it does not depend on the order
in which they come, and a movement that was voided simply is not in the sum. A lot that is debited
before, or without, its award exists with nothing issued: what was taken from it is owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, get_args

import msgspec

from domain.accounts import AccountState
from domain.decision import on
from domain.envelope import Envelope
from domain.points import (
    LotDebit,
    Origin,
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

NEVER: Final = datetime.max.replace(tzinfo=UTC)
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)


class States(NamedTuple):
    """Points by state at an instant: issued + owed is the sum of the other six, exactly."""

    issued: int = 0
    """Credited here, plus what came in by transfers, less what went out by transfers."""
    owed: int = 0
    """Taken beyond what was issued: clawed back or voided after it had been spent."""
    pending: int = 0
    active: int = 0
    reserved: int = 0
    spent: int = 0
    expired: int = 0
    """Past the lot's instant and not spent, or stated as expired."""
    cancelled: int = 0
    """Taken away: cancelled, clawed back, or adjusted downwards."""

    @property
    def spendable(self) -> int:
        """What a redemption, a reservation or a transfer can take: active less owed."""
        return max(0, self.active - self.owed)


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points of one lot that a reservation keeps."""

    points: int
    """Negative when more was released or redeemed than reserved, as after a void."""
    until: datetime | None = None


class Lot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One lot on one account, as sums of its movements."""

    credited: int = 0
    """By its award, or by an adjustment."""
    transferred_in: int = 0
    transferred_out: int = 0
    spent: int = 0
    expired: int = 0
    """Stated as expired by an event; expiry by the lot's instant is computed."""
    cancelled: int = 0
    holds: dict[str, Hold] = {}
    """By reservation."""
    available_from: datetime | None = None
    expires_at: datetime | None = None
    origin: Origin | None = None
    qualifying: bool = False
    causes: tuple[str, ...] = ()
    """Tags of what its award was given for, or of the lot itself."""

    @property
    def issued(self) -> int:
        """What the lot brought to this account. Transfers move it from one account to the other.

        It is negative when what was transferred away had its award voided.
        """
        return self.credited + self.transferred_in - self.transferred_out

    def reserved(self, at: datetime) -> int:
        """Points held at an instant; a hold lapses by itself."""
        return sum(
            hold.points
            for hold in self.holds.values()
            if hold.points > 0 and (hold.until is None or at < hold.until)
        )

    def debits(self, at: datetime) -> int:
        """Everything that was taken from the lot, whenever it was."""
        return self.spent + self.expired + self.cancelled + self.reserved(at)

    def remaining(self, at: datetime) -> int:
        """What is left, in whichever state."""
        return max(0, self.issued - self.debits(at))

    def owed(self, at: datetime) -> int:
        """What was taken beyond what was issued."""
        return max(0, self.debits(at) - self.issued)

    def has_begun(self, at: datetime) -> bool:
        """Whether its points are available at an instant, if it is not over."""
        return self.available_from is None or self.available_from <= at

    def is_over(self, at: datetime) -> bool:
        """Whether what is left of it is expired at an instant."""
        return self.expires_at is not None and self.expires_at <= at

    def active(self, at: datetime) -> int:
        """What is left and can be spent at an instant."""
        return self.remaining(at) if self.has_begun(at) and not self.is_over(at) else 0

    def states(self, at: datetime) -> States:
        """Its points by state at an instant."""
        left = self.remaining(at)
        over, begun = self.is_over(at), self.has_begun(at)
        return States(
            issued=self.issued,
            owed=self.owed(at),
            pending=0 if begun or over else left,
            active=left if begun and not over else 0,
            reserved=self.reserved(at),
            spent=self.spent,
            expired=self.expired + (left if over else 0),
            cancelled=self.cancelled,
        )

    def hold(self, reservation_id: str, points: int, until: datetime | None = None) -> None:
        """Hold more points for a reservation, or fewer when ``points`` is negative."""
        held = self.holds.get(reservation_id)
        if held is not None:
            points, until = points + held.points, until or held.until
        self.holds = {id_: hold for id_, hold in self.holds.items() if id_ != reservation_id}
        if points:
            self.holds[reservation_id] = Hold(points, until)


def move(lots: dict[str, Lot], account_id: str, event: Movement) -> None:
    """Take a movement of points into the lots of one account."""
    match event:
        case PointsEarned():
            lot = _lot(lots, event.lot_id)
            lot.credited += event.points
            _describe(lot, event.available_from, event.expires_at, event.origin)
            lot.qualifying, lot.causes = event.qualifying, cause_tags(event)
        case PointsAdjusted(direction="credit", lot_id=str() as lot_id):
            lot = _lot(lots, lot_id)
            lot.credited += event.points
            _describe(lot, event.available_from, event.expires_at, "goodwill")
            lot.causes = lot_tags(lot_id)
        case PointsTransferred():
            _transfer(lots, account_id, event)
        case _:
            for debit in event.lots:
                _debit(_lot(lots, debit.lot_id), debit.points, event)


def _lot(lots: dict[str, Lot], lot_id: str) -> Lot:
    lot = lots.get(lot_id)
    if lot is None:
        lot = lots[lot_id] = Lot()
    return lot


def _describe(
    lot: Lot, available_from: datetime | None, expires_at: datetime | None, origin: Origin
) -> None:
    lot.available_from, lot.expires_at, lot.origin = available_from, expires_at, origin


def _debit(lot: Lot, points: int, event: Movement) -> None:
    match event:
        case PointsReserved():
            lot.hold(event.reservation_id, points, event.until)
        case PointsReleased():
            lot.hold(event.reservation_id, -points)
        case PointsRedeemed():
            lot.spent += points
            if event.reservation_id is not None:
                lot.hold(event.reservation_id, -points)
        case PointsExpired():
            lot.expired += points
        case _:
            lot.cancelled += points


def _transfer(lots: dict[str, Lot], account_id: str, event: PointsTransferred) -> None:
    for moved in event.lots:
        lot = _lot(lots, moved.lot_id)
        if account_id == event.account_id:
            lot.transferred_out += moved.points
        if account_id == event.to_account_id:
            lot.transferred_in += moved.points
            _describe(lot, moved.available_from, moved.expires_at, moved.origin)
            lot.qualifying, lot.causes = moved.qualifying, moved.causes


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
        self.reservations: set[str] = set()
        """Every reservation that was ever made on the account."""

    @on(*MOVEMENTS)
    def _moved(self, event: Movement, envelope: Envelope) -> None:
        move(self.lots, self.account_id, event)
        if isinstance(event, PointsReserved):
            self.reservations.add(event.reservation_id)

    def at(self, instant: datetime) -> States:
        """The account's points by state at an instant."""
        return states(self.lots.values(), instant)
