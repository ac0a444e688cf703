"""A record while events are made of it, and how its columns are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from filrouge.importing import conversions
from filrouge.importing.errors import Misfit

SPECIAL: Final = ("@record", "@line", "@file")
"""What can be named like a column besides the columns: the record's number, its line, the bare
name of the file."""

Ids = Callable[[str, tuple[str, ...]], str]


class Row:
    """A record while events are made of it."""

    __slots__ = ("counts", "ids", "named", "values")

    def __init__(self, values: dict[str, Any], ids: Ids) -> None:
        self.values = values
        self.ids = ids
        self.named: dict[int, Any] = {}
        """Named values of this row that were worked out already."""
        self.counts: list[int | None] = []
        """What each tally of the file stood at when this row had been taken."""


Get = Callable[[Row], Any]
LookupKey = Callable[[Row], tuple[str, tuple[str, ...]] | None]


class Value(NamedTuple):
    """A compiled value."""

    get: Get
    varies: bool
    """It depends on the row. A block whose varying values are all missing is left out."""
    lookups: tuple[LookupKey, ...] = ()
    """What it will look up, so that it can be asked for in bulk before."""


def lookups_of(values: Iterable[Value]) -> tuple[LookupKey, ...]:
    """What several values will look up, each once."""
    return tuple(dict.fromkeys(key for value in values for key in value.lookups))


def column(name: str) -> Get:
    """The function that reads a column, or a path of JSON; blanks around text do not count."""
    steps = name.split(".")
    if len(steps) == 1:

        def get(row: Row) -> Any:
            value = row.values.get(name)
            return value.strip() or None if type(value) is str else value

        return get

    def walk(row: Row) -> Any:
        value = row.values.get(name)  # a column may have dots in its name
        if value is None:
            value = row.values
            for step in steps:
                if type(value) is not dict:
                    return None
                value = value.get(step)
        return value.strip() or None if type(value) is str else value

    return walk


def text_of(value: Any) -> str:
    """The value as text; most values are text."""
    return value if type(value) is str else conversions.text(value)


def once(value: Value, index: int) -> Value:
    """A named value is worked out once for each row, however many fields use it."""
    work_out = value.get

    def get(row: Row) -> Any:
        if index in row.named:
            return row.named[index]
        found = row.named[index] = work_out(row)
        return found

    return value._replace(get=get) if value.varies else value


def builder(parts: Mapping[str, Value]) -> Callable[[Row], dict[str, Any]]:
    """The function that fills in named fields; a Misfit says in which field it happened."""
    gets = [(name, part.get) for name, part in parts.items() if part.varies]
    nobody = Row({}, lambda _kind, _values: "")
    constant = {name: part.get(nobody) for name, part in parts.items() if not part.varies}

    def build(row: Row) -> dict[str, Any]:
        built = constant.copy()
        for name, get in gets:
            try:
                value = get(row)
            except Misfit as misfit:
                raise misfit.inside(name) from None
            if value is not None:
                built[name] = value
        return built

    return build
