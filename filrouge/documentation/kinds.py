"""Types in words: what may stand in a field, read from its annotation as it is written."""

from __future__ import annotations

import ast
from functools import cache
from types import ModuleType
from typing import Annotated, Any, Final, Literal, get_origin

import msgspec
from msgspec import Meta

from domain.types import Block
from filrouge.documentation.markdown import anchor, listed
from filrouge.documentation.sources import Said, assigned, modules

TYPES_PAGE: Final = "types.md"

_BUILTINS: Final = {
    "str": "text",
    "int": "whole number",
    "bool": "true or false",
    "float": "number",
    "datetime": "instant",
    "Any": "anything",
    "bytes": "bytes in base64",
}


@cache
def named_types() -> dict[str, Said]:
    """The types that the domain gives a name: identifiers, bounded numbers, texts and lists."""
    return {
        name: said
        for module in modules("domain")
        for name, said in assigned(module).items()
        if not name.startswith("_")
        and name[0].isupper()
        and get_origin(getattr(module, name, None)) in (Annotated, Literal)
    }


@cache
def blocks() -> dict[str, type[Block]]:
    """The groups of fields that events share, by name."""

    def below(cls: type[Block]) -> list[type[Block]]:
        return [one for sub in cls.__subclasses__() for one in (sub, *below(sub))]

    modules("domain")
    ours = [cls for cls in below(Block) if cls.__module__.partition(".")[0] == "domain"]
    return {cls.__name__: cls for cls in sorted(ours, key=lambda cls: cls.__name__)}


def in_words(said: Said, links: dict[str, str] | None = None) -> str:
    """What may stand there, as Markdown, with links to the types that have a name.

    ``links`` says where other Structs are described, by their name.
    """
    return _Words(said.module, links or {}).of(said.node)


class _Words:
    def __init__(self, module: ModuleType, links: dict[str, str]) -> None:
        self._module = module
        self._links = links

    def of(self, node: ast.expr) -> str:
        match node:
            case ast.BinOp(op=ast.BitOr()):
                return listed(list(dict.fromkeys(self._options(node))), "or")
            case ast.Subscript(value=ast.Name(id=name), slice=arguments):
                return self._generic(name, arguments)
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=ast.Name(id="msgspec"), attr="Raw"):
                return "JSON"
        return f"`{ast.unparse(node)}`"

    def _options(self, node: ast.expr) -> list[str]:
        match node:
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return [*self._options(left), *self._options(right)]
            case ast.Constant(value=None):
                return []
        return [self.of(node)]

    def _named(self, name: str) -> str:
        if name in self._links:
            return f"[{name}]({self._links[name]})"
        if name in named_types() or name in blocks():
            return f"[{name}]({TYPES_PAGE}#{anchor(name)})"
        return _BUILTINS.get(name, name)

    def _generic(self, name: str, arguments: ast.expr) -> str:
        parts = arguments.elts if isinstance(arguments, ast.Tuple) else [arguments]
        match name:
            case "Annotated":
                said = [self.of(parts[0])]
                for part in parts[1:]:
                    # Our own source, read as the interpreter itself reads it.
                    said += limits(eval(ast.unparse(part), vars(self._module)))  # noqa: S307
                return ", ".join(said)
            case "Literal":
                return listed([f"`{ast.literal_eval(part)}`" for part in parts], "or")
            case "Personal":
                return f"text, sealed under the key of `{ast.literal_eval(parts[0])}`"
            case "tuple" | "list":
                return f"list of {self.of(parts[0])}"
            case "dict":
                return f"object: {self.of(parts[0])} to {self.of(parts[1])}"
        return f"`{name}`"


def limits(meta: Meta) -> list[str]:
    """What a mark on a type says, as parts of a sentence."""
    said: list[str] = []
    if meta.ge is not None or meta.le is not None:
        said.append(_between(meta.ge, meta.le))
    if meta.min_length is not None or meta.max_length is not None:
        said.append(f"length {_between(meta.min_length, meta.max_length)}")
    if meta.pattern is not None:
        said.append(f"like `{meta.pattern}`")
    if meta.tz:
        said.append("with its offset")
    extra: dict[str, Any] = meta.extra or {}
    if "tag" in extra:
        tag = extra["tag"]
        said.append(f"becomes the tag `{tag}:…`" if tag else "is a tag itself")
    if "digested" in extra:
        _, sources = extra["digested"]
        said.append(
            f"filled in by the vault from {listed([f'`{source}`' for source in sources])}"
            if sources
            else "replaced by the vault with its keyed digest"
        )
    return said


def _between(least: Any, most: Any) -> str:
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    return f"at least {least:,}" if most is None else f"at most {most:,}"


def structs_in(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The Structs that stand inside one, each once, in the order in which they are met."""
    found: dict[type[msgspec.Struct], None] = {}

    def walk(kind: Any) -> None:
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.cls in found:
                return
            found[kind.cls] = None
            for field in kind.fields:
                walk(field.type)
            return
        for part in getattr(kind, "types", getattr(kind, "item_types", ())):
            walk(part)
        for name in ("type", "item_type", "key_type", "value_type"):
            if hasattr(kind, name):
                walk(getattr(kind, name))

    walk(msgspec.inspect.type_info(struct))
    return list(found)[1:]
