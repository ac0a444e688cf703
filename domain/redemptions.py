"""Redemptions: the decisions that hold points for a while, give them up again, and spend them."""

from __future__ import annotations

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
        for portion in portions(spent(self.account, command.points, self.time)):
            self.trigger(
                PointsReserved(
                    account_id=command.account_id,
                    member_id=command.member_id,
                    reservation_id=self.reservation_id,
                    points=total(portion),
                    lots=portion,
                    until=command.until,
                    reward_id=command.reward_id,
                    campaign_id=command.campaign_id,
                    reason=command.reason,
                )
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
        holds = held(self.account, command.reservation_id)
        debits = tuple(LotDebit(lot_id=id_, points=points) for id_, points in holds)
        for portion in portions(debits):
            self.trigger(
                PointsReleased(
                    account_id=command.account_id,
                    member_id=command.member_id,
                    reservation_id=command.reservation_id,
                    points=total(portion),
                    lots=portion,
                    reason=command.reason,
                )
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
        for portion in portions(debits):
            self.trigger(
                PointsRedeemed(
                    account_id=command.account_id,
                    member_id=command.member_id,
                    points=total(portion),
                    lots=portion,
                    reservation_id=command.reservation_id,
                    causes=causes(self.account, portion, only_never_owed=True),
                    reward_id=command.reward_id,
                    campaign_id=command.campaign_id,
                    reason=command.reason,
                    approved_by=command.approved_by,
                )
            )

    def _from_reservation(self, reservation_id: str) -> tuple[LotDebit, ...]:
        lots, at = self.account.lots, self.time
        offers, unbacked = [], 0
        for id_, points in held(self.account, reservation_id):
            until = lots[id_].holds[reservation_id].until
            if until is not None and until <= at:
                raise ReservationLapsed(reservation_id=reservation_id, until=until)
            # The lot may have lost its award, or a hold that lapsed may have been spent since.
            missing = min(points, lots[id_].owed(at))
            unbacked += missing
            offers.append((id_, points - missing if lots[id_].has_begun(at) else 0))
        states = self.account.at(at)
        offered = sum(points for _, points in offers)
        owed_elsewhere = states.owed - unbacked
        redeemable = max(0, min(offered, states.active + offered - owed_elsewhere))
        asked = self.command.points or offered + unbacked
        if not 0 < asked <= redeemable:
            raise NotEnoughPoints(account=self.account.tags[0], redeemable=redeemable, asked=asked)
        return drawn(asked, offers)
