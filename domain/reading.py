"""Reading many entries at once, for folds: what was checked when it was recorded is believed.

An event class checks patterns and limits wherever it is decoded, which takes twice the time of
decoding. Here an event is decoded as a :func:`believed` class: a subclass of its own one with the
same fields, whose values are not checked again. So ``isinstance``, ``match`` and ``type_name`` say
of an event what it is; ``type(event)`` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import NODEFAULT, Raw, defstruct, field
from msgspec.structs import fields, force_setattr

from domain.envelope import Envelope
from domain.event import Event, Known, known, tags_of

T = TypeVar("T")


class Fact(Protocol):
    """An event of the log with its envelope, however it was read."""

    @property
    def envelope(self) -> Envelope:
        """Its place, its times, who and why."""

    @property
    def event(self) -> Event | None:
        """None for what this version of the software cannot read."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that it is found by."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """An event as it was read with many others; its tags are computed when they are asked for."""

    envelope: Envelope
    event: Event

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that it is found by: its event's, and ``batch:<id>`` of its envelope."""
        tags, batch = tags_of(self.event), f"batch:{self.envelope.batch}"
        return tags if self.envelope.batch is None or batch in tags else (*tags, batch)


class _Head(Envelope, frozen=True, kw_only=True, gc=False):
    """An envelope on its way out of an entry, which does not hold its own position."""

    position: int = 0
    recorded_at: datetime = field(name="recordedat")
    cause: int | None = field(default=None, name="position of the cause")
    cause_text: str | None = field(default=None, name="cause")
    data: Raw = Raw(b"")


_heads: Final = msgspec.json.Decoder(list[_Head])
_readers: Final[dict[str, tuple[Known, Callable[[Raw], Event]]]] = {}


def read_entries(rows: Sequence[tuple[int, bytes]]) -> list[Read]:
    """The events of these positions and entries; opaque and unknown ones are left out."""
    heads = _heads.decode(b"[%b]" % b",".join([entry for _, entry in rows]))
    found = []
    for head, (position, _) in zip(heads, rows, strict=True):
        form = known(head.type)
        if form is None or not head.data:
            continue
        kept = _readers.get(head.type)
        # A version that is declared later changes how the one before it is read.
        read = kept[1] if kept is not None and kept[0] is form else _reader(head.type, form)
        force_setattr(head, "position", position)
        if head.cause_text is not None:
            force_setattr(head, "cause", int(head.cause_text))
        found.append(Read(head, read(head.data)))
    return found


def _reader(name: str, form: Known) -> Callable[[Raw], Event]:
    """How the data of a stored name is decoded."""
    current = form.event_class.type_name == name
    # An older version is read by its upcast, which makes a checked event of today's class.
    read = msgspec.json.Decoder(believed(form.event_class)).decode if current else form.decode
    _readers[name] = form, read
    return read


def as_read(by_class: Mapping[type[Event], T]) -> dict[Any, T]:
    """The same for the classes that events are believed as: to be asked by ``type(event)``."""
    return {one: value for cls, value in by_class.items() for one in (cls, believed(cls))}


@cache
def believed(struct: type[msgspec.Struct]) -> type[Any]:
    """The subclass of a Struct with the same fields, whose decoding checks no pattern or limit."""
    hints = get_type_hints(struct, include_extras=True)
    config = struct.__struct_config__
    return defstruct(
        struct.__name__,
        [
            (one.name, _unchecked(hints[one.name]), field(name=one.encode_name, **_default(one)))
            for one in fields(struct)
        ],
        bases=(struct,),
        module=struct.__module__,
        kw_only=True,
        gc=config.gc,
    )


def _default(one: msgspec.structs.FieldInfo) -> dict[str, Any]:
    given = {"default": one.default, "default_factory": one.default_factory}
    return {name: value for name, value in given.items() if value is not NODEFAULT}


def _unchecked(kind: Any) -> Any:
    """A type without the patterns and limits that it, or what it is made of, is annotated with."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return believed(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _unchecked(parts[0])
    if origin in {Union, UnionType}:
        return reduce(or_, map(_unchecked, parts))
    if origin in {tuple, list, dict}:
        return origin[tuple(map(_unchecked, parts))]
    return kind
