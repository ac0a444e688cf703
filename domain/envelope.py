"""The entry: an event as one CloudEvents 1.0 JSON object, and the envelope read back from it.

These bytes are what is stored, hashed, exported and replayed; nothing encodes them a second time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from domain.errors import InvalidEvent
from domain.event import Event, known, tags_of
from domain.personal import is_withheld
from domain.shape import shape_of
from domain.types import ENTRY_BYTES_MAX

RECORDING: Final = frozenset({"recordedat", "actor", "batch"})
"""How the ledger came to know, not what happened: a retry may differ in these attributes."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where and when an event stands: its place in the log, its two times, who and why."""

    position: int
    """The place in the log: 1, 2, 3, ..."""
    id: str
    source: str
    type: str
    """The stored name it was recorded under."""
    time: datetime
    """When it happened in the world, with the offset that the caller gave."""
    recorded_at: datetime
    """When the ledger learned it, by the database's clock."""
    actor: str
    """The opaque id of the key, member of staff or system that brought it."""
    cause: int | None = None
    """The position of the event that made this one."""
    batch: str | None = None
    """The import or job that brought it."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as it was read back from the log."""

    envelope: Envelope
    event: Event | None
    """None for opaque bytes, and for a type that this version of the software does not know."""
    tags: tuple[str, ...]
    entry: bytes
    """The exact stored bytes."""


