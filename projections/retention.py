"""Retention: who has not been heard of for how long, and of whom data falls due at an instant.

A row keeps the *clock* of its person: the day, in UTC, of the last contact; of a former member the
end of the membership, or a later contact. Being written to is no contact. Data is *due* for a
purpose when the period that was declared for it and the person's status has passed since; it falls
due *for erasure* when the longest of these periods has. Where none is declared for a status,
nothing of it falls due.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from domain.consents import ConsentGranted
from domain.decision import on
from domain.engagement import (
    ContributionPosted,
    ServiceContactRecorded,
    ShareRecorded,
    VisitRecorded,
)
from domain.envelope import Envelope
from domain.erasures import ProspectErased, VisitorErased
from domain.event import Event
from domain.holds import (
    LegalHoldLifted,
    LegalHoldPlaced,
    ProcessingRestricted,
    ProcessingUnrestricted,
)
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, VisitorIdentified
from domain.purchases import PurchaseRecorded
from domain.referrals import ReferralMade
from domain.retention import RetentionDeclared
from projections.aliases import AccountsOfMembers, VisitorsOfMembers
from projections.fold import Fold, Projection
from projections.reader import Reader

DUE_MAX: Final = 1_000
"""People on one page."""
NEVER: Final = "9999-12-31"
"""The clock of somebody of whom nothing falls due: erased, or known as a member."""
CONTACTS: Final[tuple[type[Event], ...]] = (
    MemberEnrolled, ConsentGranted, ParticipationRecorded, PurchaseRecorded, ShareRecorded,
    VisitRecorded, ContributionPosted, ServiceContactRecorded,
)  # fmt: skip
BY_CLOCK: Final = ("(row->>'status'), (row->>'clock'), key",)


class PeriodRow(msgspec.Struct, omit_defaults=True):
    """The periods of one purpose, in days by status."""

    purpose_id: str
    days: dict[str, int] = {}


class KeptRow(msgspec.Struct):
    """Somebody of whom data is kept."""

    name: str
    status: str = ""
    clock: str = ""
    holds: list[str] = []
    restricted: bool = False

    def met(self, time: datetime) -> None:
        """There was a contact."""
        self.clock = max(self.clock, _day(time))


class RetentionPurposes(Fold, table="retention_periods", key="purpose"):
    """How long data is kept for each purpose."""

    Row = PeriodRow

    @on(RetentionDeclared)
    def _(self, row: PeriodRow, event: RetentionDeclared, envelope: Envelope) -> None:
        if event.days is None:
            row.days.pop(event.status, None)
        else:
            row.days[event.status] = event.days


class KeptMembers(
    Fold, table="kept_members", key="member", aliases=(VisitorsOfMembers, AccountsOfMembers),
    indexes=BY_CLOCK,
):  # fmt: skip
    """Members and former members, with what stands in the way of erasing them."""

    Row = KeptRow

    @on(*CONTACTS)
    def _(self, row: KeptRow, event: Event, envelope: Envelope) -> None:
        row.status = row.status or "member"
        row.met(envelope.time)

    @on(MembershipEnded)
    def _(self, row: KeptRow, event: MembershipEnded, envelope: Envelope) -> None:
        if row.status != "erased":
            row.status = "former_member"
        row.met(envelope.time)

    @on(MemberErased)
    def _(self, row: KeptRow, event: MemberErased, envelope: Envelope) -> None:
        row.status, row.clock = "erased", NEVER

    @on(LegalHoldPlaced)
    def _(self, row: KeptRow, event: LegalHoldPlaced, envelope: Envelope) -> None:
        if event.hold_id not in row.holds:
            row.holds.append(event.hold_id)

    @on(LegalHoldLifted)
    def _(self, row: KeptRow, event: LegalHoldLifted, envelope: Envelope) -> None:
        if event.hold_id in row.holds:
            row.holds.remove(event.hold_id)

    @on(ProcessingRestricted, ProcessingUnrestricted)
    def _(self, row: KeptRow, event: Event, envelope: Envelope) -> None:
        row.restricted = isinstance(event, ProcessingRestricted)


class KeptProspects(Fold, table="kept_prospects", key="prospect", indexes=BY_CLOCK):
    """People whom members named."""

    Row = KeptRow

    @on(ReferralMade)
    def _(self, row: KeptRow, event: ReferralMade, envelope: Envelope) -> None:
        row.status = row.status or "prospect"
        row.met(envelope.time)

    @on(ProspectErased)
    def _(self, row: KeptRow, event: ProspectErased, envelope: Envelope) -> None:
        row.status, row.clock = "erased", NEVER


class KeptVisitors(Fold, table="kept_visitors", key="visitor", indexes=BY_CLOCK):
    """Visitors who are not known as members."""

    Row = KeptRow

    @on(VisitRecorded, ParticipationRecorded, PurchaseRecorded)
    def _(self, row: KeptRow, event: Event, envelope: Envelope) -> None:
        row.status = row.status or "visitor"
        row.met(envelope.time)

    @on(VisitorErased, VisitorIdentified)
    def _(self, row: KeptRow, event: Event, envelope: Envelope) -> None:
        row.status, row.clock = "erased", NEVER


RETENTION = Projection(
    "retention",
    version=1,
    folds=(RetentionPurposes, KeptMembers, KeptProspects, KeptVisitors),
)
_FOLDS: Final[dict[str, tuple[str, type[Fold]]]] = {
    "visitor": ("visitor", KeptVisitors),
    "prospect": ("prospect", KeptProspects),
    "member": ("member", KeptMembers),
    "former_member": ("member", KeptMembers),
}


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of whom data falls due."""

    subject: str
    """``member:m_...``, ``prospect:p_...``, ``visitor:v_...``."""
    status: str
    since: str
    """The day of the last contact, or of the end of the membership."""
    purposes: tuple[str, ...]
    """For which their data must not be used any more."""
    erase: bool
    """It is kept for no purpose any longer, and nothing holds it back: erase it."""
    holds: tuple[str, ...]
    """Legal holds; while there is one, nobody is erased."""
    restricted: bool


