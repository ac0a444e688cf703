"""Forgetting and keeping people: erasures and their certificates, holds, restrictions, periods."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta

from api.answers import JSON
from api.bodies import body_of, decoded
from api.call import call_of
from api.deciding import decides
from api.described import Answer, looks_up, proves
from api.errors import NobodyRecognised
from api.positions import MinPosition
from api.threads import in_thread
from domain import erasures, holds, retention
from domain.errors import InvalidEvent
from domain.types import INTEGER_MAX, TEXT_LENGTH_MAX
from store.certificates import Certificate, NotCertifiedYet
from store.credentials import Scope
from store.ledger import Ledger
from store.tree import NotSealedYet

log = structlog.get_logger()

ErasedAt = Annotated[
    int, PathParameter(ge=1, le=INTEGER_MAX, description="The position of the erasure.")
]
Final_ = Annotated[
    bool,
    QueryParameter(
        name="final",
        description="The second certificate: every epoch key that wrapped the keys is destroyed.",
    ),
]


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a member named somebody to the brand: an address, a number."""

    value: Annotated[str, Meta(min_length=1, max_length=TEXT_LENGTH_MAX)]


class FoundProspect(msgspec.Struct, frozen=True):
    """Somebody who was named."""

    prospect_id: str


_named: Final = msgspec.json.Decoder(Named).decode


@proves(
    "/erasures/{position:int}/certificate", Answer(Certificate), (NotCertifiedYet, NotSealedYet)
)
async def read_certificate(
    request: Request[Any, Any, Any],
    position: ErasedAt,
    final: Final_ = False,  # noqa: FBT002 - a parameter of the address
) -> Response[Certificate]:
    """Read the signed certificate of an erasure, with the event and the proof that it is recorded.

    Give it to whoever was erased: it can be checked with the public key alone.
    """
    ledger = call_of(request).ledger.primary
    found = await in_thread(ledger.certificates.read, position, final=final)
    return Response(found, media_type=JSON)


@looks_up("/prospects/lookup", FoundProspect, Named, problems=(NobodyRecognised,), tag="privacy")
async def look_up_prospect(
    request: Request[Any, Any, Any], min_position: MinPosition = None
) -> Response[bytes]:
    """Find the prospect whom a member named, so that they can be erased.

    What is asked stands in the body, so that no address and no log ever holds it.
    """
    call = call_of(request)
    asked = decoded(await body_of(call.request, JSON), _named)

    def found() -> tuple[FoundProspect | None, int]:
        position = call.served.head().position
        try:
            prospect_id = call.ledger.vault.find("prospect", asked.value)
        except InvalidEvent:  # a blank: it recognises nobody
            prospect_id = None
        return prospect_id and FoundProspect(prospect_id), position  # type: ignore[return-value]

    return await call.read(found, min_position=min_position, absent=NobodyRecognised, etag=False)


def _carry_out(ledger: Ledger) -> None:
    """Destroy what was ordered to be; if this fails, the server does it a moment later."""
    try:
        ledger.erasures.follow()
    except Exception:  # the order stands, and is answered as recorded
        log.exception("erasure.delayed", ledger=ledger.name)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    read_certificate,
    look_up_prospect,
    decides(
        "/members/{member_id:str}/erasure",
        erasures.EraseMember, tag="privacy", scope=Scope.ADMIN, then=_carry_out,
    ),
    decides(
        "/prospects/{prospect_id:str}/erasure",
        erasures.EraseProspect, tag="privacy", scope=Scope.ADMIN, then=_carry_out,
    ),
    decides(
        "/visitors/{visitor_id:str}/erasure",
        erasures.EraseVisitor, tag="privacy", scope=Scope.ADMIN, then=_carry_out,
    ),
    decides(
        "/members/{member_id:str}/holds",
        holds.PlaceLegalHold, tag="privacy", scope=Scope.ADMIN,
    ),
    decides(
        "/members/{member_id:str}/holds/{hold_id:str}/lifting",
        holds.LiftLegalHold, tag="privacy", scope=Scope.ADMIN,
    ),
    decides(
        "/members/{member_id:str}/restriction",
        holds.RestrictProcessing, tag="privacy", scope=Scope.ADMIN, then=_carry_out,
    ),
    decides(
        "/members/{member_id:str}/restriction/lifting",
        holds.UnrestrictProcessing, tag="privacy", scope=Scope.ADMIN, then=_carry_out,
    ),
    decides("/retention/periods", retention.DeclareRetention, tag="privacy", scope=Scope.ADMIN),
)  # fmt: skip
