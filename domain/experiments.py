"""Experiments: who was left out on purpose, so that the effect of a campaign can be measured."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from domain.event import Decided, event_type
from domain.types import ID, Block, CampaignID, ExperimentID, MemberID, Name

CELLS_MAX: Final = 50
WEIGHT_MAX: Final = 10**6


class Cell(Block, frozen=True, kw_only=True):
    """A group of an experiment and its share among the others."""

    cell: ID
    weight: Annotated[int, Meta(ge=1, le=WEIGHT_MAX)] = 1
    """The cell's part of the members, relative to the weights of the others."""
    holdout: bool = False
    """Whether these members are deliberately left out."""


@event_type("experiment.started.v1")
class ExperimentStarted(Decided, frozen=True, kw_only=True):
    """An experiment began: its cells, and the seed from which members are shared out to them."""

    experiment_id: ExperimentID
    campaign_id: CampaignID | None = None
    name: Name | None = None
    cells: Annotated[tuple[Cell, ...], Meta(min_length=2, max_length=CELLS_MAX)]
    seed: ID


@event_type("cell.assigned.v1")
class CellAssigned(Decided, frozen=True, kw_only=True):
    """A member was assigned to a cell, before the first contact and for good."""

    experiment_id: ExperimentID
    member_id: MemberID
    cell: ID
    campaign_id: CampaignID | None = None
