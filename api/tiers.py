"""Reading a member's tiers: what they are, what is missing, what keeps them, and how they came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchMember
from api.members import Member
from api.parameters import AsOf, At, KnownAt, instant, when as when_of
from api.positions import MinPosition
from projections import tiers
from projections.reader import Reader
from projections.tiers import TIERS, MemberTiers


@reads("/members/{member_id:str}/tiers", MemberTiers, problems=(NoSuchMember,), tag="members")
async def read_tiers(
    request: Request[Any, Any, Any],
    member_id: Member,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a member's tiers at an instant, by programme, with the benefits and the history.

    Each says what is missing to the next one, until when it is held, and what it takes to keep it.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def found(reader: Reader) -> MemberTiers | None:
        return tiers.tiers(reader, member_id, stated or datetime.now(UTC))

    query = projected(call, found, TIERS, when=when)
    return await call.read(
        query,
        min_position=min_position,
        when=when,
        absent=NoSuchMember,
        instant=lambda answer: answer.at,
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_tiers,)
