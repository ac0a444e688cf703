"""What whoever watches this server scrapes: every instrument of all rooms, in Prometheus's format.

It is answered without asking the database for a key, so that it is there when the database is not.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import projections
from api.described import Answer, open_to_all
from api.errors import Unauthenticated
from api.ledgers import Ledgers
from api.threads import in_thread
from projections.metrics import Standings
from store.ledger import Ledger
from store.metrics import REGISTRY, sample

SAMPLE_SECONDS: Final = 1.0
"""How often queues and pools are looked at between scrapes, which another process may answer."""
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder which the workers of one server keep their counts in."""

REQUEST_TIME: Final = Histogram(
    "filrouge_http_request_seconds",
    "HTTP requests and how long they took, by method, template of the route, and status.",
    ["method", "route", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)


@cache  # bounded: methods, templates and statuses are ours, whatever a caller sends
def request_time(method: str, route: str, status: int) -> Histogram:
    """What times one kind of request."""
    return REQUEST_TIME.labels(method, route, status)


def registry_of(ledgers: Ledgers) -> CollectorRegistry:
    """What a scrape collects: the counts of all workers, and where the ledgers stand."""
    registry = CollectorRegistry()
    if SHARED_FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no annotations
    else:
        registry.register(REGISTRY)

    def opened() -> Iterable[Ledger]:
        return [served.ledger.primary for served in list(ledgers.opened().values())]

    registry.register(Standings(opened, projections.ALL))
    return registry


async def sample_again_and_again() -> None:
    """Keep the gauges that only this process knows near the truth, until cancelled."""
    while True:
        sample()
        await asyncio.sleep(SAMPLE_SECONDS)


@open_to_all(
    "/metrics",
    Answer(str, "text/plain", description="Metrics, as Prometheus scrapes them."),
    problems=(Unauthenticated,),
    tag="status",
)
async def read_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read the metrics of this server, in the text format of Prometheus.

    Needs no key. If the server was given a token for it (`FILROUGE_METRICS_TOKEN`):
    `Authorization: Bearer <token>`. Nothing in it is personal.
    """
    token: str | None = request.app.state.metrics_token
    if token is not None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise Unauthenticated
    sample()
    body = await in_thread(generate_latest, registry_of(request.app.state.ledgers))
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_metrics,)
