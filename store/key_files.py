"""Files that hold keys: whole or not there at all, and for nobody but their owner."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

KEY_FILE_BYTES_MAX: Final = 1_000_000


class KeyFileOpen(Exception):
    """Others may use a file that holds keys."""


def make_key_file(path: Path, make: Callable[[], msgspec.Struct]) -> None:
    """Write a new file, unless there is one: of several processes the first one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = _written(path, make())
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()


def replace_key_file(path: Path, content: msgspec.Struct) -> None:
    """Write a file in place of the one that is there."""
    _written(path, content).replace(path)


def read_key_file(path: Path) -> bytes:
    """What the file holds. Raises KeyFileOpen, saying what to do."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            message = f"{path} holds keys and others may use it (mode {mode:04o}): chmod 600 {path}"
            raise KeyFileOpen(message)
        return file.read(KEY_FILE_BYTES_MAX)


def _written(path: Path, content: msgspec.Struct) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
