"""What the store counts for whoever watches it: outcomes, batches, the queue, the vault, the pools.

Instruments are changed once for a batch or a round trip, never once for an event. Their labels are
names of ledgers, of rules and of our own functions, so their number is bounded, and they say
nothing about anybody.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from psycopg_pool import ConnectionPool

from domain.errors import FilrougeError
from store.requests import Decide, Observe, Request

REGISTRY: Final = CollectorRegistry()
"""Every instrument of this process, and none of anybody else's."""
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
BATCH_SECONDS: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60,
)  # fmt: skip
VAULT_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)

COMMANDS: Final = Counter(
    "filrouge_commands",
    "Commands by what became of them: recorded, duplicate, or refused by a rule.",
    ["ledger", "outcome", "rule"], registry=REGISTRY,
)  # fmt: skip
OBSERVATIONS: Final = Counter(
    "filrouge_observations",
    "Observations by what became of them: recorded, duplicate, or refused by a rule.",
    ["ledger", "outcome", "rule"], registry=REGISTRY,
)  # fmt: skip
BATCH_EVENTS: Final = Histogram(
    "filrouge_batch_events",
    "Events that a batch committed.",
    ["ledger"], buckets=SIZES, registry=REGISTRY,
)  # fmt: skip
BATCH_REQUESTS: Final = Histogram(
    "filrouge_batch_requests",
    "Requests that a batch answered.",
    ["ledger"], buckets=SIZES, registry=REGISTRY,
)  # fmt: skip
BATCH_TIME: Final = Histogram(
    "filrouge_batch_seconds",
    "From taking a batch up to its commit: waiting for the head, deciding, writing, fsync.",
    ["ledger"], buckets=BATCH_SECONDS, registry=REGISTRY,
)  # fmt: skip
BATCHES_FAILED: Final = Counter(
    "filrouge_batches_failed",
    "Batches that the database did not take; their callers were told to come back.",
    ["ledger"], registry=REGISTRY,
)  # fmt: skip
OVERLOADS: Final = Counter(
    "filrouge_overloads",
    "Requests that were turned away because too many were waiting.",
    ["ledger"], registry=REGISTRY,
)  # fmt: skip
QUEUE: Final = Gauge(
    "filrouge_queue_requests",
    "Requests that wait for the writer.",
    ["ledger"], registry=REGISTRY, multiprocess_mode="livesum",
)  # fmt: skip
VAULT_TIME: Final = Histogram(
    "filrouge_vault_seconds",
    "Transactions in the vault, by what was asked of it.",
    ["call"], buckets=VAULT_SECONDS, registry=REGISTRY,
)  # fmt: skip
CONNECTIONS: Final = Gauge(
    "filrouge_pool_connections",
    "Connections that a pool holds, by what they do: used or idle.",
    ["pool", "state"], registry=REGISTRY, multiprocess_mode="livesum",
)  # fmt: skip
WAITING: Final = Gauge(
    "filrouge_pool_waiting",
    "Callers that wait for a connection of a pool.",
    ["pool"], registry=REGISTRY, multiprocess_mode="livesum",
)  # fmt: skip

OUTCOMES: Final[Mapping[type[Request], Counter]] = MappingProxyType(
    {Decide: COMMANDS, Observe: OBSERVATIONS}
)

_pools: Final[WeakSet[ConnectionPool[Any]]] = WeakSet()
_meters: Final[WeakSet[Meter]] = WeakSet()


class Meter:
    """The instruments of one writer. ``waiting`` says how many requests are in its queue."""

    def __init__(self, ledger: str, waiting: Callable[[], int]) -> None:
        self.ledger = ledger
        self.waiting = waiting
        self._events = BATCH_EVENTS.labels(ledger)
        self._requests = BATCH_REQUESTS.labels(ledger)
        self._seconds = BATCH_TIME.labels(ledger)
        self._failed = BATCHES_FAILED.labels(ledger)
        self._overloads = OVERLOADS.labels(ledger)
        _meters.add(self)

    def committed(
        self,
        answers: Iterable[tuple[Request, Any, BaseException | None]],
        *,
        events: int,
        seconds: float,
    ) -> None:
        """Count a batch that is durable, and what it answered."""
        found: Tally[tuple[type[Request], str, str]] = Tally()
        requests = recorded = 0
        for request, result, error in answers:
            requests += 1
            kind = type(request)
            if kind is Observe and error is None:
                for one in result:
                    if one.duplicate or one.error is not None:
                        found[kind, *_outcome(one.error, one.duplicate)] += 1
                    else:
                        recorded += 1
            elif kind in OUTCOMES:
                found[kind, *_outcome(error, error is None and result.duplicate)] += 1
        if recorded:
            found[Observe, "recorded", ""] += recorded
        for (kind, outcome, rule), count in found.items():
            OUTCOMES[kind].labels(self.ledger, outcome, rule).inc(count)
        self._events.observe(events)
        self._requests.observe(requests)
        self._seconds.observe(seconds)

    def failed(self) -> None:
        """Count a batch that was not taken."""
        self._failed.inc()

    def overloaded(self) -> None:
        """Count a request that was turned away."""
        self._overloads.inc()

    def refused(self, error: FilrougeError) -> None:
        """Count a command that was refused before it came to the writer."""
        COMMANDS.labels(self.ledger, *_outcome(error, None)).inc()


def _outcome(error: BaseException | None, duplicate: object) -> tuple[str, str]:
    if error is None:
        return ("duplicate" if duplicate else "recorded"), ""
    # What is no rule's error is a defect: its name would be nobody's label.
    return "refused", error.code if isinstance(error, FilrougeError) else "internal-error"


@contextmanager
def vault_call(name: str) -> Iterator[None]:
    """Time one transaction in the vault."""
    began = perf_counter()
    try:
        yield
    finally:
        VAULT_TIME.labels(name).observe(perf_counter() - began)


def watch(pool: ConnectionPool[Any]) -> None:
    """Have the connections of a pool counted, as long as it is there."""
    _pools.add(pool)


def sample() -> None:
    """Note how full this process's queues and pools are now. Asks no database."""
    waiting: Tally[str] = Tally()
    for meter in list(_meters):
        waiting[meter.ledger] += meter.waiting()
    for ledger, count in waiting.items():
        QUEUE.labels(ledger).set(count)
    held: Tally[tuple[str, str]] = Tally()
    for pool in list(_pools):
        if not pool.closed:
            stats = pool.get_stats()
            held[pool.name, "idle"] += stats["pool_available"]
            held[pool.name, "used"] += stats["pool_size"] - stats["pool_available"]
            held[pool.name, "waiting"] += stats["requests_waiting"]
    for (name, state), count in held.items():
        if state == "waiting":
            WAITING.labels(name).set(count)
        else:
            CONNECTIONS.labels(name, state).set(count)
