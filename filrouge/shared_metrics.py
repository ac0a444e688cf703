"""One folder in which the workers of a server keep their counts, so that a scrape shows all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from api.metrics import SHARED_FOLDER


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the processes that are started from here on count into one folder, gone at the end.

    What the process counts that opens it stays its own: it serves nobody.
    """
    with TemporaryDirectory(prefix="filrouge-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def worker_ended(pid: int) -> None:
    """Let the gauges of a worker go with it; what it counted stays counted."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call] # it has no annotations
