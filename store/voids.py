"""What was taken back: from then on no fold sees it, though it still stands in the log."""

from __future__ import annotations

from domain.envelope import Envelope
from domain.event import stored_names
from domain.ledger import BatchVoided, EventVoided
from domain.reading import Fact
from store.query import Query, QueryItem


class Voids:
    """The voided positions and batches, as of some position of the log."""

    def __init__(self) -> None:
        self.positions: set[int] = set()
        self.batches: set[str] = set()

    @staticmethod
    def query() -> Query:
        """Selects the events that take something back."""
        return Query((QueryItem((*stored_names(EventVoided), *stored_names(BatchVoided))),))

    def add(self, recorded: Fact) -> None:
        """Take in an event; only those that void something change anything."""
        match recorded.event:
            case EventVoided(position=position):
                self.positions.add(position)
            case BatchVoided(batch_id=batch_id):
                self.batches.add(batch_id)

    def hides(self, envelope: Envelope) -> bool:
        """Whether an event counts as never recorded."""
        return envelope.position in self.positions or (
            envelope.batch is not None and envelope.batch in self.batches
        )
