"""CloudEvents 1.0 as they come in over HTTP: structured, binary, in a batch, or one per line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

import msgspec
from litestar import Request
from litestar.types import HTTPScope
from msgspec import Meta

from api.answers import JSON
from api.bodies import decoded
from api.described import NDJSON
from api.errors import (
    EventIsDecided,
    InvalidBody,
    SourceIsReserved,
    TimeAhead,
    TooManyEvents,
    UnknownEventType,
)
from api.limits import BATCH_EVENTS_MAX
from api.problems import Fault, Refused
from domain.errors import FilrougeError, InvalidEvent
from domain.event import Event, Observation, check_times, known
from domain.types import TIME_LEAD_MAX, Instant
from domain.voids import OWN_EVENTS
from store.ledger import NewEvent
from store.sources import OWN_SOURCES

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
BINARY_PREFIX: Final = "ce-"
ATTRIBUTES: Final = ("specversion", "id", "source", "type", "time")

Origin = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9/][A-Za-z0-9._~:/#+=-]{0,255}$", min_length=1, max_length=256)
]
"""What tells events apart. Never an e-mail address or anything else about a person."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An observation as somebody reports it: a CloudEvents 1.0 JSON object."""

    specversion: Literal["1.0"]
    id: Origin
    """Given by the source, the same when the event is sent again."""
    source: Origin
    """The system that the event comes from: ``/shops/lyon/till-3``."""
    type: str
    """The stored name of the event: ``purchase.recorded.v1``."""
    time: Instant
    """When it happened, with its offset."""
    datacontenttype: Literal["application/json"] = JSON
    data: msgspec.Raw
    """The event itself, of the schema of its type."""


class _Attributes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    specversion: Literal["1.0"]
    id: Origin
    source: Origin
    type: str
    time: Instant


Incoming = NewEvent | FilrougeError
"""An event that can be recorded, or why it cannot."""

_decode_event: Final = msgspec.json.Decoder(CloudEvent).decode
_decode_batch: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def event_of(body: bytes | msgspec.Raw, *, admin: bool) -> NewEvent:
    """Read one event in structured mode; raises why it cannot be taken."""
    said = decoded(bytes(body), _decode_event)
    data = _data_of(said.type, bytes(said.data), admin=admin, below="/data")
    return _checked(NewEvent(data, said.id, said.source, said.time))


def is_binary(scope: HTTPScope) -> bool:
    """Whether the attributes of the event are in the headers."""
    return any(name.startswith(b"ce-") for name, _ in scope["headers"])


def binary_event_of(request: Request[Any, Any, Any], body: bytes, *, admin: bool) -> NewEvent:
    """Read one event in binary mode: its attributes are headers, its data is the body."""
    given = {
        name.removeprefix(BINARY_PREFIX): unquote(value)
        for name, value in request.headers.items()
        if name.startswith(BINARY_PREFIX)
    }
    try:
        said = msgspec.convert(given, _Attributes)
    except msgspec.ValidationError as error:
        detail = str(error).replace("`$.", "`ce-").replace("field `", "header `ce-")
        raise Refused(InvalidBody, detail, Fault(detail, parameter=_header_in(detail))) from None
    data = _data_of(said.type, body, admin=admin, below="")
    return _checked(NewEvent(data, said.id, said.source, said.time))


def _header_in(detail: str) -> str | None:
    return next((name for name in detail.split("`") if name.startswith(BINARY_PREFIX)), None)


def batch_of(body: bytes, *, admin: bool) -> list[Incoming]:
    """Read a JSON array of events; each is taken or refused on its own."""
    return _each(decoded(body, _decode_batch, each=True), admin=admin)


def lines_of(body: bytes, *, admin: bool) -> list[Incoming]:
    """Read one event per line; each is taken or refused on its own. Empty lines count for none."""
    return _each([line for line in body.split(b"\n") if line.strip()], admin=admin)


def _each(parts: Iterable[bytes | msgspec.Raw], *, admin: bool) -> list[Incoming]:
    parts = list(parts)
    if len(parts) > BATCH_EVENTS_MAX:
        raise TooManyEvents(f"{len(parts):,} events, and {BATCH_EVENTS_MAX:,} is the limit")
    events: list[Incoming] = []
    for part in parts:
        try:
            events.append(event_of(part, admin=admin))
        except FilrougeError as error:
            events.append(error)
    return events


def _data_of(type_name: str, data: bytes, *, admin: bool, below: str) -> Event:
    form = known(type_name)
    if form is None:
        detail = f"there is no event type {type_name[:100]!r}"
        raise Refused(UnknownEventType, detail, Fault(detail, pointer="/type"))
    if not (admin or issubclass(form.event_class, Observation)):
        raise EventIsDecided(f"{type_name}: {EventIsDecided.__doc__}".partition("\n")[0])
    if issubclass(form.event_class, OWN_EVENTS):
        raise EventIsDecided(f"{type_name} speaks of this ledger itself: send the command instead")
    return decoded(data, form.decode, below)


def refuse_ahead(time: datetime | None) -> None:
    """Refuse a time that no clock can show yet."""
    if time is not None and time > datetime.now(UTC) + TIME_LEAD_MAX:
        detail = f"{time.isoformat()} is more than {TIME_LEAD_MAX} ahead of the ledger's clock"
        raise Refused(TimeAhead, f"time: {detail}", Fault(detail, pointer="/time"))


def _checked(new: NewEvent) -> NewEvent:
    refuse_ahead(new.time)
    if new.source in OWN_SOURCES:
        raise Refused(SourceIsReserved, str(SourceIsReserved()), Fault("reserved", "/source"))
    try:
        check_times(new.event)
    except InvalidEvent as error:
        field, _, said = str(error).partition(": ")
        pointer = "/data/" + field.replace(".", "/")
        raise Refused(InvalidEvent, f"{pointer}: {said}", Fault(said, pointer)) from None
    return new


__all__ = ["BATCHED", "NDJSON", "STRUCTURED", "CloudEvent", "Incoming", "batch_of"]
