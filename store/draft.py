"""An entry in the making: all of it but its place in the log and the instant it is recorded at."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from domain.envelope import Envelope, Parts, Recorded, event_parts, opaque_parts, stamp
from domain.errors import InvalidEvent
from domain.event import Event, tags_of
from domain.ledger import BatchVoided, EventVoided
from domain.undoing import position_tag
from store.packed import instant
from store.rows import origin_key, tag_cells

VOIDING_EVENTS: Final = frozenset({EventVoided, BatchVoided})
"""What takes something back, so that views must be folded again."""


class Moment(NamedTuple):
    """The instant of a batch, in the three forms in which its entries need it."""

    at: datetime
    stamp: bytes
    packed: bytes

    @classmethod
    def of(cls, at: datetime) -> Moment:
        """Make the forms of an instant."""
        return cls(at, stamp(at), instant(at))


class Draft(msgspec.Struct, kw_only=True, gc=False):
    """An event on its way into the log. Made by whoever brings it; placed under the lock."""

    id: str
    source: str
    type: str
    time: datetime | None
    """None: when it is recorded."""
    actor: str
    cause: int | None = None
    batch: str | None = None
    event: Event | None
    tags: tuple[str, ...]
    tag_cells: bytes
    origin: bytes
    parts: Parts
    packed_time: bytes
    position: int = 0
    moment: Moment | None = None
    entry: bytes = b""
    packed_recorded_at: bytes = b""

    def place(self, position: int, moment: Moment) -> None:
        """Give it its place and its instant: from here on its bytes are final."""
        self.position = position
        self.moment = moment
        self.entry = moment.stamp.join(self.parts)
        self.packed_recorded_at = moment.packed
        if self.time is None:
            self.packed_time = moment.packed

    @property
    def envelope(self) -> Envelope:
        """As it will be read back."""
        assert self.moment is not None
        recorded_at = self.moment.at
        return Envelope(
            position=self.position,
            id=self.id,
            source=self.source,
            type=self.type,
            time=self.time or recorded_at,
            recorded_at=recorded_at,
            actor=self.actor,
            cause=self.cause,
            batch=self.batch,
        )

    def recorded(self) -> Recorded:
        """As it will be read back."""
        return Recorded(self.envelope, self.event, self.tags, self.entry)

    @property
    def touches(self) -> tuple[str, ...] | None:
        """Tags of the views that a void changes; None: it may change any of them."""
        event = self.event
        if isinstance(event, EventVoided) and position_tag(event.position) in self.tags:
            return self.tags
        return None  # a whole batch; or a void from elsewhere, which need not repeat the tags


def make_draft(
    event: Event,
    *,
    id: str,  # noqa: A002 - the attribute's name in CloudEvents
    source: str,
    time: datetime,
    actor: str,
    cause: int | None = None,
    batch: str | None = None,
    command: str | None = None,
) -> Draft:
    """Make the draft of an event; refuse what no projection could store."""
    tags = tags_of(event)
    if "\n" in "".join(tags):
        # The "$" of a pattern matches before it: "m1\n" would be another member than "m1".
        message = f"{event.type_name}: an identifier ends with a line break: remove it"
        raise InvalidEvent(message)
    if batch is not None and f"batch:{batch}" not in tags:
        tags = (*tags, f"batch:{batch}")
    return Draft(
        id=id,
        source=source,
        type=event.type_name,
        time=time,
        actor=actor,
        cause=cause,
        batch=batch,
        event=event,
        tags=tags,
        tag_cells=tag_cells(tags),
        origin=origin_key(source, id),
        parts=event_parts(
            id=id,
            source=source,
            event=event,
            time=time,
            actor=actor,
            cause=cause,
            batch=batch,
            command=command,
        ),
        packed_time=instant(time),
    )


def make_opaque(
    type: str,  # noqa: A002 - the attribute's name in CloudEvents
    data: bytes,
    tags: tuple[str, ...],
    *,
    id: str,  # noqa: A002 - the attribute's name in CloudEvents
    source: str,
) -> Draft:
    """Make the draft of opaque bytes: they happen when they are recorded, and say no actor."""
    return Draft(
        id=id,
        source=source,
        type=type,
        time=None,
        actor=source,
        event=None,
        tags=tags,
        tag_cells=tag_cells(tags),
        origin=origin_key(source, id),
        parts=opaque_parts(id=id, source=source, type=type, data=data, tags=tags, actor=source),
        packed_time=b"",
    )
