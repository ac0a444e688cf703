"""Instant-win games: what was published of each, how often it was played, and what was won."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.instant_wins import GameOpened, GamePlayed, GameRevealed, GameStarted, Prize
from domain.item_terms import MemberLimit
from projections.fold import Fold, Projection
from projections.known import Rows


class GameRow(msgspec.Struct, omit_defaults=True):
    """One game."""

    game_id: str
    name: str | None = None
    campaign_id: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    member_limit: MemberLimit | None = None
    prizes: tuple[Prize, ...] = ()
    commitment: str | None = None
    public_source: str | None = None
    opened_at: datetime | None = None
    public_value: str | None = None
    seed: str | None = None
    plays: int = 0
    won: dict[str, int] = {}


class Games(Fold, table="games", key="game"):
    """What was published of each game, and what came of it."""

    Row = GameRow

    @on(GameOpened)
    def _(self, row: GameRow, event: GameOpened, envelope: Envelope) -> None:
        row.name, row.campaign_id, row.prizes = event.name, event.campaign_id, event.prizes
        row.starts, row.ends, row.member_limit = event.starts, event.ends, event.member_limit
        row.commitment, row.public_source = event.commitment, event.public_source
        row.opened_at = envelope.time

    @on(GameStarted)
    def _(self, row: GameRow, event: GameStarted, envelope: Envelope) -> None:
        row.public_value = event.public_value

    @on(GamePlayed)
    def _(self, row: GameRow, event: GamePlayed, envelope: Envelope) -> None:
        row.plays += 1
        if event.prize is not None:
            row.won[event.prize] = row.won.get(event.prize, 0) + 1

    @on(GameRevealed)
    def _(self, row: GameRow, event: GameRevealed, envelope: Envelope) -> None:
        row.seed = event.seed


GAMES = Projection("games", version=1, folds=(Games,))


class PrizeLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A prize, its odds, and how many are left."""

    prize: Prize
    """Its chance is of a million plays."""
    won: int
    left: int


class GameSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An instant-win game: what was published of it, and what came of it by now."""

    game_id: str
    name: str | None
    campaign_id: str | None
    starts: datetime | None
    ends: datetime | None
    member_limit: MemberLimit | None
    prizes: tuple[PrizeLeft, ...]
    commitment: str | None
    """SHA-256 of the seed, in hexadecimal."""
    public_source: str | None
    public_value: str | None
    """Null: it has not come out, and nobody can play."""
    seed: str | None
    """Null: it was not revealed yet."""
    opened_at: datetime | None
    plays: int


def game(rows: Rows, game_id: str) -> GameSummary | None:
    """One game; None: it was never opened."""
    row: GameRow | None = rows.row(Games, game_id)
    if row is None or row.opened_at is None:
        return None
    left = tuple(
        PrizeLeft(prize=one, won=won, left=max(0, one.pieces - won))
        for one in row.prizes
        for won in (row.won.get(one.name, 0),)
    )
    same = {name: getattr(row, name) for name in GameSummary.__struct_fields__ if name != "prizes"}
    return GameSummary(prizes=left, **same)
