"""What time does to points, as events: for accounting, and for what has to happen first.

Balances need none of these: each instant takes effect by itself. ``filrouge tick`` asks for them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Final

from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.lot import Lot
from domain.lot_parts import LotDebit
from domain.lots import AccountLots, consumption_order
from domain.movements import portions, total
from domain.points import PointsActivated, PointsExpired, PointsReleased
from domain.types import ID, AccountID, MemberID, Text

EVENTS_MAX: Final = 500
"""Events of one decision; what is left over is for the next."""


class NothingIsDue(RuleError):
    """Time has done nothing to the points of this account that is not booked already."""


class NothingAwaitsThis(RuleError):
    """No pending points of this account await what is named: correct it, or all are active."""


class BookDuePoints(Command, frozen=True, kw_only=True):
    """State as events what the lots' own instants did: activation, expiry, lapsed reservations.

    It changes no balance, and what is booked already is not booked again.
    """

    account_id: AccountID


class Booking(Slice, decides=BookDuePoints, reads=(AccountLots,)):
    """What fell due is booked once, under the time at which it fell due."""

    def __init__(self, command: BookDuePoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Book activations, expiries and lapses that fell due by now."""
        account, at = self.account, self.time
        due = [
            *self._activated(account, at), *self._lapsed_holds(account, at),
            *self._expired(account, at),
        ]  # fmt: skip
        if not due:
            raise NothingIsDue(account_id=self.command.account_id)
        due.sort(key=lambda one: one[0])
        for time, event in due[:EVENTS_MAX]:
            self.trigger(event, time=time)

    def _activated(
        self, account: AccountLots, at: datetime
    ) -> list[tuple[datetime, PointsActivated]]:
        by_instant: defaultdict[datetime, list[LotDebit]] = defaultdict(list)
        for id_, lot in account.lots.items():
            instant = activation_due(lot, at)
            if instant is not None:
                by_instant[instant].append(LotDebit(lot_id=id_, points=lot.remaining(at)))
        return [
            (instant, PointsActivated(
                account_id=self.command.account_id, points=total(portion), lots=portion,
                available_from=instant,
            ))
            for instant, debits in by_instant.items()
            for portion in portions(tuple(debits))
        ]  # fmt: skip

    def _lapsed_holds(
        self, account: AccountLots, at: datetime
    ) -> list[tuple[datetime, PointsReleased]]:
        by_hold: defaultdict[tuple[datetime, str], list[LotDebit]] = defaultdict(list)
        for id_, lot in account.lots.items():
            for reservation_id, hold in lot.holds.items():
                if hold.is_due(at) and hold.until is not None:
                    debit = LotDebit(lot_id=id_, points=hold.points)
                    by_hold[hold.until, reservation_id].append(debit)
        return [
            (until, PointsReleased(
                account_id=self.command.account_id, reservation_id=reservation_id,
                points=total(portion), lots=portion, lapsed=True,
            ))
            for (until, reservation_id), debits in by_hold.items()
            for portion in portions(tuple(debits))
        ]  # fmt: skip

    def _expired(self, account: AccountLots, at: datetime) -> list[tuple[datetime, PointsExpired]]:
        by_instant: defaultdict[datetime, list[LotDebit]] = defaultdict(list)
        for id_ in consumption_order(account.lots):
            lot = account.lots[id_]
            points = lot.unbooked(at)
            if points and lot.expires_at is not None:
                by_instant[lot.expires_at].append(LotDebit(lot_id=id_, points=points))
        return [
            (instant, PointsExpired(
                account_id=self.command.account_id, points=total(portion), lots=portion,
                lapsed=True,
            ))
            for instant, debits in by_instant.items()
            for portion in portions(tuple(debits))
        ]  # fmt: skip


def activation_due(lot: Lot, at: datetime) -> datetime | None:
    """When a lot that was given as pending became available by its instant, if no event says so."""
    begins, given = lot.available_from, lot.earned_at
    if begins is None or given is None or lot.awaits is not None or lot.activated_at is not None:
        return None
    return begins if given < begins <= at and lot.remaining(at) and not lot.is_over(at) else None


def is_due(lots: dict[str, Lot], at: datetime) -> bool:
    """Whether time did something to these lots by an instant that no event has booked."""
    return any(
        lot.unbooked(at)
        or activation_due(lot, at) is not None
        or any(hold.is_due(at) for hold in lot.holds.values())
        for lot in lots.values()
    )


class ActivatePoints(Command, frozen=True, kw_only=True):
    """Say that what pending points of an account awaited has happened: they can be spent."""

    account_id: AccountID
    member_id: MemberID | None = None
    awaited: ID
    """What happened: ``stay-completed``. All lots that await it become available."""
    lot_id: ID | None = None
    """Only this lot."""
    reason: Text | None = None


class Activating(Slice, decides=ActivatePoints, reads=(AccountLots,)):
    """A lot is activated once."""

    def __init__(self, command: ActivatePoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Activate the lots that await it, as far as something is left of them."""
        command: ActivatePoints = self.command
        self.account.require()
        lots, at = self.account.lots, self.time
        debits = tuple(
            LotDebit(lot_id=id_, points=lots[id_].remaining(at))
            for id_ in consumption_order(lots)
            if lots[id_].awaits == command.awaited
            and lots[id_].activated_at is None
            and command.lot_id in {None, id_}
            and lots[id_].remaining(at)
        )
        if not debits:
            raise NothingAwaitsThis(account_id=command.account_id, awaited=command.awaited)
        for portion in portions(debits):
            self.trigger(
                PointsActivated(
                    account_id=command.account_id,
                    member_id=command.member_id,
                    points=total(portion),
                    lots=portion,
                    available_from=at,
                    awaited=command.awaited,
                    reason=command.reason,
                )
            )
