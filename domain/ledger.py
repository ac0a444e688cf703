"""The ledger itself: its opening, what was taken back, and what should have arrived."""

from __future__ import annotations

from zoneinfo import available_timezones

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, Observation, event_type
from domain.types import (
    ID,
    Amount,
    BatchID,
    Count,
    Currency,
    Date,
    LedgerID,
    Name,
    Position,
    Tag,
    Text,
)


@event_type("ledger.opened.v1")
class LedgerOpened(Decided, frozen=True, kw_only=True):
    """The ledger exists from here on. Always position 1; its id binds the encryption for ever."""

    ledger_id: LedgerID
    name: Name
    time_zone: Name
    """IANA name: the brand's own days and months, for reports. Limits count in an event's time."""
    currency: Currency


@event_type("event.voided.v1")
class EventVoided(Decided, frozen=True, kw_only=True):
    """The event at a position counts as never recorded from here on. It is still there."""

    position: Position
    tags: tuple[Tag, ...] = ()
    """The tags of the voided event, so that whoever looks for it finds this too."""
    reason: Text
    approved_by: ID | None = None


@event_type("batch.voided.v1")
class BatchVoided(Decided, frozen=True, kw_only=True):
    """Everything that one import or job brought counts as never recorded from here on."""

    batch_id: BatchID
    reason: Text
    approved_by: ID | None = None


@event_type("control_total.reported.v1")
class ControlTotalReported(Observation, frozen=True, kw_only=True):
    """What should have arrived from a source for a business day, to check completeness against."""

    feed: ID
    """The source of events that the total speaks of."""
    store_id: ID | None = None
    business_date: Date
    count: Count
    gross: Amount | None = None
    net: Amount | None = None
    currency: Currency | None = None


class LedgerAlreadyOpened(RuleError):
    """This ledger is open already: it can only be opened once."""


class UnknownTimeZone(RuleError):
    """That is not a time zone of the IANA database; write one like ``Europe/Paris``."""


class Opening(View):
    """Whether the ledger was opened."""

    opened = False

    @on(LedgerOpened)
    def _(self, event: LedgerOpened, envelope: Envelope) -> None:
        self.opened = True


class OpenLedger(Command, frozen=True):
    """Open a ledger: one brand's whole history."""

    ledger_id: LedgerID
    name: Name
    time_zone: Name
    currency: Currency


class OpeningLedger(Slice, decides=OpenLedger, reads=(Opening,)):
    """A ledger is opened once."""

    def __init__(self, command: OpenLedger, command_id: str) -> None:
        super().__init__(command, command_id)
        self.opening = self.view(Opening, f"ledger:{command.ledger_id}")

    def execute(self) -> None:
        """Open it, unless it is open."""
        if self.opening.opened:
            raise LedgerAlreadyOpened(ledger_id=self.command.ledger_id)
        if self.command.time_zone not in available_timezones():
            raise UnknownTimeZone(time_zone=self.command.time_zone)
        command: OpenLedger = self.command
        self.trigger(
            LedgerOpened(
                ledger_id=command.ledger_id,
                name=command.name,
                time_zone=command.time_zone,
                currency=command.currency,
            )
        )
