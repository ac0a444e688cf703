"""The journal: what every event posted to the books, and the trial balance that it adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from domain.accounts import AccountOpened
from domain.decision import on
from domain.envelope import Envelope
from domain.journal import NOTHING, Books, post
from domain.lot import Lot
from domain.lots import MOVEMENTS, Movement
from projections.fold import Contribution, Fold, Projection, Total
from projections.known import Rows
from projections.reader import Reader

ENTRIES_MAX: Final = 1_000
"""Entries of one page."""
UNKNOWN: Final = "-"
"""Stands for the programme and currency of an account that nobody opened."""


class Postings(msgspec.Struct, omit_defaults=True, frozen=True):
    """What is posted to each account of the books; the sum is 0. Credits are negative."""

    issued: int = 0
    owed: int = 0
    pending: int = 0
    wallets: int = 0
    reserved: int = 0
    spent: int = 0
    expired: int = 0
    cancelled: int = 0


class Entry(msgspec.Struct, frozen=True):
    """What one event posted on one account."""

    position: int
    time: datetime
    type: str
    """The stored name of the event."""
    postings: Postings


class JournalRow(msgspec.Struct, omit_defaults=True):
    """One account: its lots as the books know them, and every entry."""

    account_id: str
    programme: str | None = None
    points_currency: str | None = None
    lots: dict[str, Lot] = {}
    active_days: list[int] = []
    begun: dict[str, bool] = {}
    entries: list[Entry] = []
    """In the order in which the events were recorded."""
    balance: Postings = Postings()
    """The sum of all entries."""


class Journal(Fold, table="journal", key="account"):
    """The entries of every account, and what they add up to."""

    Row = JournalRow

    @on(AccountOpened)
    def _(self, row: JournalRow, event: AccountOpened, envelope: Envelope) -> None:
        row.programme, row.points_currency = event.programme, event.points_currency

    @on(*MOVEMENTS)
    def _(self, row: JournalRow, event: Movement, envelope: Envelope) -> None:
        books = post(row, event, envelope)
        if books != NOTHING:
            entry = Entry(envelope.position, envelope.time, event.type_name, Postings(*books))
            row.entries.append(entry)
            row.balance = Postings(*books.plus(_books(row.balance)))


class JournalTotals(Total, table="journal_totals", of=Journal):
    """What stands on each account of the books, by ``programme/points currency``."""

    def contributes(self, row: JournalRow, context: Mapping[str, Any]) -> Contribution:
        """The balance of the account."""
        key = f"{row.programme or UNKNOWN}/{row.points_currency or UNKNOWN}"
        return {key: {"accounts": 1, **msgspec.structs.asdict(row.balance)}}


JOURNAL = Projection("journal", version=1, folds=(Journal,), totals=(JournalTotals,))


class CurrencyBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The books of one points currency; issued and owed are credits (negative), the sum is 0."""

    programme: str
    """A hyphen: of accounts that nobody opened."""
    points_currency: str
    accounts: int
    """Accounts with or without points."""
    issued: int
    owed: int
    pending: int
    wallets: int
    """What can be spent, also where time has taken it and nothing has booked that yet."""
    reserved: int
    spent: int
    expired: int
    """Breakage, as far as it is booked: ``filrouge tick`` books it."""
    cancelled: int
    sum: int
    """Of all eight: 0, or the books are wrong."""


class TrialBalance(msgspec.Struct, frozen=True):
    """The books at a position, by programme and points currency."""

    currencies: tuple[CurrencyBalance, ...]


def trial_balance(reader: Reader) -> TrialBalance:
    """The books, of all accounts together."""
    found = []
    for key, amounts in reader.every_total(JournalTotals).items():
        programme, _, currency = key.partition("/")
        books = Books(*(amounts.get(name, 0) for name in Books._fields))
        found.append(
            CurrencyBalance(
                programme=programme, points_currency=currency, accounts=amounts["accounts"],
                sum=sum(books), **books._asdict(),
            )
        )  # fmt: skip
    return TrialBalance(tuple(found))


def page(
    rows: Rows, account_id: str, after: int, limit: int
) -> tuple[tuple[Entry, ...], bool] | None:
    """Entries of an account that stand after a position, in the order of recording.

    Also whether there are more. None: nothing is known of the account.
    """
    assert 0 < limit <= ENTRIES_MAX
    row = rows.row(Journal, account_id)
    if row is None:
        return None
    rest = [one for one in row.entries if one.position > after]
    return tuple(rest[:limit]), len(rest) > limit


def _books(postings: Postings) -> Books:
    return Books(*msgspec.structs.astuple(postings))
