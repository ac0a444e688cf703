"""Files of entries: NDJSON whose line n holds the exact bytes of position n, plain, .gz or .xz."""

from __future__ import annotations

import gzip
import lzma
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from domain.types import ENTRY_BYTES_MAX
from filrouge.importing.errors import Unreadable
from filrouge.importing.records import BUFFER_BYTES, DAMAGED, Source
from store.log import Log

PAGE_ENTRIES: Final = 1_000
"""Entries in memory at once, some 65 MB if each is as large as one may be."""
GZIP_LEVEL: Final = 6
XZ_PRESET: Final = 1
"""Three times as fast as the usual one, for a few per cent of the size."""


def write_entries(log: Log, until: int, file: BinaryIO, progress: Callable[[int], Any]) -> None:
    """Write the entries of positions 1 to ``until``, one on each line."""
    for page in log.pages(0, until, PAGE_ENTRIES):
        file.write(b"".join([entry + b"\n" for _, entry in page]))
        progress(page[-1][0])


@contextmanager
def entry_writer(path: Path | None) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all, for its owner only; stdout without a path."""
    if path is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", BUFFER_BYTES) as raw:
            with _packed(path, raw) as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def _packed(path: Path, raw: BinaryIO) -> Iterator[BinaryIO]:
    match path.suffix.lower():
        case ".gz":
            # Without name and time of its own, so that the same ledger gives the same file.
            with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        case ".xz":
            with lzma.LZMAFile(raw, "wb", preset=XZ_PRESET) as xz:
                yield cast("BinaryIO", xz)
        case _:
            yield raw


def entries_of(source: Source) -> Iterator[bytes]:
    """The entries of a file, in order. Raises Unreadable at the first line that cannot be one."""
    number = 0
    try:
        while line := source.stream.readline(ENTRY_BYTES_MAX + 2):
            number += 1
            entry = line.removesuffix(b"\n")
            if not entry or len(entry) > ENTRY_BYTES_MAX:
                what = "empty" if not entry else f"longer than {ENTRY_BYTES_MAX:,} bytes"
                raise Unreadable(f"{source.path}, line {number} is {what}, so it is no entry")
            yield entry
    except DAMAGED as error:
        raise Unreadable(
            f"{source.path} is damaged or cut short after line {number}: {error}"
        ) from error
