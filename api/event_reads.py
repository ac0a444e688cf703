"""Reading what happened: pages in both directions, single events, several, and as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from api import cursors
from api.call import Call, call_of
from api.described import NDJSON, reads
from api.errors import NoSuchEvent
from api.limits import (
    FILTER_TAGS_MAX,
    FILTER_TYPES_MAX,
    IDS_MAX,
    PAGE_DEFAULT,
    STREAM_EVENTS,
)
from api.parameters import Instant, PageLimit, PositionCursor, instant
from api.positions import HEADER, MinPosition
from api.problems import malformed
from api.threads import in_thread
from domain.envelope import Recorded
from domain.event import known, stored_names
from domain.types import INTEGER_MAX, Position, Tag
from store.credentials import Scope
from store.query import Query, QueryItem

READERS: Final = (Scope.READ, Scope.AUDIT)

STORED_EVENT_SCHEMA: Final = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("id", "source", "type", "actor")},
        **{name: {"type": "string", "format": "date-time"} for name in ("time", "recordedat")},
        **{name: {"type": "string"} for name in ("cause", "batch")},
        "specversion": {"const": "1.0"},
        "data": {"type": "object"},
    },
    "required": ["specversion", "id", "source", "type", "time", "recordedat", "actor"],
}
"""A CloudEvent as it is stored."""

Tags = Annotated[
    list[Tag] | None,
    QueryParameter(
        max_items=FILTER_TAGS_MAX,
        description="A tag that the events carry, such as `member:m_1`; all that are given.",
    ),
]
Types = Annotated[
    list[str] | None,
    QueryParameter(
        max_items=FILTER_TYPES_MAX,
        description="A type of event, such as `purchase.recorded.v1`; any of those given.",
    ),
]
After = Annotated[
    int,
    QueryParameter(ge=0, le=INTEGER_MAX, description="Only events above this position."),
]
Before = Annotated[
    int,
    QueryParameter(ge=1, le=INTEGER_MAX, description="Only events below this position."),
]
Backward = Annotated[bool, QueryParameter(description="Newest first.")]
EventPosition = Annotated[
    int, PathParameter(ge=1, le=INTEGER_MAX, description="The event's place in the ledger.")
]
Positions = Annotated[
    list[Position],
    QueryParameter(min_items=1, max_items=IDS_MAX, description="Positions of events."),
]


class LedgerEvent(msgspec.Struct, frozen=True):
    """An event and its place in the ledger."""

    position: int
    event: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema=STORED_EVENT_SCHEMA)]
    """The CloudEvent as it is stored; sealed values are opened for the scope `personal`."""


class EventPage(msgspec.Struct, frozen=True):
    """A page of events."""

    events: list[LedgerEvent]
    next: str | None
    """The cursor of the next page; null at the end."""


class Events(msgspec.Struct, frozen=True):
    """Several events."""

    events: list[LedgerEvent]
    missing: list[int]
    """Positions at which there is no event."""


class Window(NamedTuple):
    """What of the log is read."""

    query: Query
    after: int
    until: int
    backward: bool


def _window(
    tags: list[str] | None, types: list[str] | None, instants: dict[str, str | None],
    after: int, before: int, *, backward: bool,
) -> Window:  # fmt: skip
    items: tuple[QueryItem, ...] = ()
    if tags or types:
        items = (QueryItem(_stored(types or []), tuple(tags or ())),)
    query = Query(items, **{name: instant(name, text) for name, text in instants.items()})
    return Window(query, after, before - 1, backward)


def _stored(types: list[str]) -> tuple[str, ...]:
    """The stored names of these types: an older version is read as the newest."""
    names: dict[str, None] = {}
    for name in types:
        form = known(name)
        if form is None:
            raise malformed("type", f"there is no event type {name[:100]!r}")
        names |= dict.fromkeys(stored_names(form.event_class))
    return tuple(names)


def shown(recorded: Recorded) -> LedgerEvent:
    """An event as it goes out: its exact bytes, and its place."""
    return LedgerEvent(recorded.envelope.position, msgspec.Raw(recorded.entry))


@reads("/events", EventPage, scopes=READERS, etag=False, tag="events")
async def list_events(  # noqa: PLR0913 - one for each parameter
    request: Request[Any, Any, Any],
    *,
    tag: Tags = None,
    type: Types = None,  # noqa: A002 - the attribute's name in CloudEvents
    time_from: Instant = None,
    time_until: Instant = None,
    recorded_from: Instant = None,
    recorded_until: Instant = None,
    after: After = 0,
    before: Before = INTEGER_MAX,
    backward: Backward = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List events by tags, types, time, recorded time and position, in either direction.

    Windows are half open: `from` is in, `until` is out. Voided events are listed too: they
    happened to be recorded, and `event.voided` says that they do not count.
    """
    call = call_of(request)
    instants = {
        "time_from": time_from, "time_until": time_until,
        "recorded_from": recorded_from, "recorded_until": recorded_until,
    }  # fmt: skip
    window = _window(tag, type, instants, after, before, backward=backward)
    at = cursors.position_of(cursor)

    def page() -> tuple[EventPage, int]:
        head = call.served.head().position
        first, last = window.after, min(window.until, head)
        if at is not None:
            first, last = (first, min(last, at - 1)) if backward else (max(first, at), last)
        found = list(
            call.ledger.log.read(
                window.query, after=first, until=last, backward=backward, limit=limit + 1
            )
        )
        more = len(found) > limit
        events = [shown(recorded) for recorded in found[:limit]]
        return EventPage(events, cursors.of_position(events[-1].position) if more else None), head

    return await call.read(page, min_position=min_position, etag=False)


