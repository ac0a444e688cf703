"""Instant wins: prizes and odds that are published first, and plays that anybody recomputes later.

What the n-th play of a game draws follows from three things: a secret seed, of which a digest is
published when the game opens; a public value that nobody knew by then, recorded before the first
play; and n. So who opened the game could not choose a seed that loses, and who plays could not know
one that wins. When the game is over the seed is revealed, and all of it can be checked.

It is not hidden from whoever can open the vault while the game runs: they could tell beforehand
which play will win, though they could not change that.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final

from msgspec import Meta

from domain.decision import View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.item_terms import MemberLimit
from domain.periods import period_number
from domain.personal import Personal
from domain.types import (
    INTEGER_MAX,
    Block,
    CampaignID,
    GameID,
    Instant,
    MemberID,
    Money,
    Name,
    ParticipationID,
    RewardID,
    Text,
)

CHANCES: Final = 1_000_000
"""The chances of all prizes are out of so many."""
PRIZES_MAX: Final = 100
PIECES_MAX: Final = 10**6
SEED_BYTES: Final = 32

Chance = Annotated[int, Meta(ge=1, le=CHANCES)]
PrizePieces = Annotated[int, Meta(ge=1, le=PIECES_MAX)]
Commitment = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]
"""SHA-256 of the seed's bytes, in hexadecimal."""
Seed = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]
"""32 bytes in hexadecimal."""
Drawn = Annotated[int, Meta(ge=0, lt=CHANCES)]
PlayNumber = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
PublicValue = Annotated[str, Meta(min_length=8, max_length=200)]


class Prize(Block, frozen=True, kw_only=True):
    """One kind of prize: its odds, and how many there are."""

    name: Name
    chance: Chance
    """Of a million plays as many win it, on average."""
    pieces: PrizePieces
    """When all are won, whoever would win another one wins nothing."""
    value: Money | None = None
    cost: Money | None = None


Prizes = Annotated[tuple[Prize, ...], Meta(min_length=1, max_length=PRIZES_MAX)]


@event_type("game.opened.v1")
class GameOpened(Decided, frozen=True, kw_only=True):
    """An instant-win game is published: its prizes, their odds, and the digest of its seed."""

    game_id: GameID
    name: Name
    campaign_id: CampaignID
    """Its costs are those of the prizes that are won."""
    prizes: Prizes
    starts: Instant
    ends: Instant
    member_limit: MemberLimit | None = None
    commitment: Commitment
    """SHA-256 of the seed."""
    seed: Personal["game_id"]
    """The seed, sealed under a key of the game's own until it is revealed."""
    public_source: Text
    """The public random value that the plays will also depend on, which nobody knows yet: a round
    of drand, the result of a lottery."""


@event_type("game.started.v1")
class GameStarted(Decided, frozen=True, kw_only=True):
    """The public value that was named has come out: from here on the game can be played."""

    game_id: GameID
    public_value: PublicValue


@event_type("game.played.v1")
class GamePlayed(Decided, frozen=True, kw_only=True):
    """Somebody played: which play it was, what was drawn, and what that wins by the table."""

    game_id: GameID
    member_id: MemberID
    campaign_id: CampaignID
    participation_id: ParticipationID | None = None
    number: PlayNumber
    """The plays of a game are numbered 1, 2, 3 in the order in which they were recorded."""
    drawn: Drawn
    prize: Name | None = None
    """None: nothing was won, or all pieces of what would have been."""
    reward_id: RewardID | None = None


@event_type("game.revealed.v1")
class GameRevealed(Decided, frozen=True, kw_only=True):
    """The game is over and its seed is public: whoever has the log recomputes every play."""

    game_id: GameID
    seed: Seed


class GameNotOpened(RuleError):
    """No game with this id was opened: open it first, or correct the id."""


class GameAlreadyOpened(RuleError):
    """A game with this id was opened: its table and its seed are what they are."""


class GameNotRunning(RuleError):
    """The game cannot be played now: it waits for its public value, has not begun, or is over."""


class GameAlreadyStarted(RuleError):
    """The public value of the game was recorded: there is only one."""


class GameIsNotOver(RuleError):
    """The seed is revealed once, when the game is over: what is drawn could be told from it."""


class GameTermsContradict(RuleError):
    """These terms of a game cannot all hold; the detail says which."""


class PlaysLimitReached(RuleError):
    """The member has played this game as often as it allows, ever or in this period."""


def commitment_of(seed: str) -> str:
    """What is published of a seed before the game."""
    return sha256(bytes.fromhex(seed)).hexdigest()


def drawn(seed: str, public_value: str, number: int) -> int:
    """What the play of this number draws, of 0 to 999,999.

    HMAC-SHA256 keyed with the seed over ``<public value>/<number>``; its first 16 bytes as a
    number, modulo a million (so even to one part in 10^32).
    """
    said = f"{public_value}/{number}".encode()
    digest = hmac.digest(bytes.fromhex(seed), said, "sha256")
    return int.from_bytes(digest[:16], "big") % CHANCES


def would_win(prizes: tuple[Prize, ...], number: int) -> Prize | None:
    """The prize whose chances a drawn number lies in: the first has the lowest numbers."""
    for prize in prizes:
        if number < prize.chance:
            return prize
        number -= prize.chance
    return None


def contradictions(prizes: tuple[Prize, ...], starts: datetime, ends: datetime) -> Iterator[str]:
    """What cannot hold of a game's terms."""
    if ends <= starts:
        yield "ends: it is not after starts"
    if sum(prize.chance for prize in prizes) > CHANCES:
        yield f"prizes: their chances are more than {CHANCES:,} together"
    if len({prize.name for prize in prizes}) < len(prizes):
        yield "prizes: two have the same name"


class Game(View):
    """A game and its plays. Tag: ``game:<id>``."""

    opened: GameOpened | None = None
    public_value: str | None = None
    revealed = False
    plays = 0

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.won: dict[str, int] = {}
        self._played: dict[str, list[datetime]] = {}

    @on(GameOpened)
    def _opened(self, event: GameOpened, envelope: Envelope) -> None:
        self.opened = event

    @on(GameStarted)
    def _started(self, event: GameStarted, envelope: Envelope) -> None:
        self.public_value = event.public_value

    @on(GamePlayed)
    def _play(self, event: GamePlayed, envelope: Envelope) -> None:
        self.plays = max(self.plays, event.number)
        self._played.setdefault(event.member_id, []).append(envelope.time)
        if event.prize is not None:
            self.won[event.prize] = self.won.get(event.prize, 0) + 1

    @on(GameRevealed)
    def _revealed(self, event: GameRevealed, envelope: Envelope) -> None:
        self.revealed = True

    def require(self) -> GameOpened:
        """The game as it was opened; refuse when it was not."""
        if self.opened is None:
            raise GameNotOpened(game=self.tags[0])
        return self.opened

    def check_limit(self, member_id: str, time: datetime) -> None:
        """Refuse one play more than a member has."""
        limit = self.require().member_limit
        if limit is None:
            return
        played = self._played.get(member_id, [])
        if limit.period is not None:
            number = period_number(time, limit.period)
            played = [at for at in played if period_number(at, limit.period) == number]
        if len(played) >= limit.rewards:
            raise PlaysLimitReached(game=self.tags[0], played=len(played), limit=limit.rewards)

    def wins(self, number: int) -> Prize | None:
        """What a drawn number wins now, while there are pieces of it."""
        prize = would_win(self.require().prizes, number)
        if prize is None or self.won.get(prize.name, 0) >= prize.pieces:
            return None
        return prize
