"""``filrouge docs``: makes the generated pages of the reference again, or checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from filrouge.console import Console, pass_console
from filrouge.failures import Exit, Failure

NAMED_MAX: Final = 10
"""Files that are named where not all can be."""


@click.command("docs")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a page is out of date.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the pages are kept, if not in docs/reference of this checkout.",
)
@click.option(
    "--picture",
    "draw",
    is_flag=True,
    help="Draw docs/images/summary.svg instead, from the ledger that make run has filled.",
)
@pass_console
def docs(console: Console, *, check: bool, folder: Path | None, draw: bool) -> None:
    """Make the generated pages of docs/reference again.

    They are made from the code: its classes, their fields and what their docstrings say.
    """
    if draw:
        _draw(console)
    else:
        _make(console, check=check, folder=folder)


def _draw(console: Console) -> None:
    from filrouge.documentation.picture import PICTURE, picture
    from filrouge.summary import summary_of
    from filrouge.wiring import opened_ledger

    with opened_ledger(console.settings) as ledger:
        PICTURE.write_text(picture(summary_of(ledger)), encoding="utf-8")
    console.result({"changed": [PICTURE.name]}, f"Drew {PICTURE}.")


def _make(console: Console, *, check: bool, folder: Path | None) -> None:
    from filrouge.documentation.pages import FOLDER, differing, write

    place = folder or FOLDER
    if folder is None and not FOLDER.parent.is_dir():
        raise Failure(
            "There is no folder docs beside this program",
            "Name a place: filrouge docs --folder FOLDER",
            code="no-folder",
            exit_code=Exit.USAGE,
        )
    changed = differing(place) if check else write(place)
    if check and changed:
        more = f" and {len(changed) - NAMED_MAX} more" if len(changed) > NAMED_MAX else ""
        named = ", ".join(changed[:NAMED_MAX])
        raise Failure(f"Out of date: {named}{more}", "Run: make docs", code="out-of-date")
    console.result(
        {"changed": changed},
        lambda: "\n".join(
            [*(f"{place / name}" for name in changed), "The reference is up to date."]
        ),
    )
