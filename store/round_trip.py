"""One round trip: prepared statements sent together, and their rows, with one wait for all.

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


def round_trip(connection: psycopg.Connection, asked: Sequence[Ask]) -> list[Rows]:
    """Send the statements, and return the rows of each; raises the first error."""
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    for ask in asked:
        name = ask.statement.encode()
        if ask in _PLAIN:
            pgconn.send_query_params(name, None, result_format=Format.BINARY)
        else:
            formats = [Format.BINARY] * len(ask.values)
            pgconn.send_query_prepared(name, ask.values, formats, Format.BINARY)
    pgconn.pipeline_sync()
    sys.setswitchinterval(YIELD_SECONDS)
    try:
        results = connection.wait(_exchange(pgconn))
    finally:
        sys.setswitchinterval(_OWN_SECONDS)
    if pgconn.status == ConnStatus.OK:
        pgconn.exit_pipeline_mode()
    for result in results:
        if result.status not in _DONE:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
    assert len(results) == len(asked)
    return [list(_rows(result)) for result in results]


def _exchange(pgconn: abc.PGconn) -> PQGen[list[abc.PGresult]]:
    """Send what is queued and fetch the results up to the end of the pipeline."""
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
