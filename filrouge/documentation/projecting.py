"""Which projections there are, and which events each of them takes in."""

from __future__ import annotations

import projections as room
from domain.event import Event
from projections.fold import Projection


def projections() -> dict[str, Projection]:
    """Every projection by its name."""
    return {one.name: one for one in room.ALL}


def projections_of(event: type[Event]) -> list[str]:
    """The names of the projections that take in an event."""
    return [name for name, one in projections().items() if event.type_name in one.types]
