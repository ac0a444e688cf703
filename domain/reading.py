"""Reading many entries at once, for folds: what was checked when it was recorded is believed.

An event class checks patterns and limits wherever it is decoded, which takes twice the time of
decoding. Here an event is decoded as a :func:`believed` class: a subclass of its own one with the
same fields, whose values are not checked again. So ``isinstance``, ``match`` and ``type_name`` say
of an event what it is; ``type(event)`` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, reduce
from itertools import compress
from operator import attrgetter, or_
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
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
from domain.made_classes import one_for_all_threads
from domain.shape import shape_of

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


class Facts:
    """Events in the order of their positions; those of some classes are found at once."""

    __slots__ = ("_all", "_classes")

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._all = facts
        self._classes = [type(one.event) for one in facts]

    def __iter__(self) -> Iterator[Fact]:
        """All of them."""
        return iter(self._all)

    def of(self, classes: Container[type]) -> list[Fact]:
        """Those whose event is of one of these classes, as :func:`as_read` has them."""
        return list(compress(self._all, map(classes.__contains__, self._classes)))


class Read(Envelope, frozen=True, kw_only=True, gc=False):
    """An event as it was read with many others: one object is the envelope and holds the event.

    Its tags are computed when they are asked for.
    """

    position: int = 0
    """An entry does not hold its own."""
    recorded_at: datetime = field(name="recordedat")
    cause: int | None = field(default=None, name="position of the cause")
    cause_text: str | None = field(default=None, name="cause")
    event: Any = field(default=None, name="data")

    @property
    def envelope(self) -> Envelope:
        """Its place, its times, who and why."""
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that it is found by: its event's, and ``batch:<id>`` of its envelope."""
        return _tags(self.event, self.batch)


class Sketch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whose an event is and whether it counts: a third of the work of reading it whole.

    Its ``event`` has the fields that say its tags, and no others.
    """

    position: int = 0
    time: datetime
    batch: str | None = None
    event: Any = field(default=None, name="data")

    @property
    def envelope(self) -> Any:
        """Its place, its time and its batch."""
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that it is found by."""
        return _tags(self.event, self.batch)


def _tags(event: Any, batch_id: str | None) -> tuple[str, ...]:
    tags, batch = tags_of(event), f"batch:{batch_id}"
    return tags if batch_id is None or batch in tags else (*tags, batch)


R = TypeVar("R", Read, Sketch)
"""What an entry is read as."""


class _Reader(Generic[R]):
    """Reads entries of some stored names, many in one call; it knows no others."""

    form: ClassVar[type[Read | Sketch]]

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)
        self._forms: list[Known | None] = []
        self._decode: Callable[[bytes], list[R]] = msgspec.json.Decoder(list[Any]).decode
        self._older: tuple[tuple[type[R], Callable[[Raw], Event]], ...] = ()

    def read(self, positions: Sequence[int], joined: bytes) -> list[R]:
        """The events of these positions; ``joined`` are their entries with commas between them.

        Opaque entries are left out, whatever name they were recorded under.
        """
        if not positions:
            return []
        forms = [known(name) for name in self._names]
        if forms != self._forms:  # a version that was declared later changes how others are read
            self._prepare(forms)
        found = self._decode(b"[%b]" % joined)
        for read, position in zip(found, positions, strict=True):
            force_setattr(read, "position", position)
        for cls, decode in self._older:
            for read in found:
                if type(read) is cls and read.event is not None:
                    force_setattr(read, "event", decode(read.event))
        if _NOTHING in set(map(type, map(_event, found))):
            return [read for read in found if read.event is not None]
        return found

    def _prepare(self, forms: list[Known | None]) -> None:
        classes = {
            name: _entry_class(self.form, name, one)
            for name, one in zip(self._names, forms, strict=True)
            if one is not None
        }
        union = reduce(or_, classes.values())
        self._decode = msgspec.json.Decoder(list[union]).decode  # type: ignore[valid-type]
        self._older = tuple(
            (classes[name], form.decode)
            for name, form in zip(self._names, forms, strict=True)
            if form is not None and form.event_class.type_name != name
        )
        self._forms = forms


class EntryReader(_Reader[Read]):
    """Reads events whole."""

    form = Read

    def read(self, positions: Sequence[int], joined: bytes) -> list[Read]:
        """The events of these positions; ``joined`` are their entries with commas between them.

        Opaque entries are left out, whatever name they were recorded under.
        """
        found = super().read(positions, joined)
        for read in compress(found, map(_cause_text, found)):
            force_setattr(read, "cause", int(read.cause_text or 0))
        return found


class SketchReader(_Reader[Sketch]):
    """Reads of events only whose they are and whether they count."""

    form = Sketch


_cause_text: Final = attrgetter("cause_text")
_event: Final = attrgetter("event")
_NOTHING: Final = type(None)


@cache
def _entry_class(form: type[Read | Sketch], name: str, known_as: Known) -> type[Any]:
    """What an entry of a stored name is decoded as: the name says it, and with it what it holds."""
    cls = known_as.event_class
    # An older version is read by its upcast, which makes a checked event of today's class.
    data = (believed(cls) if form is Read else sketched(cls)) | None
    return defstruct(
        f"{form.__name__}{cls.__name__}",
        [
            ("type", str, field(default=name, name="name of the type")),
            ("event", data if cls.type_name == name else Raw, field(default=None, name="data")),
        ],
        bases=(form,),
        tag_field="type",
        tag=name,
        kw_only=True,
        frozen=True,
        gc=False,
    )


def as_read(by_class: Mapping[type[Event], T]) -> dict[Any, T]:
    """The same for the classes that events are believed as: to be asked by ``type(event)``."""
    return {one: value for cls, value in by_class.items() for one in (cls, believed(cls))}


def as_sketched(by_class: Mapping[type[Event], T]) -> dict[Any, T]:
    """The same for the classes that events are sketched as too."""
    return as_read(by_class) | {sketched(cls): value for cls, value in by_class.items()}


@one_for_all_threads
def sketched(event: type[Event]) -> type[Any]:
    """A class with nothing but the fields of an event class that say its tags, unchecked."""
    whole = believed(event)
    needed = {one.path[0] for one in shape_of(event).tags}
    hints = get_type_hints(whole)
    return defstruct(
        event.__name__,
        [
            (one.name, hints[one.name], field(name=one.encode_name, **_default(one)))
            for one in fields(whole)
            if one.name in needed
        ],
        module=event.__module__,
        namespace={"type_name": event.type_name},
        kw_only=True,
        frozen=True,
        gc=False,
    )


@one_for_all_threads
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
