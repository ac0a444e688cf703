"""Reading programmes: their terms at a stated instant, and every version of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchProgramme
from api.parameters import At, KnownAt, identifier, instant
from api.positions import MinPosition
from projections import programmes
from projections.known import Rows
from projections.programmes import PROGRAMMES, Programme, ProgrammeList

ProgrammeName = Annotated[str, identifier("The programme's id.")]


@reads("/programmes", ProgrammeList, tag="programmes")
async def list_programmes(
    request: Request[Any, Any, Any], min_position: MinPosition = None
) -> Response[bytes]:
    """List the programmes that were opened, with their newest terms."""
    query = projected(call_of(request), programmes.every, PROGRAMMES)
    return await call_of(request).read(query, min_position=min_position)


@reads("/programmes/{programme:str}", Programme, problems=(NoSuchProgramme,), tag="programmes")
async def read_programme(
    request: Request[Any, Any, Any],
    programme: ProgrammeName,
    at: At = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a programme: the terms of its points and tiers at an instant, and their versions."""
    known = instant("known_at", known_at)
    stated = instant("at", at) or known

    def found(rows: Rows) -> Programme | None:
        return programmes.programme(rows, programme, stated or datetime.now(UTC))

    return await call_of(request).read_rows(
        found,
        PROGRAMMES,
        programmes.Programmes,
        [programme],
        known_at=known,
        min_position=min_position,
        absent=NoSuchProgramme,
        instant=lambda answer: answer.at,
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_programmes, read_programme)
