"""The round trip: statements that go together, and what becomes of them when one fails."""

import sys
import time

import psycopg
import pytest

from store.packed import bigint, bigints, byte_strings, number
from store.round_trip import BEGIN, COMMIT, Ask, Pipeline, Rows, prepare


@pytest.fixture
def connection(database: str) -> psycopg.Connection:
    """A connection with some statements prepared."""
    connection = psycopg.connect(database, autocommit=True)
    connection.execute("CREATE TABLE t (n bigint PRIMARY KEY, data bytea)")
    prepare(
        connection,
        {
            "put(bigint[], bytea[])": "INSERT INTO t SELECT * FROM unnest($1, $2)",
            "numbers(bigint)": "SELECT n FROM t WHERE n > $1 ORDER BY n",
            "longest": "SELECT max(length(data))::bigint FROM t",
        },
    )
    return connection


def put(*numbers: int, data: bytes = b"x") -> Ask:
    """Insert these numbers."""
    return Ask("put", [bigints(list(map(bigint, numbers))), byte_strings([data] * len(numbers))])


def round_trip(connection: psycopg.Connection, asked: list[Ask]) -> list[Rows]:
    """Send these, and wait for their rows."""
    return Pipeline(connection).round_trip(*asked)


def test_each_statement_has_its_rows(connection: psycopg.Connection) -> None:
    """Rows come back for each statement, in the order of the statements."""
    with connection:
        asked = [BEGIN, put(1, 2), Ask("numbers", [bigint(0)]), put(3), COMMIT]
        assert round_trip(connection, asked) == [[], [], [(bigint(1),), (bigint(2),)], [], []]
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_other_threads_keep_the_interpreter_as_long_as_ever(connection: psycopg.Connection) -> None:
    """While the server is waited for they give it back sooner; afterwards, also after an error."""
    before = sys.getswitchinterval()
    with connection:
        round_trip(connection, [BEGIN, put(1), COMMIT])
        assert sys.getswitchinterval() == before
        with pytest.raises(psycopg.errors.UniqueViolation):
            round_trip(connection, [BEGIN, put(1), COMMIT])
        assert sys.getswitchinterval() == before


def test_no_elements_are_an_empty_array(connection: psycopg.Connection) -> None:
    """An array may hold nothing."""
    with connection:
        assert round_trip(connection, [put(), Ask("numbers", [bigint(0)])]) == [[], []]


def test_more_than_any_buffer_holds_goes_through(connection: psycopg.Connection) -> None:
    """What is sent may be larger than what the socket takes at once."""
    with connection:
        mebibytes = [put(n, data=bytes(2**20)) for n in range(24)]
        *_, [(longest,)] = round_trip(connection, [*mebibytes, Ask("longest")])
        assert number(longest) == 2**20


def test_the_first_error_is_raised_and_nothing_is_kept(connection: psycopg.Connection) -> None:
    """After it nothing is carried out, and the connection can still be used."""
    with connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            round_trip(connection, [BEGIN, put(1), put(1), put(2), COMMIT])
        connection.execute("ROLLBACK")
        assert round_trip(connection, [Ask("numbers", [bigint(0)])]) == [[]]


def test_a_commit_that_kept_nothing_is_an_error(connection: psycopg.Connection) -> None:
    """PostgreSQL answers it without one, once a statement of the transaction has failed."""
    with connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            round_trip(connection, [BEGIN, put(1), put(1)])
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="nothing is kept"):
            round_trip(connection, [COMMIT])
        assert round_trip(connection, [Ask("numbers", [bigint(0)])]) == [[]]


def test_what_is_sent_is_begun_before_anybody_asks(
    connection: psycopg.Connection, database: str
) -> None:
    """The server takes locks for it; its rows are not taken for those of what is asked next."""
    with connection, psycopg.connect(database, autocommit=True) as another:
        pipeline = Pipeline(connection)
        pipeline.send(BEGIN, put(1), Ask("numbers", [bigint(0)]))
        locks = "SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'RowExclusiveLock'"
        deadline = time.monotonic() + 10
        while another.execute(locks).fetchone() is None:
            assert time.monotonic() < deadline, "it waits for somebody to ask"
        idle = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'idle in transaction'"
        while another.execute(idle, [connection.info.backend_pid]).fetchone() is None:
            assert time.monotonic() < deadline, "no limit on idle sessions holds for it"
        assert pipeline.round_trip(put(2), Ask("numbers", [bigint(1)])) == [[], [(bigint(2),)]]
        assert pipeline.cursor().execute("SELECT count(*) FROM t").fetchone() == (2,)
        pipeline.drain()
        pipeline.send(put(2))
        with pytest.raises(psycopg.errors.UniqueViolation):
            pipeline.cursor()
        connection.rollback()


def test_a_connection_that_was_cut_is_told(connection: psycopg.Connection, database: str) -> None:
    """A server that goes away between two round trips is an error, and nobody waits for it."""
    with psycopg.connect(database, autocommit=True) as another:
        another.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        round_trip(connection, [BEGIN, put(1), COMMIT])
    connection.close()
