"""What an event is: a frozen Struct with an explicit stored name, observed or decided.

The name never depends on a module, so a class may move; the tags come from the types of its
fields. Classes are never edited except to add a field whose default never changes. Anything else
is a new version that says how the old one is read::

    @event_type("points.redeemed.v2", replaces=PointsRedeemedV1, upcast=with_unknown_channel)
    class PointsRedeemed(Decided, frozen=True, kw_only=True): ...
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, cast

import msgspec

from domain.errors import InvalidEvent
from domain.shape import tag_reader, times_of
from domain.types import TIME_CEILING, TIME_FLOOR, TIME_OFFSET_MAX

NAME_PATTERN: Final = re.compile(r"^[a-z_]+\.[a-z_]+\.v[1-9][0-9]*$")

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
):
    """An immutable fact of the ledger. Subclass :class:`Observation` or :class:`Decided`."""

    type_name: ClassVar[str] = ""
    """The stored name, ``noun.verbed.vN``."""
    ancestors: ClassVar[tuple[str, ...]] = ()
    """Stored names of the older versions that are read as this class, newest first."""


class Observation(Event, frozen=True):
    """It happened, whether we like it or not: recorded when it is well-formed and new."""


class Decided(Event, frozen=True):
    """Only a decision of the ledger makes one."""


class Known(NamedTuple):
    """How a stored name is read: as which class, after which upcasts."""

    event_class: type[Event]
    decode: Callable[[bytes | msgspec.Raw], Event]
    tags: Callable[[Event], tuple[str, ...]]


_known: dict[str, Known] = {}
_classes: dict[str, type[Event]] = {}

E = TypeVar("E", bound=Event)


def event_type(
    name: str, *, replaces: type[Event] | None = None, upcast: Upcast | None = None
) -> Callable[[type[E]], type[E]]:
    """Give an event class its stored name, and say how the version before it is read.

    ``upcast`` turns the older version's data into this one's; it may not change tags.
    """
    if not NAME_PATTERN.match(name):
        message = f"{name!r} is not a stored name: noun.verbed.vN in lower case"
        raise TypeError(message)
    if (replaces is None) != (upcast is None):
        message = f"{name}: a version that replaces another says how the older one is read"
        raise TypeError(message)

    def register(cls: type[E]) -> type[E]:
        if name in _known:
            message = f"{name} is already the stored name of {_known[name].event_class.__name__}"
            raise TypeError(message)
        if not issubclass(cls, Observation | Decided):
            message = f"{cls.__name__} is neither an Observation nor Decided"
            raise TypeError(message)
        cls.type_name = name
        tags = tag_reader(cls)
        _known[name] = Known(cls, msgspec.json.Decoder(cls).decode, tags)
        _classes[name] = cls
        if replaces is not None and upcast is not None:
            cls.ancestors = (replaces.type_name, *replaces.ancestors)
            _adopt(cls, replaces, upcast)
        return cls

    return register


def _adopt(cls: type[Event], replaced: type[Event], upcast: Upcast) -> None:
    """Read every ancestor of the replaced class as the new one, through the replaced one."""
    del _classes[replaced.type_name]
    for ancestor in (replaced.type_name, *replaced.ancestors):
        before = _known[ancestor].decode

        def decode(
            data: bytes | msgspec.Raw,
            before: Callable[[bytes | msgspec.Raw], Event] = before,
        ) -> Event:
            older = before(data)
            newer = msgspec.convert(upcast(msgspec.to_builtins(older)), cls)
            if tag_reader(type(older))(older) != tag_reader(cls)(newer):
                message = f"the upcast from {type(older).type_name} changes tags"
                raise TypeError(message)
            return newer

        _known[ancestor] = Known(cls, decode, tag_reader(cls))


def event_classes() -> dict[str, type[Event]]:
    """Every current event class by its stored name, in the order of the names."""
    return dict(sorted(_classes.items()))


def known(name: str) -> Known | None:
    """How a stored name is read, or None for a name that the ledger does not know."""
    return _known.get(name)


def stored_names(cls: type[Event]) -> tuple[str, ...]:
    """The stored names that are read as this class: its own, and those of its ancestors."""
    return (cls.type_name, *cls.ancestors)


def tags_of(event: Event) -> tuple[str, ...]:
    """The tags of an event: ``member:m1``, ``campaign:c1``, in the order of its fields."""
    return _known[event.type_name].tags(event)


def validated(event: E) -> E:
    """The event as it will be read back; constructing a Struct alone checks nothing."""
    try:
        known_event = _known[event.type_name].decode(msgspec.json.encode(event))
    except (msgspec.ValidationError, OverflowError) as error:
        message = f"{event.type_name}: {error}"
        raise InvalidEvent(message) from error
    except UnicodeEncodeError:  # its text quotes the value
        message = f"{event.type_name}: a text is not valid Unicode"
        raise InvalidEvent(message) from None
    check_times(known_event)
    return cast(E, known_event)


def check_times(struct: msgspec.Struct) -> None:
    """Refuse an instant that is outside what the ledger can speak of."""
    for name, value in times_of(struct):
        check_time(name, value)


def check_time(name: str, value: datetime) -> None:
    """Refuse an instant that is outside what the ledger can speak of, or that no clock shows."""
    offset = value.utcoffset()
    if offset is None or abs(offset) > TIME_OFFSET_MAX:
        message = f"{name}: {value.isoformat()} has no offset from UTC, or one that no clock has"
        raise InvalidEvent(message)
    if not TIME_FLOOR <= value < TIME_CEILING:
        message = (
            f"{name}: {value.isoformat()} is outside {TIME_FLOOR:%Y-%m-%d} to "
            f"{TIME_CEILING:%Y-%m-%d}"
        )
        raise InvalidEvent(message)
