"""The catalogue of events: one section for each class, and one JSON Schema for each stored name."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import cleandoc
from itertools import groupby
from typing import Any

import msgspec

from domain.event import Event, Observation, event_classes
from domain.shape import shape_of
from filrouge.documentation.kinds import structs_in
from filrouge.documentation.markdown import anchor, first_sentence, on_one_line, page, prose, table
from filrouge.documentation.projecting import projections_of
from filrouge.documentation.sources import fields_of, line_of
from filrouge.documentation.structs import area, fields_table, marks_line


def events_page() -> str:
    """``events.md``: every event that a ledger can hold, area by area."""
    classes = _in_order(documented().values())
    index = table(
        ("Event", "", "What it says"),
        [
            (_link(cls), kind_of(cls), first_sentence(cls.__doc__))
            for cls in sorted(classes, key=lambda cls: cls.type_name)
        ],
    )
    areas = [
        _area(name, list(members))
        for name, members in groupby(classes, key=lambda cls: cls.__module__)
    ]
    return page(
        "Events",
        "An **observed** event happened, whether we like it or not: it is recorded when it is "
        "well-formed and new. A **decided** event is only made by a decision of the ledger "
        "(see [commands](commands.md)). The envelope around an event is described in "
        "[The ledger](../explanation/the-ledger.md); the types are on [a page of their "
        "own](types.md). The name of an event links to its JSON Schema.",
        index,
        *areas,
    )


def documented() -> dict[str, type[Event]]:
    """The events of the domain; what a test declares beside them is not ours to describe."""
    return {
        name: cls for name, cls in event_classes().items() if cls.__module__.startswith("domain.")
    }


def _in_order(classes: Iterable[type[Event]]) -> list[type[Event]]:
    return sorted(classes, key=lambda cls: (cls.__module__, line_of(cls)))


def _area(module: str, classes: list[type[Event]]) -> str:
    return "\n\n".join([area(module), *map(_section, classes)])


def _section(cls: type[Event]) -> str:
    readers = projections_of(cls)
    lines = [
        f"### {cls.type_name}",
        f"*{kind_of(cls).capitalize()}.* {prose(cls.__doc__)}",
        fields_table(cls) or "It has no fields.",
        marks_line(cls)
        + f" [JSON Schema](events/{cls.type_name}.json)."
        + (f" Projections: {', '.join(f'[{n}](projections.md#{anchor(n)})' for n in readers)}."
           if readers else ""),
    ]  # fmt: skip
    if cls.ancestors:
        older = ", ".join(f"`{name}`" for name in cls.ancestors)
        lines.append(f"Entries recorded as {older} are read as this one.")
    return "\n\n".join(lines)


def _link(cls: type[Event]) -> str:
    return f"[{cls.type_name}](#{anchor(cls.type_name)})"


def kind_of(cls: type[Event]) -> str:
    """Whether an event is observed or decided, in a word."""
    return "observed" if issubclass(cls, Observation) else "decided"


def schemas() -> dict[str, str]:
    """The JSON Schema (2020-12) of the ``data`` of each event, by the name of its file."""
    return {f"events/{name}.json": _schema(cls) for name, cls in documented().items()}


def _schema(cls: type[Event]) -> str:
    schema: dict[str, Any] = msgspec.json.schema(cls)
    for struct in (cls, *structs_in(cls)):
        described = schema["$defs"][struct.__name__]
        described["description"] = cleandoc(struct.__doc__ or "")
        for field in fields_of(struct):
            if field.said.text:
                described["properties"][field.name]["description"] = on_one_line(field.said.text)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{cls.type_name}.json",
        "title": cls.type_name,
        "x-recorded": kind_of(cls),
        "x-tags": sorted({one.mark for one in shape_of(cls).tags if one.mark}),
        **schema,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
