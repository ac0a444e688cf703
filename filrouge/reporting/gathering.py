"""Adding up a period for the report: one pass over the log, by the events that counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.accounts import AccountOpened
from domain.event import event_classes, stored_names
from domain.ledger import BatchVoided, EventVoided
from domain.lots import MOVEMENTS
from domain.people import MemberErased
from domain.points import PointsAdjusted, PointsTransferred
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.reading import EntryReader, Read
from domain.referrals import ReferralVoided
from domain.spending import CostRecorded
from filrouge.reporting.figures import (
    Account,
    Books,
    Entry,
    Late,
    Listed,
    Movement,
    Report,
    TrialLine,
    Verification,
)
from projections.campaign_activity import cost_of
from projections.journal import Postings, trial_balance
from projections.known import PastReader
from projections.liability_roll_forward import Rolled, rolled
from projections.programmes import every
from projections.selection import Selection
from projections.statements import changes

if TYPE_CHECKING:
    from store.ledger import Ledger

LISTED_MAX: Final = 1_000
"""Events that a section names one by one; all are counted."""
BOOKS: Final = (*Postings.__struct_fields__, "sum")
"""The accounts of the books, and their sum."""
POINTS_NAME: Final = "points"
REVENUE: Final = "revenue, net of tax"
COSTS: Final = "costs, invoiced less credit notes"

Progress = Callable[[int, int], None]


class Gathered:
    """What the events add up to, before and within a period."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since, self._until = since, until
        self._accounts: dict[tuple[str, str, bool], Account] = {}
        self._movements: dict[tuple[str, str, bool, str], Movement] = {}
        self._currencies: dict[str, str] = {}
        self._purchases: dict[str, tuple[int, str]] = {}
        self._late: dict[bool, dict[str, Late]] = {True: {}, False: {}}
        self.adjustments, self.voided_referrals = Listed(), Listed()
        self.corrections, self.erasures = Listed(), Listed()

    def currency_of(self, one: Read) -> None:
        """Learn in which currency an account's points are, whenever it was opened."""
        if isinstance(one.event, AccountOpened):
            self._currencies[one.event.account_id] = one.event.points_currency

    def take(self, one: Read) -> None:
        """Take in an event that counts."""
        envelope, event = one.envelope, one.event
        if isinstance(event, EventVoided):
            self._correct(one, f"position {event.position}", event.reason, event.approved_by)
            return
        if isinstance(event, BatchVoided):
            self._correct(one, f"batch {event.batch_id}", event.reason, event.approved_by)
            return
        self._count_late(one)
        if envelope.time >= self._until:
            return
        inside = self._since <= envelope.time
        if isinstance(event, MOVEMENTS):
            self._points(one, event, inside=inside)
        elif isinstance(event, PurchaseRecorded):
            if event.part == 1 and event.purchase_id not in self._purchases:
                self._purchases[event.purchase_id] = envelope.position, event.currency
                self._move((REVENUE, event.currency, True), "purchases", event.net, inside=inside)
        elif isinstance(event, ReturnMatched):
            position, unit = self._purchases.get(event.purchase_id, (0, ""))
            if position == event.purchase_position:
                self._move((REVENUE, unit, True), "returns", -event.net, inside=inside)
        elif isinstance(event, CostRecorded):
            self._cost(event, inside=inside)
        elif inside and isinstance(event, ReferralVoided):
            _list(self.voided_referrals, one, f"referral {event.referral_id}", event.reason)
        elif inside and isinstance(event, MemberErased):
            _list(self.erasures, one, f"member {event.member_id}", event.reason)

    def _correct(self, one: Read, what: str, reason: str, approved_by: str | None) -> None:
        if self._since <= one.envelope.recorded_at < self._until:
            _list(self.corrections, one, what, reason, approved_by)

    def _points(self, one: Read, event: Any, *, inside: bool) -> None:
        accounts = [event.account_id]
        if isinstance(event, PointsTransferred):
            accounts.append(event.to_account_id)
        kind = event.type_name.split(".")[1]
        for account_id in accounts:
            amount, _ = changes(event, account_id)
            unit = self._currencies.get(account_id, POINTS_NAME)
            name = kind
            if isinstance(event, PointsTransferred):
                name = "transferred out" if amount < 0 else "transferred in"
            elif isinstance(event, PointsAdjusted):
                name = "adjusted up" if amount > 0 else "adjusted down"
                if inside:
                    what = f"account {account_id}"
                    entry = _list(self.adjustments, one, what, event.reason, event.approved_by)
                    entry.amount = amount
            if amount:
                self._move((POINTS_NAME, unit, False), name, amount, inside=inside)

    def _cost(self, event: CostRecorded, *, inside: bool) -> None:
        money = cost_of(event)
        if event.status in {"actual", "credit_note"}:
            sign = 1 if event.status == "actual" else -1
            name = event.kind if sign == 1 else f"{event.kind}, credited"
            self._move((COSTS, money.currency, True), name, sign * money.amount, inside=inside)

    def _move(self, key: tuple[str, str, bool], kind: str, amount: int, *, inside: bool) -> None:
        name, unit, money = key
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(name=name, unit=unit, money=money)
        account.closing += amount
        if not inside:
            account.opening += amount
            return
        movement = self._movements.get((*key, kind))
        if movement is None:
            movement = self._movements[(*key, kind)] = Movement(kind=kind)
            account.movements.append(movement)
        movement.events += 1
        movement.amount += amount

    def _count_late(self, one: Read) -> None:
        envelope = one.envelope
        if envelope.time < self._since <= envelope.recorded_at < self._until:
            before = True
        elif self._since <= envelope.time < self._until <= envelope.recorded_at:
            before = False
        else:
            return
        counts = self._late[before]
        late = counts.setdefault(envelope.type, Late(type=envelope.type))
        late.events += 1
        days = (envelope.recorded_at - envelope.time).days
        late.longest_days = max(late.longest_days, days)

    def accounts(self, *, money: bool) -> list[Account]:
        """The accounts of points, or of money, with their movements in a set order."""
        found = [one for _, one in sorted(self._accounts.items()) if one.money == money]
        for account in found:
            account.movements.sort(key=lambda one: (-one.amount, one.kind))
        return found

    def late(self, *, before: bool) -> list[Late]:
        """What came late, most first."""
        return sorted(self._late[before].values(), key=lambda one: (-one.events, one.type))


