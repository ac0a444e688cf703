"""Reading campaigns: all of them, one, and what it returned."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api import cursors
from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchCampaign
from api.limits import PAGE_DEFAULT
from api.parameters import AsOf, KeyCursor, KnownAt, PageLimit, identifier, when as when_of
from api.positions import MinPosition
from projections import campaign_returns
from projections.campaign_plans import CampaignPlans, PlanRow
from projections.campaign_returns import CAMPAIGN_RETURNS, Returns
from projections.known import Rows
from projections.reader import Reader

Campaign = Annotated[str, identifier("The campaign's id.")]


class CampaignPage(msgspec.Struct, frozen=True):
    """A page of campaigns, by id."""

    campaigns: list[PlanRow]
    next: str | None
    """The cursor of the next page; null at the end."""


@reads("/campaigns", CampaignPage, tag="campaigns")
async def list_campaigns(
    request: Request[Any, Any, Any],
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the campaigns that were planned."""
    call, when = call_of(request), when_of(as_of, known_at)
    after = cursors.key_of(cursor)

    def page(reader: Reader) -> CampaignPage:
        found = campaign_returns.page(reader, after, limit)
        # A full page may be the last one; then the next is empty.
        more = len(found) == limit
        return CampaignPage(found, cursors.of_key(found[-1].campaign_id) if more else None)

    query = projected(call, page, CAMPAIGN_RETURNS, when=when)
    return await call.read(query, min_position=min_position, when=when)


@reads("/campaigns/{campaign_id:str}", PlanRow, problems=(NoSuchCampaign,), tag="campaigns")
async def read_campaign(
    request: Request[Any, Any, Any],
    campaign_id: Campaign,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a campaign as it is planned."""
    call = call_of(request)

    def plan(rows: Rows) -> PlanRow | None:
        row: PlanRow | None = rows.row(CampaignPlans, campaign_id)
        return row if row is not None and row.starts is not None else None

    return await call.read_rows(
        plan,
        CAMPAIGN_RETURNS,
        CampaignPlans,
        [campaign_id],
        when=when_of(as_of, known_at),
        min_position=min_position,
        absent=NoSuchCampaign,
    )


@reads("/campaigns/{campaign_id:str}/returns", Returns, problems=(NoSuchCampaign,), tag="campaigns")
async def read_returns(
    request: Request[Any, Any, Any],
    campaign_id: Campaign,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read what a campaign cost, whom it reached and what came of it.

    Ratios keep their two parts; money is never added across currencies.
    """
    call, when = call_of(request), when_of(as_of, known_at)

    def returns(reader: Reader) -> Returns | None:
        return campaign_returns.returns(reader, campaign_id)

    query = projected(call, returns, CAMPAIGN_RETURNS, when=when)
    return await call.read(query, min_position=min_position, absent=NoSuchCampaign, when=when)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_campaigns, read_campaign, read_returns)
