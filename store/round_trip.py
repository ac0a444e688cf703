"""The pipeline: prepared statements sent one after another, and their rows, with one wait for all.

The driver's own pipeline waits once for each statement, and each wait gives other threads the
interpreter: while a batch holds the head, that is the dearest thing that it can do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus, ExecStatus, Format, abc
from psycopg.waiting import Ready, Wait

Rows = list[tuple[bytes, ...]]
"""Rows in PostgreSQL's binary form. No statement here returns a null."""

YIELD_SECONDS: Final = 0.0001
"""How long another thread may keep the interpreter once the server has answered.

A large batch is sent in a dozen pieces, and each of them may wait for CPython's 5 ms. The thread
itself is not hurried: when it goes on, the interpreter's own interval is back.
"""
_OWN_SECONDS: Final = sys.getswitchinterval()

_ROLLED_BACK: Final = b"ROLLBACK"
"""What PostgreSQL answers to COMMIT, as if all were well, once a statement has failed."""
_DONE: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Ask(NamedTuple):
    """One prepared statement and its parameters, in PostgreSQL's binary form."""

    statement: str
    values: Sequence[bytes] = ()


BEGIN: Final = Ask("BEGIN")
COMMIT: Final = Ask("COMMIT")
_PLAIN: Final = (BEGIN, COMMIT)


def prepare(connection: psycopg.Connection, statements: Mapping[str, str]) -> None:
    """Prepare statements under their names; a name says its parameters: ``find(bigint[])``."""
    for name, sql in statements.items():
        connection.execute(f"PREPARE {name} AS {sql}".encode())


class Pipeline:
    """Statements on their way to the server, which begins with each as soon as it is sent."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        """Nothing else may use it before all that was sent has its answer."""
        self._sent = self._syncs = 0

    def cursor(self) -> psycopg.Cursor:
        """The driver's own way to ask, once all that was sent has been answered."""
        self.answers()
        return self.connection.cursor(binary=True)

    def send(self, *asked: Ask) -> None:
        """Send statements, and wait for nothing.

        When they are done the session is idle as any other: PostgreSQL's limits hold for it. What
        the socket does not take now goes with what is sent next.
        """
        if asked:
            self._queue(asked)
            self._sync()

    def round_trip(self, *asked: Ask) -> list[Rows]:
        """Send statements, and wait for the rows of each: of these, and not of earlier ones."""
        self._queue(asked)
        return self.answers()[-len(asked) :]

    def _queue(self, asked: Sequence[Ask]) -> None:
        pgconn = self.connection.pgconn
        if not self._sent:
            pgconn.enter_pipeline_mode()
        for ask in asked:
            name = ask.statement.encode()
            if ask in _PLAIN:
                pgconn.send_query_params(name, None, result_format=Format.BINARY)
            else:
                formats = [Format.BINARY] * len(ask.values)
                pgconn.send_query_prepared(name, ask.values, formats, Format.BINARY)
        self._sent += len(asked)

    def _sync(self) -> None:
        self.connection.pgconn.pipeline_sync()
        self._syncs += 1

    def answers(self) -> list[Rows]:
        """The rows of each statement that was sent, once all are there; raises the first error."""
        if not self._sent:
            return []
        pgconn = self.connection.pgconn
        self._sync()
        sent, syncs = self._sent, self._syncs
        self._sent = self._syncs = 0
        sys.setswitchinterval(YIELD_SECONDS)
        try:
            results = self.connection.wait(_exchange(pgconn, syncs))
        finally:
            sys.setswitchinterval(_OWN_SECONDS)
        if pgconn.status == ConnStatus.OK:
            pgconn.exit_pipeline_mode()
        for result in results:
            if result.status not in _DONE:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
            if result.command_status == _ROLLED_BACK:
                message = "nothing is kept: a statement of this transaction had failed before"
                raise psycopg.errors.InFailedSqlTransaction(message)
        assert len(results) == sent
        return [list(_rows(result)) for result in results]


def _exchange(pgconn: abc.PGconn, syncs: int) -> PQGen[list[abc.PGresult]]:
    """Send what is queued and fetch the results up to the last of so many ends."""
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pgconn.consume_input()
    results: list[abc.PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            continue  # the end of one statement's results
        if result.status == ExecStatus.PIPELINE_SYNC:
            syncs -= 1
            if not syncs:
                return results
            continue
        results.append(result)
        if pgconn.status != ConnStatus.OK:
            return results


def _rows(result: abc.PGresult) -> Iterable[tuple[bytes, ...]]:
    columns = range(result.nfields)
    for row in range(result.ntuples):
        yield tuple(result.get_value(row, column) or b"" for column in columns)
