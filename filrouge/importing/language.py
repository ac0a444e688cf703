"""The words of the mapping language: which keys there are, and what each may hold.

``docs/how-to/import-history.md`` explains every one of them; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import field

from filrouge.importing.errors import Path, Wrong

Scalar = str | int | float | bool
As = Literal["text", "integer", "minor_units", "time", "date", "boolean"]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a mapping: keys that are not listed are errors."""


class Finishing(Words, frozen=True, kw_only=True):
    """What can be done with a value on its way into the field, in this order."""

    absent: list[Scalar] = []
    """Values that mean that there is none."""
    split: str | None = None
    """Text becomes a list, cut at this."""
    join: str | None = None
    """A JSON list becomes text, with this between."""
    case: Literal["lower", "upper"] | None = None
    map: dict[str, Any] | None = None
    """Other words for the values; one that is not listed does not fit, unless ``otherwise``."""
    otherwise: Any = None
    """What stands for values that ``map`` does not list."""
    multiply: int | float | None = None
    convert: As | None = field(default=None, name="as")
    format: str | None = None
    """How times are written: strptime's directives, or epoch or epoch_ms."""
    currency: Any = None
    """Whose minor units: a code, or where it stands. Else the mapping's, else the ledger's."""
    digits: int | None = None
    """Digits of the minor unit, in place of what the currency has."""
    decimal_comma: bool = False
    default: Any = None
    """What stands where there is no value."""


class Column(Finishing, frozen=True, kw_only=True):
    """A value that stands in a column, or at a path of JSON."""

    column: str


class Template(Finishing, frozen=True, kw_only=True):
    """Text made of columns and named values: ``{store}-{$member}``."""

    template: str


class Lookup(Words, frozen=True, kw_only=True):
    """The ledger's own id for values of another system, always the same for the same ones."""

    lookup: str
    of: list[Any]


class After(Words, frozen=True, kw_only=True):
    """A time base: an instant, and how long after it."""

    after: Any
    weeks: Any = None
    days: Any = None
    hours: Any = None
    minutes: Any = None
    seconds: Any = None


class Occurrences(Words, frozen=True, kw_only=True):
    """How many rows of this file a section has taken so far with the same values, this one too.

    It needs memory for each distinct combination of values, OCCURRENCES_MAX of them.
    """

    occurrences_of: str
    by: list[Any]


class Each(Words, frozen=True, kw_only=True):
    """A block for each element of a JSON list; inside, columns are those of the element."""

    each: str
    fields: dict[str, Any]


FORMS: Final[Mapping[str, type[Words]]] = {
    "column": Column,
    "template": Template,
    "lookup": Lookup,
    "after": After,
    "each": Each,
    "occurrences_of": Occurrences,
}
"""A table that holds one of these words is a value; any other is a block of fields."""


class Condition(Words, frozen=True, kw_only=True):
    """What a column must be for a section to take the row. All that is given must hold."""

    present: bool | None = None
    is_not: Any = field(default=None, name="not")
    over: int | float | None = None
    under: int | float | None = None
    matches: str | None = None


class EventSection(Words, frozen=True, kw_only=True):
    """``[[file.event]]``: an event that rows become."""

    type: str
    name: str | None = None
    """Tells two events of one type from one row apart; part of their ids."""
    when: dict[str, Any] = {}
    time: Any = None
    fields: dict[str, Any] = {}


class SkipSection(Words, frozen=True, kw_only=True):
    """``[[file.skip]]``: rows that are left out on purpose."""

    when: dict[str, Any]


class FileSection(Words, frozen=True, kw_only=True):
    """``[[file]]``: files whose rows become the same events."""

    match: str | list[str]
    source: str
    format: Literal["csv", "jsonl", "cloudevents"] | None = None
    id: Any = None
    time: Any = None
    delimiter: str = ","
    encoding: str = "utf-8"
    columns: list[str] = []
    values: dict[str, Any] = {}
    event: list[EventSection] = []
    skip: list[SkipSection] = []


class LedgerSection(Words, frozen=True, kw_only=True):
    """``[ledger]``: the ledger that the import makes if there is none of that name."""

    name: str
    time_zone: str = "UTC"
    currency: str = "EUR"


class Document(Words, frozen=True, kw_only=True):
    """A whole mapping."""

    name: str
    time_zone: str | None = None
    currency: str | None = None
    ledger: LedgerSection | None = None
    values: dict[str, Any] = {}
    file: list[FileSection]


W = TypeVar("W", bound=Words)
_unknown: Final = re.compile(r"Object contains unknown field `(?P<key>.*?)`")
_missing: Final = re.compile(r"Object missing required field `(?P<key>.*?)`")
_steps: Final = re.compile(r"\.(?P<key>[^.`\[\]]+)|\[(?P<index>\d+)\]")


def read_as(words: type[W], raw: Any, at: Path) -> W:
    """Check a table of the mapping against the words it may hold.

    Raises:
        Wrong: it holds another word, or a word holds something it cannot.

    """
    try:
        return msgspec.convert(raw, words)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
    for step in _steps.finditer(where):
        at = (*at, step["key"] if step["index"] is None else int(step["index"]))
    if unknown := _unknown.match(problem):
        key = unknown["key"]
        raise Wrong((*at, key), f"there is no such key{_nearest(key, _table(words, at))}")
    if missing := _missing.match(problem):
        raise Wrong(at, f"the key '{missing['key']}' is missing")
    raise Wrong(at, problem[:1].lower() + problem[1:])


def _table(words: type[Words], at: Path) -> type[Words]:
    """The words of the table at a path, for tables that stand in one another."""
    inner: dict[str, type[Words]] = {
        "file": FileSection,
        "event": EventSection,
        "skip": SkipSection,
        "ledger": LedgerSection,
    }
    names = [step for step in at if isinstance(step, str)]
    return inner.get(names[-1], words) if words is Document and names else words


def _nearest(key: str, words: type[Words]) -> str:
    known = [one.encode_name for one in msgspec.structs.fields(words)]
    if near := get_close_matches(key, known, n=1):
        return f"; did you mean '{near[0]}'?"
    return f"; the keys are: {', '.join(known)}"
