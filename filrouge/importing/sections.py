"""A ``[[file]]`` of a mapping, compiled: from a record to the events that it becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from fnmatch import fnmatch
from typing import Any, Final, NamedTuple

import msgspec

from domain.errors import InvalidEvent
from domain.event import Event, check_times, event_classes
from domain.voids import OWN_EVENTS
from filrouge.importing.conditions import condition, dispatch
from filrouge.importing.errors import Misfit, Path, Wrong
from filrouge.importing.kinds import TEXT, TIME
from filrouge.importing.language import EventSection, FileSection
from filrouge.importing.records import Format, Record, Table
from filrouge.importing.rows import Ids, Row, Value, builder, lookups_of
from filrouge.importing.tallies import Tally
from filrouge.importing.values import Scope
from store.ledger import NewEvent

NOT_TAKEN: Final = "no [[file.event]] takes this row, and no [[file.skip]] leaves it out"


class Place(NamedTuple):
    """What a section needs to know of the ledger it fills."""

    zone: tzinfo
    currency: str


class Made(NamedTuple):
    """What became of one record."""

    events: list[NewEvent]
    problem: str | None = None
    """Why it does not fit; it has no events then."""


class CompiledEvent:
    """An ``[[file.event]]``, compiled."""

    def __init__(self, section: EventSection, file: FileSection, scope: Scope, at: Path) -> None:
        classes = event_classes()
        cls = classes.get(section.type)
        if cls is None:
            raise Wrong((*at, "type"), f"there is no event {section.type!r}{_like(section.type)}")
        if issubclass(cls, OWN_EVENTS):
            raise Wrong((*at, "type"), f"{section.type} cannot be imported; it has a command")
        self.event_class = cls
        self.name = section.name or section.type.rpartition(".")[0]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.name):
            raise Wrong((*at, "name"), "a name is letters, digits and ._- (it is part of ids)")
        self.takes = condition(section.when, (*at, "when"), scope)
        when = section.time if section.time is not None else file.time
        if when is None:
            raise Wrong(at, "the key 'time' is missing, here and in its [[file]]")
        where = (*at, "time") if section.time is not None else (*at[:-2], "time")
        self._time = scope.compile(when, TIME, where)
        fields = scope.fields(section.fields, cls, (*at, "fields"))
        self._fields = builder(fields)
        self.lookups = lookups_of((self._time, *fields.values()))

    def make(self, row: Row, id_: str, source: str) -> NewEvent:
        """The event that a row becomes; raises Misfit."""
        try:
            time = self._time.get(row)
        except Misfit as misfit:
            raise misfit.inside("time") from None
        if not isinstance(time, datetime):
            raise Misfit("there is none", "time")
        try:
            event: Event = msgspec.convert(self._fields(row), self.event_class)
            check_times(event)
        except (msgspec.ValidationError, InvalidEvent) as error:
            raise Misfit(str(error)) from None
        return NewEvent(event, f"{id_}/{self.name}", source, time)


class Taking(NamedTuple):
    """What is to become of a row."""

    events: list[CompiledEvent]
    skipped: bool = False
    """It is left out on purpose."""
    problem: str | None = None


class CompiledFile:
    """A ``[[file]]``, compiled for one ledger."""

    def __init__(
        self, section: FileSection, values: Mapping[str, Any], place: Place, at: Path
    ) -> None:
        self.patterns = [section.match] if isinstance(section.match, str) else section.match
        self.format: Format | None = section.format
        self.source = section.source
        self.at = at
        self.table = Table(
            delimiter=section.delimiter, encoding=section.encoding, columns=tuple(section.columns)
        )
        self._scope = Scope({**values, **section.values}, place.zone, place.currency)
        self.has_id = section.id is not None
        self._id = (
            self._scope.compile(section.id, TEXT, (*at, "id")) if self.has_id else _record_number
        )
        self.events = [
            CompiledEvent(event, section, self._scope, (*at, "event", index))
            for index, event in enumerate(section.event)
        ]
        self._skips = [
            condition(skip.when, (*at, "skip", index, "when"), self._scope)
            for index, skip in enumerate(section.skip)
        ]

        self._tallies = self._counted()
        self._candidates = dispatch([event.when for event in section.event], self.events)

    def _counted(self) -> list[Tally]:
        names = [event.name for event in self.events]
        for tally, at in self._scope.tallies:
            if tally.section not in names:
                known = ", ".join(names)
                raise Wrong((*at, "occurrences_of"), f"no such event in this [[file]]: {known}")
        return [tally for tally, _ in self._scope.tallies]

    def begin(self) -> None:
        """Get ready for another file."""
        for tally in self._tallies:
            tally.begin()

    @property
    def columns(self) -> dict[str, Path]:
        """The columns that the section names, each with a place that does."""
        return self._scope.columns_used()

    def covers(self, name: str) -> bool:
        """Whether the section is for files of this name."""
        return any(fnmatch(name, pattern) for pattern in self.patterns)

    def row(self, record: Record, file: str, ids: Ids) -> Row:
        """The record with what can be named like a column besides its columns."""
        record.values["@record"] = record.number
        record.values["@line"] = record.line
        record.values["@file"] = file
        return Row(record.values, ids)

    def taking(self, row: Row) -> Taking:
        """Which event sections take a row."""
        if any(skips(row) for skips in self._skips):
            return Taking([], skipped=True)
        events = [event for event in self._candidates(row) if event.takes(row)]
        if self._tallies:
            names = [event.name for event in events]
            row.counts = [tally.take(row, names) for tally in self._tallies]
        return Taking(events, problem=None if events else NOT_TAKEN)

    def lookups(self, row: Row, events: list[CompiledEvent]) -> list[tuple[str, tuple[str, ...]]]:
        """The ids that making these events will ask for."""
        found = []
        for keys in (self._id.lookups, *(event.lookups for event in events)):
            for key in keys:
                try:
                    wanted = key(row)
                except Misfit:
                    continue  # making the event says why
                if wanted is not None:
                    found.append(wanted)
        return found

    def make(self, row: Row, events: list[CompiledEvent], source: str) -> Made:
        """All events of a row, or the reason why it does not fit: never a part of them."""
        name = ""
        try:
            id_ = self._id.get(row)
            if id_ is None:
                return Made([], "id: there is none")
            made = []
            for event in events:
                name = f"{event.name}: "
                made.append(event.make(row, id_, source))
        except Misfit as misfit:
            return Made([], f"{name}{misfit}")
        except InvalidEvent as error:  # from a lookup
            return Made([], f"{name}{error}")
        return Made(made)


_record_number: Final = Value(lambda row: str(row.values["@record"]), varies=True)


def _like(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(event_classes()), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
