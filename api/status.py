"""Whether the server lives, is ready, and how far its projections are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

import projections
from api.call import call_of
from api.described import Answer, open_to_all, reads
from api.errors import ServerBusy
from api.ledgers import Ledgers
from api.threads import in_thread
from projections.status import ProjectionStatus, statuses
from store.credentials import Scope


class Health(msgspec.Struct, frozen=True):
    """That the server answers."""

    status: Literal["ok"] = "ok"


class LedgerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ledger and its projections stand."""

    ledger: str
    position: int
    """The end of the log."""
    epoch: int
    recorded_at: datetime
    """When the last event was recorded."""
    projections: list[ProjectionStatus]


@open_to_all("/health", Answer(Health, description="It answers."), tag="status")
async def read_health() -> Health:
    """Say that the process answers."""
    return Health()


@open_to_all(
    "/ready", Answer(Health, description="It is ready."), problems=(ServerBusy,), tag="status"
)
async def read_readiness(request: Request[Any, Any, Any]) -> Health:
    """Say whether the ledgers that are open can be read."""
    ledgers: Ledgers = request.app.state.ledgers
    for served in list(ledgers.opened().values()):
        await in_thread(served.head)
    return Health()


@reads("/status", LedgerStatus, scopes=(Scope.READ, Scope.AUDIT), etag=False, tag="status")
async def read_status(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read how far the ledger is, and how far behind each projection."""
    call = call_of(request)

    def status() -> tuple[LedgerStatus, int]:
        found = statuses(call.ledger.pool, call.ledger.log, projections.ALL)
        head = call.served.head()
        answer = LedgerStatus(
            ledger=call.ledger.name,
            position=head.position,
            epoch=head.epoch,
            recorded_at=head.recorded_at,
            projections=found,
        )
        return answer, head.position

    return await call.read(status, min_position=None, etag=False)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_health, read_readiness)
KEYED_HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_status,)
