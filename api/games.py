"""Reading instant-win games: their table and odds, what was won, and what lets anybody check it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api.call import call_of
from api.described import reads
from api.errors import NoSuchGame
from api.parameters import AsOf, KnownAt, identifier, when as when_of
from api.positions import MinPosition
from projections import games
from projections.games import GAMES, Games, GameSummary
from projections.known import Rows

GameName = Annotated[str, identifier("The game's id.")]


@reads("/games/{game_id:str}", GameSummary, problems=(NoSuchGame,), tag="games")
async def read_game(
    request: Request[Any, Any, Any],
    game_id: GameName,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a game: its prizes with odds and what is left, its commitment, and its seed afterwards.

    The plays are its events, `tag=game:<id>`; `filrouge games verify` recomputes them.
    """

    def found(rows: Rows) -> GameSummary | None:
        return games.game(rows, game_id)

    return await call_of(request).read_rows(
        found, GAMES, Games, [game_id],
        when=when_of(as_of, known_at), min_position=min_position, absent=NoSuchGame,
    )  # fmt: skip


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_game,)
