"""All generated pages: what they should be, what differs, and writing them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
"""Where the generated pages are kept, in a checkout of the project."""
MEASURED: Final = frozenset({"performance.md"})
"""What stands in the folder too, but is written by `make bench`: no two runs give the same."""


def pages() -> dict[str, str]:
    """Every generated file by its place in the folder. The same code gives the same bytes."""
    from filrouge.documentation.cli import cli_page
    from filrouge.documentation.commands import commands_page
    from filrouge.documentation.errors import errors_page
    from filrouge.documentation.events import events_page, schemas
    from filrouge.documentation.http import http_page, openapi
    from filrouge.documentation.metrics import metrics_page
    from filrouge.documentation.projections import projections_page
    from filrouge.documentation.settings import settings_page
    from filrouge.documentation.structs import types_page

    return {
        "cli.md": cli_page(),
        "commands.md": commands_page(),
        "errors.md": errors_page(),
        "events.md": events_page(),
        "http.md": http_page(),
        "metrics.md": metrics_page(),
        "openapi.json": openapi(),
        "projections.md": projections_page(),
        "settings.md": settings_page(),
        "types.md": types_page(),
        **schemas(),
    }


def differing(folder: Path = FOLDER) -> list[str]:
    """The files that are missing, out of date, or there for nothing."""
    wanted = pages()
    kept = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name not in MEASURED
    }
    return sorted(
        name for name in wanted.keys() | kept.keys() if wanted.get(name) != kept.get(name)
    )


def write(folder: Path = FOLDER) -> list[str]:
    """Bring the folder up to date; returns what was written or removed."""
    wanted = pages()
    changed = differing(folder)
    for name in changed:
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed
