"""The journal: double entry over points; what an event posts to the accounts sums to zero.

Issued and owed stand on the credit side (negative), all others on the debit side. The books say
what events say: time itself posts nothing, and ``filrouge tick`` makes the events of what it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from domain.envelope import Envelope
from domain.lot import Lot
from domain.lots import Movement, move
from domain.points import PointsAdjusted, PointsEarned


class Books(NamedTuple):
    """The accounts of the books, and what stands on each. The sum is 0, always."""

    issued: int = 0
    """Credited, less what adjustments of the same lots took: negative."""
    owed: int = 0
    """Taken beyond what was issued: negative."""
    pending: int = 0
    wallets: int = 0
    """What can be spent, also where time has taken it and nothing has booked that yet."""
    reserved: int = 0
    spent: int = 0
    expired: int = 0
    """Breakage: what nobody will ever redeem."""
    cancelled: int = 0

    def plus(self, other: Books, sign: int = 1) -> Books:
        """The sum with other books, or the difference from them."""
        return Books(*(one + sign * two for one, two in zip(self, other, strict=True)))


NOTHING: Final = Books()


class BookedAccount(Protocol):
    """An account whose movements are posted."""

    account_id: str
    lots: dict[str, Lot]
    active_days: list[int]
    begun: dict[str, bool]
    """Lots that an event has shown to be available: they are no longer pending in the books."""


def post(account: BookedAccount, event: Movement, envelope: Envelope) -> Books:
    """Take in a movement, and say what it posts on this account."""
    touched = {*_named(event), *(id_ for id_, lot in account.lots.items() if lot.inactive_days)}
    before = _sum(account, touched)
    move(account, event, envelope)
    for lot_id in _named(event):
        lot = account.lots.get(lot_id)
        if lot is not None and lot.earned_at is not None and lot.has_begun(envelope.time):
            account.begun[lot_id] = True
    return _sum(account, touched).plus(before, -1)


def _named(event: Movement) -> Iterable[str]:
    if isinstance(event, PointsEarned):
        return (event.lot_id,)
    if isinstance(event, PointsAdjusted) and event.lot_id is not None:
        return (event.lot_id,)
    return [one.lot_id for one in event.lots]


def _sum(account: BookedAccount, lot_ids: Iterable[str]) -> Books:
    books = NOTHING
    for lot_id in lot_ids:
        lot = account.lots.get(lot_id)
        if lot is not None:
            books = books.plus(of_lot(lot, begun=lot_id in account.begun))
    return books


def of_lot(lot: Lot, *, begun: bool) -> Books:
    """How a lot stands in the books."""
    reserved = sum(h.points for h in lot.holds.values() if h.points > 0 and not h.booked)
    debits = lot.spent + lot.expired + lot.cancelled + reserved
    left = max(0, lot.issued - debits)
    lapsed = min(lot.booked, left)
    return Books(
        issued=-lot.issued,
        owed=-max(0, debits - lot.issued),
        pending=0 if begun else left - lapsed,
        wallets=left - lapsed if begun else 0,
        reserved=reserved,
        spent=lot.spent,
        expired=lot.expired + lapsed,
        cancelled=lot.cancelled,
    )
