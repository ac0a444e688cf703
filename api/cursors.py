"""Where a page of a list ended, as an opaque text.

A cursor is the last element's position or id in another spelling, and nothing else. So any text
of the documented form is a cursor: one that was made up merely points to another place of a list
that its caller may read anyway, and anything else is refused as malformed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from api.problems import malformed

POSITION_PATTERN: Final = r"^[0-9a-f]{1,14}$"
KEY_PATTERN: Final = r"^([2-6][0-9a-f]|7[0-9a-e]){1,200}$"
"""Hexadecimal of printable ASCII."""
LINE_PATTERN: Final = r"^[0-9a-f]{1,14}-[0-9a-f]{1,14}$"
"""Microseconds since 1970 and position of a line of a statement."""


def of_position(position: int) -> str:
    """The cursor after an element at a position."""
    return f"{position:x}"


def position_of(cursor: str | None) -> int | None:
    """The position that a cursor stands for."""
    if cursor is None:
        return None
    if not re.fullmatch(POSITION_PATTERN.strip("^$"), cursor):
        raise malformed("cursor", "take it from the field `next` of the page before")
    return int(cursor, 16)


def of_key(key: str) -> str:
    """The cursor after an element with an id."""
    return key.encode("ascii").hex()


def key_of(cursor: str | None) -> str | None:
    """The id that a cursor stands for."""
    if cursor is None:
        return None
    if not re.fullmatch(KEY_PATTERN.strip("^$"), cursor):
        raise malformed("cursor", "take it from the field `next` of the page before")
    return bytes.fromhex(cursor).decode("ascii")


def of_line(after: str) -> str:
    """The cursor after a line of a statement: ``<seconds>/<account>/<position>``."""
    seconds, _, line = after.partition("/")
    return f"{int(Decimal(seconds) * 1_000_000):x}-{int(line.rpartition('/')[2]):x}"


def line_of(cursor: str | None, account_id: str) -> str | None:
    """The line of an account's statement that a cursor stands for."""
    if cursor is None:
        return None
    if not re.fullmatch(LINE_PATTERN.strip("^$"), cursor):
        raise malformed("cursor", "take it from the field `next` of the page before")
    micros, position = (int(part, 16) for part in cursor.split("-"))
    return f"{Decimal(micros) / 1_000_000:f}/{account_id}/{position:016}"
