"""Making functions of the values that a mapping describes: from a row to what a field holds.

``None`` stands for "there is no value" throughout: such a field is left out of the event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date as calendar_date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

import msgspec

from filrouge.importing import conversions
from filrouge.importing.errors import Misfit, Path, Wrong
from filrouge.importing.finishing import finisher
from filrouge.importing.kinds import ANY, NUMBER, TEXT, TIME, Kind, fields_of
from filrouge.importing.language import (
    FORMS,
    After,
    Column,
    Each,
    Lookup,
    Occurrences,
    Template,
    read_as,
)
from filrouge.importing.rows import (
    SPECIAL,
    Get,
    Row,
    Value,
    builder,
    column,
    lookups_of,
    once,
    text_of,
)
from filrouge.importing.tallies import Tally

UNIT_SECONDS: Final = {
    "weeks": 604_800,
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
}
_placeholder: Final = re.compile(r"\{([^{}]*)\}")


class Scope:
    """What the values of one section can refer to, and what they were seen to use."""

    def __init__(self, values: Mapping[str, Any], zone: tzinfo, currency: str) -> None:
        self.values = values
        self.zone = zone
        self.currency = currency
        self.columns: dict[str, Path] = {}
        """Columns that are used, each with a place that does."""
        self.tallies: list[tuple[Tally, Path]] = []
        self._open: tuple[str, ...] = ()
        self._named_values: dict[tuple[str, Kind], Value] = {}

    def compile(self, raw: Any, kind: Kind, at: Path) -> Value:
        """Make the function of a value that ends up in a field of this kind."""
        match raw:
            case str() if raw.startswith("$$"):
                return self._constant(raw[1:], kind, at)
            case str() if raw.startswith("$"):
                return self._named(raw[1:], kind, at)
            case dict():
                return self._table(raw, kind, at)
            case list():
                return self._list(raw, kind, at)
        return self._constant(raw, kind, at)

    def columns_used(self) -> dict[str, Path]:
        """The columns that are used, apart from the special ones."""
        return {name: at for name, at in self.columns.items() if name not in SPECIAL}

    def _constant(self, raw: Any, kind: Kind, at: Path) -> Value:
        value = raw
        if kind.name == "time":
            try:
                value = conversions.instant(raw, None, self.zone)
            except Misfit as misfit:
                raise Wrong(at, misfit.reason) from None
        elif kind.name == "text" and isinstance(raw, datetime | calendar_date):
            value = raw.isoformat()
        if kind.annotation is not None and kind.name not in {"block", "words", "list"}:
            try:
                msgspec.convert(value, kind.annotation)
            except msgspec.ValidationError as error:
                raise Wrong(at, f"{raw!r} does not fit: {error}") from None
        return Value(lambda _: value, varies=False)

    def _named(self, name: str, kind: Kind, at: Path) -> Value:
        if name not in self.values:
            known = ", ".join(f"${one}" for one in self.values) or "none are defined"
            raise Wrong(at, f"there is no value ${name} ({known})")
        if name in self._open:
            raise Wrong(at, f"the value ${name} is made of itself")
        slot = (name, kind._replace(annotation=None))
        if slot not in self._named_values:
            self._open = (*self._open, name)
            try:
                value = self.compile(self.values[name], kind, ("values", name))
            finally:
                self._open = self._open[:-1]
            self._named_values[slot] = once(value, len(self._named_values))
        return self._named_values[slot]

    def _table(  # noqa: PLR0911 - one for each form
        self, raw: dict[str, Any], kind: Kind, at: Path
    ) -> Value:
        words = [word for word in FORMS if word in raw]
        if not words:
            return self._block(raw, kind, at)
        form = read_as(FORMS[words[0]], raw, at)
        match form:
            case Column():
                return finisher(self, form, self._column(form.column, at), kind, at)
            case Template():
                return finisher(self, form, self._template(form.template, at), kind, at)
            case Lookup():
                return self._lookup(form, at)
            case After():
                return self._after(form, at)
            case Each():
                return self._each(form, kind, at)
            case Occurrences():
                return self._occurrences(form, at)
        raise AssertionError(words)

    def _column(self, name: str, at: Path) -> Value:
        if name.startswith("@") and name not in SPECIAL:
            raise Wrong(at, f"there is no {name}; there are {', '.join(SPECIAL)}")
        self.columns.setdefault(name, at)
        return Value(column(name), varies=True)

    def _template(self, template: str, at: Path) -> Value:
        literals = _placeholder.split(template)
        parts: list[Value] = []
        for index, part in enumerate(literals):
            if index % 2 == 0:
                parts.append(Value(_always(part), varies=False))
            elif part.startswith("$"):
                parts.append(self._named(part[1:], TEXT, at))
            else:
                parts.append(self._column(part, at))
        if len(literals) == 1:
            raise Wrong(at, "a template names columns in braces: {store}-{receipt}")

        gets = [part.get for part in parts]

        def get(row: Row) -> str | None:
            texts = [get(row) for get in gets]
            return None if None in texts else "".join(map(text_of, texts))

        return Value(get, varies=True, lookups=lookups_of(parts))

    def _lookup(self, form: Lookup, at: Path) -> Value:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", form.lookup) or not form.of:
            raise Wrong(at, "a lookup has a kind (a lower-case word) and values in 'of'")
        parts = [self._column_or_named(one, (*at, "of")) for one in form.of]
        kind = form.lookup

        gets = [part.get for part in parts]

        def key(row: Row) -> tuple[str, tuple[str, ...]] | None:
            texts = [get(row) for get in gets]
            return None if None in texts else (kind, tuple(map(text_of, texts)))

        def get(row: Row) -> str | None:
            found = key(row)
            return None if found is None else row.ids(*found)

        return Value(get, varies=True, lookups=(*lookups_of(parts), key))

    def _column_or_named(self, one: Any, at: Path) -> Value:
        """In ``of`` and ``by``, plain text names a column, for that is what it almost always is."""
        if isinstance(one, str) and not one.startswith("$"):
            one = {"column": one}
        return self.compile(one, TEXT, at)

    def _occurrences(self, form: Occurrences, at: Path) -> Value:
        by = [self._column_or_named(one, (*at, "by")) for one in form.by]
        if lookups_of(by):
            raise Wrong((*at, "by"), "a lookup here is not possible: count by the columns it has")
        index = len(self.tallies)
        self.tallies.append((Tally(form.occurrences_of, by), at))
        return Value(lambda row: row.counts[index], varies=True)

    def _after(self, form: After, at: Path) -> Value:
        start = self.compile(form.after, TIME, (*at, "after"))
        given = [
            (self.compile(raw, NUMBER, (*at, unit)), Decimal(seconds), unit in {"weeks", "days"})
            for unit, seconds in UNIT_SECONDS.items()
            if (raw := getattr(form, unit)) is not None
        ]
        if not given:
            raise Wrong(at, f"how long after? Say {', '.join(UNIT_SECONDS)}")

        def get(row: Row) -> datetime | None:
            instant = start.get(row)
            for amount, seconds, by_the_calendar in given:
                count = amount.get(row)
                if instant is None or count is None:
                    return None
                elapsed = conversions.duration(count, seconds)
                instant = conversions.later(instant, elapsed, by_the_calendar=by_the_calendar)
            return instant  # type: ignore[no-any-return]

        lookups = lookups_of((start, *(amount for amount, _, _ in given)))
        return Value(get, varies=True, lookups=lookups)

    def _each(self, form: Each, kind: Kind, at: Path) -> Value:
        if kind.name != "list" or kind.item is None:
            raise Wrong(at, "'each' makes a list, and this field takes none")
        elements = self._column(form.each, (*at, "each")).get
        # Columns inside are those of the element, not of the row.
        inner = Scope(self.values, self.zone, self.currency)
        block = inner.compile(form.fields, kind.item, (*at, "fields"))
        if block.lookups or inner.tallies:
            raise Wrong(at, "a lookup or a count inside 'each' is not possible")

        def get(row: Row) -> list[Any] | None:
            found = elements(row)
            if found is None:
                return None
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise Misfit("not a list of groups of values")
            return [block.get(Row(one, row.ids)) for one in found]

        return Value(get, varies=True)

    def _list(self, raw: list[Any], kind: Kind, at: Path) -> Value:
        item = kind.item if kind.name == "list" and kind.item is not None else ANY
        parts = [self.compile(one, item, (*at, index)) for index, one in enumerate(raw)]

        def get(row: Row) -> list[Any]:
            return [value for part in parts if (value := part.get(row)) is not None]

        return Value(get, varies=any(part.varies for part in parts), lookups=lookups_of(parts))

    def _block(self, raw: dict[str, Any], kind: Kind, at: Path) -> Value:
        match kind.name:
            case "block" if kind.struct is not None:
                parts = self.fields(raw, kind.struct, at)
            case "words" | "any":
                item = kind.item or ANY
                parts = {name: self.compile(one, item, (*at, name)) for name, one in raw.items()}
            case _:
                raise Wrong(at, f"a value has one of the words {', '.join(FORMS)}")
        build = builder(parts)
        varying = {name for name, part in parts.items() if part.varies}

        def get(row: Row) -> dict[str, Any] | None:
            built = build(row)
            return None if varying and varying.isdisjoint(built) else built

        return Value(get, varies=bool(varying), lookups=lookups_of(parts.values()))

    def fields(
        self, raw: dict[str, Any], struct: type[msgspec.Struct], at: Path
    ) -> dict[str, Value]:
        """The fields of an event or block: none unknown, none missing that is required."""
        known = fields_of(struct)
        for name in raw:
            if name not in known:
                raise Wrong((*at, name), f"{struct.__name__} has no such field: {', '.join(known)}")
        for name, (_, required) in known.items():
            if required and name not in raw:
                raise Wrong(at, f"{struct.__name__} needs the field '{name}'")
        return {name: self.compile(one, known[name][0], (*at, name)) for name, one in raw.items()}


def _always(text: str) -> Get:
    return lambda _: text
