"""What is done with a value between its column and its field: absent, map, as, default."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from filrouge.importing import conversions
from filrouge.importing.errors import Misfit, Path, Wrong
from filrouge.importing.kinds import ANY, TEXT, Kind
from filrouge.importing.language import Finishing
from filrouge.importing.rows import Get, Row, Value, lookups_of

if TYPE_CHECKING:
    from filrouge.importing.values import Scope

OWN_CONVERSION: Final = {
    "time": "time",
    "integer": "integer",
    "boolean": "boolean",
    "text": "text",
    "any": "plain",
}
"""What a field's own type says that a value must become, where the mapping does not say it."""

Step = Callable[[Any, Row], Any]


def finisher(scope: Scope, form: Finishing, raw: Value, kind: Kind, at: Path) -> Value:
    """The function that reads a value and finishes it for a field of this kind."""
    get = raw.get
    many = kind.name == "list"
    element = (kind.item or ANY) if many else kind
    steps = _steps(scope, form, element, at)
    absent = frozenset(map(conversions.text, form.absent))
    default = None if form.default is None else scope.compile(form.default, kind, (*at, "default"))
    finished = _chain(steps, absent)

    def one(row: Row) -> Any:
        value = get(row)
        if form.join is not None and isinstance(value, list):
            value = form.join.join(map(conversions.text, value)) or None
        if value is not None:
            value = finished(value, row)
        return default.get(row) if value is None and default is not None else value

    def several(row: Row) -> Any:
        value = get(row)
        if isinstance(value, str) and form.split is not None:
            value = [part.strip() for part in value.split(form.split)]
        if value is None:
            return None if default is None else default.get(row)
        elements = value if isinstance(value, list) else [value]
        found = (finished(element, row) for element in elements if element not in (None, ""))
        return [element for element in found if element is not None]

    if form.split is not None and not many:
        raise Wrong((*at, "split"), "this field does not take a list")
    if form.join is not None and many:
        raise Wrong((*at, "join"), "this field takes a list as it is")
    if steps == [_text] and not (many or absent or form.default is not None or form.join):
        return raw._replace(get=_text_getter(get))
    lookups = lookups_of((raw,) if default is None else (raw, default))
    return Value(several if many else one, varies=True, lookups=lookups)


def _text_getter(get: Get) -> Get:
    """What most columns are: text that goes into the field as it is."""

    def text_of(row: Row) -> str | None:
        value = get(row)
        return value if type(value) is str or value is None else conversions.text(value)

    return text_of


def _chain(steps: list[Step], absent: frozenset[str]) -> Step:
    def finished(value: Any, row: Row) -> Any:
        if absent and not isinstance(value, dict | list) and conversions.text(value) in absent:
            return None
        for step in steps:
            value = step(value, row)
            if value is None:
                return None
        return value

    return finished


def _steps(scope: Scope, form: Finishing, kind: Kind, at: Path) -> list[Step]:
    steps: list[Step] = []
    if form.case is not None:
        recase = conversions.recased(form.case)
        steps.append(lambda value, _: recase(conversions.text(value)))
    if form.map is not None:
        steps.append(_mapped(scope, form, at))
    elif form.otherwise is not None:
        raise Wrong((*at, "otherwise"), "it belongs to a 'map'")
    if form.multiply is not None:
        factor = Decimal(repr(form.multiply))
        steps.append(
            lambda value, _: conversions.multiplied(value, factor, comma=form.decimal_comma)
        )
    last = form.convert or OWN_CONVERSION.get(kind.name)
    if form.digits is not None or form.currency is not None:
        last = form.convert or "minor_units"
    if last is not None:
        steps.append(_converted(scope, form, last, at))
    return steps


def _text(value: Any, _: Row) -> str:
    return value if type(value) is str else conversions.text(value)


def _mapped(scope: Scope, form: Finishing, at: Path) -> Step:
    assert form.map is not None
    table = {
        word: scope.compile(meaning, ANY, (*at, "map", word)) for word, meaning in form.map.items()
    }
    otherwise = (
        None if form.otherwise is None else scope.compile(form.otherwise, ANY, (*at, "otherwise"))
    )

    def step(value: Any, row: Row) -> Any:
        found = table.get(conversions.text(value), otherwise)
        if found is None:
            raise Misfit("'map' does not list this value")
        return found.get(row)

    return step


class _Conversion(NamedTuple):
    takes_format: bool
    takes_digits: bool


_CONVERSIONS = {
    "time": _Conversion(takes_format=True, takes_digits=False),
    "date": _Conversion(takes_format=True, takes_digits=False),
    "minor_units": _Conversion(takes_format=False, takes_digits=True),
}


def _converted(  # noqa: PLR0911 - one for each conversion
    scope: Scope, form: Finishing, last: str, at: Path
) -> Step:
    takes = _CONVERSIONS.get(last, _Conversion(takes_format=False, takes_digits=False))
    if form.format is not None and not takes.takes_format:
        raise Wrong((*at, "format"), f"it belongs to times and dates, and this is {last}")
    if (form.digits is not None or form.currency is not None) and not takes.takes_digits:
        raise Wrong((*at, "digits"), f"it belongs to minor_units, and this is {last}")
    comma = form.decimal_comma
    match last:
        case "minor_units":
            return _money(scope, form, at)
        case "integer":
            return lambda value, _: conversions.integer(value, comma=comma)
        case "time":
            return lambda value, _: conversions.instant(value, form.format, scope.zone)
        case "date":
            return lambda value, _: conversions.day(value, form.format, scope.zone)
        case "boolean":
            return lambda value, _: conversions.boolean(value)
        case "plain":
            return lambda value, _: conversions.plain(value)
    return _text


def _money(scope: Scope, form: Finishing, at: Path) -> Step:
    comma = form.decimal_comma
    if form.digits is not None:
        digits = form.digits
        return lambda value, _: conversions.minor_units(value, digits, comma=comma)
    currency = scope.compile(form.currency or scope.currency, TEXT, (*at, "currency"))

    def step(value: Any, row: Row) -> int:
        code = currency.get(row)
        if code is None:
            raise Misfit("the amount has no currency")
        digits = conversions.MINOR_DIGITS.get(code, 2)
        return conversions.minor_units(value, digits, comma=comma)

    return step
