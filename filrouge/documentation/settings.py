"""The page of the settings: every variable, what it may hold, and what holds without it."""

from __future__ import annotations

from filrouge.documentation.markdown import page, table
from filrouge.settings import documented_settings


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
