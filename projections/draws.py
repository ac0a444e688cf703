"""Draws: how far each is, what was committed to, and what became of the places."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from domain.activations import Prize
from domain.decision import on
from domain.drand import DrandRound
from domain.draws import (
    DrawCancelled,
    DrawClosed,
    DrawCommitted,
    DrawDrawn,
    DrawEntered,
    DrawMemberExcluded,
    DrawOpened,
    DrawPlaced,
    DrawValueRecorded,
    PublicResult,
)
from domain.envelope import Envelope
from domain.prizes import (
    DrawPrizeClaimed,
    DrawPrizeForfeited,
    DrawPrizePassedOn,
    DrawWinnerNotified,
)
from projections.fold import Fold, Projection
from projections.known import Rows
from projections.reader import Reader

Step = Literal["opened", "closed", "committed", "value_recorded", "drawn", "cancelled"]
PlaceState = Literal["reserve", "won", "notified", "claimed", "forfeited"]


class DrawPlace(msgspec.Struct, omit_defaults=True):
    """A place of a draw: whose it is, and what became of it."""

    place: int
    member_id: str
    entry: str
    rank: int
    """The entry's place in the order of all entries of the list."""
    state: PlaceState
    prize: int | None = None
    """Which prize of the draw, from 1."""
    reward_id: str | None = None
    claim_until: datetime | None = None
    reason: str | None = None
    """Why it was forfeited."""


class Commitment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was fixed before the value that decides existed."""

    position: int
    recorded_at: datetime
    closed_position: int
    entries: int
    tickets: int
    root: str
    algorithm: str
    drand: DrandRound | None = None
    result: PublicResult | None = None
    due: datetime


class DecidingValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The value that decides."""

    position: int
    recorded_at: datetime
    randomness: str
    signature: str | None = None
    result: str | None = None


class DrawRow(msgspec.Struct, omit_defaults=True):
    """A draw as its events say it."""

    draw_id: str
    name: str | None = None
    activation_id: str | None = None
    campaign_id: str | None = None
    rules_version: int | None = None
    rules_digest: str | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    prizes: tuple[Prize, ...] = ()
    step: Step | None = None
    entered: int = 0
    """Entries that were made by another way than an event that counts."""
    excluded: int = 0
    """Members who are excluded."""
    commitment: Commitment | None = None
    value: DecidingValue | None = None
    passed_over: int = 0
    places: list[DrawPlace] = []
    cancelled_because: str | None = None


class Draws(Fold, table="draws", key="draw"):
    """Each draw with its places."""

    Row = DrawRow

    @on(DrawOpened)
    def _opened(self, row: DrawRow, event: DrawOpened, envelope: Envelope) -> None:
        row.step = "opened"
        for name in _TERMS:
            setattr(row, name, getattr(event, name))

    @on(DrawEntered)
    def _entered(self, row: DrawRow, event: DrawEntered, envelope: Envelope) -> None:
        row.entered += 1

    @on(DrawMemberExcluded)
    def _excluded(self, row: DrawRow, event: DrawMemberExcluded, envelope: Envelope) -> None:
        row.excluded += 1

    @on(DrawClosed)
    def _closed(self, row: DrawRow, event: DrawClosed, envelope: Envelope) -> None:
        row.step = "closed"

    @on(DrawCommitted)
    def _committed(self, row: DrawRow, event: DrawCommitted, envelope: Envelope) -> None:
        row.step = "committed"
        row.commitment = Commitment(
            position=envelope.position,
            recorded_at=envelope.recorded_at,
            closed_position=event.closed_position,
            entries=event.entries,
            tickets=event.tickets,
            root=event.root,
            algorithm=event.algorithm,
            drand=event.drand,
            result=event.result,
            due=event.due,
        )

    @on(DrawValueRecorded)
    def _value(self, row: DrawRow, event: DrawValueRecorded, envelope: Envelope) -> None:
        row.step = "value_recorded"
        row.value = DecidingValue(
            position=envelope.position,
            recorded_at=envelope.recorded_at,
            randomness=event.randomness,
            signature=event.signature,
            result=event.result,
        )

    @on(DrawDrawn)
    def _drawn(self, row: DrawRow, event: DrawDrawn, envelope: Envelope) -> None:
        row.step = "drawn"
        row.passed_over = event.passed_over

    @on(DrawPlaced)
    def _placed(self, row: DrawRow, event: DrawPlaced, envelope: Envelope) -> None:
        state: PlaceState = "reserve" if event.prize is None else "won"
        row.places.append(
            DrawPlace(
                event.place,
                event.member_id,
                event.entry,
                event.rank,
                state,
                event.prize,
                event.reward_id,
            )
        )

    @on(DrawWinnerNotified)
    def _notified(self, row: DrawRow, event: DrawWinnerNotified, envelope: Envelope) -> None:
        for place in _at(row, event.place):
            place.state = "notified"
            place.claim_until = event.claim_until

    @on(DrawPrizeClaimed)
    def _claimed(self, row: DrawRow, event: DrawPrizeClaimed, envelope: Envelope) -> None:
        for place in _at(row, event.place):
            place.state = "claimed"

    @on(DrawPrizeForfeited)
    def _forfeited(self, row: DrawRow, event: DrawPrizeForfeited, envelope: Envelope) -> None:
        for place in _at(row, event.place):
            place.state, place.reason = "forfeited", event.reason

    @on(DrawPrizePassedOn)
    def _passed_on(self, row: DrawRow, event: DrawPrizePassedOn, envelope: Envelope) -> None:
        for place in _at(row, event.place):
            place.state, place.prize, place.reward_id = "won", event.prize, event.reward_id

    @on(DrawCancelled)
    def _cancelled(self, row: DrawRow, event: DrawCancelled, envelope: Envelope) -> None:
        row.step, row.cancelled_because = "cancelled", event.reason


_TERMS: Final = (
    "name", "activation_id", "campaign_id", "rules_version", "rules_digest", "opens", "closes",
    "prizes",
)  # fmt: skip

DRAWS: Final = Projection("draws", version=1, folds=(Draws,))


def _at(row: DrawRow, place: int) -> list[DrawPlace]:
    return [one for one in row.places if one.place == place]


class DrawSummary(msgspec.Struct, frozen=True):
    """A draw in a list."""

    draw_id: str
    name: str | None
    activation_id: str
    campaign_id: str
    step: Step
    opens: datetime
    closes: datetime
    due: datetime | None
    """When the value that decides exists; null: nothing is committed to."""


def draw(rows: Rows, draw_id: str) -> DrawRow | None:
    """A draw with its places; None if it was never opened."""
    row = rows.row(Draws, draw_id)
    return row if isinstance(row, DrawRow) and row.step is not None else None


def page(reader: Reader, after: str | None, limit: int) -> list[DrawSummary]:
    """Draws by id, behind one of them."""
    found = reader.select(
        "SELECT key, row->>'name', row->>'activation_id', row->>'campaign_id', row->>'step',"
        " row->>'opens', row->>'closes', row->'commitment'->>'due' FROM {draws}"
        " WHERE row->>'step' IS NOT NULL AND key > %s ORDER BY key LIMIT %s",
        {"draws": Draws},
        [after or "", limit],
    )
    names = DrawSummary.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), DrawSummary) for row in found]
