"""The writer: many requests decided and committed together, under one lock on the ledger's head.

Every process has one; the head row's lock makes them take turns. In one round trip a batch locks
the head, learns the clock, finds duplicates and brings its views up to date; then it decides one
request after another and commits all of them at once. A request that is refused is answered alone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from time import perf_counter
from typing import Any, Final

import psycopg
import structlog

from domain.envelope import Recorded, decode_entry
from domain.errors import FilrougeError
from store.batch import Batch, matches, read_on
from store.boundary import BOUNDARY_SQL, Views
from store.errors import StoreClosed, StoreOverloaded, StoreUnavailable
from store.log import POSITION_MAX, Head, Log
from store.metrics import Meter
from store.partitions import make_room
from store.query import Span, positions_sql
from store.requests import Append, Decide, Guarded, Request
from store.rows import copy_rows
from store.silence import LOOK_SECONDS, in_turn
from store.type_names import known_types, register_types
from store.voids import Voids

QUEUE_REQUESTS_MAX: Final = 10_000
"""Requests waiting for the writer; beyond it, callers are told to come back."""
DECIDING_SECONDS_MAX: Final = 300
"""How long a batch may be silent with the head locked; whoever stands still is cut off."""

LOCK_SQL: Final = """
WITH locked AS MATERIALIZED (SELECT position, epoch, recorded_at FROM head FOR UPDATE)
SELECT position, epoch, greatest(clock_timestamp(), recorded_at) FROM locked
"""
ORIGINS_SQL: Final = """
SELECT o.key, o.position, e.entry FROM unnest(%s::uuid[]) AS k(key)
JOIN origins o ON o.key = k.key JOIN entries e ON e.position = o.position
"""
VOIDS_SQL: Final = """
SELECT position, entry FROM entries WHERE type = ANY(%s) AND position > %s ORDER BY position
"""
log = structlog.get_logger()


class Writer:
    """Takes requests from any thread and answers each through its future, after the commit."""

    def __init__(
        self, connect: Callable[[], psycopg.Connection], reader: Log, name: str, *,
        batch_events_max: int,
    ) -> None:  # fmt: skip
        self._connect = connect
        self._log = reader
        self._batch_events_max = batch_events_max
        self._queue: queue.Queue[Request | None] = queue.Queue(QUEUE_REQUESTS_MAX)
        self._held: list[Request] = []
        self.meter = Meter(name, self._queue.qsize)
        self._connection: psycopg.Connection | None = None
        self._views, self._voids, self._voids_seen = Views(), Voids(), 0
        self._type_ids, self._room = dict[str, int](), 0  # room: up to where nobody need ask
        self._closing = threading.Event()
        self._submitting = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[Any]:
        """Queue a request; its future resolves when it is durable, or says why it is not."""
        try:
            with self._submitting:  # so that nothing comes after what ends the queue
                if self._closing.is_set():
                    raise StoreClosed
                self._queue.put_nowait(request)
        except queue.Full:
            self.meter.overloaded()
            raise StoreOverloaded from None
        return request.future

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._submitting:
            if not self._closing.is_set():
                self._closing.set()
                self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        stopping = False
        while not (stopping and not self._held):
            requests, stopping = self._gather(stopping=stopping)
            if requests:
                self._serve(requests)
        while not self._queue.empty():
            request = self._queue.get()
            if request is not None:
                request.future.set_exception(StoreClosed())
        if self._connection is not None:
            self._connection.close()

    def _gather(self, *, stopping: bool) -> tuple[list[Request], bool]:
        """The next requests, up to a batch's size: waits for the first, never for another."""
        requests, self._held = self._held, []
        size = sum(request.size for request in requests)
        while size < self._batch_events_max and not stopping:
            try:
                request = self._queue.get(block=not requests)
            except queue.Empty:
                break
            if request is None:
                stopping = True
            elif request.future.set_running_or_notify_cancel():
                requests.append(request)
                size += request.size
        return requests, stopping

    def _serve(self, requests: list[Request]) -> None:
        """Decide and commit a batch; answer everybody."""
        try:
            answers, position = in_turn(partial(self._commit, requests), self._connect)
        except Exception as error:  # whatever went wrong, nobody may wait for ever
            self._forget_connection()
            self.meter.failed()
            log.exception("batch.failed", requests=len(requests))
            failure = error if isinstance(error, FilrougeError) else StoreUnavailable()
            failure.__cause__ = None if failure is error else error
            answers = [(request, None, failure) for request in requests]
            self._held = []
        else:
            self._log.announce(position)
        for request, result, refusal in answers:
            if refusal is not None:
                request.future.set_exception(refusal)
            else:
                request.future.set_result(result)

    def _forget_connection(self) -> None:
        """After a failure nothing that was folded can be trusted: start afresh."""
        self._views, self._voids, self._voids_seen = Views(), Voids(), 0
        self._type_ids, self._room = {}, 0
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _cursor(self) -> psycopg.Cursor:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            # Probes are always few rows by index; a plan made for more would scan.
            self._connection.execute(
                "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
                " SET plan_cache_mode = force_generic_plan; SET jit = off;"
                f" SET lock_timeout = '{LOOK_SECONDS}s';"
                f" SET idle_in_transaction_session_timeout = '{DECIDING_SECONDS_MAX}s'"
            )
        if not self._type_ids:
            self._type_ids = register_types(self._connection.cursor(), known_types())
        return self._connection.cursor(binary=True)

    def _commit(
        self, requests: list[Request]
    ) -> tuple[list[tuple[Request, Any, BaseException | None]], int]:
        began = perf_counter()
        cursor = self._cursor()
        connection = cursor.connection
        with connection.transaction():
            batch = self._open_batch(cursor, requests)
            answers = self._decide(batch, requests)
            position = batch.head.position + len(batch.drafts)
            if batch.drafts:
                types = {draft.envelope.type for draft in batch.drafts}
                if missing := types - self._type_ids.keys():
                    self._type_ids = register_types(cursor, sorted(missing))
                if position > self._room:
                    self._room = make_room(cursor, position)
                copy_rows(cursor, batch.rows(self._type_ids))
                cursor.execute(
                    "UPDATE head SET position = %s, recorded_at = %s", [position, batch.now]
                )
        self._after_commit(batch, position)
        self.meter.committed(answers, events=len(batch.drafts), seconds=perf_counter() - began)
        return answers, position

    def _open_batch(self, cursor: psycopg.Cursor, requests: list[Request]) -> Batch:
        """Lock the head and read all that the requests depend on, in one round trip."""
        self._views.begin()
        for request in requests:
            self._views.need(request.views)
        head, firsts, voids, found = self._read(cursor, requests)
        if self._add_voids(voids):
            # Another process took something back: views that had folded it are read anew.
            self._views.forget()
            self._views.begin()
            for request in requests:
                self._views.need(request.views)
            head, firsts, _, found = self._read(cursor, requests)
        self._voids_seen = head.position
        self._views.load(found, self._voids, head.position)
        return Batch(head, self._views, firsts, self._voids.batches, partial(read_on, cursor))

    def _read(
        self, cursor: psycopg.Cursor, requests: list[Request]
    ) -> tuple[Head, dict[bytes, tuple[int, bytes]], list[Any], list[tuple[int, Recorded]]]:
        connection = cursor.connection
        origins = [origin for request in requests for origin in request.origins if origin]
        boundary = self._views.queries(self._type_ids)
        void_types = [self._type_ids[name] for item in Voids.query().items for name in item.types]
        with connection.pipeline():
            lock = connection.cursor(binary=True).execute(LOCK_SQL)
            voids = connection.cursor(binary=True).execute(
                VOIDS_SQL, [void_types, self._voids_seen]
            )
            first = connection.cursor(binary=True)
            if origins:
                first.execute(ORIGINS_SQL, [[origin.hex() for origin in origins]])
            views = connection.cursor(binary=True)
            if boundary:
                views.execute(BOUNDARY_SQL, boundary)
            conflicts = [
                (request, self._condition(connection, request))
                for request in requests
                if isinstance(request, Append | Decide) and request.query is not None
            ]
        row = lock.fetchone()
        assert row is not None
        for request, condition in conflicts:
            request.conflicts = self._conflicts(connection, request, condition.fetchone())
        firsts = (
            {key.bytes: (position, entry) for key, position, entry in first.fetchall()}
            if origins
            else {}
        )
        decoded: dict[int, Recorded] = {}
        found = []
        for i, position, entry in views.fetchall() if boundary else ():
            recorded = decoded.get(position)
            if recorded is None:
                recorded = decoded[position] = decode_entry(entry, position)
            found.append((i, recorded))
        return Head(*row), firsts, voids.fetchall(), found

    def _condition(
        self, connection: psycopg.Connection, request: Guarded, limit: int = 1
    ) -> psycopg.Cursor:
        assert request.query is not None
        span = Span(after=request.after, until=POSITION_MAX, limit=limit)
        sql, values = positions_sql(request.query, span, self._type_ids)
        return connection.cursor(binary=True).execute(
            f"SELECT e.position, e.entry FROM ({sql}) AS p JOIN entries e USING (position)",
            values,
        )

    def _conflicts(
        self, connection: psycopg.Connection, request: Guarded, row: tuple[int, bytes] | None
    ) -> bool:
        """Whether the condition matches: by hash it does, the tags themselves decide."""
        if row is None or matches(request, *row):
            return row is not None
        everything = self._condition(connection, request, limit=POSITION_MAX)
        return any(matches(request, *other) for other in everything)

    def _add_voids(self, rows: Iterable[tuple[int, bytes]]) -> bool:
        found = [decode_entry(entry, position) for position, entry in rows]
        for recorded in found:
            self._voids.add(recorded)
        return bool(found)

    def _decide(
        self, batch: Batch, requests: list[Request]
    ) -> list[tuple[Request, Any, BaseException | None]]:
        """Answer the requests in order, each seeing what the ones before it decided."""
        answers: list[tuple[Request, Any, BaseException | None]] = []
        for n, request in enumerate(requests):
            if batch.voiding:
                self._held = requests[n:]
                break
            try:
                answers.append((request, request.decide(batch), None))
            except Exception as error:
                if batch.folding:
                    raise  # a view broke while taking in what was accepted: nothing may be kept
                # Refused, or a defect in its own decision: the caller is told, the others go on.
                answers.append((request, None, error))
        return answers

    def _after_commit(self, batch: Batch, position: int) -> None:
        self._views.committed(position)
        for draft in batch.drafts:
            if draft.voids:
                self._voids.add(draft.recorded())
                self._views.forget(draft.touches)
        self._voids_seen = position
