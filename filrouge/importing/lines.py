"""Finding the line of a TOML file that something stands on, so that an error can name it."""

from __future__ import annotations

import tomllib
from typing import Any

from filrouge.importing.errors import Path


def line_of(source: str, at: Path) -> int:
    """The line where the value at a path is written, or where the nearest table around it is.

    The TOML reader itself says where things are: the line with which it first shows a path is
    the line that wrote it. That takes one reading for each line, and only an error pays for it.
    """
    lines = source.splitlines(keepends=True)
    while at:
        statement = _statement(lines, at)
        if statement is not None:
            return _refined(lines, statement, at[-1])
        at = at[:-1]
    return 1


def _statement(lines: list[str], at: Path) -> range | None:
    """The lines of the statement that brings a path into being."""
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a statement
        if _holds(document, at):
            return range(begin, end)
        begin = end
    return None


def _holds(value: Any, at: Path) -> bool:
    for step in at:
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                return False
    return True


def _refined(lines: list[str], statement: range, key: str | int) -> int:
    """Inside a statement of several lines, the one that names the key."""
    if isinstance(key, str):
        for number in statement:
            if key in lines[number].partition("#")[0]:
                return number + 1
    return statement[-1] + 1