def periods(reader: Reader) -> dict[str, dict[str, int]]:
    """Days by purpose, for each status."""
    found: dict[str, dict[str, int]] = {status: {} for status in _FOLDS}
    for key, row in reader.select(
        "SELECT key, row->'days' FROM {periods} ORDER BY key", {"periods": RetentionPurposes}
    ):
        for status, days in (row or {}).items():
            found[status][key] = days
    return found


def due(
    reader: Reader, status: str, at: datetime, after: tuple[str, str] | None, limit: int
) -> list[Due]:
    """Whose data falls due at an instant, longest ago first, after a day and an id."""
    assert 0 < limit <= DUE_MAX
    days = periods(reader)[status]
    if not days:
        return []
    kind, fold = _FOLDS[status]
    rows = reader.select(
        "SELECT key, row FROM {kept} WHERE row->>'status' = %(status)s"
        " AND row->>'clock' < %(before)s AND (row->>'clock', key) > (%(clock)s, %(key)s)"
        " ORDER BY row->>'clock', key LIMIT %(limit)s",
        {"kept": fold},
        {
            "status": status,
            "before": _day(at - timedelta(days=min(days.values()))),
            "clock": after[0] if after else "",
            "key": after[1] if after else "",
            "limit": limit,
        },
    )
    return [_due(f"{kind}:{key}", row, days, at) for key, row in rows]


def _due(subject: str, row: dict[str, Any], days: dict[str, int], at: datetime) -> Due:
    passed = [
        purpose
        for purpose, period in sorted(days.items())
        if row["clock"] < _day(at - timedelta(days=period))
    ]
    holds = tuple(row["holds"])
    return Due(
        subject=subject,
        status=row["status"],
        since=row["clock"],
        purposes=tuple(passed),
        erase=len(passed) == len(days) and not holds,
        holds=holds,
        restricted=row["restricted"],
    )


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
