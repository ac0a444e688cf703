"""The page of the settings: every variable, what it may hold, and what holds without it."""

from __future__ import annotations

import msgspec

from filrouge.documentation.markdown import page, table
from filrouge.settings import Settings, kind_of, meta_of, variable_of


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
            kind=kind_of(field.type),
            default="" if field.default is None else str(field.default),
            description=meta_of(field.type).description or "",
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