def gathered(
    ledger: Ledger, selection: Selection, since: datetime, until: datetime, progress: Progress
) -> Gathered:
    """Add up what counts of a ledger."""
    found = Gathered(since, until)
    for one in _events(ledger, selection, frozenset(stored_names(AccountOpened)), lambda *_: None):
        found.currency_of(one)
    types = frozenset(name for cls in event_classes().values() for name in stored_names(cls))
    for one in _events(ledger, selection, types, progress):
        found.take(one)
    return found


def _events(
    ledger: Ledger, selection: Selection, types: frozenset[str], progress: Progress
) -> Iterator[Read]:
    position = selection.position
    entries = EntryReader(types)
    for window in ledger.log.windows(0, position, types):
        found = entries.read(window.positions, window.joined)
        yield from selection.visible(found, position)
        progress(window.end, position)


def _list(
    section: Listed, one: Read, about: str, reason: str | None, approved_by: str | None = None
) -> Entry:
    envelope = one.envelope
    entry = Entry(
        position=envelope.position,
        time=envelope.time,
        recorded_at=envelope.recorded_at,
        type=envelope.type,
        about=about,
        reason=reason,
        author=envelope.actor,
        approved_by=approved_by,
    )
    section.count += 1
    if section.count <= LISTED_MAX:
        section.entries.append(entry)
    return entry


def report_of(
    ledger: Ledger,
    selection: Selection,
    period: tuple[datetime, datetime],
    *,
    known_at: datetime | None,
    made_at: datetime,
    verification: Verification,
    checkpoint: str,
    progress: Progress,
) -> Report:
    """Everything that the report of a period says."""
    since, until = period
    found = gathered(ledger, selection, since, until, progress)
    info = ledger.info
    ends = tuple(
        (PastReader(ledger.log, ledger.pool, Selection(selection, selection.position, at)), at)
        for at in period
    )
    return Report(
        ledger=ledger.name,
        ledger_id=info.ledger_id,
        name=info.name,
        since=since,
        until=until,
        known_at=known_at,
        made_at=made_at,
        position=selection.position,
        points=found.accounts(money=False),
        money=found.accounts(money=True),
        trial_balance=_books(*ends),
        liability=_liability(*ends),
        adjustments=found.adjustments,
        voided_referrals=found.voided_referrals,
        corrections=found.corrections,
        erasures=found.erasures,
        late_before=found.late(before=True),
        late_after=found.late(before=False),
        verification=verification,
        checkpoint=checkpoint,
    )


End = tuple[PastReader, datetime]
"""What was true before one end of the period, and its instant."""


def _books(first: End, last: End) -> list[Books]:
    """The trial balance as of both ends of the period, of whatever has books at the second."""
    opening, closing = (
        {
            (one.programme, one.points_currency): msgspec.structs.asdict(one)
            for one in trial_balance(reader).currencies
        }
        for reader, _ in (first, last)
    )
    return [
        Books(
            programme=key[0],
            points_currency=key[1],
            lines=[
                TrialLine(name=name, opening=opening.get(key, {}).get(name, 0), closing=books[name])
                for name in BOOKS
            ],
        )
        for key, books in sorted(closing.items())
    ]


def _liability(first: End, last: End) -> list[Rolled]:
    """The roll-forward of every programme that has points or terms by the second end."""
    reader, _ = last
    named = {one.programme for one in trial_balance(reader).currencies}
    named |= {one.programme for one in every(reader).programmes}
    return [one for name in sorted(named) for one in rolled(first, last, name)]
