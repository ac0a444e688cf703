"""Tiers: what counts for each member, and the tier, its ways up and down, at a stated instant.

Nothing has to run for a tier to be reached or lost: rows hold what counted and when, and the walk
through it (:mod:`domain.tiers`) is made for the instant that is asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal

import msgspec

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.decision import on
from domain.envelope import Envelope
from domain.member_tiers import standing
from domain.people import MemberEnrolled, MemberErased, MembershipEnded
from domain.points import PointsAdjusted, PointsCancelled, PointsClawedBack, PointsEarned
from domain.programmes import (
    EVERY_PROGRAMME,
    Change,
    ProgrammeAmended,
    ProgrammeEvent,
    ProgrammeOpened,
    Terms,
    change_of,
    in_force,
    versions,
)
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.tier_counts import AccountCount, Counts, MemberCount, OfAccount, OfMember
from domain.tier_schemes import Benefit, Tier, TierScheme
from domain.tiers import Climb, TierStep
from projections.aliases import VisitorsOfMembers
from projections.fold import Fold, Projection
from projections.known import Rows

HISTORY_SHOWN_MAX: Final = 1_000
"""Changes of a tier, the newest ones."""
EVERY: Final = EVERY_PROGRAMME.partition(":")[2]


class ProgrammesRow(msgspec.Struct, omit_defaults=True):
    """What events say of all programmes."""

    every: str
    changes: dict[str, list[Change]] = {}


class TierProgrammes(Fold, table="tier_programmes", key="programmes"):
    """The terms of all programmes, in one row: which of them have tiers, and how they work."""

    Row = ProgrammesRow

    @on(ProgrammeOpened, ProgrammeAmended)
    def _(self, row: ProgrammesRow, event: ProgrammeEvent, envelope: Envelope) -> None:
        row.changes.setdefault(event.programme, []).append(change_of(event, envelope))


class TierMembers(Fold, table="tier_members", key="member", aliases=(VisitorsOfMembers,)):
    """What names each member, and counts."""

    Row = MemberCount

    @on(
        MemberEnrolled, MembershipEnded, MemberErased, AccountOpened, HolderAdded, PurchaseRecorded,
        ReturnMatched,
    )  # fmt: skip
    def _(self, row: MemberCount, event: OfMember, envelope: Envelope) -> None:
        row.take(event, envelope)


class TierAccounts(Fold, table="tier_accounts", key="account"):
    """What names each account, and counts for those who held it then."""

    Row = AccountCount

    @on(
        AccountOpened, HolderAdded, HolderRemoved, PurchaseRecorded, ReturnMatched, PointsEarned,
        PointsAdjusted, PointsCancelled, PointsClawedBack,
    )  # fmt: skip
    def _(self, row: AccountCount, event: OfAccount, envelope: Envelope) -> None:
        row.take(event, envelope)


TIERS: Final = Projection("tiers", version=1, folds=(TierProgrammes, TierMembers, TierAccounts))


class NextTier(msgspec.Struct, frozen=True, kw_only=True):
    """The tier above, and how far it is."""

    tier: str
    name: str | None
    threshold: int
    missing: int
    """What has to count in the period, on top of what does by now."""


class KeepingTier(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to keep a tier for a period more than it is held by now."""

    threshold: int
    missing: int
    """0: it is kept already."""
    before: datetime
    """What counts from this instant on is too late."""


class MemberTier(msgspec.Struct, frozen=True, kw_only=True):
    """Where a member stands in one programme."""

    named_by: ClassVar[tuple[str, ...]] = ("programme",)

    programme: str
    terms_version: int
    """Which version of the programme's terms is in force; 0: none is."""
    terms_since: datetime | None
    measure: Literal["points", "spend"] | None
    """Null: the programme has no tiers (any more)."""
    unit: str | None
    """Of points: their currency. Of spend: the currency whose minor units are counted."""
    tier: str | None
    """Null: the member has none."""
    name: str | None
    since: datetime | None
    """When the present tier began."""
    held_until: datetime | None
    """When it is lost if nothing more counts. Null: never, or there is none."""
    keeping: KeepingTier | None
    """Null: nothing can be lost."""
    next: NextTier | None
    """Null: there is none above."""
    period_starts: datetime | None
    period_ends: datetime | None
    """The first instant after the period."""
    amount: int
    """What counts in the period by now."""
    benefits: tuple[Benefit, ...]
    history: tuple[TierStep, ...]
    """Every change of the tier, oldest first; the newest ``HISTORY_SHOWN_MAX`` of them."""


class MemberTiers(msgspec.Struct, frozen=True, kw_only=True):
    """A member's tiers at a stated instant."""

    member_id: str
    at: datetime
    programmes: tuple[MemberTier, ...]
    """Of the programmes with tiers those in which the member is, by id."""


def tiers(rows: Rows, member_id: str, at: datetime) -> MemberTiers | None:
    """A member's tiers at an instant; None if no event that matters to tiers names the member."""
    member: MemberCount | None = rows.row(TierMembers, member_id)
    if member is None:
        return None
    accounts = rows.rows(TierAccounts, member.accounts)
    programmes: ProgrammesRow | None = rows.row(TierProgrammes, EVERY)
    changes = {} if programmes is None else programmes.changes
    counts = Counts(member_id, [member], accounts)
    found = []
    for name in sorted(changes):
        terms = versions(name, changes[name])
        climbed = standing(terms, counts, at)
        if climbed is not None:
            found.append(_tier(name, terms, climbed, at))
    return MemberTiers(member_id=member_id, at=at, programmes=tuple(found))


def _tier(programme: str, terms: list[Terms], climbed: Climb, at: datetime) -> MemberTier:
    now, scheme = in_force(terms, at), climbed.scheme
    mine = None if scheme is None or climbed.tier is None else scheme.tiers[climbed.level]
    last = climbed.steps[-1] if climbed.steps else None
    running = climbed.ends is not None
    return MemberTier(
        programme=programme,
        terms_version=0 if now is None else terms.index(now) + 1,
        terms_since=None if now is None else now.since,
        measure=None if scheme is None else scheme.measure,
        unit=None if scheme is None else scheme.points_currency or scheme.currency,
        tier=climbed.tier,
        name=None if mine is None else mine.name,
        since=None if mine is None or last is None else last.at,
        held_until=climbed.held_until(),
        keeping=_keeping(mine, climbed),
        next=_next(scheme, climbed) if running else None,
        period_starts=climbed.starts if running else None,
        period_ends=climbed.ends,
        amount=climbed.amount if running else 0,
        benefits=() if mine is None else mine.benefits,
        history=tuple(climbed.steps[-HISTORY_SHOWN_MAX:]),
    )


def _keeping(mine: Tier | None, climbed: Climb) -> KeepingTier | None:
    needed = climbed.to_keep()
    if mine is None or needed is None:
        return None
    missing, before = needed
    return KeepingTier(threshold=mine.threshold, missing=missing, before=before)


def _next(scheme: TierScheme | None, climbed: Climb) -> NextTier | None:
    above = () if scheme is None else scheme.tiers[climbed.level + 1 :]
    if not above:
        return None
    first = above[0]
    return NextTier(
        tier=first.tier,
        name=first.name,
        threshold=first.threshold,
        missing=first.threshold - climbed.amount,
    )
