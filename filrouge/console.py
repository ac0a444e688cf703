"""What every command has: which ledger, JSON or text, results on stdout, the rest on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from filrouge.failures import Failure
from filrouge.settings import Settings

PLAIN_PROGRESS_SECONDS: Final = 5.0
"""How often a line of progress is written where there is no terminal."""


class Console:
    """One run of ``filrouge``: its options, its settings and its output."""

    def __init__(self) -> None:
        self.json = False
        self.ledger: str | None = None

    @property
    def settings(self) -> Settings:
        """The settings, with the ledger that was named on the command line."""
        settings = self._settings
        return settings if self.ledger is None else with_ledger(settings, self.ledger)

    @cached_property
    def _settings(self) -> Settings:
        return Settings.load()

    def result(self, data: Any, text: str | Callable[[], str]) -> None:
        """Write the result to stdout: one JSON value with ``--json``, else the text."""
        if self.json:
            click.echo(_encoder.encode(data))
        else:
            click.echo(text() if callable(text) else text)

    def note(self, text: str) -> None:
        """Tell a person something on the way; with ``--json`` nobody is there to be told."""
        if not self.json:
            click.echo(text, err=True)

    def fail(self, failure: Failure) -> None:
        """Write to stderr why the command ends: one clear line, and what to do."""
        if self.json:
            click.echo(_encoder.encode(failure.as_json()), err=True)
            return
        click.echo(f"Error: {failure.message}", err=True)
        if failure.remedy:
            click.echo(f"       {failure.remedy}", err=True)

    @contextmanager
    def progress(self, title: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
        """A bar on a terminal, a line every few seconds elsewhere, nothing with ``--json``.

        The function that it gives takes how much is done, and a few words.
        """
        if self.json:
            yield lambda _done, _words: None
        elif sys.stderr.isatty():
            with _bar(title, total) as update:
                yield update
        else:
            yield _plain_progress(title, total)


class TextFile(click.Path):
    """A path argument that exists and can be read."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, readable=True, path_type=Path)


class InstantOption(click.ParamType[datetime]):
    """An instant with its offset: RFC 3339, as everywhere in the ledger."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it strictly: an instant without an offset would be somebody else's."""
        if isinstance(value, datetime):
            return value
        try:
            found = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            found = None
        if found is None or found.tzinfo is None:
            self.fail(f"{value!r}: write an instant like 2026-11-21T18:00:00+01:00", param, ctx)
        return found


_encoder: Final = msgspec.json.Encoder(enc_hook=str)

pass_console = click.make_pass_decorator(Console, ensure=True)


def with_ledger(settings: Settings, name: str) -> Settings:
    """The settings with another ledger; refuses a name that no ledger can have."""
    from store.database import NAME_PATTERN

    if not NAME_PATTERN.fullmatch(name):
        raise click.BadParameter(
            f"{name!r}: a ledger's name is lower-case letters, digits and _, begins with a letter, "
            "and is at most 40 long",
            param_hint="--ledger",
        )
    return msgspec.structs.replace(settings, ledger=name)


def table(rows: Sequence[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> str:
    """Columns of text under one another; the columns in ``right`` end at the same place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


@contextmanager
def _bar(title: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=RichConsole(stderr=True)) as progress:
        task = progress.add_task(title, total=total, words="")
        yield lambda done, words: progress.update(task, completed=done, words=words)


def _plain_progress(title: str, total: int | None) -> Callable[[int, str], None]:
    said_at = time.monotonic()

    def update(done: int, words: str) -> None:
        nonlocal said_at
        now = time.monotonic()
        if now - said_at >= PLAIN_PROGRESS_SECONDS:
            said_at = now
            share = f"{100 * done // total} %" if total else f"{done:,}"
            click.echo(f"{title}: {share}  {words}".rstrip(), err=True)

    return update
