"""What the annotated types of a Struct say about its fields: tags, personal values, digests, times.

Nothing repeats what a type says: tags, sealing and look-up ids are all read from here, and each
class is inspected once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect


class Marked(NamedTuple):
    """One marked value inside a Struct: the way to it, and what its mark says."""

    path: tuple[str, ...]
    """Field names from the root; the last is followed by an element or a key when ``many``."""
    mark: Any
    many: bool
    """The value is a collection: a tuple of ids or of blocks, or a dict of personal texts."""


class Shape(NamedTuple):
    """The marked fields of one Struct class."""

    tags: tuple[Marked, ...]
    personal: tuple[Marked, ...]
    digested: tuple[Marked, ...]
    times: tuple[Marked, ...]


def _block_in_list(block: type[msgspec.Struct]) -> Shape:
    """Refuse a block whose values nobody would seal there; its tags are its own."""
    shape = shape_of(block)
    if shape.personal or shape.digested:
        message = f"{block.__name__} stands in a list, where no value is sealed"
        raise TypeError(message)
    return shape


def _walk(kind: inspect.Type, path: tuple[str, ...], *, many: bool) -> Iterator[tuple[str, Marked]]:
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            for mark, value in (extra or {}).items():
                yield mark, Marked(path, value, many)
            yield from _walk(inner, path, many=many)
        case inspect.UnionType(types=types):
            for option in types:
                yield from _walk(option, path, many=many)
        case inspect.StructType(fields=fields) if not many:
            for field in fields:
                yield from _walk(field.type, (*path, field.name), many=False)
        case inspect.StructType(cls=block):
            if _block_in_list(block).times:
                yield "time", Marked(path, None, many)
        case inspect.VarTupleType(item_type=item):
            yield from _walk(item, path, many=True)
        case inspect.DictType(value_type=value_type):
            yield from _walk(value_type, path, many=True)
        case inspect.DateTimeType() if not many:
            yield "time", Marked(path, None, many)


@cache
def shape_of(struct: type[msgspec.Struct]) -> Shape:
    """Inspect a Struct class once and say which of its fields carry which mark."""
    found: dict[str, list[Marked]] = {"tag": [], "personal": [], "digested": [], "time": []}
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        message = f"{struct!r} is not a Struct"
        raise TypeError(message)
    for field in info.fields:
        for mark, marked in _walk(field.type, (field.name,), many=False):
            found[mark].append(marked)
    return Shape(*(tuple(found[mark]) for mark in ("tag", "personal", "digested", "time")))


def value_at(root: Any, path: tuple[str, ...]) -> Any:
    """Follow field names from a Struct; a missing block on the way is None."""
    for name in path:
        if root is None:
            return None
        root = getattr(root, name)
    return root


def replaced_at(root: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of the Struct with the value at the end of the path replaced."""
    name, *rest = path
    if rest:
        value = replaced_at(getattr(root, name), tuple(rest), value)
    return msgspec.structs.replace(root, **{name: value})


def tag_reader(struct: type[msgspec.Struct]) -> Callable[[Any], tuple[str, ...]]:
    """Make the function that reads the tags of an instance, in the order of its fields."""
    plain: list[tuple[Callable[[Any], Any], str]] = []
    other: defaultdict[str, list[Marked]] = defaultdict(list)
    """By the field in which they lie: mostly nothing is said there."""
    for marked in shape_of(struct).tags:
        prefix = f"{marked.mark}:" if marked.mark else ""
        if len(marked.path) == 1 and not marked.many:
            plain.append((attrgetter(marked.path[0]), prefix))
        else:
            other[marked.path[0]].append(marked)
    blocks = [(attrgetter(name), marks) for name, marks in other.items()]

    def tags(event: Any) -> tuple[str, ...]:
        found = dict.fromkeys(
            [prefix + value for get, prefix in plain if (value := get(event)) is not None]
        )
        for get, marks in blocks:
            if not get(event):
                continue
            for marked in marks:
                value = value_at(event, marked.path)
                if value is not None:
                    prefix = f"{marked.mark}:" if marked.mark else ""
                    values: Iterable[str] = value if marked.many else (value,)
                    found.update(dict.fromkeys(prefix + one for one in values))
        return tuple(found)

    return tags


def subject_tag(struct: type[msgspec.Struct], root: Any, subject_field: str) -> str | None:
    """The data subject that a personal field of this Struct speaks of, as a tag."""
    for marked in shape_of(struct).tags:
        if marked.path == (subject_field,):
            value = getattr(root, subject_field)
            return None if value is None else f"{marked.mark}:{value}"
    message = f"{struct.__name__}.{subject_field} is not an identifier, so it names no subject"
    raise TypeError(message)


def times_of(root: msgspec.Struct) -> Iterator[tuple[str, datetime]]:
    """Every instant that a Struct speaks of, with its field's name."""
    for marked in shape_of(type(root)).times:
        value = value_at(root, marked.path)
        if not value:
            continue
        name = ".".join(marked.path)
        if marked.many:
            for number, block in enumerate(value):
                yield from ((f"{name}.{number}.{inner}", at) for inner, at in times_of(block))
        else:
            yield name, value
