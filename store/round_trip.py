"""The pipeline: prepared statements sent one after another, and their rows, with one wait for all.

The driver's own pipeline waits once for each statement, and each wait gives other threads the
interpreter: while a batch holds the head, that is the dearest thing that it can do.
"""

from __future__ import annotations

import sys
from collections import deque
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


class Sent:
    """Statements that were sent together, and the rows of each, once somebody waited for them."""

    __slots__ = ("count", "rows")

    def __init__(self, count: int) -> None:
        self.count = count
        self.rows: list[Rows] | None = None


class Pipeline:
    """Statements on their way to the server, which begins with each as soon as it is sent."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        """Nothing else may use it before all that was sent has its answer."""
        self._under_way: deque[Sent] = deque()

    def cursor(self) -> psycopg.Cursor:
        """The driver's own way to ask, once all that was sent has been answered."""
        self.drain()
        return self.connection.cursor(binary=True)

    def send(self, *asked: Ask) -> Sent:
        """Send statements, and wait for nothing.

        When they are done the session is idle as any other: PostgreSQL's limits hold for it. What
        the socket does not take now goes with what is sent next.
        """
        pgconn = self.connection.pgconn
        if not self._under_way:
            pgconn.enter_pipeline_mode()
        for ask in asked:
            name = ask.statement.encode()
            if ask in _PLAIN:
                pgconn.send_query_params(name, None, result_format=Format.BINARY)
            else:
                formats = [Format.BINARY] * len(ask.values)
                pgconn.send_query_prepared(name, ask.values, formats, Format.BINARY)
        pgconn.pipeline_sync()
        sent = Sent(len(asked))
        self._under_way.append(sent)
        return sent

    def rows(self, sent: Sent) -> list[Rows]:
        """The rows of each statement; raises the first error, of these or of what went before."""
        while sent.rows is None:
            self._receive()
        return sent.rows

    def round_trip(self, *asked: Ask) -> list[Rows]:
        """Send statements, and wait for the rows of each."""
        return self.rows(self.send(*asked))

    def drain(self) -> None:
        """Wait until all that was sent is answered; raises the first error."""
        while self._under_way:
            self._receive()

    def _receive(self) -> None:
        """Wait for what was sent first. An error is raised when nothing is under way any more."""
        sent, results = self._under_way.popleft(), self._results()
        failed = [result for result in results if not _done(result)]
        while failed and self._under_way and self.connection.pgconn.status == ConnStatus.OK:
            self._under_way.popleft()
            self._results()
        if not self._under_way and self.connection.pgconn.status == ConnStatus.OK:
            self.connection.pgconn.exit_pipeline_mode()
        if failed:
            raise psycopg.errors.error_from_result(failed[0], encoding="utf-8")
        if results[-1].command_status == _ROLLED_BACK:
            message = "nothing is kept: a statement of this transaction had failed before"
            raise psycopg.errors.InFailedSqlTransaction(message)
        if len(results) != sent.count:
            message = f"{len(results)} of {sent.count} statements were answered"
            raise psycopg.OperationalError(message)
        sent.rows = [list(_rows(result)) for result in results]

    def _results(self) -> list[abc.PGresult]:
        sys.setswitchinterval(YIELD_SECONDS)
        try:
            return self.connection.wait(_exchange(self.connection.pgconn))
        finally:
            sys.setswitchinterval(_OWN_SECONDS)


def _done(result: abc.PGresult) -> bool:
    return result.status in _DONE


def _exchange(pgconn: abc.PGconn) -> PQGen[list[abc.PGresult]]:
    """Send what is queued and fetch the results of what was sent together first."""
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
            return results
        results.append(result)
        if pgconn.status != ConnStatus.OK:
            return results


def _rows(result: abc.PGresult) -> Iterable[tuple[bytes, ...]]:
    columns = range(result.nfields)
    for row in range(result.ntuples):
        yield tuple(result.get_value(row, column) or b"" for column in columns)
