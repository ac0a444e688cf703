"""Brings a history where it is wanted: into a ledger, in batches, or into a file of CloudEvents."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import dropwhile, groupby
from typing import BinaryIO, Final, NamedTuple

import msgspec

from domain.errors import FilrougeError
from domain.event import Event
from domain.ledger import BatchVoided
from domain.voids import VoidBatch
from filrouge.simulator.feeds import Arrival, arrivals
from filrouge.simulator.state import State
from store.collecting import rarely_collected
from store.ledger import Ledger, NewEvent, Outcome
from store.query import Query, QueryItem
from store.reply import Reply
from store.sources import COMMANDS_SOURCE, REACTIONS_SOURCE

ACTOR: Final = "simulator"
EVENTS_AT_ONCE: Final = 2_000
IN_FLIGHT_MAX: Final = 4
"""Requests that wait for the ledger while the next one is made."""
LOOK_BACK_EVENTS_MAX: Final = 5_000
"""How far back the end of an interrupted fill is looked for."""


class SimulationRefused(FilrougeError):
    """The ledger refused an event of the simulated history: it holds something that contradicts it.

    Simulate into a ledger of its own.
    """


class Progress(NamedTuple):
    """How far a history has come."""

    day: int
    days: int
    events: int
    """Those that were made so far, recorded now or in an earlier run."""


class Filled(NamedTuple):
    """What a run did."""

    events: int
    recorded: int
    """Those that were not in the ledger before. What the ledger itself decided is not counted."""


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report to nobody."""


def complete(ledger: Ledger, history: State) -> bool:
    """Whether the ledger holds this whole history."""
    query = Query((QueryItem(tags=(f"batch:{_last_batch(history)}",)),))
    return next(ledger.log.read(query, limit=1), None) is not None


def begun(ledger: Ledger, history: State) -> bool:
    """Whether the newest events of the ledger are of this history: a run was interrupted."""
    return _resumed(ledger, history) is not None


def fill(ledger: Ledger, history: State, *, report: Report = silent) -> Filled:
    """Record a history; what an earlier run of the same one has recorded is left as it is.

    Raises:
        SimulationRefused: the ledger holds something else under the same ids.

    """
    filling = _Filling(ledger, report)
    with rarely_collected():
        stream = filling.counted(arrivals(history), history)
        found = _resumed(ledger, history)
        if found is not None:
            stream = dropwhile(lambda arrival: arrival.id != found, stream)
            if next(stream, None) is None:
                raise SimulationRefused(f"{found} is no event of this history")
        for batch, group in groupby(_marked_last(stream, history), lambda arrival: arrival.batch):
            filling.send(group, batch)
        filling.settle(0)
    return Filled(filling.events, filling.recorded)


def write(stream: BinaryIO, history: State, *, report: Report = silent) -> int:
    """Write a history as CloudEvents, one JSON object on a line; return how many.

    Files that were wrong are left out, and so are their voids: a void speaks of a batch of one
    ledger, which no other ledger can take over.
    """
    encoder, events, buffer = msgspec.json.Encoder(), 0, bytearray()
    with rarely_collected():
        for arrival in arrivals(history, mistakes=False):
            buffer += encoder.encode(_line(arrival))
            buffer += b"\n"
            events += 1
            if events % EVENTS_AT_ONCE == 0:
                stream.write(buffer)
                buffer.clear()
                report(Progress(history.today, history.plan.days, events))
    stream.write(buffer)
    report(Progress(history.plan.days, history.plan.days, events))
    return events


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A CloudEvent as it is written."""

    specversion: str = ""
    id: str
    source: str
    type: str
    time: datetime
    batch: str | None = None
    data: Event


def _line(arrival: Arrival) -> _Line:
    return _Line(
        specversion="1.0",
        id=arrival.id,
        source=arrival.source,
        type=arrival.event.type_name,
        time=arrival.time,
        batch=arrival.batch,
        data=arrival.event,
    )


class _Filling:
    """Events on their way into a ledger, a bounded number of them."""

    def __init__(self, ledger: Ledger, report: Report) -> None:
        self.events = 0
        self.recorded = 0
        self._ledger = ledger
        self._report = report
        self._sent: deque[tuple[list[NewEvent], Reply[list[Outcome]]]] = deque()

    def counted(self, stream: Iterable[Arrival], history: State) -> Iterator[Arrival]:
        """The same events, counted and reported as they pass."""
        for arrival in stream:
            self.events += 1
            if self.events % EVENTS_AT_ONCE == 0:
                self._report(Progress(history.today, history.plan.days, self.events))
            yield arrival
        self._report(Progress(history.plan.days, history.plan.days, self.events))

    def send(self, group: Iterable[Arrival], batch: str | None) -> None:
        """Send what one file brought, or what came by itself, in pieces."""
        piece: list[NewEvent] = []
        for arrival in group:
            if isinstance(arrival.event, BatchVoided):
                self._observe(piece, batch)
                piece = []
                self._void(arrival, arrival.event)
            else:
                piece.append(NewEvent(arrival.event, arrival.id, arrival.source, arrival.time))
                if len(piece) == EVENTS_AT_ONCE:
                    self._observe(piece, batch)
                    piece = []
        self._observe(piece, batch)

    def _observe(self, piece: list[NewEvent], batch: str | None) -> None:
        if piece:
            future = self._ledger.observe(piece, actor=ACTOR, batch=batch, admin=True)
            self._sent.append((piece, future))
            self.settle(IN_FLIGHT_MAX)

    def _void(self, arrival: Arrival, event: BatchVoided) -> None:
        """A void is the ledger's own decision: it takes back what followed, too."""
        self.settle(0)
        command = VoidBatch(
            batch_id=event.batch_id,
            reason=event.reason,
            approved_by=event.approved_by,
            time=arrival.time,
        )
        verdict = self._ledger.decide(command, command_id=arrival.id, actor=ACTOR).result()
        self.recorded += not verdict.duplicate

    def settle(self, in_flight: int) -> None:
        """Wait until no more than so many requests are under way."""
        while len(self._sent) > in_flight:
            events, future = self._sent.popleft()
            for new, outcome in zip(events, future.result(), strict=True):
                if outcome.error is not None:
                    message = f"{new.event.type_name} {new.id}: {outcome.error}"
                    raise SimulationRefused(message) from outcome.error
                self.recorded += not outcome.duplicate


def _last_batch(history: State) -> str:
    return f"simulation.{history.run}.complete"


def _marked_last(stream: Iterator[Arrival], history: State) -> Iterator[Arrival]:
    """The same events, of which the very last is marked by a batch of its own."""
    last = next(stream, None)
    for arrival in stream:
        assert last is not None
        yield last
        last = arrival
    if last is not None:
        yield last._replace(batch=_last_batch(history))


def _resumed(ledger: Ledger, history: State) -> str | None:
    """The id of the last event of this history that is in the ledger, if it is near the end.

    Events are committed in their order, so all that come before it are there too.
    """
    newest = ledger.log.read(backward=True, limit=LOOK_BACK_EVENTS_MAX)
    for envelope in (recorded.envelope for recorded in newest):
        if envelope.id.startswith(f"{history.run}.") and envelope.source != REACTIONS_SOURCE:
            commanded = envelope.source == COMMANDS_SOURCE
            return envelope.id.rpartition("/")[0] if commanded else envelope.id
    return None