class _Written(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    specversion: str = ""
    id: str
    source: str
    type: str
    time: datetime | msgspec.Raw
    recordedat: msgspec.Raw
    actor: str
    cause: str | None = None  # text: the integers of CloudEvents have only 32 bits
    batch: str | None = None
    command: str | None = None
    tags: str | None = None
    data: Any = None
    data_base64: bytes | None = None


class Stored(msgspec.Struct, kw_only=True, gc=False):
    """The attributes of an entry as they stand in its bytes; ``data`` is not decoded yet."""

    id: str
    source: str
    type: str
    time: datetime
    recordedat: datetime
    actor: str
    specversion: str = "1.0"
    cause: str | None = None
    batch: str | None = None
    command: str | None = None
    """Digest of the command that decided it, so that a repeated one is known as the same."""
    tags: str | None = None
    """JSON list of the tags of opaque bytes, which cannot say them themselves."""
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: bytes | None = None


_encoder: Final = msgspec.json.Encoder()
_stored: Final = msgspec.json.Decoder(Stored)
_tag_list: Final = msgspec.json.Decoder(tuple[str, ...])

_SEAM: Final = b"\0"
"""Stands where the recorded instant will. JSON escapes it in every text, so nothing forges it."""
_INSTANT: Final = msgspec.Raw(_SEAM)
_NUL: Final = b"\\u0000"
"""A NUL as JSON escapes it; or a backslash before ``u0000``, so who finds it looks again."""
_STAMP_LONGEST: Final = b'"2000-01-01T00:00:00.000001+00:00"'

Parts = tuple[bytes, ...]
"""The bytes of an entry around the places where its recorded instant will stand.

``stamp(instant).join(parts)`` is the entry. So nearly everything is done before the instant is
known, by whoever brings the event, and not by the one who holds the lock.
"""


def stamp(recorded_at: datetime) -> bytes:
    """The bytes that make an entry of its parts: the instant at which it is recorded."""
    return _encoder.encode(recorded_at)


def event_parts(
    *,
    id: str,  # noqa: A002 - the attribute's name in CloudEvents
    source: str,
    event: Event,
    time: datetime,
    actor: str,
    cause: int | None = None,
    batch: str | None = None,
    command: str | None = None,
) -> Parts:
    """Make the parts of an event's entry; refuse what no projection could store."""
    return _checked_parts(
        _Written(
            specversion="1.0",
            id=id,
            source=source,
            type=event.type_name,
            time=time,
            recordedat=_INSTANT,
            actor=actor,
            cause=None if cause is None else str(cause),
            batch=batch,
            command=command,
            data=event,
        )
    )


def opaque_parts(
    *,
    id: str,  # noqa: A002 - the attribute's name in CloudEvents
    source: str,
    type: str,  # noqa: A002 - the attribute's name in CloudEvents
    data: bytes,
    tags: tuple[str, ...],
    actor: str,
) -> Parts:
    """Make the parts of the entry of opaque bytes, which happen when they are recorded.

    They are another application's event; the entry says the tags that it came with.
    """
    return _checked_parts(
        _Written(
            specversion="1.0",
            id=id,
            source=source,
            type=type,
            time=_INSTANT,
            recordedat=_INSTANT,
            actor=actor,
            tags=_encoder.encode(tags).decode() if tags else None,
            data_base64=data,
        )
    )


def _checked_parts(written: _Written) -> Parts:
    encoded = _encoder.encode(written)
    parts = tuple(encoded.split(_SEAM))
    seams = len(parts) - 1
    _check_size(len(encoded) + seams * (len(_STAMP_LONGEST) - len(_SEAM)))
    if _NUL in encoded:
        checked_entry(_STAMP_LONGEST.join(parts))
    return parts


def _check_size(size_bytes: int) -> None:
    if size_bytes > ENTRY_BYTES_MAX:
        message = (
            f"the entry would be {size_bytes:,} bytes, over {ENTRY_BYTES_MAX:,}: "
            "send fewer lines or shorter texts, or continue it in numbered parts"
        )
        raise InvalidEvent(message)


def checked_entry(entry: bytes) -> bytes:
    """Refuse an entry that is too large or holds a NUL, which no text column can store."""
    _check_size(len(entry))
    if _NUL in entry and _holds_nul(msgspec.json.decode(entry)):
        message = "a text holds a NUL character: remove it"
        raise InvalidEvent(message)
    return entry


def _holds_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
        case list():
            return any(map(_holds_nul, value))
    return False


def stored_attributes(entry: bytes) -> Stored:
    """Read an entry's attributes without decoding its data."""
    return _stored.decode(entry)


def decode_entry(entry: bytes, position: int) -> Recorded:
    """Read an entry back: envelope, event (upcast to its current class) and tags."""
    return recorded_from(_stored.decode(entry), entry, position)


def recorded_from(stored: Stored, entry: bytes, position: int) -> Recorded:
    """The same, where the attributes were read already to see whether the entry is wanted."""
    form = known(stored.type)
    event = form.decode(stored.data) if form is not None and stored.data else None
    return Recorded(
        Envelope(
            position=position,
            id=stored.id,
            source=stored.source,
            type=stored.type,
            time=stored.time,
            recorded_at=stored.recordedat,
            actor=stored.actor,
            cause=None if stored.cause is None else int(stored.cause),
            batch=stored.batch,
        ),
        event,
        entry_tags(stored, event),
        entry,
    )


def entry_tags(stored: Stored, event: Event | None) -> tuple[str, ...]:
    """The tags that an entry is found by: its event's, and ``batch:<id>`` of its envelope."""
    if stored.tags is not None:
        return _tag_list.decode(stored.tags)
    if event is None:
        return ()
    tags = tags_of(event)
    batch = f"batch:{stored.batch}"
    return tags if stored.batch is None or batch in tags else (*tags, batch)


def difference(first: bytes, second: bytes) -> str | None:
    """The first attribute or field in which two entries differ in content, or None.

    How the ledger came to know (``recordedat``, ``actor``, ``batch``) is no content: the same
    fact may be sent again by another key or in another file.
    """
    one, two = (_flat(msgspec.json.decode(entry)) for entry in (first, second))
    names = [
        name
        for name in sorted(one.keys() | two.keys())
        if name not in RECORDING and one.get(name) != two.get(name)
    ]
    if names and any(map(is_withheld, two.values())):
        names = _but_withheld(names, one, two)
    return names[0] if names else None


def _but_withheld(names: list[str], one: dict[str, object], two: dict[str, object]) -> list[str]:
    """Without what differs because the person was erased since: values, and ids made of them."""
    form = known(str(one.get("type")))
    digested = shape_of(form.event_class).digested if form is not None else ()
    filled = {".".join(("data", *marked.path)) for marked in digested}
    return [
        name
        for name in names
        if not (is_withheld(two.get(name)) and str(one.get(name)).startswith(str(two[name])))
        and not (name in filled and name not in two)
    ]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update(_flat(item, f"{prefix}{key}."))
        else:
            flat[prefix + key] = item
    return flat
