"""Where ledgers and their projections stand, read from the database whenever somebody scrapes.

Every process of an installation says the same of these, so it does not matter which one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, get_args

import psycopg
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from projections.failures import described
from projections.fold import Projection
from projections.lease import holder
from projections.progress import fillings
from projections.status import State, statuses
from store.ledger import Ledger

SCRAPE_SECONDS_MAX: Final = 2.0
"""How long a scrape waits for a connection before it says that a ledger cannot be read."""

log = structlog.get_logger()


class Standings(Collector):
    """The state of ledgers, as gauges. A ledger whose database is away is said to be unreadable."""

    def __init__(
        self, ledgers: Callable[[], Iterable[Ledger]], projections: Iterable[Projection]
    ) -> None:
        self._ledgers = ledgers
        self._projections = tuple(projections)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the database says now."""
        gauges = Gauges()
        for ledger in self._ledgers():
            try:
                with ledger.pool.connection(SCRAPE_SECONDS_MAX):
                    pass
                gauges.read(ledger, self._projections)
            except psycopg.Error as error:  # it is away, or goes away meanwhile
                log.warning("metrics.ledger_unreadable", ledger=ledger.name, error=described(error))
                gauges.readable.add_metric([ledger.name], 0)
            else:
                gauges.readable.add_metric([ledger.name], 1)
        yield from gauges.families()


class Gauges:
    """The gauges of one scrape."""

    def __init__(self) -> None:
        def gauge(name: str, said: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"filrouge_{name}", said, labels=["ledger", *labels])

        self.readable = gauge("ledger_readable", "1 if the ledger can be read, 0 if not.")
        self.head = gauge("log_position", "The last position of the log.")
        self.sealed = gauge(
            "log_sealed_position", "Up to where the log is covered by a signed checkpoint."
        )
        self.epoch = gauge("log_epoch", "The epoch of the log, which a restore raises.")
        self.lease = gauge(
            "lease_held", "1 if some process holds the lease of the projections, 0 if none does."
        )
        self.position = gauge(
            "projection_position", "Up to where a projection took the log in.", "projection"
        )
        self.lag_events = gauge(
            "projection_lag_events", "Events that a projection did not take in yet.", "projection"
        )
        self.lag_seconds = gauge(
            "projection_lag_seconds", "How long the oldest of these is in the log.", "projection"
        )
        self.state = gauge(
            "projection_state",
            f"1 for the state that a projection is in: {', '.join(get_args(State))}.",
            "projection",
            "state",
        )
        filling = ("projection", "version", "made_by")
        self.rebuild_position = gauge(
            "rebuild_position", "How far tables are that are being filled anew.", *filling
        )
        self.rebuild_horizon = gauge(
            "rebuild_horizon", "How far they have to come before they can be read.", *filling
        )

    def families(self) -> Iterator[GaugeMetricFamily]:
        """The gauges, in the order of their declaration."""
        for family in vars(self).values():
            assert isinstance(family, GaugeMetricFamily)
            yield family

    def read(self, ledger: Ledger, projections: Iterable[Projection]) -> None:
        """Add what is so of a ledger."""
        found = statuses(ledger.pool, ledger.log, projections)
        head, name = ledger.log.head(), ledger.name
        self.head.add_metric([name], head.position)
        self.sealed.add_metric([name], ledger.tree.signed_size())
        self.epoch.add_metric([name], head.epoch)
        leader = holder(ledger.pool, projections)
        held = leader is not None and leader.held
        self.lease.add_metric([name], float(held))
        for one in found:
            self.position.add_metric([name, one.name], one.position)
            self.lag_events.add_metric([name, one.name], one.lag_events)
            self.lag_seconds.add_metric([name, one.name], one.lag_seconds)
            for state in get_args(State):
                self.state.add_metric([name, one.name, state], float(one.state == state))
        for build in fillings(ledger.pool):
            labels = [name, build.name, str(build.version), build.made_by]
            self.rebuild_position.add_metric(labels, build.position)
            self.rebuild_horizon.add_metric(labels, build.horizon)
