"""Turning what stands in a column into what an event's field holds; refusing what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date as calendar_date, datetime, timedelta, timezone, tzinfo
from decimal import Context, Decimal, DecimalException
from typing import Any, Final

from filrouge.importing.errors import Misfit

DIGITS_MAX: Final = 30
"""A number with more digits before the point is not one that an event could hold."""
NOISE_DIGITS: Final = 6
"""Binary arithmetic leaves noise far behind the point: 34.560000000000002. What stands so many
places behind the last minor unit is rounded away first, so that it cannot tip a half."""

MINOR_DIGITS: Final = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
         "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
"""Digits of the minor unit of ISO 4217 currencies; all others have two."""

EPOCHS: Final = {"epoch": 1, "epoch_ms": 1_000}
"""Names that ``format`` may have besides a pattern: seconds, milliseconds since 1970 in UTC."""

_exact: Final = Context(prec=60)
_TRUE: Final = frozenset({"true", "yes", "y", "1", "t"})
_FALSE: Final = frozenset({"false", "no", "n", "0", "f"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


def text(value: Any) -> str:
    """The value as text: ``34.5``, ``true``."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal() if value.is_finite() and abs(value.adjusted()) <= DIGITS_MAX:
            return format(value, "f")
        case datetime():
            return value.isoformat()
    raise Misfit(f"{_what(value)}, and text is needed")


def decimal(value: Any, *, comma: bool = False) -> Decimal:
    """The value as an exact number. With ``comma``: 1.234,56 and 1 234,56 are 1234.56."""
    match value:
        case bool():
            pass
        case int():
            value = Decimal(value)
        case float():
            value = Decimal(repr(value))
        case str():
            value = _written(value, comma=comma)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() <= DIGITS_MAX:
        return value
    raise Misfit(f"{_what(value)}, and a number is needed")


def _written(value: str, *, comma: bool) -> Any:
    if comma:
        value = re.sub(r"[\s.'\u2019\u00a0\u202f]", "", value).replace(",", ".")
    return Decimal(value) if _NUMBER.fullmatch(value) else value


def integer(value: Any, *, comma: bool = False) -> int:
    """The value as a whole number: ``7``, ``"7"`` and ``7.0`` are 7; 7.5 does not fit."""
    if type(value) is int:
        return value
    number = decimal(value, comma=comma)
    if number != number.to_integral_value():
        raise Misfit("a number with a fraction, and a whole number is needed")
    return int(number)


def minor_units(value: Any, digits: int, *, comma: bool = False) -> int:
    """An amount in the currency's minor unit: 34.56 is 3456, without float noise, half to even."""
    number = decimal(value, comma=comma)
    try:
        scaled = _exact.scaleb(number, digits)
        clean = _exact.quantize(scaled, Decimal(1).scaleb(-NOISE_DIGITS))
        return int(_exact.quantize(clean, Decimal(1)))
    except DecimalException:
        raise Misfit("a number that is out of all bounds") from None


def boolean(value: Any) -> bool:
    """The value as true or false: true/false, yes/no, y/n, t/f, 1/0, in any case."""
    word = text(value).casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Misfit("neither true nor false (use 'map' to say which is which)")


def instant(value: Any, format_: str | None, zone: tzinfo) -> datetime:
    """The value as an aware instant; without an offset it is local time of the zone."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, calendar_date):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    if format_ in EPOCHS:
        return _since_1970(value, EPOCHS[format_])
    written = text(value)
    try:
        found = (
            datetime.strptime(written, format_)  # noqa: DTZ007 - the zone follows
            if format_
            else datetime.fromisoformat(written)
        )
    except ValueError:
        expected = f"written like {format_}" if format_ else "like 2026-05-31T18:00:00+02:00"
        raise Misfit(f"not a time {expected}") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _since_1970(value: Any, per_second: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + duration(value, 1 / Decimal(per_second))
    except OverflowError:
        raise Misfit("a time that is out of all bounds") from None


def day(value: Any, format_: str | None, zone: tzinfo) -> str:
    """The value as a calendar day, ``2026-05-31``."""
    return f"{instant(value, format_, zone):%Y-%m-%d}"


def duration(value: Any, seconds: Decimal) -> timedelta:
    """So many units of so many seconds, exact to the microsecond."""
    try:
        return timedelta(microseconds=int(decimal(value) * seconds * 1_000_000))
    except (OverflowError, DecimalException):
        raise Misfit("a duration that is out of all bounds") from None


def later(start: datetime, elapsed: timedelta, *, by_the_calendar: bool = False) -> datetime:
    """The instant after so much time has passed, in the start's zone.

    By the calendar, a day later is the same time of the next day, even if a day has 25 hours.
    """
    try:
        if by_the_calendar or type(start.tzinfo) is timezone:
            return start + elapsed
        return (start.astimezone(UTC) + elapsed).astimezone(start.tzinfo)
    except OverflowError:
        raise Misfit("a time that is out of all bounds") from None


def plain(value: Any) -> Any:
    """The value itself, where a field takes several kinds: whole numbers, truth, or text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else text(value)
    return value


def multiplied(value: Any, factor: Decimal, *, comma: bool) -> Decimal:
    """The number times a factor."""
    return decimal(value, comma=comma) * factor


def recased(case: str) -> Callable[[str], str]:
    """The function that writes text in lower or upper case."""
    return str.lower if case == "lower" else str.upper


def _what(value: Any) -> str:
    match value:
        case dict():
            return "a group of values"
        case list():
            return "a list"
        case bool():
            return "true or false"
        case str():
            return "other text"
    return "something else"
