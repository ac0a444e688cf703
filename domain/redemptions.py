"""Redemptions: the decisions that hold points for a while, give them up again, and spend them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from domain.decision import Command, Slice
from domain.errors import InvalidEvent, RuleError
from domain.lot_parts import LotDebit
from domain.lots import AccountLots, consumption_order, drawn
from domain.movements import (
    NotEnoughPoints,
    PointsNotSpendable,  # noqa: F401 - may refuse it
    causes,
    portions,
    spent,
    total,
)
from domain.points import PointsRedeemed, PointsReleased, PointsReserved
from domain.types import (
    ID,
    AccountID,
    CampaignID,
    Instant,
    MemberID,
    Points,
    ReservationID,
    RewardID,
    Text,
)


class ReservationAlreadyMade(RuleError):
    """The account had a reservation with this id: give the new one another id, or none."""


class ReservationNotHeld(RuleError):
    """This reservation holds no points of the account: it was never made, or is used up."""


class ReservationLapsed(RuleError):
    """The reservation held its points until an instant that has passed: redeem without it."""


class ReservationNeverHolds(RuleError):
    """A reservation holds points until an instant that is still to come."""


class ReservePoints(Command, frozen=True, kw_only=True):
    """Hold points, so that nothing else spends them. Without an id the reservation gets one.

    Held points stay redeemable when their lot expires meanwhile: set ``until`` to bound that.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    reservation_id: ReservationID | None = None
    points: Points
    until: Instant | None = None
    """The hold lapses by itself at this instant."""
    reward_id: RewardID | None = None
    campaign_id: CampaignID | None = None
    reason: Text | None = None


class Reserving(Slice, decides=ReservePoints, reads=(AccountLots,)):
    """No reservation takes an account below what it can spend."""

    def __init__(self, command: ReservePoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reservation_id = command.reservation_id or self.mint("hold")
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Hold the points."""
        command: ReservePoints = self.command
        self.account.require()
        if self.reservation_id in self.account.reservations:
            raise ReservationAlreadyMade(reservation_id=self.reservation_id)
        if command.until is not None and command.until <= self.time:
            raise ReservationNeverHolds(until=command.until)
        said = {
            name: getattr(command, name)
            for name in ("member_id", "until", "reward_id", "campaign_id", "reason")
        }
        debits = spent(self.account, command.points, self.time)
        for event in reserved(self.account, debits, reservation_id=self.reservation_id, **said):
            self.trigger(event)


def reserved(
    account: AccountLots, debits: tuple[LotDebit, ...], **said: Any
) -> Iterator[PointsReserved]:
    """The events by which points of some lots are held."""
    for portion in portions(debits):
        yield PointsReserved(
            account_id=account.account_id, points=total(portion), lots=portion, **said
        )


def held(account: AccountLots, reservation_id: str) -> list[tuple[str, int]]:
    """The lots that a reservation holds, first to expire first, and the points of each."""
    holds = [
        (id_, account.lots[id_].holds[reservation_id].points)
        for id_ in consumption_order(account.lots)
        if reservation_id in account.lots[id_].holds
    ]
    found = [(id_, points) for id_, points in holds if points > 0]
    if not found:
        raise ReservationNotHeld(account=account.tags[0], reservation_id=reservation_id)
    return found


class ReleaseReservation(Command, frozen=True, kw_only=True):
    """Give up a reservation, or what is left of it: its points are free again."""

    account_id: AccountID
    member_id: MemberID | None = None
    reservation_id: ReservationID
    reason: Text | None = None


class Releasing(Slice, decides=ReleaseReservation, reads=(AccountLots,)):
    """What is held can be released once; also after the hold lapsed, to close it."""

    def __init__(self, command: ReleaseReservation, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Release all that the reservation still holds."""
        command: ReleaseReservation = self.command
        self.account.require()
        for event in released(
            self.account, command.reservation_id, command.member_id, command.reason
        ):
            self.trigger(event)


def released(
    account: AccountLots, reservation_id: str, member_id: str | None, reason: str | None
) -> Iterator[PointsReleased]:
    """The events by which all that a reservation still holds is free again."""
    holds = held(account, reservation_id)
    for portion in portions(tuple(LotDebit(lot_id=id_, points=points) for id_, points in holds)):
        yield PointsReleased(
            account_id=account.account_id,
            member_id=member_id,
            reservation_id=reservation_id,
            points=total(portion),
            lots=portion,
            reason=reason,
        )


class RedeemPoints(Command, frozen=True, kw_only=True):
    """Spend points: a number of them, or what a reservation holds, or a part of that."""

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points | None = None
    """From a reservation: not given, everything that it holds."""
    reservation_id: ReservationID | None = None
    reward_id: RewardID | None = None
    campaign_id: CampaignID | None = None
    reason: Text | None = None
    approved_by: ID | None = None


class Redeeming(Slice, decides=RedeemPoints, reads=(AccountLots,)):
    """No redemption takes an account below what it can spend, and no lot is spent twice."""

    def __init__(self, command: RedeemPoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Spend the points, first to expire first."""
        command: RedeemPoints = self.command
        self.account.require()
        if command.reservation_id is not None:
            debits = self._from_reservation(command.reservation_id)
        elif command.points is not None:
            debits = spent(self.account, command.points, self.time)
        else:
            message = "points: say how many, or name the reservation that holds them"
            raise InvalidEvent(message)
        said = {
            name: getattr(command, name)
            for name in ("reservation_id", "reward_id", "campaign_id", "reason", "approved_by")
        }
        for event in redeemed(self.account, debits, member_id=command.member_id, **said):
            self.trigger(event)

    def _from_reservation(self, reservation_id: str) -> tuple[LotDebit, ...]:
        return from_reservation(self.account, reservation_id, self.command.points, self.time)


def redeemed(
    account: AccountLots, debits: tuple[LotDebit, ...], **said: Any
) -> Iterator[PointsRedeemed]:
    """The events by which lots of an account are spent."""
    for portion in portions(debits):
        yield PointsRedeemed(
            account_id=account.account_id,
            points=total(portion),
            lots=portion,
            causes=causes(account, portion, only_never_owed=True),
            **said,
        )


def from_reservation(
    account: AccountLots, reservation_id: str, points: int | None, at: datetime
) -> tuple[LotDebit, ...]:
    """The lots that a reservation pays with at an instant; without ``points``, all that it holds.

    Raises ReservationNotHeld, ReservationLapsed or NotEnoughPoints.
    """
    lots = account.lots
    offers, unbacked = [], 0
    for id_, held_points in held(account, reservation_id):
        until = lots[id_].holds[reservation_id].until
        if until is not None and until <= at:
            raise ReservationLapsed(reservation_id=reservation_id, until=until)
        # The lot may have lost its award, or a hold that lapsed may have been spent since.
        missing = min(held_points, lots[id_].owed(at))
        unbacked += missing
        offers.append((id_, held_points - missing if lots[id_].has_begun(at) else 0))
    states = account.at(at)
    offered = sum(each for _, each in offers)
    owed_elsewhere = states.owed - unbacked
    redeemable = max(0, min(offered, states.active + offered - owed_elsewhere))
    asked = points or offered + unbacked
    if not 0 < asked <= redeemable:
        raise NotEnoughPoints(account=account.tags[0], redeemable=redeemable, asked=asked)
    return drawn(asked, offers)
