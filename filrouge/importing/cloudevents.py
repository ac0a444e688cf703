"""CloudEvents, one JSON object on a line: events already, so they need no mapping."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from domain.errors import InvalidEvent
from domain.event import check_times, known
from domain.voids import OWN_EVENTS
from filrouge.importing.errors import Path
from filrouge.importing.language import FileSection
from filrouge.importing.records import Record
from filrouge.importing.rows import Ids, Row
from filrouge.importing.sections import CompiledFile, Made, Place, Taking
from store.ledger import NewEvent
from store.sources import OWN_SOURCES

ATTRIBUTES: Final = frozenset(
    {
        "specversion", "id", "source", "type", "time", "data", "datacontenttype", "dataschema",
        "subject", "recordedat", "actor", "cause", "batch", "command",
    }
)  # fmt: skip
"""What may stand in an event. What says how another ledger came to know it is not taken over."""


_encoder: Final = msgspec.json.Encoder(decimal_format="number")  # as it was written


"""A ledger's own decisions: what one ledger decided cannot be told apart in another one."""


class _Received(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    type: str
    time: datetime
    data: dict[str, Any]
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


class CloudEventsFile(CompiledFile):
    """A file of CloudEvents: each is taken with the id and the source that it has."""

    def __init__(self, section: FileSection, place: Place, at: Path = ()) -> None:
        super().__init__(section, {}, place, at)
        self.has_id = True

    def row(self, record: Record, file: str, ids: Ids) -> Row:
        """The record as it stands."""
        del file
        return Row(record.values, ids)

    def taking(self, row: Row) -> Taking:
        """Every CloudEvent is taken."""
        del row
        return Taking([])

    def make(self, row: Row, events: Any, source: str) -> Made:  # noqa: PLR0911 - one for each reason
        """The event that a CloudEvent is, or the reason why it does not fit."""
        del events
        if row.values.keys() - ATTRIBUTES:
            return Made([], "it has an attribute that CloudEvents of a ledger do not have")
        try:
            received = msgspec.convert(row.values, _Received)
            if received.specversion != "1.0":
                return Made([], "specversion: it is not 1.0")
            if received.source in OWN_SOURCES:
                return Made([], "source: it is reserved for the ledger's own decisions")
            form = known(received.type)
            if form is None:
                return Made([], "type: the ledger knows no such event")
            if issubclass(form.event_class, OWN_EVENTS):
                return Made([], f"{received.type} speaks of another ledger and is not imported")
            event = form.decode(_encoder.encode(received.data))
            check_times(event)
        except (msgspec.ValidationError, InvalidEvent, OverflowError) as error:
            return Made([], str(error))
        correction = source.partition("#")[2]
        origin = f"{received.source}#{correction}" if correction else received.source
        return Made([NewEvent(event, received.id, origin, received.time)])


def cloudevents_section() -> FileSection:
    """What stands in place of a mapping's section where there is no mapping."""
    return FileSection(match="*", source="cloudevents", format="cloudevents")
