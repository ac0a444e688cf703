"""Recording what happened: observations come in, and each is answered on its own."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import errors
from api.answers import JSON, Ready
from api.bodies import body_of, media_type_of
from api.call import Call, call_of
from api.cloudevents import (
    BATCHED,
    STRUCTURED,
    Incoming,
    batch_of,
    binary_event_of,
    event_of,
    is_binary,
    lines_of,
)
from api.described import NDJSON, Answer, writes
from api.positions import HEADER
from api.problems import Problem, problem_of
from api.schemas import batch_schema, event_schema, lines_schema
from api.threads import in_thread, resolved
from domain.errors import ContentDiffers, FilrougeError, InvalidEvent
from domain.types import ID_LENGTH_MAX, ID_PATTERN
from domain.voids import BatchIsVoided
from store.credentials import Scope
from store.ledger import NewEvent, Outcome
from store.reply import Reply

BatchName = Annotated[
    str | None,
    QueryParameter(
        pattern=ID_PATTERN,
        max_length=ID_LENGTH_MAX,
        description="The import or job that brings the events; they can be voided together.",
    ),
]


class EventAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event."""

    position: int | None = None
    """Where it stands; for a duplicate, where the first one stands; none if it was refused."""
    duplicate: bool = False
    """The same event was recorded before, and nothing was written."""
    problem: Problem | None = None
    """Why it was refused."""


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each event of a batch, in its order."""

    recorded: int
    duplicates: int
    refused: int
    results: list[EventAnswer]


@writes(
    "/events",
    {
        200: Answer(
            {"anyOf": [EventAnswer, BatchAnswer]},
            description="A duplicate of a single event; or what became of each event of a batch.",
            headers=("Ledger-Position",),
        ),
        201: Answer(EventAnswer, description="Recorded.", headers=("Ledger-Position", "Location")),
    },
    {
        STRUCTURED: event_schema,
        BATCHED: batch_schema,
        NDJSON: lines_schema,
        JSON: event_schema,
    },
    scopes=(Scope.OBSERVE, Scope.ADMIN),
    problems=(
        errors.InvalidBody,
        errors.UnknownEventType,
        errors.EventIsDecided,
        errors.SourceIsReserved,
        errors.TooManyEvents,
        errors.TimeAhead,
        BatchIsVoided,
        InvalidEvent,
        ContentDiffers,
    ),
    tag="events",
)
async def record_events(
    request: Request[Any, Any, Any], batch: BatchName = None
) -> Response[bytes]:
    """Record observations.

    One CloudEvent in structured mode (`application/cloudevents+json` or `application/json`); one
    in binary mode (`application/json` with the data alone, and the attributes in the headers
    `ce-specversion`, `ce-id`, `ce-source`, `ce-type`, `ce-time`); a batch
    (`application/cloudevents-batch+json`); or one per line (`application/x-ndjson`).

    The same `source` and `id` are recorded once: sent again they are answered with the position
    of the first. A single event that is refused is answered with its problem; in a batch each
    event is taken or refused on its own.
    """
    call = call_of(request)
    body = await body_of(request, STRUCTURED, BATCHED, NDJSON, JSON)
    admin = call.access.admin
    mode = media_type_of(request)
    if mode == JSON and is_binary(request.scope):
        return await _one(call, binary_event_of(request, body, admin=admin), batch)
    if mode in {STRUCTURED, JSON}:
        return await _one(call, event_of(body, admin=admin), batch)
    events = batch_of(body, admin=admin) if mode == BATCHED else lines_of(body, admin=admin)
    return await _many(call, events, batch)


async def _one(call: Call, event: NewEvent, batch: str | None) -> Ready:
    [outcome] = await _observed(call, [event], batch)
    if outcome.error is not None:
        raise outcome.error
    assert outcome.position is not None
    headers = {HEADER: await call.stamp(outcome.position)}
    if not outcome.duplicate:
        headers["Location"] = f"/v1/{call.ledger.name}/events/{outcome.position}"
        call.recorded(outcome.position, outcome.position)
    answer = EventAnswer(position=outcome.position, duplicate=outcome.duplicate)
    status = 200 if outcome.duplicate else 201
    return Ready(msgspec.json.encode(answer), status=status, headers=headers)


async def _many(call: Call, events: list[Incoming], batch: str | None) -> Ready:
    sound = [event for event in events if isinstance(event, NewEvent)]
    outcomes = iter(await _observed(call, sound, batch) if sound else [])
    results = [
        _answer_of(next(outcomes) if isinstance(event, NewEvent) else Outcome(None, error=event))
        for event in events
    ]
    new = [one.position for one in results if one.position and not one.duplicate]
    if new:
        call.recorded(new[0], new[-1])
    last = max((result.position or 0 for result in results), default=0)
    answer = BatchAnswer(
        recorded=len(new),
        duplicates=sum(one.duplicate for one in results),
        refused=sum(one.problem is not None for one in results),
        results=results,
    )
    last = last or (await in_thread(call.served.head)).position
    return Ready(msgspec.json.encode(answer), headers={HEADER: await call.stamp(last)})


async def _observed(call: Call, events: list[NewEvent], batch: str | None) -> list[Outcome]:
    def submit() -> Reply[list[Outcome]]:
        access = call.access
        return call.ledger.observe(events, actor=access.actor, batch=batch, admin=access.admin)

    # Sealing asks the vault, and many events are much to check: neither may hold up the others.
    waits = len(events) > 1 or call.ledger.asks_first(events[0].event)
    return await resolved(await in_thread(submit) if waits else submit())


def _answer_of(outcome: Outcome) -> EventAnswer:
    error: FilrougeError | None = outcome.error
    if error is not None:
        return EventAnswer(problem=problem_of(error))
    return EventAnswer(position=outcome.position, duplicate=outcome.duplicate)


HANDLERS: tuple[HTTPRouteHandler, ...] = (record_events,)
