"""What classes say of their fields in their source: annotations as written, and docstrings."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from inspect import getsource
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

ROOMS = ("domain", "store", "projections", "api", "filrouge")


class Said(NamedTuple):
    """What stands in the source about one name: a field, or a type of a module."""

    node: ast.expr
    """The annotation of a field; the value of a type."""
    text: str
    """The docstring below it, or nothing."""
    module: ModuleType


class Field(NamedTuple):
    """One field of a Struct."""

    name: str
    said: Said
    required: bool
    default: Any


@cache
def _tree(module_name: str) -> ast.Module:
    return ast.parse(getsource(sys.modules[module_name]))


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr, str]]:
    for n, statement in enumerate(body):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        match body[n + 1 : n + 2]:
            case [ast.Expr(value=ast.Constant(value=str(text)))]:
                yield name, value, text
            case _:
                yield name, value, ""


@cache
def _class_node(cls: type) -> ast.ClassDef:
    body: list[ast.stmt] = _tree(cls.__module__).body
    found: ast.ClassDef | None = None
    for name in cls.__qualname__.split("."):
        found = next(n for n in body if isinstance(n, ast.ClassDef) and n.name == name)
        body = found.body
    assert found is not None
    return found


def line_of(cls: type) -> int:
    """The line on which a class begins: classes are shown in the order of their file."""
    return _class_node(cls).lineno


@cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of a Struct, its bases' first, with what the source says of each."""
    said: dict[str, Said] = {}
    for cls in reversed(struct.__mro__):
        if issubclass(cls, msgspec.Struct) and cls.__module__.partition(".")[0] in ROOMS:
            module = sys.modules[cls.__module__]
            for name, node, text in _assignments(_class_node(cls).body):
                said[name] = Said(node, text, module)
    return tuple(
        Field(field.name, said[field.name], field.required, _default(field))
        for field in msgspec.structs.fields(struct)
    )


def members_of(cls: type) -> list[tuple[str, str]]:
    """The names that a class assigns itself (members of an Enum), with the docstring below each."""
    return [(name, text) for name, _, text in _assignments(_class_node(cls).body)]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def assigned(module: ModuleType) -> dict[str, Said]:
    """The names that a module assigns itself, with the docstring below each."""
    return {
        name: Said(node, text, module)
        for name, node, text in _assignments(_tree(module.__name__).body)
    }


@cache
def modules(*rooms: str) -> tuple[ModuleType, ...]:
    """Every module of some rooms, imported, in the order of their names."""
    found: list[ModuleType] = []
    for room in rooms:
        package = importlib.import_module(room)
        found.append(package)
        found += [
            importlib.import_module(info.name)
            for info in pkgutil.walk_packages(package.__path__, f"{room}.")
            if not info.name.endswith("__main__")
        ]
    return tuple(sorted(found, key=lambda module: module.__name__))


@cache
def structs_of(*rooms: str) -> dict[str, type[msgspec.Struct]]:
    """The Structs that the source of some rooms declares, by name; the first room's name counts."""
    found: dict[str, type[msgspec.Struct]] = {}
    for room in rooms:
        for module in modules(room):
            for name, value in vars(module).items():
                if _declared(value, module):
                    found.setdefault(name, value)
    return found


def _declared(value: object, module: ModuleType) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
    )
