"""Whether the server lives, is ready, and how far its projections are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

import projections
from api.call import call_of
from api.described import Answer, open_to_all, reads
from api.errors import NotReady, ServerBusy
from api.ledgers import Ledgers
from api.threads import in_thread
from projections.lease import Leader, holder
from projections.progress import Filling, fillings
from projections.status import ProjectionStatus, statuses
from store.credentials import Scope

STOPPING: Final = "the server is stopping"
MIGRATING: Final = "migrations run"
LEADERLESS: Final = "no process holds the lease of the projections of a ledger"


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
    leader: Leader | None
    """Who runs the projections, or did so last; null: nobody ever has."""
    projections: list[ProjectionStatus]
    rebuilds: list[Filling]
    """What is being filled anew, beside the tables that are read."""


@open_to_all("/health", Answer(Health, description="It answers."), tag="status")
async def read_health() -> Health:
    """Say that the process answers."""
    return Health()


@open_to_all(
    "/ready",
    Answer(Health, description="It is ready."),
    problems=(NotReady, ServerBusy),
    tag="status",
)
async def read_readiness(request: Request[Any, Any, Any]) -> Health:
    """Say whether requests should be sent here.

    It is not ready while migrations run, while the database does not answer, while no process
    holds the lease of the projections of a ledger, and from the moment that it is told to stop.
    """
    state = request.app.state
    reasons = [STOPPING] if state.stopping.is_set() else await in_thread(_missing, state)
    if reasons:
        raise NotReady(f"not ready: {'; '.join(reasons)}", reasons=reasons)
    return Health()


def _missing(state: State) -> list[str]:
    """Why requests should not be sent here; nothing if they should. Names no ledger."""
    if state.migrating():
        return [MIGRATING]
    ledgers: Ledgers = state.ledgers
    for served in list(ledgers.opened().values()):
        leader = holder(served.ledger.primary.pool, projections.ALL)
        if leader is None or not leader.held:
            return [LEADERLESS]
    return []


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
            leader=holder(call.ledger.primary.pool, projections.ALL),
            projections=found,
            rebuilds=fillings(call.ledger.primary.pool),
        )
        return answer, head.position

    return await call.read(status, min_position=None, etag=False)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_health, read_readiness)
KEYED_HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_status,)
