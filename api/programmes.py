"""Reading programmes: their terms at a stated instant, and every version of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchProgramme
from api.parameters import AsOf, At, KnownAt, identifier, instant, when as when_of
from api.positions import MinPosition
from projections import programmes
from projections.known import Rows
from projections.programmes import PROGRAMMES, Programme, ProgrammeList

ProgrammeName = Annotated[str, identifier("The programme's id.")]


@reads("/programmes", ProgrammeList, tag="programmes")
async def list_programmes(
    request: Request[Any, Any, Any],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the programmes that were opened, with their newest terms."""
    call, when = call_of(request), when_of(as_of, known_at)
    query = projected(call, programmes.every, PROGRAMMES, when=when)
    return await call.read(query, min_position=min_position, when=when)


@reads("/programmes/{programme:str}", Programme, problems=(NoSuchProgramme,), tag="programmes")
async def read_programme(
    request: Request[Any, Any, Any],
    programme: ProgrammeName,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a programme: the terms of its points and tiers at an instant, and their versions."""
    when = when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def found(rows: Rows) -> Programme | None:
        return programmes.programme(rows, programme, stated or datetime.now(UTC))

    return await call_of(request).read_rows(
        found,
        PROGRAMMES,
        programmes.Programmes,
        [programme],
        when=when,
        min_position=min_position,
        absent=NoSuchProgramme,
        instant=lambda answer: answer.at,
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_programmes, read_programme)
