"""What a field of an event takes, read from its type, so that a mapping need not repeat it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect


class Kind(NamedTuple):
    """What a field takes."""

    name: str
    """text, integer, time, boolean, block, words (a dict with free keys), list, or any."""
    annotation: Any = None
    """The type itself, to check constants against; None where it is not known by itself."""
    item: Kind | None = None
    """What a list, or a dict with free keys, is made of."""
    struct: type[msgspec.Struct] | None = None
    """The class of a block."""


ANY: Final = Kind("any")
TEXT: Final = Kind("text")
TIME: Final = Kind("time")
NUMBER: Final = Kind("number")


def fields_of(struct: type[msgspec.Struct]) -> dict[str, tuple[Kind, bool]]:
    """The fields of an event or a block: what each takes, and whether it is required."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    annotations = {field.name: field.type for field in msgspec.structs.fields(struct)}
    return {
        field.name: (_kind(field.type)._replace(annotation=annotations[field.name]), field.required)
        for field in info.fields
    }


def _kind(kind: inspect.Type) -> Kind:  # noqa: PLR0911 - one for each sort of type
    match kind:
        case inspect.Metadata(type=inner):
            return _kind(inner)
        case inspect.UnionType(types=types):
            some = [option for option in types if not isinstance(option, inspect.NoneType)]
            return _kind(some[0]) if len(some) == 1 else ANY
        case inspect.StrType() | inspect.LiteralType():
            return TEXT
        case inspect.IntType():
            return Kind("integer")
        case inspect.BoolType():
            return Kind("boolean")
        case inspect.DateTimeType():
            return TIME
        case inspect.StructType(cls=cls):
            return Kind("block", struct=cls)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return Kind("list", item=_kind(item))
        case inspect.DictType(value_type=item):
            return Kind("words", item=_kind(item))
    return ANY
