"""A mapping file: read, checked against the event classes, and compiled for a ledger."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Final
from zoneinfo import ZoneInfo

from filrouge.importing.errors import MappingError, Unreadable, Wrong, dotted
from filrouge.importing.language import Document, FileSection, LedgerSection, read_as
from filrouge.importing.lines import line_of
from filrouge.importing.records import Format, Source, format_of
from filrouge.importing.sections import CompiledFile, Place

MAPPING_BYTES_MAX: Final = 1 << 20


class Mapping:
    """A mapping that was read and whose words are right. ``compile`` checks the rest."""

    def __init__(self, path: FilePath) -> None:
        """Read a mapping file. Raises MappingError, with the line and the key."""
        self.path = path
        self._text = _read(path)
        try:
            raw = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise MappingError(f"{path}: not TOML: {error}") from None
        with self._located():
            self.document = read_as(Document, raw, ())
            self._check()

    @property
    def name(self) -> str:
        """What the mapping is called."""
        return self.document.name

    @property
    def ledger(self) -> LedgerSection | None:
        """The ledger to make if there is none of that name."""
        return self.document.ledger

    def compile(self, *, time_zone: str, currency: str) -> list[CompiledFile]:
        """Check every section against the event classes and make functions of it.

        ``time_zone`` and ``currency`` are the ledger's; those of the mapping go before them.
        """
        document = self.document
        with self._located():
            place = Place(_zone(document.time_zone or time_zone), document.currency or currency)
            return [
                CompiledFile(section, document.values, place, ("file", index))
                for index, section in enumerate(document.file)
            ]

    def assign(
        self, files: list[FilePath], sections: list[CompiledFile]
    ) -> list[tuple[FilePath, CompiledFile, Format]]:
        """Say which section each file belongs to; refuse what could not work, before it begins."""
        found = [(path, self._section_of(path, sections)) for path in files]
        seen: dict[str, FilePath] = {}
        for path, section in found:
            source = source_of(section, path)
            other = seen.setdefault(source, path)
            if other != path and not section.has_id:
                with self._located():
                    raise Wrong(
                        (*section.at, "source"),
                        f"the rows of {other.name} and {path.name} would have the same identity "
                        f"({source}): write {{file}} in it, or say what a row's 'id' is",
                    )
        assigned = [(path, section, section.format or format_of(path)) for path, section in found]
        for path, section, format_ in assigned:
            if format_ is None:
                with self._located():
                    raise Wrong(section.at, f"say the 'format' of {path.name}: csv or jsonl")
            if format_ == "csv":
                self._check_header(path, section)
        return assigned  # type: ignore[return-value]

    def _section_of(self, path: FilePath, sections: list[CompiledFile]) -> CompiledFile:
        for section in sections:
            if section.covers(path.name):
                return section
        patterns = ", ".join(pattern for section in sections for pattern in section.patterns)
        raise MappingError(f"{self.path}: no [[file]] matches {path.name} (there are: {patterns})")

    def _check_header(self, path: FilePath, section: CompiledFile) -> None:
        with Source(path) as source:
            try:
                header = source.header(section.table)
            except Unreadable as error:
                raise Unreadable(f"{path}: {error}") from error
        if not header:
            return  # an empty file has no rows either
        with self._located():
            for name, at in section.columns.items():
                if name not in header:
                    shown = ", ".join(header[:20])
                    raise Wrong(at, f"{path.name} has no column '{name}'; it has: {shown}")

    def _check(self) -> None:
        """What words alone do not say."""
        document = self.document
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", document.name):
            raise Wrong(
                ("name",), "a name is letters, digits and ._~- (a batch is called after it)"
            )
        if document.currency is not None and not re.fullmatch(r"[A-Z]{3}", document.currency):
            raise Wrong(("currency",), "a currency is an ISO 4217 code: EUR")
        for index, section in enumerate(document.file):
            _check_section(section, index)
        without_id: dict[str, int] = {}
        for index, section in enumerate(document.file):
            if section.id is None and without_id.setdefault(section.source, index) != index:
                raise Wrong(
                    ("file", index, "source"),
                    "another [[file]] has the same one, so their rows would have the same identity",
                )

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Give an error its line."""
        try:
            yield
        except Wrong as wrong:
            line = line_of(self._text, wrong.at)
            where = f"{self.path}, line {line}"
            key = dotted(wrong.at)
            message = f"{where}: {key}: {wrong.problem}" if key else f"{where}: {wrong.problem}"
            raise MappingError(message) from None


def source_of(section: CompiledFile, path: FilePath, correction: str | None = None) -> str:
    """The source of a file's events: what the mapping says, and the correction's label."""
    from filrouge.importing.records import bare_name

    source = section.source.replace("{file}", _plain(bare_name(path)))
    return f"{source}#{correction}" if correction else source


def _plain(name: str) -> str:
    """A file's name in the letters that a source may have; no two names become the same."""
    return re.sub(
        r"[^A-Za-z0-9._~-]",
        lambda found: "".join(f"={byte:02X}" for byte in found.group().encode()),
        name,
    )


def _check_section(section: FileSection, index: int) -> None:
    at = ("file", index)
    bare = section.source.replace("{file}", "x")
    if not re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9._~:/+=-]{0,150}", bare):
        raise Wrong((*at, "source"), "a source is letters, digits and ._~:/+=-, at most 150")
    try:
        codecs.lookup(section.encoding)
    except LookupError:
        raise Wrong((*at, "encoding"), "Python knows no such encoding; try utf-8, cp1252") from None
    if len(section.delimiter) != 1:
        raise Wrong((*at, "delimiter"), "a delimiter is one character")
    if section.format != "cloudevents" and not section.event:
        raise Wrong(at, "it has no [[file.event]], so its rows would become nothing")
    if section.format == "cloudevents" and section.event:
        raise Wrong((*at, "event"), "CloudEvents are events already: they have no [[file.event]]")
    names: set[str] = set()
    for number, event in enumerate(section.event):
        name = event.name or event.type.rpartition(".")[0]
        if name in names:
            raise Wrong(
                (*at, "event", number),
                f"two sections are called '{name}': give one a 'name', which is part of its ids",
            )
        names.add(name)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Wrong(("time_zone",), f"{name!r} is not a time zone; write Europe/Paris") from None


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAPPING_BYTES_MAX + 1)
        if len(content) > MAPPING_BYTES_MAX:
            raise MappingError(f"{path}: larger than {MAPPING_BYTES_MAX:,} bytes")
        return content.decode()
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: not UTF-8: {error}") from None
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror}") from None
