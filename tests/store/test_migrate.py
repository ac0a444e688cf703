"""Migrations: forward only, once each, all or nothing, and never guessed."""

import threading
from pathlib import Path

import psycopg
import pytest

from store.migrate import (
    Migration,
    MigrationChanged,
    MigrationUnknown,
    migrate,
    migrations_in,
)

FIRST = Migration("0001_first.sql", "CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
SECOND = Migration("0002_second.sql", "ALTER TABLE one ADD COLUMN m int DEFAULT 2;")
BROKEN = Migration("0003_broken.sql", "CREATE TABLE two (n int); SELECT no_such_function();")


def connect(database: str) -> psycopg.Connection:
    """A connection of the owner."""
    return psycopg.connect(database, autocommit=True)


def test_files_are_taken_in_the_order_of_their_names() -> None:
    """What the project ships is found, for each kind of schema."""
    for folder in ("instance", "ledger", "vault"):
        found = migrations_in(folder)
        assert found
        assert sorted(found) == found


def test_each_is_applied_once(database: str) -> None:
    """A second run applies nothing; a new file is applied on top."""
    with connect(database) as connection:
        assert [FIRST.name] == migrate(connection, "s", [FIRST])
        assert migrate(connection, "s", [FIRST]) == []
        assert [SECOND.name] == migrate(connection, "s", [FIRST, SECOND])
        assert connection.execute("SELECT n, m FROM s.one").fetchone() == (1, 2)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(database: str) -> None:
    """Nothing is created, not even the record of migrations."""
    with connect(database) as connection:
        assert [FIRST.name] == migrate(connection, "s", [FIRST], dry_run=True)
        assert connection.execute("SELECT to_regnamespace('s')").fetchone() == (None,)


def test_a_failing_file_leaves_nothing_behind(database: str) -> None:
    """It is rolled back whole; corrected, it goes in."""
    with connect(database) as connection:
        migrate(connection, "s", [FIRST])
        with pytest.raises(psycopg.errors.UndefinedFunction):
            migrate(connection, "s", [FIRST, BROKEN])
        assert connection.execute("SELECT to_regclass('s.two')").fetchone() == (None,)
        corrected = BROKEN._replace(text="CREATE TABLE two (n int)")
        assert [BROKEN.name] == migrate(connection, "s", [FIRST, corrected])


def test_a_changed_file_is_an_error(database: str) -> None:
    """What was applied is remembered by its checksum."""
    with connect(database) as connection:
        migrate(connection, "s", [FIRST])
        with pytest.raises(MigrationChanged):
            migrate(connection, "s", [FIRST._replace(text="SELECT 1")])


def test_a_database_of_a_newer_version_is_left_alone(database: str) -> None:
    """A record without a file means that somebody newer was here."""
    with connect(database) as connection:
        migrate(connection, "s", [FIRST, SECOND])
        with pytest.raises(MigrationUnknown):
            migrate(connection, "s", [FIRST])


def test_many_at_once_apply_it_once(database: str) -> None:
    """Eight processes that start together agree."""
    done: list[list[str]] = []

    def run() -> None:
        with connect(database) as connection:
            done.append(migrate(connection, "s", [FIRST, SECOND]))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[]] * 7 + [[FIRST.name, SECOND.name]] == sorted(done)


def test_migrations_hold_nothing_that_can_be_rebuilt() -> None:
    """Projections make their own tables: the files are for the log, the vault and credentials."""
    folder = Path(__file__).resolve().parents[2] / "migrations"
    rooms = {path.name for path in folder.iterdir() if path.is_dir()}
    assert {"instance", "ledger", "vault"} == rooms
    assert "projection" not in "".join(path.read_text() for path in folder.rglob("*.sql"))
