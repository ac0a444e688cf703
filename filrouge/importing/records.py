"""Reading files record by record, plain or compressed, whatever their size, in constant memory.

A record is a row of a CSV file, or one JSON object on a line. Blank lines, and the header of a
CSV file, are no records and do not count. A record that cannot be read counts: when it is mended
later, the numbers of the others have not moved.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple, Self, TextIO, cast

import msgspec

from filrouge.importing.errors import Unreadable

LINE_BYTES_MAX: Final = 1 << 20
"""A longer line is rejected (JSON) or ends the reading (CSV); memory stays bounded either way."""
BUFFER_BYTES: Final = 1 << 18
MAGIC: Final = ((b"\x1f\x8b", "gz"), (b"\xfd7zXZ\x00", "xz"))
PACKED_SUFFIXES: Final = (".gz", ".xz")

Format = Literal["csv", "jsonl", "cloudevents"]
FORMATS_BY_SUFFIX: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

DAMAGED: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
"""What reading a compressed file raises where it is damaged or cut short."""

_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)  # what was written, to the last digit


class Record(NamedTuple):
    """One record of a file, or the reason why it cannot be read."""

    number: int
    """Its place among the records: 1, 2, 3, ..."""
    line: int
    """The line of the file that it begins on, blank ones counted."""
    values: dict[str, Any]
    size: int
    """About how many bytes it takes."""
    raw: str = ""
    """The text itself, where it could not be read."""
    problem: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """How a CSV file is written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header."""


class Source:
    """One file, opened for reading from its beginning. Use it in a ``with``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._raw = path.open("rb", buffering=0)
        self._text: TextIO | None = None
        self.stream: BinaryIO = cast("BinaryIO", io.BufferedReader(self._unpacked(), BUFFER_BYTES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()
        self.stream.close()
        self._raw.close()

    @property
    def done(self) -> int:
        """Bytes of the file (as it lies on the disk) that were read so far."""
        return 0 if self._raw.closed else self._raw.tell()

    @property
    def name(self) -> str:
        """The file's name without folder, compression and format: ``sales-2026``."""
        return bare_name(self.path)

    def _unpacked(self) -> Any:
        begins = self._raw.read(max(len(magic) for magic, _ in MAGIC))
        self._raw.seek(0)
        packed = next((name for magic, name in MAGIC if begins.startswith(magic)), "")
        match packed:
            case "gz":
                return gzip.GzipFile(fileobj=self._raw)
            case "xz":
                return lzma.LZMAFile(self._raw)
        return self._raw

    def records(self, format_: Format, table: Table) -> Iterator[Record]:
        """Every record in order.

        Raises:
            Unreadable: the rest of the file cannot be read; what came before it can.

        """
        try:
            if format_ == "csv":
                yield from _rows(self._decoded(table), table)
            else:
                yield from _objects(self.stream)
        except DAMAGED as error:
            raise Unreadable(f"the compressed file is damaged or cut short: {error}") from error

    def header(self, table: Table) -> list[str]:
        """The names of the columns of a CSV file."""
        if table.columns:
            return list(table.columns)
        try:
            return _header(csv.reader(_lines(self._decoded(table)), delimiter=table.delimiter))
        except DAMAGED as error:
            raise Unreadable(f"the compressed file is damaged or cut short: {error}") from error

    def _decoded(self, table: Table) -> TextIO:
        encoding = "utf-8-sig" if table.encoding.lower() in {"utf-8", "utf8"} else table.encoding
        self._text = io.TextIOWrapper(
            self.stream, encoding=encoding, errors="surrogateescape", newline=""
        )
        return self._text


def bare_name(path: Path) -> str:
    """A file's name without folder, compression and format."""
    if path.suffix.lower() in PACKED_SUFFIXES:
        path = path.with_suffix("")
    return path.stem if path.suffix.lower() in FORMATS_BY_SUFFIX else path.name


def format_of(path: Path) -> Format | None:
    """What the file's name says about its format."""
    if path.suffix.lower() in PACKED_SUFFIXES:
        path = path.with_suffix("")
    return cast("Format | None", FORMATS_BY_SUFFIX.get(path.suffix.lower()))


def _objects(stream: BinaryIO) -> Iterator[Record]:
    number = line = 0
    while text := stream.readline(LINE_BYTES_MAX):
        line += 1
        whole = text.endswith(b"\n") or len(text) < LINE_BYTES_MAX
        if whole and not text.strip():
            continue
        number += 1
        if not whole:
            _skip_line(stream)
            problem = f"the line is longer than {LINE_BYTES_MAX:,} bytes"
            yield Record(number, line, {}, LINE_BYTES_MAX, "", problem)
            continue
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
            if text.lstrip().startswith(b"["):
                raise Unreadable(
                    "this is one JSON list, not an object on each line: convert it first, "
                    "for example with jq -c '.[]'"
                )
        yield _object(number, line, text)


def _object(number: int, line: int, text: bytes) -> Record:
    try:
        values = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        problem = f"not JSON: {error}"
    else:
        if isinstance(values, dict):
            return Record(number, line, values, len(text))
        problem = "not a JSON object"
    raw = text.decode(errors="backslashreplace").rstrip("\r\n")
    return Record(number, line, {}, len(text), raw, problem)


def _skip_line(stream: BinaryIO) -> None:
    while part := stream.readline(LINE_BYTES_MAX):
        if part.endswith(b"\n"):
            return


def _lines(text: TextIO) -> Iterator[str]:
    line = 0
    while part := text.readline(LINE_BYTES_MAX):
        line += 1
        if len(part) == LINE_BYTES_MAX and not part.endswith("\n"):
            raise Unreadable(f"line {line} is longer than {LINE_BYTES_MAX:,} characters")
        yield part


def _header(reader: Iterator[list[str]]) -> list[str]:
    for row in reader:
        if any(field.strip() for field in row):
            names = [field.strip() for field in row]
            twice = sorted({name for name in names if name and names.count(name) > 1})
            if twice:
                raise Unreadable(f"the header names a column twice: {', '.join(twice)}")
            return names
    return []


def _rows(text: TextIO, table: Table) -> Iterator[Record]:
    reader = csv.reader(_lines(text), delimiter=table.delimiter, strict=True)
    names = list(table.columns) or _header(reader)
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            if "field limit" in str(error) or "unexpected end" in str(error):
                # Where the next record begins is unknowable, so the numbers would be wrong.
                raise Unreadable(
                    f"a quote that opens in the record of line {line} is not closed"
                ) from error
            number += 1
            yield Record(number, line, {}, 0, "", f"not CSV: {error}")
            continue
        if row is None:
            return
        if not any(row):
            continue
        number += 1
        yield _row(number, line, names, row)


def _row(number: int, line: int, names: list[str], row: list[str]) -> Record:
    size = sum(map(len, row))
    if len(row) != len(names):
        problem = f"{len(row)} columns, and there are {len(names)} names"
    else:
        try:
            "".join(row).encode()
        except UnicodeEncodeError:
            problem = "a character is not in the encoding of the file (the key 'encoding' says it)"
        else:
            return Record(number, line, dict(zip(names, row, strict=True)), size)
    raw = "\t".join(row).encode(errors="backslashreplace").decode()
    return Record(number, line, {}, size, raw, problem)
