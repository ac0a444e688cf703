"""JSON Schemas of what goes in and out, made from the Structs to say all that these check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from api.cloudevents import CloudEvent
from api.limits import BATCH_EVENTS_MAX
from api.parameters import INSTANT_PATTERN
from domain.event import Event, Observation, event_classes
from domain.personal import DIGEST_PREFIX, SEALED_PREFIX
from domain.shape import shape_of
from domain.triggers import triggers
from domain.types import TEXT_LENGTH_MAX, Instant

REFERENCE: Final = "#/components/schemas/{name}"
NO_NUL_PATTERN: Final = r"^[^\u0000]*$"
CLEAR_PATTERN: Final = rf"^(?!{SEALED_PREFIX[:-1]}\||{DIGEST_PREFIX[:-1]}\|)[^\u0000]*$"
"""What may be sealed: neither a NUL nor what looks sealed already."""

EITHER: Final = "__either__"
"""Names the attribute of a body with the fields of which at least one has to be there."""

Schema = dict[str, Any]


class Schemas:
    """The named schemas of one document, and references to them."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def given(self, kind: Any) -> Schema:
        """The schema of what comes in: all that will be checked, as far as patterns can say it.

        A function of this registry makes the schema itself.
        """
        if callable(kind) and getattr(kind, "__module__", "") == __name__:
            schema: Schema = kind(self)
            return schema
        return _with_choices(kind, self._referred(kind, _told))

    def shown(self, kind: Any) -> Schema:
        """The schema of what goes out, of a type or of a schema that holds types."""
        if not isinstance(kind, dict):
            return self._referred(kind, lambda schema: schema)
        return {
            name: [self.shown(one) for one in value] if isinstance(value, list) else value
            for name, value in kind.items()
        }

    def _referred(self, kind: Any, say: Callable[[Any], Any]) -> Schema:
        (out,), found = msgspec.json.schema_components([kind], ref_template=REFERENCE)
        for name, schema in found.items():
            said, told = say(schema), _told(schema)
            known = self.components.setdefault(name, said)
            if told in (said, known):  # what comes in goes out again: it was checked then
                self.components[name] = told
            elif known != said:
                message = f"two schemas are called {name}"
                raise TypeError(message)
        said_here: Schema = say(out)
        return said_here


def _told(schema: Any) -> Any:
    """The schema, with what the formats and the ledger refuse beside what the types say."""
    if isinstance(schema, list | tuple):
        return [_told(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = {name: _told(part) for name, part in schema.items()}
    if told.get("type") != "string" or "enum" in told or "const" in told:
        return told
    if told.get("format") == "date-time":
        told["pattern"] = INSTANT_PATTERN
    elif "x-personal-of" in told:
        told |= {"maxLength": TEXT_LENGTH_MAX, "pattern": CLEAR_PATTERN}
    elif "format" not in told:
        told.setdefault("pattern", NO_NUL_PATTERN)
    return told


def _observations() -> list[type[Event]]:
    return [cls for cls in event_classes().values() if issubclass(cls, Observation)]


def event_schema(schemas: Schemas) -> Schema:
    """A CloudEvent that somebody may report: for each type, the data that it takes."""
    return {"oneOf": [_cloud_event(cls, schemas) for cls in _observations()]}


def asked_schema(schemas: Schemas) -> Schema:
    """An event that somebody asks about: for each type that may earn, the data that it takes."""
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "type": {"const": cls.type_name},
                    "time": {"anyOf": [schemas.given(Instant), {"type": "null"}]},
                    "data": schemas.given(cls),
                },
                "required": ["type", "data"],
                "additionalProperties": False,
            }
            for cls in triggers().values()
        ]
    }


def _cloud_event(cls: type[Event], schemas: Schemas) -> Schema:
    schemas.given(CloudEvent)
    name = f"{cls.__name__}CloudEvent"
    if name not in schemas.components:
        schema = dict(schemas.components[CloudEvent.__name__])
        schema |= {
            "title": name,
            "description": f"A CloudEvent with {cls.__name__} as its data.",
            "properties": {
                **schema["properties"],
                "type": {"const": cls.type_name},
                "data": _with_subject(cls, schemas.given(cls)),
            },
        }
        schemas.components[name] = schema
    return {"$ref": REFERENCE.format(name=name)}


def _with_subject(cls: type[Event], data: Schema) -> Schema:
    """The data of an event, with what the vault asks for.

    Personal values need the subject whose key seals them, and a field that is filled in from
    others is left out when these are there.
    """
    optional = {field.name for field in msgspec.structs.fields(cls) if not field.required}
    null = {"type": "null"}
    rules = [
        [
            {"required": [one.mark], "properties": {one.mark: {"type": "string"}}},
            {"properties": {one.path[0]: {"maxProperties": 0} if one.many else null}},
        ]
        for one in shape_of(cls).personal
        if one.mark in optional and len(one.path) == 1
    ]
    rules += [
        [{"properties": {one.path[0]: null}}]
        + [{"properties": {source: null}} for source in one.mark[1] if source in optional]
        for one in shape_of(cls).digested
        if one.mark[1] and len(one.path) == 1
    ]
    return {"allOf": [data, *({"anyOf": options} for options in rules)]} if rules else data


def _with_choices(kind: Any, schema: Schema) -> Schema:
    """The body of a command that is told an id or, for the vault, what it is filled in from."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)) or issubclass(kind, Event):
        return schema
    null, text = {"type": "null"}, {"type": "string"}
    there = [
        {"required": [name], "properties": {name: {"not": null}}}
        for name in getattr(kind, EITHER, ())
    ]
    rules = [{"anyOf": there}] if there else []
    for one in shape_of(kind).digested:
        (name, *below), sources = one.path, one.mark[1]
        if sources and not below:
            by_id = [
                {"required": [name], "properties": {name: text, source: null}} for source in sources
            ]
            by_value = {
                "required": list(sources),
                "properties": {name: null, **dict.fromkeys(sources, text)},
            }
            rules.append({"anyOf": [*by_id, by_value]})
    return {"allOf": [schema, *rules]} if rules else schema


def batch_schema(schemas: Schemas) -> Schema:
    """A batch: whatever its elements are, each is answered on its own."""
    return {
        "type": "array",
        "maxItems": BATCH_EVENTS_MAX,
        "items": {"description": "A CloudEvent. One that does not fit is refused on its own."},
        "examples": [[]],
        "x-element": event_schema(schemas),
    }


def lines_schema(schemas: Schemas) -> Schema:
    """NDJSON: whatever a line holds, it is answered on its own."""
    return {
        "type": "string",
        "description": "One CloudEvent per line. One that does not fit is refused on its own.",
        "x-element": event_schema(schemas),
    }
