"""Structs as tables of their fields, and the page of the types that fields are made of."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from domain.shape import shape_of
from filrouge.documentation.kinds import blocks, in_words, named_types
from filrouge.documentation.markdown import listed, on_one_line, page, prose, table
from filrouge.documentation.sources import Field, fields_of


def fields_table(struct: type[msgspec.Struct]) -> str:
    """The fields of a Struct: name, what may stand there, whether it must, and its meaning."""
    return table(
        ("Field", "Type", "If left out", "Meaning"),
        [
            (
                f"`{field.name}`",
                in_words(field.said),
                _if_left_out(field),
                on_one_line(field.said.text),
            )
            for field in fields_of(struct)
        ],
    )


def row_table(struct: type[msgspec.Struct], links: dict[str, str]) -> str:
    """The fields of a row, or of a Struct inside it; ``links`` says where the others are."""
    return table(
        ("Field", "Type", "Meaning"),
        [
            (f"`{field.name}`", in_words(field.said, links), on_one_line(field.said.text))
            for field in fields_of(struct)
        ],
    )


def _if_left_out(field: Field) -> str:
    if field.required:
        return "required"
    if field.default is None or field.default in ((), [], {}):
        return ""
    return f"`{_as_json(field.default)}`"


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def marks_line(struct: type[msgspec.Struct]) -> str:
    """Which tags a Struct carries and what of it is personal, as one line."""
    shape = shape_of(struct)
    tags = dict.fromkeys(f"`{one.mark}:`" if one.mark else "those it repeats" for one in shape.tags)
    personal = [f"`{'.'.join(one.path)}` (of `{one.mark}`)" for one in shape.personal]
    parts = [f"Tags: {', '.join(tags)}." if tags else "No tags."]
    if personal:
        parts.append(f"Personal: {listed(personal)}.")
    return " ".join(parts)


def types_page() -> str:
    """``types.md``: the types and the blocks that fields of events and commands are made of."""
    rows = [
        f"### {name}\n\n{_sentence(in_words(said))} {on_one_line(said.text)}".strip()
        for name, said in sorted(named_types().items())
    ]
    shared = [
        f"### {name}\n\n{prose(cls.__doc__)}\n\n{fields_table(cls)}"
        for name, cls in blocks().items()
    ]
    return page(
        "Types",
        "What the fields of [events](events.md) and [commands](commands.md) are made of. A field "
        "becomes a tag because of its type alone.",
        "## Named types",
        *rows,
        "## Blocks",
        "Groups of fields that several events share.",
        *shared,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def area(module_name: str) -> str:
    """A heading for what stands in one module, and the sentence that the module opens with."""
    title = module_name.rpartition(".")[2].replace("_", " ").capitalize()
    sentence = prose(sys.modules[module_name].__doc__).partition("\n\n")[0]
    sentence = sentence.removeprefix(f"{title}: ")
    return f"## {title}\n\n{sentence[:1].upper()}{sentence[1:]}"
