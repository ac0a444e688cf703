"""The log as the eventsourcing library's recorder: its DCB applications can stand on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
    DCBSubscription,
)
from eventsourcing.persistence import ProgrammingError

from domain.envelope import Recorded, stored_attributes
from store.log import Log
from store.query import Query
from store.reply import Reply
from store.requests import Append, dcb_query
from store.writer import Writer


class Recorder(DCBRecorder):
    """Reads and appends opaque bytes; they stand in the same log as everything else."""

    def __init__(self, log: Log, writer: Writer) -> None:
        self.log = log
        self._writer = writer
        # One random name and then numbers: randomness for each would be a system call for each.
        self._ids = map(f"{uuid4()}/{{}}".format, count(1))

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> ReadResponse:
        """Matching events after a position, fetched page by page while they are iterated."""
        head = self.log.head().position
        events = self.log.read(dcb_query(query), after=after or 0, until=head, limit=limit)
        return ReadResponse(events, head, limited=limit is not None)

    def append(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> int:
        """Append all events, or raise IntegrityError if the condition finds a match."""
        return self.queue(events, condition).result()

    def queue(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> Reply[int]:
        """As :meth:`append`, for whoever has something else to do until the reply comes."""
        if not events:
            message = "there is no event to append"
            raise ProgrammingError(message)
        request = Append(events, condition, self._ids)
        self._writer.submit(request)
        return request.reply

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Subscription:
        """Matching events after a position, for ever: to everything, or to any types and tags."""
        return Subscription(self, query, after)


class ReadResponse(DCBReadResponse):
    """An iterator over a read, and the head that it reflects."""

    def __init__(self, events: Iterator[Recorded], head: int, *, limited: bool) -> None:
        self._events = events
        self._ahead: list[DCBSequencedEvent] | None = None
        self._head = head or None
        self._limited = limited

    @property
    def head(self) -> int | None:
        """The log's last position; of a limited read, the position of its last event."""
        if not self._limited:
            return self._head
        if self._ahead is None:
            self._ahead = list(map(_sequenced, self._events))
            self._last = self._ahead[-1].position if self._ahead else None
            self._ahead.reverse()
        return self._last

    def __next__(self) -> DCBSequencedEvent:
        """The next event."""
        if self._limited:
            if self._ahead is None:
                _ = self.head
            if not self._ahead:
                raise StopIteration
            return self._ahead.pop()
        return _sequenced(next(self._events))


class Subscription(DCBSubscription[Recorder]):
    """Blocks at the head and goes on when something is recorded, by whichever process."""

    def __init__(self, recorder: Recorder, query: DCBQuery | None, after: int | None) -> None:
        super().__init__(recorder, query, after)
        self._stop = threading.Event()
        words: Query = dcb_query(query)
        self._events = recorder.log.follow(words, after=after or 0, stop=self._stop)

    def stop(self) -> None:
        """End the iteration."""
        super().stop()
        self._stop.set()

    def __next__(self) -> DCBSequencedEvent:
        """The next event; waits for it."""
        if self._stop.is_set():
            raise StopIteration
        return _sequenced(next(self._events))


def _sequenced(recorded: Recorded) -> DCBSequencedEvent:
    stored = stored_attributes(recorded.entry)
    data: Any = stored.data_base64
    event = DCBEvent(
        type=recorded.envelope.type,
        data=bytes(stored.data) if data is None else data,
        tags=list(recorded.tags),
    )
    return DCBSequencedEvent(event=event, position=recorded.envelope.position)
