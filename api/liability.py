"""Reading liability: what the points of a programme stand for, and how its estimates have done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchProgramme
from api.parameters import AsOf, KnownAt, when as when_of
from api.positions import MinPosition
from api.programmes import ProgrammeName
from domain.types import ID_LENGTH_MAX, ID_PATTERN
from projections import liability_figures
from projections.liability import LIABILITY
from projections.liability_figures import BackTests, ProgrammeLiability
from projections.programmes import PROGRAMMES
from projections.reader import Reader

OfCampaign = Annotated[
    str | None,
    QueryParameter(
        pattern=ID_PATTERN, max_length=ID_LENGTH_MAX,
        description="Only points that this campaign gave.",
    ),
]  # fmt: skip


@reads(
    "/programmes/{programme:str}/liability",
    ProgrammeLiability,
    problems=(NoSuchProgramme,),
    tag="programmes",
)
async def read_liability(
    request: Request[Any, Any, Any],
    programme: ProgrammeName,
    campaign_id: OfCampaign = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read the contract liability (IFRS 15) and the cost provision, by vintage and by campaign.

    Breakage is known of closed vintages, and estimated with an interval for open ones. Points are
    those of the journal: what time took counts once `filrouge tick` has booked it.
    """
    call, when = call_of(request), when_of(as_of, known_at)

    def found(reader: Reader) -> ProgrammeLiability | None:
        at = when.shown_at or datetime.now(UTC)
        return liability_figures.liability(reader, programme, at, campaign_id)

    return await call.read(
        projected(call, found, LIABILITY, PROGRAMMES, when=when),
        when=when, min_position=min_position, absent=NoSuchProgramme,
        instant=lambda answer: answer.at,
    )  # fmt: skip


@reads(
    "/programmes/{programme:str}/liability/back-test",
    BackTests,
    problems=(NoSuchProgramme,),
    tag="programmes",
)
async def read_breakage_back_test(
    request: Request[Any, Any, Any],
    programme: ProgrammeName,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read how the estimates of breakage would have done: each closed vintage as it was expected.

    Each is estimated from the vintages that were closed when its month ended, and no others.
    """
    call, when = call_of(request), when_of(as_of, known_at)

    def found(reader: Reader) -> BackTests | None:
        at = when.shown_at or datetime.now(UTC)
        return liability_figures.back_tests(reader, programme, at)

    return await call.read(
        projected(call, found, LIABILITY, PROGRAMMES, when=when),
        when=when, min_position=min_position, absent=NoSuchProgramme,
        instant=lambda answer: answer.at,
    )  # fmt: skip


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_liability, read_breakage_back_test)
