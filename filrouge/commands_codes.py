"""``filrouge codes``: what members show to use vouchers, brought in from a file or made here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import click

from filrouge.console import Console, TextFile, pass_console

CODES_MAX: Final = 10**6
"""Codes that are made by one run."""


@click.group("codes")
def codes() -> None:
    """Supply codes for an item of the catalogue. Each is sealed before it is recorded."""


_SHARED: Final = click.option(
    "--members", "grants_max", type=click.IntRange(1, 10**6), default=1, show_default=True,
    help="To how many members each code is given; more than one share it.",
)  # fmt: skip


@codes.command("import")
@click.argument("item")
@click.argument("file", type=TextFile(), metavar="FILE")
@_SHARED
@pass_console
def import_(console: Console, *, item: str, file: Path, grants_max: int) -> None:
    """Supply the codes in FILE, one on each line, for ITEM.

    Codes that were supplied before, for this item or another one, are not supplied again, so an
    interrupted run is run again. Spaces, hyphens and capitals make no difference. What one run
    brought can be taken back together: its batch is shown.
    """
    _supply(console, item, _lines(file), grants_max=grants_max, origin="imported")


def _lines(file: Path) -> Iterator[str]:
    from filrouge.failures import Exit, Failure

    with file.open(encoding="utf-8-sig") as lines:
        try:
            for line in lines:
                if code := line.strip():
                    yield code
        except UnicodeDecodeError as error:
            raise Failure(
                f"{file}: not UTF-8 text: {error.reason}", "Save it as UTF-8, one code on a line.",
                code="wrong-file", exit_code=Exit.USAGE,
            ) from None  # fmt: skip


@codes.command("generate")
@click.argument("item")
@click.option(
    "--count", type=click.IntRange(1, CODES_MAX), required=True, help="How many codes to make."
)
@click.option(
    "--length",
    type=click.IntRange(12, 64),
    default=16,
    show_default=True,
    help="Signs of a code, of 5 random bits each.",
)
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write them to a new file that only its owner reads: for a shop that takes them.",
)
@_SHARED
@pass_console
def generate(
    console: Console, *, item: str, count: int, length: int, file: Path | None, grants_max: int
) -> None:
    """Make codes that nobody can guess, and supply them for ITEM.

    Who guesses a million times a second at a million open codes of 16 signs finds one in some
    38,000 years. Nobody need see them: members do, when they get one.
    """  # fmt: skip
    from store.codes import generated

    made = generated(count, length)
    _supply(
        console, item, made if file is None else _written(file, made), grants_max=grants_max,
        origin="generated",
    )  # fmt: skip


def _written(file: Path, made: Iterable[str]) -> Iterator[str]:
    """The codes, each written before it is supplied."""
    from filrouge.failures import Exit, Failure

    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(
            f"{file}: {error.strerror}", "Name a new file in a folder that you may write to.",
            code="wrong-file", exit_code=Exit.USAGE,
        ) from None  # fmt: skip
    with os.fdopen(opened, "w", encoding="utf-8") as lines:
        for code in made:
            lines.write(f"{code}\n")
            yield code


def _supply(
    console: Console,
    item: str,
    said: Iterable[str],
    *,
    grants_max: int,
    origin: Literal["imported", "generated"],
) -> None:
    from filrouge.wiring import ACTOR, new_id, opened_ledger
    from store.codes import supply_codes

    batch = new_id("codes")
    with opened_ledger(console.settings) as ledger:
        found = supply_codes(
            ledger, item, said, actor=ACTOR, time=datetime.now(UTC), grants_max=grants_max,
            origin=origin, batch=batch,
        )  # fmt: skip
    shown: dict[str, Any] = {**found._asdict(), "batch": batch}
    text = f"{found.supplied:,} codes were supplied for {item}, as the batch {batch}."
    if found.known:
        text += f" {found.known:,} had been supplied before, and were not again."
    console.result(shown, text)
