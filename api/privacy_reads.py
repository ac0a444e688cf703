"""Reads that the law asks for: own copies, consent as history, what falls due, who read what."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import cursors
from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchMember
from api.limits import PAGE_DEFAULT
from api.members import Member
from api.parameters import (
    AsOf,
    At,
    KeyCursor,
    KnownAt,
    PageLimit,
    PositionCursor,
    instant,
    when as when_of,
)
from api.positions import MinPosition
from api.problems import malformed
from domain.types import ID_LENGTH_MAX, Date
from projections import consent_history, profiles, retention
from projections.consent_history import CONSENT_HISTORY, Consents, MemberUnallowed
from projections.profiles import PROFILES
from projections.reader import Reader
from projections.retention import RETENTION, Due
from store.accesses import Read
from store.completeness import DAYS_MAX, Compared, compared
from store.credentials import Scope

DATE_PATTERN: Final = (
    r"^(19[7-9][0-9]|20[0-9]{2}|21[0-8][0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"
)
SUBJECT_PATTERN: Final = r"^[a-z]+:[A-Za-z0-9][A-Za-z0-9._~:-]*$"

Day = Annotated[
    str,
    QueryParameter(
        schema_extra={"pattern": DATE_PATTERN}, description="A business day, YYYY-MM-DD."
    ),
]
Days = Annotated[
    int, QueryParameter(ge=1, le=DAYS_MAX, description="How many days, from the first one on.")
]
Feed = Annotated[
    str | None, QueryParameter(max_length=256, description="One source of events; without it: all.")
]
Subject = Annotated[
    str | None,
    QueryParameter(
        pattern=SUBJECT_PATTERN,
        max_length=ID_LENGTH_MAX + 64,
        description="Of whom: `member:m_...`; without it: of all.",
    ),
]
Statuses = Annotated[
    Literal["visitor", "prospect", "member", "former_member"],
    QueryParameter(description="People of which status."),
]


class MembersUnallowed(msgspec.Struct, frozen=True):
    """A page of members who were sent something without a valid consent."""

    members: list[MemberUnallowed]
    next: str | None
    """The cursor of the next page; null at the end."""


class DuePage(msgspec.Struct, frozen=True):
    """A page of people of whom data falls due, longest ago first."""

    periods: dict[str, int]
    """The days that were declared for this status, by purpose."""
    due: list[Due]
    next: str | None
    """The cursor of the next page; null at the end."""


class Completeness(msgspec.Struct, frozen=True):
    """What arrived against what was reported, by day, source and store."""

    days: list[Compared]


class Reads(msgspec.Struct, frozen=True):
    """A page of the access log, newest first."""

    reads: list[Read]
    next: str | None
    """The cursor of the next page; null at the end."""


@reads(
    "/members/{member_id:str}/consents", Consents, problems=(NoSuchMember,), etag=False,
    tag="privacy",
)  # fmt: skip
async def read_consents(
    request: Request[Any, Any, Any],
    member_id: Member,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read what a member allowed at an instant, with wording and proof, and all that was said."""
    call, when = call_of(request), when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at or datetime.now(UTC)

    def found(reader: Reader) -> Consents | None:
        if profiles.member(reader, member_id) is None:
            return None
        return consent_history.consents(reader, member_id, stated)

    query = projected(call, found, CONSENT_HISTORY, PROFILES, when=when)
    return await call.read(
        query, min_position=min_position, absent=NoSuchMember, etag=False, when=when
    )


@reads("/consents/missing", MembersUnallowed, scopes=(Scope.AUDIT,), etag=False, tag="privacy")
async def list_unallowed_invitations(
    request: Request[Any, Any, Any],
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the invitations that were sent without a valid consent, by member."""
    call = call_of(request)
    after = cursors.key_of(cursor)
    await call.noted()

    def page(reader: Reader) -> MembersUnallowed:
        found = consent_history.unallowed(reader, after, limit)
        more = len(found) == limit
        return MembersUnallowed(found, cursors.of_key(found[-1].member_id) if more else None)

    return await call.read(
        projected(call, page, CONSENT_HISTORY), min_position=min_position, etag=False
    )


@reads("/retention/due", DuePage, scopes=(Scope.AUDIT,), etag=False, tag="privacy")
async def list_due(
    request: Request[Any, Any, Any],
    status: Statuses,
    at: At = None,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the people of whom data falls due, by the periods that were declared for their status.

    Nobody is erased by itself: order it with the address of the erasure.
    """
    call = call_of(request)
    stated = instant("at", at) or datetime.now(UTC)
    after = cursors.key_of(cursor)
    clock, _, key = (after or "").partition("/")
    await call.noted()

    def page(reader: Reader) -> DuePage:
        found = retention.due(reader, status, stated, (clock, key) if after else None, limit)
        more = len(found) == limit
        end = found[-1] if more else None
        return DuePage(
            retention.periods(reader)[status],
            found,
            cursors.of_key(f"{end.since}/{end.subject.partition(':')[2]}") if end else None,
        )

    return await call.read(projected(call, page, RETENTION), min_position=min_position, etag=False)


@reads("/completeness", Completeness, scopes=(Scope.AUDIT,), etag=False, tag="privacy")
async def read_completeness(
    request: Request[Any, Any, Any], first: Day, days: Days = 1, feed: Feed = None
) -> Response[bytes]:
    """Read what arrived from each source, store and day, against what should have.

    What should have arrived, sources report as `control_total.reported`.
    """
    call = call_of(request)
    begin = _day("first", first)
    end = begin + timedelta(days=days - 1)
    await call.noted()

    def answer() -> tuple[Completeness, int]:
        head = call.served.head().position
        return Completeness(compared(call.ledger.log, begin, end, feed=feed)), head

    return await call.read(answer, min_position=None, etag=False)


@reads("/accesses", Reads, scopes=(Scope.AUDIT,), etag=False, tag="privacy")
async def list_accesses(
    request: Request[Any, Any, Any],
    subject: Subject = None,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
) -> Response[bytes]:
    """List who read whose personal data, and what auditors asked, newest first."""
    call = call_of(request)
    before = cursors.position_of(cursor)
    await call.noted([subject] if subject else ())

    def page() -> tuple[Reads, int]:
        found = call.ledger.primary.accesses.page(subject=subject, before=before, limit=limit)
        more = len(found) == limit
        end = cursors.of_position(found[-1].id) if more else None
        return Reads(found, end), call.served.head().position

    return await call.read(page, min_position=None, etag=False)


def _day(name: str, text: str) -> date:
    try:
        day = msgspec.convert(text, Date)
        return date.fromisoformat(day)
    except (msgspec.ValidationError, ValueError):
        raise malformed(name, "a calendar day of 1970 or later, YYYY-MM-DD") from None


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
      read_consents, list_unallowed_invitations, list_due,
    read_completeness, list_accesses,
)  # fmt: skip
