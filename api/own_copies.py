"""A member's own copy: everything that the ledger holds about them, to read and to take away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from inspect import getdoc
from itertools import chain, islice
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from api.call import Call, call_of
from api.described import NDJSON, reads
from api.errors import NoSuchMember
from api.event_reads import STORED_EVENT_SCHEMA
from api.limits import STREAM_EVENTS
from api.members import Member
from api.positions import HEADER, MinPosition
from api.threads import in_thread
from domain.envelope import Recorded
from domain.event import known
from projections import balances, consent_history, profiles
from projections.balances import BALANCES, Balance
from projections.consent_history import CONSENT_HISTORY, Consents
from projections.own_copy import EVENTS_MAX, events_of
from projections.profiles import PROFILES, Profile
from projections.reader import reading
from store.credentials import Scope
from store.erased_subjects import subjects_of_member


class OwnEvent(msgspec.Struct, frozen=True):
    """An event about the member."""

    position: int
    voided: bool
    """It was taken back: it counts as never recorded."""
    meaning: str
    """What an event of this type says, in words."""
    event: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema=STORED_EVENT_SCHEMA)]


class OwnCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the ledger holds about a member. What is about others is not opened."""

    member_id: str
    made_at: datetime
    profile: Profile
    balances: tuple[Balance, ...]
    consents: Consents
    events: list[OwnEvent]
    complete: bool
    """False: there are more events; read them with `/copy/events`."""


@reads(
    "/members/{member_id:str}/copy", OwnCopy, scopes=(Scope.PERSONAL,), problems=(NoSuchMember,),
    etag=False, tag="privacy",
)  # fmt: skip
async def read_own_copy(
    request: Request[Any, Any, Any], member_id: Member, min_position: MinPosition = None
) -> Response[bytes]:
    """Read everything that the ledger holds about a member, to give it to them.

    Profile, balances, consents, and every event with what it means. Only what is the member's own
    is opened: the friends whom they named, for example, stay sealed.
    """
    call = call_of(request)
    await call.noted([f"member:{member_id}"])
    return await call.read(
        _copying(call, member_id),
        min_position=min_position,
        absent=NoSuchMember,
        etag=False,
        opens=lambda value: _opened(call, value, _subjects(call, member_id)),
    )


@reads(
    "/members/{member_id:str}/copy/events", {"type": "string"}, scopes=(Scope.PERSONAL,),
    problems=(NoSuchMember,), media_type=NDJSON, etag=False, tag="privacy",
)  # fmt: skip
async def read_own_events(request: Request[Any, Any, Any], member_id: Member) -> Stream:
    """Stream every event about a member as CloudEvents, one on each line, to take elsewhere.

    Only what is the member's own is opened.
    """
    call = call_of(request)
    await call.noted([f"member:{member_id}"])
    head = (await in_thread(call.served.head)).position
    found = events_of(call.ledger.log, member_id, head)
    first = await in_thread(next, found, None)
    if first is None:
        raise NoSuchMember(position=head)
    headers = {HEADER: await call.stamp(head)}
    return Stream(
        _lines(call, member_id, chain([first], found)), media_type=NDJSON, headers=headers
    )


async def _lines(call: Call, member_id: str, found: Iterator[Recorded]) -> AsyncIterator[bytes]:
    """A few hundred events at a time, however many there are."""
    mine = await in_thread(_subjects, call, member_id)

    def some() -> bytes:
        events = [msgspec.json.decode(one.entry) for one in islice(found, STREAM_EVENTS)]
        return msgspec.json.Encoder().encode_lines(_opened(call, events, mine))

    while lines := await in_thread(some):
        yield lines


def _copying(call: Call, member_id: str) -> Callable[[], tuple[OwnCopy | None, int]]:
    """What makes a member's copy: a snapshot of the projections, and the events up to there."""

    def copy() -> tuple[OwnCopy | None, int]:
        now = datetime.now(UTC)
        with reading(call.ledger.pool, PROFILES, BALANCES, CONSENT_HISTORY) as reader:
            profile = profiles.member(reader, member_id)
            held = balances.of_member(reader, member_id, now)
            consents = consent_history.consents(reader, member_id, now)
            position = reader.position
        if profile is None:
            return None, position
        found = list(islice(events_of(call.ledger.log, member_id, position), EVENTS_MAX + 1))
        voids = call.served.voids(position)
        events = [
            OwnEvent(
                one.envelope.position,
                voids.hides(one.envelope),
                _meaning(one.envelope.type),
                msgspec.Raw(one.entry),
            )
            for one in found[:EVENTS_MAX]
        ]
        made = OwnCopy(
            member_id=member_id,
            made_at=now,
            profile=profile,
            balances=held,
            consents=consents,
            events=events,
            complete=len(found) <= EVENTS_MAX,
        )
        return made, position

    return copy


def _subjects(call: Call, member_id: str) -> frozenset[str]:
    """Whose values are the member's own."""
    log = call.ledger.log
    return subjects_of_member(log, member_id, log.head().position).everything


def _opened(call: Call, value: Any, mine: frozenset[str]) -> Any:
    """With what is the member's own opened, and nothing else."""
    return call.ledger.vault.open_all(value, only=mine, restricted=call.access.admin)


def _meaning(stored_name: str) -> str:
    form = known(stored_name)
    said = getdoc(form.event_class) if form is not None else None
    return (said or "").partition("\n")[0]


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_own_copy, read_own_events)
