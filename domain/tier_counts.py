"""What counts towards a member's tiers: purchases, and points on accounts, each with its instant.

What names a member counts for that member. What names an account alone, as points always do,
counts for whoever held the account then: a household shares what nobody can tell apart. What was
earned before anybody held the account is of those who held it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.envelope import Envelope
from domain.lot import ALWAYS, NEVER
from domain.people import MemberEnrolled, MemberErased, MembershipEnded
from domain.points import PointsAdjusted, PointsCancelled, PointsClawedBack, PointsEarned
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.tier_schemes import TierScheme
from domain.tiers import Counted

OfMember = (
    MemberEnrolled
    | MembershipEnded
    | MemberErased
    | AccountOpened
    | HolderAdded
    | PurchaseRecorded
    | ReturnMatched
)
OfAccount = (
    AccountOpened
    | HolderAdded
    | HolderRemoved
    | PurchaseRecorded
    | ReturnMatched
    | PointsEarned
    | PointsAdjusted
    | PointsCancelled
    | PointsClawedBack
)


Placed = tuple[datetime, int, int]
"""Something that counts: its instant, its position, and how much it is."""


class Bought(msgspec.Struct, array_like=True, frozen=True):
    """A purchase, in minor units less tax."""

    position: int
    time: datetime
    currency: str
    net: int


class Back(msgspec.Struct, array_like=True, frozen=True):
    """A return that was matched to a purchase."""

    position: int
    time: datetime
    purchase_id: str
    purchase_position: int
    net: int


class PointsCounted(msgspec.Struct, array_like=True, frozen=True):
    """Points that count: of a lot, or (below zero) taken back of one."""

    position: int
    time: datetime
    points: int
    earned_at: datetime
    """When the lot was earned: whoever held the account then gains and loses them."""


class Holding(msgspec.Struct, array_like=True, frozen=True):
    """From an instant on somebody holds an account, or holds it no longer."""

    time: datetime
    position: int
    member_id: str
    holds: bool


class Till(msgspec.Struct, omit_defaults=True):
    """What was bought under one name, and came back."""

    bought: dict[str, Bought] = {}
    """By purchase; of one that is told twice the first counts."""
    returned: list[Back] = []

    def take(self, event: PurchaseRecorded | ReturnMatched, envelope: Envelope) -> None:
        """Take in a purchase, or a matched return, which counts no earlier than its purchase."""
        position, time = envelope.position, envelope.time
        if isinstance(event, ReturnMatched):
            time = max(time, event.purchase_time)
            self.returned.append(
                Back(position, time, event.purchase_id, event.purchase_position, event.net)
            )
        elif event.part == 1 and event.purchase_id not in self.bought:
            # Further parts of a purchase bring only lines.
            self.bought[event.purchase_id] = Bought(position, time, event.currency, event.net)


class MemberCount(msgspec.Struct, omit_defaults=True):
    """What names a member, as far as it matters to tiers."""

    member_id: str
    joined: datetime | None = None
    ended: datetime | None = None
    """Since when there is no membership, and so no tier."""
    accounts: list[str] = []
    """Accounts that the member holds or ever held."""
    till: Till = msgspec.field(default_factory=Till)

    def take(self, event: OfMember, envelope: Envelope) -> None:
        """Take in an event that names the member, or a visitor who is the member."""
        match event:
            case MemberEnrolled():
                self.joined = min(self.joined or envelope.time, envelope.time)
            case MembershipEnded() | MemberErased():
                self.ended = min(self.ended or envelope.time, envelope.time)
            case AccountOpened() | HolderAdded():
                if event.account_id not in self.accounts:
                    self.accounts.append(event.account_id)
            case PurchaseRecorded() | ReturnMatched():
                # A visitor who shops with an account does so for those who hold that.
                if event.member_id is not None or event.account_id is None:
                    self.till.take(event, envelope)


class AccountCount(msgspec.Struct, omit_defaults=True):
    """What names an account, as far as it matters to tiers."""

    account_id: str
    programme: str | None = None
    points_currency: str | None = None
    spendable: bool = True
    """False: all of its points count; else those of lots that qualify."""
    holdings: list[Holding] = []
    lots: dict[str, datetime] = {}
    """When each lot that counts was earned."""
    points: list[PointsCounted] = []
    till: Till = msgspec.field(default_factory=Till)

    def take(self, event: OfAccount, envelope: Envelope) -> None:
        """Take in an event that names the account."""
        match event:
            case AccountOpened():
                self.programme, self.points_currency = event.programme, event.points_currency
                self.spendable = event.spendable
                for member_id in event.holders:
                    self._hold(member_id, envelope, holds=True)
            case HolderAdded() | HolderRemoved():
                self._hold(event.member_id, envelope, holds=isinstance(event, HolderAdded))
            case PointsEarned():
                if event.qualifying or not self.spendable:
                    self._earn(event.lot_id, event.points, envelope)
            case PointsAdjusted(direction="credit", lot_id=str() as lot_id):
                if not self.spendable:
                    self._earn(lot_id, event.points, envelope)
            case PointsAdjusted() | PointsCancelled() | PointsClawedBack():
                for debit in event.lots:
                    self._lose(debit.lot_id, debit.points, envelope)
            case PurchaseRecorded() | ReturnMatched():
                # What names a member is that member's, whoever else holds the account.
                if event.member_id is None:
                    self.till.take(event, envelope)

    def _hold(self, member_id: str, envelope: Envelope, *, holds: bool) -> None:
        self.holdings.append(Holding(envelope.time, envelope.position, member_id, holds))

    def _earn(self, lot_id: str, points: int, envelope: Envelope) -> None:
        earned_at = self.lots.setdefault(lot_id, envelope.time)
        self.points.append(PointsCounted(envelope.position, envelope.time, points, earned_at))

    def _lose(self, lot_id: str, points: int, envelope: Envelope) -> None:
        earned_at = self.lots.get(lot_id)
        if earned_at is not None:
            time = max(envelope.time, earned_at)
            self.points.append(PointsCounted(envelope.position, time, -points, earned_at))

    def held_by(self, member_id: str) -> list[tuple[datetime, datetime]]:
        """From when to before when a member held it."""
        first = min((one.time for one in self.holdings if one.holds), default=ALWAYS)
        spans: list[tuple[datetime, datetime]] = []
        since: datetime | None = None
        for one in sorted(self.holdings, key=lambda one: (one.time, one.position)):
            if one.member_id != member_id or one.holds == (since is not None):
                continue
            if since is None:
                since = ALWAYS if one.time == first else one.time
            else:
                spans.append((since, one.time))
                since = None
        return spans if since is None else [*spans, (since, NEVER)]

    def holders_at(self, at: datetime) -> list[str]:
        """Who held it at an instant."""
        names = dict.fromkeys(one.member_id for one in self.holdings)
        return [name for name in names if _lies_in(at, self.held_by(name))]


class Counts:
    """All that counts for one member: what names the member, and the accounts."""

    def __init__(
        self, member_id: str, named: Iterable[MemberCount], accounts: Mapping[str, AccountCount]
    ) -> None:
        """``named`` may be several: of the member, and of visitors who are the member."""
        self._named = list(named)
        self._accounts = [
            (account, spans)
            for account in accounts.values()
            if (spans := account.held_by(member_id))
        ]

    @property
    def joined(self) -> datetime | None:
        """When the member enrolled; of one who never did, when the first account was theirs."""
        enrolled = [one.joined for one in self._named if one.joined is not None]
        held = (one.time for account, _ in self._accounts for one in account.holdings)
        return min(enrolled, default=None) or min(held, default=None)

    @property
    def ended(self) -> datetime | None:
        """Since when there is no membership."""
        return min((one.ended for one in self._named if one.ended is not None), default=None)

    def is_in(self, programme: str) -> bool:
        """Whether the member ever held an account of a programme."""
        return any(account.programme == programme for account, _ in self._accounts)

    def towards(self, scheme: TierScheme, programme: str) -> list[Counted]:
        """What counts under a scheme, by time; ties by position."""
        if scheme.measure == "points":
            found = self._points(programme, scheme.points_currency)
        else:
            found = self._spend(scheme.currency)
        # Instants that have one and the same offset are compared many times as fast as others.
        each = sorted((at.astimezone(UTC), position, amount) for at, position, amount in found)
        return [Counted(at, amount) for at, _, amount in each]

    def _points(self, programme: str, points_currency: str | None) -> Iterator[Placed]:
        for account, spans in self._accounts:
            if (account.programme, account.points_currency) == (programme, points_currency):
                for one in account.points:
                    if _lies_in(one.earned_at, spans):
                        yield one.time, one.position, one.points

    def _spend(self, currency: str | None) -> Iterator[Placed]:
        bought: dict[str, Bought] = {}
        for purchase_id, one in self._purchases():
            known = bought.get(purchase_id)
            if known is None or one.position < known.position:
                bought[purchase_id] = one
        for one in bought.values():
            if one.currency == currency:
                yield one.time, one.position, one.net
        tills = [one.till for one in self._named]
        for till in (*tills, *(account.till for account, _ in self._accounts)):
            for back in till.returned:
                purchase = bought.get(back.purchase_id)
                counts = purchase is not None and purchase.position == back.purchase_position
                if counts and purchase is not None and purchase.currency == currency:
                    yield back.time, back.position, -back.net

    def _purchases(self) -> Iterator[tuple[str, Bought]]:
        for named in self._named:
            yield from named.till.bought.items()
        for account, spans in self._accounts:
            for purchase_id, one in account.till.bought.items():
                if _lies_in(one.time, spans):
                    yield purchase_id, one


def _lies_in(at: datetime, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(since <= at < until for since, until in spans)
