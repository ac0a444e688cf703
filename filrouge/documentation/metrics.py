"""The page of the metrics: every instrument, its labels, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from api import metrics as of_api
from filrouge.documentation.markdown import page, table
from projections.metrics import Gauges
from store import metrics as of_store

ROOMS: Final = (of_api, of_store)


class MetricDoc(NamedTuple):
    """What is said of one metric."""

    name: str
    """As the library's parser names it: without the ``_total`` of a counter."""
    kind: str
    labels: tuple[str, ...]
    said: str

    @property
    def shown(self) -> str:
        """Its name in a query."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def documented_metrics() -> list[MetricDoc]:
    """Every metric that a scrape may show, by name."""
    return sorted(_found())


def _found() -> Iterator[MetricDoc]:
    for room in ROOMS:
        for one in vars(room).values():
            if isinstance(one, MetricWrapperBase):
                [family] = one.describe()
                yield _doc(family, one._labelnames)  # noqa: SLF001 - it says them nowhere else
    for gauge in Gauges().families():
        yield _doc(gauge, gauge._labelnames)  # noqa: SLF001 - as above


def _doc(family: Metric, labels: tuple[str, ...]) -> MetricDoc:
    return MetricDoc(family.name, family.type, tuple(labels), family.documentation)


def metrics_page() -> str:
    """``metrics.md``: what ``GET /metrics`` shows."""
    return page(
        "Metrics",
        "What `GET /metrics` shows, in the text format of Prometheus. A histogram `name` is the "
        "series `name_bucket`, `name_sum` and `name_count`. Labels are names of ledgers, rules, "
        "routes, projections and pools; they never hold an id, and nothing here is personal. "
        "[Run in production](../how-to/run-in-production.md#watch) says which to be alerted by.",
        table(
            ("Metric", "Kind", "Labels", ""),
            [
                (
                    f"`{one.shown}`",
                    one.kind,
                    ", ".join(f"`{label}`" for label in one.labels),
                    one.said,
                )
                for one in documented_metrics()
            ],
        ),
    )
