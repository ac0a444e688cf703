"""Draws over HTTP: each step of one, and how far it is."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api import cursors
from api.call import call_of, projected
from api.deciding import decides
from api.described import reads
from api.errors import NoSuchDraw
from api.limits import PAGE_DEFAULT
from api.parameters import AsOf, KeyCursor, KnownAt, PageLimit, identifier, when as when_of
from api.positions import MinPosition
from domain import (
    commitments,
    contest_rules,
    draw_entering,
    draw_opening,
    drawing,
    forfeits,
    prizes,
)
from projections import draws
from projections.draws import DRAWS, DrawRow, Draws, DrawSummary
from projections.known import Rows
from projections.reader import Reader

DrawName = Annotated[str, identifier("The draw's id.")]


class DrawPage(msgspec.Struct, frozen=True):
    """A page of draws, by id."""

    draws: list[DrawSummary]
    next: str | None
    """The cursor of the next page; null at the end."""


@reads("/draws", DrawPage, tag="draws")
async def list_draws(
    request: Request[Any, Any, Any],
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the draws, and how far each is."""
    call, when = call_of(request), when_of(as_of, known_at)
    after = cursors.key_of(cursor)

    def page(reader: Reader) -> DrawPage:
        found = draws.page(reader, after, limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        return DrawPage(shown, cursors.of_key(shown[-1].draw_id) if more else None)

    return await call.read(
        projected(call, page, DRAWS, when=when), min_position=min_position, when=when
    )


@reads("/draws/{draw_id:str}", DrawRow, problems=(NoSuchDraw,), tag="draws")
async def read_draw(
    request: Request[Any, Any, Any],
    draw_id: DrawName,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a draw: its terms, what was committed to, the value, and who has which place."""

    def found(rows: Rows) -> DrawRow | None:
        return draws.draw(rows, draw_id)

    return await call_of(request).read_rows(
        found,
        DRAWS,
        Draws,
        [draw_id],
        when=when_of(as_of, known_at),
        min_position=min_position,
        absent=NoSuchDraw,
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    decides(
        "/activations/{activation_id:str}/rules", contest_rules.PublishContestRules, tag="draws"
    ),
    decides("/draws", draw_opening.OpenDraw, tag="draws"),
    decides("/draws/{draw_id:str}/entries", draw_entering.EnterDraw, tag="draws"),
    decides("/draws/{draw_id:str}/exclusions", draw_entering.ExcludeFromDraw, tag="draws"),
    decides("/draws/{draw_id:str}/closing", commitments.CloseDraw, tag="draws"),
    decides(
        "/draws/{draw_id:str}/commitment", commitments.CommitDraw, tag="draws",
        either=("drand", "result"),
    ),
    decides(
        "/draws/{draw_id:str}/value", drawing.RecordDrawValue, tag="draws",
        either=("signature", "result"),
    ),
    decides("/draws/{draw_id:str}/winners", drawing.DrawWinners, tag="draws"),
    decides("/draws/{draw_id:str}/cancellation", commitments.CancelDraw, tag="draws"),
    decides(
        "/draws/{draw_id:str}/places/{place:int}/notification", prizes.NotifyWinner, tag="draws"
    ),
    decides("/draws/{draw_id:str}/places/{place:int}/claim", prizes.ClaimPrize, tag="draws"),
    decides("/draws/{draw_id:str}/places/{place:int}/forfeit", forfeits.ForfeitPrize, tag="draws"),
    list_draws, read_draw,
)  # fmt: skip
