"""An entry in the making: its bytes are final, its place is not in the log yet."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.envelope import Envelope, Recorded, encode_entry
from domain.errors import InvalidEvent
from domain.event import Event, tags_of
from domain.ledger import BatchVoided, EventVoided
from domain.undoing import position_tag
from store.rows import origin_key


class Draft(NamedTuple):
    """An entry with its final bytes, before it is in the log."""

    envelope: Envelope
    event: Event | None
    tags: tuple[str, ...]
    entry: bytes
    origin: bytes

    def recorded(self) -> Recorded:
        """As it will be read back."""
        return Recorded(self.envelope, self.event, self.tags, self.entry)

    @property
    def voids(self) -> bool:
        """Whether it takes something back, so that views must be folded again."""
        return isinstance(self.event, EventVoided | BatchVoided)

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
    position: int,
    id: str,  # noqa: A002 - the attribute's name in CloudEvents
    source: str,
    time: datetime,
    now: datetime,
    actor: str,
    cause: int | None,
    batch: str | None,
    command: str | None,
    origin: bytes | None,
) -> Draft:
    """Make the final bytes of an event that will stand at a position."""
    entry = encode_entry(
        id=id,
        source=source,
        event=event,
        time=time,
        recorded_at=now,
        actor=actor,
        cause=cause,
        batch=batch,
        command=command,
    )
    envelope = Envelope(
        position=position,
        id=id,
        source=source,
        type=event.type_name,
        time=time,
        recorded_at=now,
        actor=actor,
        cause=cause,
        batch=batch,
    )
    tags = tags_of(event)
    if any(tag.endswith("\n") for tag in tags):
        # The "$" of a pattern matches before it: "m1\n" would be another member than "m1".
        message = f"{event.type_name}: an identifier ends with a line break: remove it"
        raise InvalidEvent(message)
    if batch is not None and f"batch:{batch}" not in tags:
        tags = (*tags, f"batch:{batch}")
    return Draft(envelope, event, tags, entry, origin or origin_key(source, id))
