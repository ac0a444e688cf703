"""What the library does with the same events: subscriptions, and one tracked row per event."""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import Final

from eventsourcing.dcb.api import DCBEvent, DCBSequencedEvent
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg.sql import SQL, Identifier

APPLICATION: Final = "bench"


class RowView(PostgresTrackingRecorder):
    """A view of the library's kind: each event is a row, written together with its tracking."""

    def __init__(self, datastore: PostgresDatastore, name: str) -> None:
        super().__init__(datastore, tracking_table_name=f"{name}_tracking")
        table = Identifier(datastore.schema, f"{name}_rows")
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {} (position bigint PRIMARY KEY, data bytea)").format(
                table
            )
        )
        self._insert = SQL("INSERT INTO {} VALUES (%s, %s)").format(table)

    def take(self, sequenced: DCBSequencedEvent) -> None:
        """Write the row of an event, and that it was processed, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, Tracking(APPLICATION, sequenced.position))
            cursor.execute(self._insert, [sequenced.position, sequenced.event.data], prepare=True)


def load(recorder: PostgresDCBRecorderTT, entries: list[tuple[str, bytes, list[str]]]) -> None:
    """Append events in batches of a thousand."""
    events = [DCBEvent(type=name, data=data, tags=tags) for name, data, tags in entries]
    for start in range(0, len(events), 1_000):
        recorder.append(events[start : start + 1_000])


def events_per_second(recorder: PostgresDCBRecorderTT, views: list[RowView], events: int) -> float:
    """Bring new views to the end of so many events, each by a subscription in a thread."""
    failures: list[BaseException] = []
    ends: list[float] = []

    def follow(view: RowView) -> None:
        try:
            with recorder.subscribe() as subscription:
                for sequenced in islice(subscription, events):
                    view.take(sequenced)
                ends.append(time.perf_counter())  # leaving a subscription takes it a second more
        except BaseException as error:  # noqa: BLE001 - raised in the thread that measures
            failures.append(error)

    threads = [threading.Thread(target=follow, args=(view,)) for view in views]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return events / (max(ends) - began)
