"""The page of the settings: every variable, what it may hold, and what holds without it."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Meta

from filrouge.documentation.markdown import page, table
from filrouge.settings import Settings, variable_of


class SettingDoc(msgspec.Struct, frozen=True):
    """One setting as the reference page shows it."""

    variable: str
    kind: str
    default: str
    description: str


def documented_settings() -> list[SettingDoc]:
    """Every setting with its variable, kind, default and description, in order of declaration."""
    return [
        SettingDoc(
            variable=variable_of(field.name),
            kind=_kind(field.type),
            default="" if field.default is None else str(field.default),
            description=_meta(field.type).description or "",
        )
        for field in msgspec.structs.fields(Settings)
    ]


def settings_page() -> str:
    """``settings.md``: the ``FILROUGE_*`` environment variables."""
    return page(
        "Settings",
        "Everything that can be set is set by an environment variable, and nowhere else. Every "
        "one has a default, so that none is needed. A variable that is wrong, or that begins with "
        "`FILROUGE_` and is not on this page, stops the program with a message that names it.",
        *(
            f"## {one.variable}\n\n{one.description}\n\n"
            + table(
                ("Kind", "Default"),
                [(f"`{one.kind}`", f"`{one.default}`" if one.default else "not set")],
            )
            for one in documented_settings()
        ),
    )


def _kind(annotated: Any) -> str:
    base = typing.get_args(annotated)[0]
    meta = _meta(annotated)
    if typing.get_origin(base) is Literal:
        return " or ".join(str(value) for value in typing.get_args(base))
    if isinstance(base, types.UnionType):
        base = typing.get_args(base)[0]
    word = {int: "whole number", float: "number", str: "text", Path: "path"}[base]
    if meta.ge is not None and meta.le is not None:
        return f"{word} from {meta.ge} to {meta.le}"
    return f"{word} like {meta.pattern}" if meta.pattern else word


def _meta(annotated: Any) -> Meta:
    meta: Meta = annotated.__metadata__[0]
    return meta