@reads("/events/{position:int}", LedgerEvent, scopes=READERS, problems=(NoSuchEvent,), tag="events")
async def read_event(
    request: Request[Any, Any, Any], position: EventPosition, min_position: MinPosition = None
) -> Response[bytes]:
    """Read one event by its position."""
    call = call_of(request)

    def one() -> tuple[LedgerEvent | None, int]:
        recorded = call.ledger.log.entry(position)
        return (shown(recorded) if recorded else None), call.served.head().position

    return await call.read(one, min_position=min_position, absent=NoSuchEvent)


@reads("/events/several", Events, scopes=READERS, tag="events")
async def read_events(
    request: Request[Any, Any, Any], position: Positions, min_position: MinPosition = None
) -> Response[bytes]:
    """Read several events by their positions, in one call."""
    call = call_of(request)
    wanted = sorted(set(position))

    def several() -> tuple[Events, int]:
        head = call.served.head().position
        found = [shown(recorded) for recorded in call.ledger.log.entries(wanted)]
        missing = sorted(set(wanted) - {event.position for event in found})
        return Events(found, missing), head

    return await call.read(several, min_position=min_position)


@reads(
    "/events/stream", {"type": "string"}, scopes=READERS, media_type=NDJSON, etag=False,
    tag="events",
)  # fmt: skip
async def stream_events(
    request: Request[Any, Any, Any],
    *,
    tag: Tags = None,
    type: Types = None,  # noqa: A002 - the attribute's name in CloudEvents
    time_from: Instant = None,
    time_until: Instant = None,
    recorded_from: Instant = None,
    recorded_until: Instant = None,
    after: After = 0,
    before: Before = INTEGER_MAX,
    backward: Backward = False,
) -> Stream:
    """Stream all matching events up to the end of the ledger, one JSON object per line.

    Each line is `{"position": n, "event": {...}}`. A stream that breaks off goes on with `after`
    (or `before`) the last position that arrived.
    """
    call = call_of(request)
    instants = {
        "time_from": time_from, "time_until": time_until,
        "recorded_from": recorded_from, "recorded_until": recorded_until,
    }  # fmt: skip
    window = _window(tag, type, instants, after, before, backward=backward)
    head = (await in_thread(call.served.head)).position
    until = min(window.until, head)
    found = call.ledger.log.read(window.query, after=after, until=until, backward=backward)
    headers = {HEADER: await call.stamp(head)}
    return Stream(_lines(call, found), media_type=NDJSON, headers=headers)


async def _lines(call: Call, found: Iterator[Recorded]) -> AsyncIterator[bytes]:
    """A few hundred events at a time, however many there are."""

    def some() -> bytes:
        return call.lines([shown(recorded) for recorded in islice(found, STREAM_EVENTS)])

    while lines := await in_thread(some):
        yield lines


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_events, read_events, stream_events, read_event)
