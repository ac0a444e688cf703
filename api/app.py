"""The application: every address, who it serves, and how it begins and ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import License, Tag

from api import (
    accounts,
    campaigns,
    codes,
    commands,
    draws,
    event_reads,
    events,
    explanations,
    games,
    journal,
    liability,
    members,
    metrics,
    own_copies,
    pages,
    privacy,
    privacy_reads,
    programmes,
    proofs,
    reward_items,
    rule_performance,
    rules,
    status,
    tiers,
)  # fmt: skip
from api.access import Gate
from api.ledgers import Ledgers, Runner
from api.limits import Limits
from api.openapi import document
from api.problems import HANDLERS as PROBLEM_HANDLERS
from api.requests import Requests
from api.stopping import Stopping
from api.threads import in_thread
from store.collecting import SERVING_COLLECT_AFTER, rarely_collected
from store.credentials import Credentials
from store.ledger import Ledger

VERSION: Final = "1"
DEFAULT_LIMITS: Final = Limits()
DESCRIPTION: Final = """
An engagement ledger: every participation, share, referral and reward of a brand's audience is an
immutable event; profiles, balances and the returns of campaigns are folds of these events.

- **Observations** (what happened) go in as CloudEvents: `POST /v1/{ledger}/events`.
- **Decisions** (what may happen) are asked for with commands, one address each. Give an
  `Idempotency-Key`, and sending a command again is safe.
- **Positions**: every answer says the `Ledger-Position` that it reflects. Given back as
  `min_position`, a read waits until it reflects what you wrote.
- **Problems**: every refusal is an RFC 9457 problem; its `type` is the address of its explanation.
- **Personal data** is sealed, and opened for keys with the scope `personal` only.
"""
TAGS: Final = (
    ("events", "What happened, as it was recorded"),
    ("members", "Who is enrolled, and by which identities they are recognised"),
    ("accounts", "What holds points, and whose it is"),
    ("points", "Awards, reservations, redemptions and the other movements of points"),
    ("programmes", "The terms of points and tiers, and from when on they hold"),
    ("rules", "What earns points, in versions; what an event earned, would earn, and why"),
    ("campaigns", "Operations of the brand, what they cost and what they returned"),
    ("catalogue", "What rewards there are, what they cost, how many are left, and having one"),
    ("rewards", "What members are given, redeem, or lose again"),
    ("games", "Instant wins: prizes and odds published first, plays that anybody recomputes later"),
    ("draws", "Prize draws that anybody can check, and what became of the prizes"),
    ("referrals", "Friends who bring friends"),
    ("explanations", "Which events make a figure what it is, and what each of them changed"),
    ("privacy", "Erasure, holds, consent, and what is kept of somebody"),
    ("corrections", "Taking back what was wrong"),
    ("proof", "Checkpoints, tiles and receipts: how anybody checks that nothing was changed"),
    ("status", "Health, and how far the projections are"),
)


def _routes() -> list[Any]:
    keyed = (
        *events.HANDLERS, *event_reads.HANDLERS, *commands.HANDLERS, *members.HANDLERS,
        *accounts.HANDLERS, *journal.HANDLERS, *programmes.HANDLERS, *campaigns.HANDLERS,
        *rules.HANDLERS, *rule_performance.HANDLERS, *liability.HANDLERS, *tiers.HANDLERS,
        *reward_items.HANDLERS, *codes.HANDLERS, *games.HANDLERS,
        *draws.HANDLERS,
        *explanations.HANDLERS, *privacy.HANDLERS, *privacy_reads.HANDLERS, *own_copies.HANDLERS,
        *proofs.HANDLERS,
        *status.KEYED_HANDLERS,
    )  # fmt: skip
    ledger = Router("/v1/{ledger:str}", route_handlers=list(keyed))
    return [ledger, *status.HANDLERS, *metrics.HANDLERS, *pages.HANDLERS]


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, without anything to serve."""
    app = Litestar(
        _routes(),
        openapi_config=OpenAPIConfig(
            title="Filrouge",
            version=VERSION,
            description=DESCRIPTION,
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            tags=[Tag(name=name, description=said) for name, said in TAGS],
        ),
        logging_config=None,
    )
    return document(app)


def create_app(
    open_ledger: Callable[[str], Ledger],
    credentials: Credentials,
    *,
    runner_of: Callable[[Ledger], Runner | None] = lambda _: None,
    limits: Limits = DEFAULT_LIMITS,
    ready: Sequence[str] = (),
    migrating: Callable[[], bool] = lambda: False,
    metrics_token: str | None = None,
) -> Litestar:
    """Make the application.

    A ledger is opened when it is first asked for (those in ``ready``: at the start), together
    with the runner of its projections; both are closed when the application ends, after the
    requests that are in flight. It is not ready while ``migrating`` says that migrations run, nor
    once ``app.state.stopping`` is set. ``metrics_token`` is asked of whoever scrapes ``/metrics``.
    """
    ledgers = Ledgers(open_ledger, runner_of)
    stopping = Stopping()

    @asynccontextmanager
    async def living(_: Litestar) -> AsyncIterator[None]:
        for name in ready:
            await in_thread(ledgers.get, name)
        # What is there now stays: the collector need not look through it again on each round.
        gc.collect()
        gc.freeze()
        sampling = asyncio.create_task(metrics.sample_again_and_again())
        try:
            with rarely_collected(SERVING_COLLECT_AFTER):
                yield
        finally:
            sampling.cancel()
            await in_thread(ledgers.close)
            gc.unfreeze()

    app = Litestar(
        _routes(),
        lifespan=[living],
        state=State(
            {
                "ledgers": ledgers,
                "gate": Gate(credentials, remember_seconds=limits.credential_seconds),
                "limits": limits,
                "stopping": stopping,
                "migrating": migrating,
                "metrics_token": metrics_token,
                "document": msgspec.json.encode(openapi_document()),
            }
        ),
        exception_handlers=PROBLEM_HANDLERS,
        request_max_body_size=limits.body_bytes,
        # No documentation, no log lines and no debug pages but our own.
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    # Around everything, the framework's own refusals included.
    app.asgi_handler = Requests(stopping.around(app.asgi_handler))
    return app
