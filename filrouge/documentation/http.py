"""The page of the HTTP API, from its OpenAPI document: every address, with scopes and problems."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec

from api.app import openapi_document
from filrouge.documentation.commands import documented
from filrouge.documentation.markdown import anchor, listed, on_one_line, page, prose, table
from filrouge.documentation.sources import fields_of, structs_of

Document = dict[str, Any]

METHODS: Final = ("get", "post", "put", "patch", "delete")
_CODE: Final = re.compile(r"\[([a-z0-9-]+)\]\(/problems/")


@cache
def document() -> Document:
    """The OpenAPI document of the application, as it is served."""
    # Decoded once, so that enumerations and numbers are what JSON makes of them.
    found: Document = msgspec.json.decode(msgspec.json.encode(openapi_document()))
    return found


def openapi() -> str:
    """``openapi.json``: the document itself."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def operations() -> list[tuple[str, str, Document]]:
    """Every operation: method, path, and what the document says of it."""
    return [
        (method.upper(), path, found[method])
        for path, found in document()["paths"].items()
        for method in METHODS
        if method in found
    ]


def http_page() -> str:
    """``http.md``: every operation, its parameters, bodies, answers and problems."""
    info = document()["info"]
    sections = []
    for tag in document()["tags"]:
        members = [one for one in operations() if tag["name"] in one[2].get("tags", [])]
        if members:
            title = f"## Operations: {tag['name']}\n\n{tag['description']}."
            sections.append("\n\n".join([title, *(_section(*one) for one in members)]))
    return page(
        "HTTP API",
        prose(info["description"]),
        "A server shows this reference on `/docs`, to read and to try, and the [OpenAPI "
        "document](openapi.json) on `/openapi.json`. Problems are explained in "
        "[Errors](errors.md). Times are RFC 3339 with an offset; money is in minor units.",
        table(
            ("Operation", "What it does"),
            [
                (
                    f"[`{method} {path}`](#{anchor(_title(method, path))})",
                    prose(operation["summary"]),
                )
                for method, path, operation in operations()
            ],
        ),
        *sections,
        "## Schemas",
        "What bodies and answers are made of. Bodies of commands have the fields of the "
        "[command](commands.md), without those that stand in the path.",
        *_schemas(),
    )


def _title(method: str, path: str) -> str:
    return f"{method} {path}"


def _section(method: str, path: str, operation: Document) -> str:
    parts = [
        f"### {_title(method, path)}",
        f"{prose(operation['summary'])}.",
        prose(operation.get("description", "")),
        _parameters(path, operation),
        _body(operation),
        _answers(operation),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(path: str, operation: Document) -> str:
    given = operation.get("parameters", [])
    return table(
        ("Parameter", "In", "Kind", "Meaning"),
        [
            (
                f"`{one['name']}`" + (" (required)" if one.get("required") else ""),
                one["in"],
                _kind(one.get("schema", {})),
                " ".join(one.get("description", "").split()),
            )
            for one in sorted(given, key=lambda one: path.find(f"{{{one['name']}}}") % len(path))
        ],
    )


def _body(operation: Document) -> str:
    contents = operation.get("requestBody", {}).get("content", {})
    if not contents:
        return ""
    kinds = [f"`{media}` ({_kind(content['schema'])})" for media, content in contents.items()]
    return f"Body: {listed(kinds, 'or')}."


def _answers(operation: Document) -> str:
    rows = []
    for status, answer in sorted(operation["responses"].items()):
        codes = _CODE.findall(answer.get("description", ""))
        if codes:
            said = ", ".join(f"[{code}](errors.md#{code})" for code in codes)
        else:
            bodies = [_kind(content["schema"]) for content in answer.get("content", {}).values()]
            said = " ".join([answer.get("description", ""), *bodies]).strip()
        rows.append((status, said))
    return table(("Status", "Answer"), rows)


def _kind(schema: Document) -> str:  # noqa: PLR0911 - one for each form of schema
    """A JSON Schema in words."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}]({_place(name)})"
        case {"oneOf": options} | {"anyOf": options}:
            if len(options) > 6:  # noqa: PLR2004 - more would fill the page
                return "an observation as a CloudEvent"
            return listed([_kind(one) for one in options], "or")
        case {"enum": values}:
            if len(values) > 12:  # noqa: PLR2004 - as above
                return "text"
            return listed([f"`{value}`" for value in values], "or")
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array", "items": items}:
            return f"list of {_kind(items)}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            return f"object of {_kind(inner)}"
        case {"type": "string", "format": "date-time"}:
            return "instant"
        case {"type": list(kinds)}:
            return listed([_WORDS.get(str(kind), str(kind)) for kind in kinds], "or")
        case {"type": str(kind)}:
            return _WORDS.get(kind, kind)
    return "any JSON"


_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
}


def _place(name: str) -> str:
    if name in {cls.__name__ for cls in documented()}:
        return f"commands.md#{anchor(name)}"
    return f"#{anchor(name)}" if name in _shown() else "openapi.json"


@cache
def _shown() -> dict[str, Document]:
    """The schemas that answers lead to: those of events have a page of their own."""
    components: Document = document()["components"]["schemas"]
    found: dict[str, Document] = {}

    def walk(node: Any) -> None:
        match node:
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                if name not in found:
                    found[name] = components[name]
                    walk(components[name])
            case dict():
                for value in node.values():
                    walk(value)
            case list():
                for value in node:
                    walk(value)

    for _, _, operation in operations():
        walk(operation["responses"])
    return dict(sorted(found.items()))


def _schemas() -> list[str]:
    return [_schema(name, schema) for name, schema in _shown().items()]


def _schema(name: str, schema: Document) -> str:
    meanings = _meanings(name)
    rows = [
        (f"`{field}`", _kind(said), meanings.get(field, ""))
        for field, said in schema.get("properties", {}).items()
    ]
    parts = (
        f"### {name}",
        prose(schema.get("description", "")),
        table(("Field", "Kind", "Meaning"), rows),
    )
    return "\n\n".join(part for part in parts if part)


def _meanings(name: str) -> dict[str, str]:
    """What the source says of the fields of the Struct that a schema is made from."""
    struct = structs_of("api", "projections", "store", "domain").get(name)
    if struct is None:
        return {}
    return {field.name: on_one_line(field.said.text) for field in fields_of(struct)}
