"""What the movements of points say of lots: which are debited, sent on, or earned by which line."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.purchases import LineNumber
from domain.types import ID, LIST_LENGTH_MAX, Block, Instant, LotID, Points, Tag

Origin = Literal["purchase", "engagement", "goodwill"]
"""purchase: deferred revenue under IFRS 15; engagement and goodwill: an expected cost."""


LINES_OF_LOT_MAX: Final = 500
"""Lines of a purchase that one award names."""

LotCauses = Annotated[tuple[Tag, ...], Meta(max_length=8)]


class LotDebit(Block, frozen=True, kw_only=True):
    """Points that are taken from one lot."""

    lot_id: LotID
    points: Points


class LinePoints(Block, frozen=True, kw_only=True):
    """Points that one line of a purchase earned."""

    line: LineNumber
    points: Points


class TransferredLot(Block, frozen=True, kw_only=True):
    """Points of one lot on their way to another account: they keep instants and origin."""

    lot_id: LotID
    points: Points
    available_from: Instant
    origin: Origin
    expires_at: Instant | None = None
    """As it stands when they are given; on the other account no inactivity changes it."""
    qualifying: bool = False
    causes: LotCauses = ()
    """Tags of the stated cause of the award that made the lot, or of the lot itself."""
    earned_at: Instant | None = None
    """When the lot was credited first."""
    campaign: ID | None = None
    """The campaign that gave the lot."""
    never_owed: bool = False
    """As of the award: what is spent is never taken back."""


Debits = Annotated[tuple[LotDebit, ...], Meta(min_length=1, max_length=LIST_LENGTH_MAX)]
TransferredLots = Annotated[tuple[TransferredLot, ...], Meta(min_length=1, max_length=500)]
LinesPoints = Annotated[tuple[LinePoints, ...], Meta(max_length=LINES_OF_LOT_MAX)]
Causes = Annotated[tuple[Tag, ...], Meta(max_length=LIST_LENGTH_MAX)]
"""Tags of what the lots that an event names were given for, so that it leads to the event."""

LOTS_PER_EVENT_MAX: Final = 50
"""What is decided here names no more lots in one event: it fits an entry whatever the ids are."""
