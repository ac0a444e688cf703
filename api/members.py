"""Reading members: by id, by identity, several at once, everything for a home page, and history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Meta

from api import cursors
from api.answers import JSON
from api.bodies import body_of, decoded
from api.call import Call, call_of, projected
from api.described import looks_up, reads
from api.errors import NobodyRecognised, NoSuchMember
from api.event_reads import STORED_EVENT_SCHEMA
from api.limits import IDS_MAX, PAGE_DEFAULT
from api.parameters import (
    AsOf,
    At,
    KnownAt,
    PageLimit,
    PositionCursor,
    identifier,
    instant,
    when as when_of,
)
from api.positions import MinPosition
from api.threads import in_thread
from domain.errors import InvalidEvent
from domain.types import TEXT_LENGTH_MAX, MemberID, Word
from projections import balances, identities, profiles, tiers
from projections.balances import Balance, Expiry
from projections.identities import Holder
from projections.known import Rows
from projections.profile_rows import Profiles
from projections.profiles import Profile
from projections.reader import Reader
from projections.tiers import MemberTier
from store.query import Query, QueryItem

Member = Annotated[str, identifier("The member's id, as it was given at enrolment.")]
Members = Annotated[
    list[MemberID],
    QueryParameter(min_items=1, max_items=IDS_MAX, description="Ids of members."),
]


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of themselves: an e-mail, a phone number, the number of a card."""

    kind: Word
    value: Annotated[str, Meta(min_length=1, max_length=TEXT_LENGTH_MAX)]


class Recognised(msgspec.Struct, frozen=True):
    """The members who are recognised by an identity: one if it is exclusive."""

    identity_id: str
    members: tuple[Holder, ...]


class SeveralMembers(msgspec.Struct, frozen=True):
    """The profiles of several members."""

    members: list[Profile]
    missing: list[str]
    """Ids that no event ever spoke of."""


class Home(msgspec.Struct, frozen=True):
    """What a member's home page shows."""

    profile: Profile
    balances: tuple[Balance, ...]
    """Of the accounts that the member holds, at the stated instant."""
    next_expiry: Expiry | None
    """The points that expire first, over these accounts."""
    tiers: tuple[MemberTier, ...]
    """Of the programmes with tiers in which the member is, at the same instant."""


class HistoryEvent(msgspec.Struct, frozen=True):
    """An event that speaks of a member."""

    position: int
    voided: bool
    """It was taken back: it counts as never recorded. Of the past: whether it was known to be."""
    event: Annotated[msgspec.Raw, Meta(extra_json_schema=STORED_EVENT_SCHEMA)]


class History(msgspec.Struct, frozen=True):
    """A page of a member's history, newest first."""

    events: list[HistoryEvent]
    next: str | None
    """The cursor of the next page; null at the end."""


_identity: Final = msgspec.json.Decoder(Identity).decode


@reads("/members/{member_id:str}", Profile, problems=(NoSuchMember,), tag="members")
async def read_member(
    request: Request[Any, Any, Any],
    member_id: Member,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a member's profile: who they are, what they allow, and what they did."""
    call = call_of(request)

    def profile(rows: Rows) -> Profile | None:
        return profiles.member(rows, member_id)

    return await call.read_rows(
        profile,
        profiles.PROFILES,
        Profiles,
        [member_id],
        when=when_of(as_of, known_at),
        min_position=min_position,
        absent=NoSuchMember,
    )


@reads("/members", SeveralMembers, tag="members")
async def read_members(
    request: Request[Any, Any, Any],
    member_id: Members,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read several members' profiles in one call."""
    call = call_of(request)
    wanted = list(dict.fromkeys(member_id))

    def several(rows: Rows) -> SeveralMembers:
        found = profiles.members(rows, wanted)
        return SeveralMembers(
            [found[name] for name in wanted if name in found],
            [name for name in wanted if name not in found],
        )

    return await call.read_rows(
        several, profiles.PROFILES, Profiles, wanted,
        when=when_of(as_of, known_at), min_position=min_position,
    )  # fmt: skip


@looks_up(
    "/members/lookup", Recognised, Identity, problems=(NobodyRecognised,),
    tag="members",
)  # fmt: skip
async def look_up_member(
    request: Request[Any, Any, Any],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Find the members who are recognised by an identity.

    What is asked stands in the body, so that no address and no log ever holds it.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    asked = decoded(await body_of(call.request, JSON), _identity)
    identity_id = await in_thread(_found, call, asked)

    def holders(reader: Reader) -> Recognised | None:
        found = identities.holders(reader, identity_id) if identity_id else ()
        return Recognised(identity_id, found) if identity_id and found else None

    query = projected(call, holders, identities.IDENTITIES, when=when)
    return await call.read(
        query, min_position=min_position, absent=NobodyRecognised, etag=False, when=when
    )


@reads("/members/{member_id:str}/home", Home, problems=(NoSuchMember,), tag="members")
async def read_home(
    request: Request[Any, Any, Any],
    member_id: Member,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read what a member's home page shows: profile, balances, next expiry, tiers."""
    call, when = call_of(request), when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def home(reader: Reader) -> Home | None:
        profile = profiles.member(reader, member_id)
        if profile is None:
            return None
        at = stated or datetime.now(UTC)
        held = balances.of_member(reader, member_id, at)
        expiries = [one.next_expiry for one in held if one.next_expiry is not None]
        first = min(expiries, key=lambda one: one.at, default=None)
        found = tiers.tiers(reader, member_id, at)
        return Home(profile, held, first, () if found is None else found.programmes)

    query = projected(call, home, profiles.PROFILES, balances.BALANCES, tiers.TIERS, when=when)
    return await call.read(
        query,
        min_position=min_position,
        when=when,
        absent=NoSuchMember,
        instant=lambda home: home.balances[0].at if home.balances else None,
    )


def _found(call: Call, asked: Identity) -> str | None:
    try:
        return call.ledger.vault.find("identity", asked.kind, asked.value)
    except InvalidEvent:  # a blank, or a phone number without digits: it recognises nobody
        return None


@reads(
    "/members/{member_id:str}/history", History, problems=(NoSuchMember,), etag=False,
    tag="members",
)  # fmt: skip
async def read_history(
    request: Request[Any, Any, Any],
    member_id: Member,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read the events that speak of a member, newest first.

    Those that were taken back are there too, and say so.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    at = cursors.position_of(cursor)
    query = Query((QueryItem(tags=(f"member:{member_id}",)),), time_until=when.as_of)

    def history() -> tuple[History | None, int]:
        past = call.served.past(when)
        until = past.position if at is None else min(past.position, at - 1)
        found = list(past.log.read(query, until=until, backward=True, limit=limit + 1))
        if not found and at is None:
            return None, past.position
        events = [
            HistoryEvent(
                one.envelope.position,
                past.selection.takes_back(one.envelope),
                msgspec.Raw(one.entry),
            )
            for one in found[:limit]
        ]
        end = cursors.of_position(events[-1].position) if len(found) > limit else None
        return History(events, end), past.position

    return await call.read(
        history, min_position=min_position, absent=NoSuchMember, etag=False, when=when
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    read_members, read_member, look_up_member, read_home, read_history,
)  # fmt: skip
