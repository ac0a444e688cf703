"""Conditions: which rows a section of a mapping takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from filrouge.importing import conversions
from filrouge.importing.errors import Misfit, Path, Wrong
from filrouge.importing.language import Condition, read_as
from filrouge.importing.rows import Row, column
from filrouge.importing.values import Scope

Test = Callable[[Row], bool]
T = TypeVar("T")


def condition(when: Mapping[str, Any], at: Path, scope: Scope) -> Test:
    """The test that a ``when`` makes of a row: all of its columns must be as it says."""
    tests = [_test(name, wanted, (*at, name), scope) for name, wanted in when.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _test(name: str, wanted: Any, at: Path, scope: Scope) -> Test:
    scope.columns.setdefault(name, at)
    get = column(name)
    if not isinstance(wanted, dict):
        return _among(name, wanted, at)
    form = read_as(Condition, wanted, at)
    tests: list[Callable[[Any], bool]] = []
    if form.present is not None:
        tests.append(lambda value: (value is not None) is form.present)
    if form.is_not is not None:
        others = _texts(form.is_not, (*at, "not"))
        tests.append(lambda value: _text_of(value) not in others)
    if form.over is not None:
        low = conversions.decimal(form.over)
        tests.append(lambda value: value is not None and conversions.decimal(value) > low)
    if form.under is not None:
        high = conversions.decimal(form.under)
        tests.append(lambda value: value is not None and conversions.decimal(value) < high)
    if form.matches is not None:
        try:
            pattern = re.compile(form.matches)
        except re.error as error:
            raise Wrong((*at, "matches"), f"not a pattern: {error}") from None
        tests.append(lambda value: bool(pattern.search(_text_of(value) or "")))
    if not tests:
        raise Wrong(at, "a condition says present, not, over, under or matches")
    return lambda row: all(_holds(test, get(row)) for test in tests)


def _holds(test: Callable[[Any], bool], value: Any) -> bool:
    try:
        return test(value)
    except Misfit:
        return False  # what is no number is neither over nor under one


def _among(name: str, wanted: Any, at: Path) -> Test:
    texts = _texts(wanted, at)
    get = column(name)
    return lambda row: _text_of(get(row)) in texts


def _texts(wanted: Any, at: Path) -> frozenset[str]:
    try:
        options = wanted if isinstance(wanted, list) else [wanted]
        return frozenset(conversions.text(_constant(option)) for option in options)
    except Misfit:
        raise Wrong(at, "a condition compares with text, a number, or a list of these") from None


def _constant(option: Any) -> Any:
    return conversions.decimal(option) if isinstance(option, float) else option


def _text_of(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return None if isinstance(value, dict | list) else conversions.text(value)


def dispatch(whens: Sequence[Mapping[str, Any]], options: list[T]) -> Callable[[Row], list[T]]:
    """The options whose conditions may hold for a row, by one look at it where that is possible.

    Many files say in one column what a row is; then only the sections for that value are asked.
    """
    named = [{name for name, wanted in when.items() if _is_plain(wanted)} for when in whens]
    shared = set.intersection(*named) if named else set()
    if not shared:
        return lambda _: options
    name = min(shared)
    by_text: dict[str | None, list[T]] = {}
    for when, option in zip(whens, options, strict=True):
        for text in _texts(when[name], ()):
            by_text.setdefault(text, []).append(option)
    get = column(name)
    return lambda row: by_text.get(_text_of(get(row)), [])


def _is_plain(wanted: Any) -> bool:
    return not isinstance(wanted, dict)
