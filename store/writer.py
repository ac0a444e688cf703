"""The writer: many requests decided and committed together, under one lock on the ledger's head.

Every process has one; the head row's lock makes them take turns. In one round trip a batch locks
the head, learns the clock, finds duplicates and conflicts and brings its views up to date; then it
decides one request after another, and in a second round trip writes and commits all of them at
once. A request that is refused is answered alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, Final

import psycopg
import structlog

from domain.envelope import decode_entry
from domain.errors import FilrougeError
from domain.rules import NO_RULES, RULE_BOOK
from store.asking import AskedViews
from store.batch import Batch, Ways, read_on
from store.boundary import KnownView, Views
from store.conditions import Conditions
from store.draft import VOIDING_EVENTS
from store.errors import StoreOverloaded, StoreUnavailable
from store.log import Log
from store.metrics import Meter
from store.opening import firsts_of, head_of, opening
from store.packed import number
from store.partitions import make_room
from store.reply import Turns
from store.requests import Append, Observe, Request
from store.round_trip import COMMIT, Ask, Pipeline, Rows
from store.silence import in_turn
from store.statements import writing
from store.type_names import known_types, register_types
from store.voids import Voids
from store.waiting import WaitingRequests

LINGER_SHARE: Final = 0.1
"""How long a batch waits for those who were just answered, as a share of the last batch's time."""
PART_REQUESTS: Final = 32
"""For so many requests at a time the views are asked for."""

log = structlog.get_logger()


