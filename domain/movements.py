"""Movements: the decisions that cancel and transfer points, and what all debits go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.lot_parts import LOTS_PER_EVENT_MAX, LotDebit, TransferredLot
from domain.lots import AccountLots, consumed, consumption_order, drawn
from domain.points import PointsCancelled, PointsTransferred
from domain.types import ID, AccountID, LotID, MemberID, Points, Text


class NotEnoughPoints(RuleError):
    """The account has fewer points than this to spend at this instant: ask for fewer, or later.

    Pending, reserved and expired points do not count, and what is owed is set against the rest.
    """


class PointsNotSpendable(RuleError):
    """The account holds points that nobody spends: they count for something, a tier perhaps."""


class SameAccount(RuleError):
    """A transfer goes from one account to another one."""


class AccountsNotAlike(RuleError):
    """Points move between accounts of the same programme and points currency only."""


T = TypeVar("T")


def portions(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    """Cut lots into portions that one event can name."""
    for start in range(0, len(items), LOTS_PER_EVENT_MAX):
        yield items[start : start + LOTS_PER_EVENT_MAX]


def total(debits: Iterable[LotDebit | TransferredLot]) -> int:
    """The points of several lots together."""
    return sum(debit.points for debit in debits)


def spent(account: AccountLots, points: int, at: datetime) -> tuple[LotDebit, ...]:
    """The lots that pay so many points at an instant, first to expire first."""
    if not account.spendable:
        raise PointsNotSpendable(account=account.tags[0])
    return taken(account, points, at)


def taken(account: AccountLots, points: int, at: datetime) -> tuple[LotDebit, ...]:
    """The same, also of points that are not for spending: to correct an account."""
    spendable = account.at(at).spendable
    if points > spendable:
        raise NotEnoughPoints(account=account.tags[0], spendable=spendable, asked=points)
    return consumed(account.lots, points, at)


def causes(
    account: AccountLots, debits: Iterable[LotDebit], *, only_never_owed: bool = False
) -> tuple[str, ...]:
    """The tags of the stated causes of these lots."""
    lots = [account.lots[debit.lot_id] for debit in debits]
    found = (tag for lot in lots if lot.never_owed or not only_never_owed for tag in lot.causes)
    return tuple(dict.fromkeys(found))


class CancelPoints(Command, frozen=True, kw_only=True):
    """Take unspent points away, pending ones included; from one lot, or first to expire first."""

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lot_id: LotID | None = None
    reason: Text
    approved_by: ID | None = None


class Cancelling(Slice, decides=CancelPoints, reads=(AccountLots,)):
    """What is not spent, reserved or expired can be cancelled."""

    def __init__(self, command: CancelPoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")

    def execute(self) -> None:
        """Cancel the points, if the lots hold as many."""
        command: CancelPoints = self.command
        self.account.require()
        lots = self.account.lots
        ids = consumption_order(lots) if command.lot_id is None else [command.lot_id]
        offers = [
            (id_, lots[id_].remaining(self.time))
            for id_ in ids
            if id_ in lots and not lots[id_].is_over(self.time)
        ]
        cancellable = sum(points for _, points in offers)
        if command.points > cancellable:
            raise NotEnoughPoints(
                account=self.account.tags[0], cancellable=cancellable, asked=command.points
            )
        for portion in portions(drawn(command.points, offers)):
            self.trigger(
                PointsCancelled(
                    account_id=command.account_id,
                    member_id=command.member_id,
                    points=total(portion),
                    lots=portion,
                    causes=causes(self.account, portion),
                    reason=command.reason,
                    approved_by=command.approved_by,
                )
            )


class TransferPoints(Command, frozen=True, kw_only=True):
    """Give points of one account to another. They keep their expiry and their origin."""

    account_id: AccountID
    to_account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    reason: Text | None = None
    approved_by: ID | None = None


class Transferring(Slice, decides=TransferPoints, reads=(AccountLots,)):
    """No transfer takes an account below what it can spend; the two accounts count the same."""

    def __init__(self, command: TransferPoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountLots, f"account:{command.account_id}")
        self.receiver = self.view(AccountLots, f"account:{command.to_account_id}")

    def execute(self) -> None:
        """Transfer the points, lot by lot."""
        command: TransferPoints = self.command
        giver, receiver = self.account, self.receiver
        giver.require()
        receiver.require()
        if command.account_id == command.to_account_id:
            raise SameAccount(account_id=command.account_id)
        if (giver.programme, giver.points_currency) != (
            receiver.programme,
            receiver.points_currency,
        ):
            raise AccountsNotAlike(
                account_id=command.account_id, to_account_id=command.to_account_id
            )
        for portion in portions(spent(giver, command.points, self.time)):
            self.trigger(
                PointsTransferred(
                    account_id=command.account_id,
                    to_account_id=command.to_account_id,
                    member_id=command.member_id,
                    points=total(portion),
                    lots=tuple(self._moved(debit) for debit in portion),
                    causes=causes(giver, portion),
                    reason=command.reason,
                    approved_by=command.approved_by,
                )
            )

    def _moved(self, debit: LotDebit) -> TransferredLot:
        lot = self.account.lots[debit.lot_id]
        return TransferredLot(
            lot_id=debit.lot_id,
            points=debit.points,
            available_from=lot.begins_at or self.time,
            expires_at=lot.expires_at,
            origin=lot.origin or "goodwill",
            qualifying=lot.qualifying,
            causes=lot.causes,
            earned_at=lot.earned_at,
            campaign=lot.campaign,
            never_owed=lot.never_owed,
        )