class Writer:
    """Takes requests from any thread and answers each through its reply, after the commit."""

    def __init__(
        self, connect: Callable[[], psycopg.Connection], reader: Log, name: str, *,
        batch_events_max: int,
    ) -> None:  # fmt: skip
        self._connect = connect
        self._log = reader
        self._batch_events_max = batch_events_max
        self._waiting = WaitingRequests()
        self._held: list[Request] = []
        self._turns = Turns()
        self.meter = Meter(name, self._waiting.__len__)
        self._pipeline: Pipeline | None = None
        self._views, self._voids, self._voids_seen = Views(), Voids(), 0
        self.rules = NO_RULES
        """The rules that were known last: under the lock they may turn out to be others."""
        self._type_ids, self._room = dict[str, int](), 0  # room: up to where nobody need ask
        self._expected, self._linger_seconds = 0, 0.0
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Queue a request; its reply comes when it is durable, or says why it is not."""
        try:
            self._waiting.put(request)
        except StoreOverloaded:
            self.meter.overloaded()
            raise

    def close(self) -> None:
        """Finish what is queued, then stop."""
        self._waiting.close()
        self._thread.join()

    def _loop(self) -> None:
        while (requests := self._gather()) is not None:
            if not requests:
                continue  # it was time to look whether somebody stands still
            began = perf_counter()
            self._serve(requests)
            # Who was answered just now is likely to ask again at once: it is worth to wait for
            # them a small part of the time that another batch would take.
            self._expected = len(requests)
            self._linger_seconds = (perf_counter() - began) * LINGER_SHARE
        self._turns.end()
        self._disconnect()

    def _gather(self) -> list[Request] | None:
        """The next requests, up to a batch's size; None: it is closed and nothing is left."""
        if self._held:
            held, self._held = self._held, []
            size = sum(request.size for request in held)
            return held + self._waiting.take_more(self._batch_events_max - size)
        self._turns.look()
        return self._waiting.take(
            self._batch_events_max,
            expected=self._expected,
            linger_seconds=self._linger_seconds,
            patience_seconds=self._turns.patience_seconds,
        )

    def _serve(self, requests: list[Request]) -> None:
        """Decide and commit a batch; answer everybody."""
        try:
            answers, position = self._commit(requests)
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
            request.reply.answer(result, refusal)
        self._turns.give(request.reply for request, _, _ in answers)

    def _forget_connection(self) -> None:
        """After a failure nothing that was folded can be trusted: start afresh."""
        self._views, self._voids, self._voids_seen = Views(), Voids(), 0
        self._type_ids, self._room = {}, 0
        self._disconnect()

    def _disconnect(self) -> None:
        if self._pipeline is not None:
            self._pipeline.connection.close()
            self._pipeline = None

    def _connected(self) -> Pipeline:
        if self._pipeline is None or self._pipeline.connection.closed:
            self._pipeline = writing(self._connect)
        if not self._type_ids:
            self._type_ids = register_types(self._pipeline.cursor(), known_types())
        return self._pipeline

    def _commit(
        self, requests: list[Request]
    ) -> tuple[list[tuple[Request, Any, BaseException | None]], int]:
        began = perf_counter()
        # Only this is tried again: from here on what views took in cannot be taken back.
        pipeline, batch = in_turn(partial(self._opened, requests), self._connect)
        self._look_again(batch, requests)
        answers = self._decide(batch, requests)
        pipeline.round_trip(*self._written(pipeline, batch), COMMIT)
        self._after_commit(batch)
        seconds = perf_counter() - began
        self.meter.committed(answers, events=len(batch.drafts), seconds=seconds)
        return answers, batch.position

    def _opened(self, requests: list[Request]) -> tuple[Pipeline, Batch]:
        pipeline = self._connected()
        try:
            return pipeline, self._open_batch(pipeline, requests)
        except psycopg.errors.LockNotAvailable:
            pipeline.connection.rollback()
            raise

    def _written(self, pipeline: Pipeline, batch: Batch) -> list[Ask]:
        """What writes what the batch has accepted and not sent yet, if there is any."""
        if not batch.unsent:
            return []
        if missing := {draft.type for draft in batch.unsent} - self._type_ids.keys():
            self._type_ids = register_types(pipeline.cursor(), sorted(missing))
        if batch.position > self._room:
            self._room = make_room(pipeline.cursor(), batch.position)
        return [batch.write(self._type_ids)]

    def _send(self, pipeline: Pipeline, batch: Batch) -> None:
        if written := self._written(pipeline, batch):
            pipeline.send(*written)

    def _open_batch(self, pipeline: Pipeline, requests: list[Request]) -> Batch:
        """Lock the head, and ask for all that the requests depend on."""
        answers, asked = self._open(pipeline, requests, begin=True)
        if self._add_voids(answers["voids"]):
            # Another process took something back: views that had folded it are read anew.
            self._views.forget()
            answers, asked = self._open(pipeline, requests)
        head = head_of(answers)
        asked.head = self._voids_seen = head.position
        ways = Ways(
            read_on=partial(read_on, pipeline),
            load=asked.load,
            bring_up=asked.bring_up,
            send=partial(self._send, pipeline),
        )
        return Batch(head, self._views, firsts_of(answers), self._voids.batches, ways)

    def _look_again(self, batch: Batch, requests: list[Request]) -> None:
        """Read at once what those depend on that were made when the rules were others."""
        observed = [request for request in requests if isinstance(request, Observe)]
        if not observed:
            return
        self.rules = batch.rules()
        changed = [request for request in observed if request.rules is not self.rules]
        for request in changed:
            request.look_again(self.rules)
            self._views.need(request.views)
        if self._views.needed:
            batch.bring_up()

    def _open(
        self, pipeline: Pipeline, requests: list[Request], *, begin: bool = False
    ) -> tuple[dict[str, Rows], AskedViews]:
        self._views.begin()
        asked = AskedViews(self._views, self._voids, pipeline, self._type_ids)
        if any(not isinstance(request, Append) for request in requests):
            self._views.need([KnownView(RULE_BOOK)])  # they look at the rules
        asked.need(requests[:PART_REQUESTS])
        conditions = Conditions(requests)
        questions = opening(
            requests, conditions, asked.question(), self._type_ids,
            voids_seen=self._voids_seen, begin=begin,
        )  # fmt: skip
        sent = pipeline.send(*questions.values())
        asked.sent(sent)
        for begun in range(PART_REQUESTS, len(requests), PART_REQUESTS):
            asked.need(requests[begun : begun + PART_REQUESTS])
            asked.ask()
        answers = dict(zip(questions, pipeline.rows(sent), strict=True))
        conditions.answer(pipeline, answers.get("conditions", []))
        return answers, asked

    def _add_voids(self, rows: Rows) -> bool:
        found = [decode_entry(entry, number(position)) for position, entry in rows]
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
                if batch.folding or isinstance(error, psycopg.Error):
                    # A view broke while taking in what was accepted, or it cannot be written or
                    # read on: nothing may be kept.
                    raise
                # Refused, or a defect in its own decision: the caller is told, the others go on.
                answers.append((request, None, error))
        return answers

    def _after_commit(self, batch: Batch) -> None:
        self._views.committed(batch.position)
        for draft in batch.drafts if batch.voiding else ():
            if type(draft.event) in VOIDING_EVENTS:
                self._voids.add(draft.recorded())
                self._views.forget(draft.touches)
        self._voids_seen = batch.position
