"""Migrations: numbered SQL files that only go forward, each applied once, in one transaction."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
import structlog
from psycopg import sql

from domain.errors import FilrougeError

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"

RUNNING_SQL: Final = """
SELECT EXISTS (
    SELECT FROM pg_locks l JOIN pg_namespace n
        ON (l.classid::bigint << 32 | l.objid::bigint)
            = hashtextextended('filrouge migrate ' || n.nspname, 0)
    WHERE l.locktype = 'advisory' AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
log = structlog.get_logger()


class MigrationChanged(FilrougeError):
    """A migration that was applied has another content now: restore the file as it was released."""


class MigrationUnknown(FilrougeError):
    """The database was migrated by a newer version of the software: use that version."""


class Migration(NamedTuple):
    """One SQL file, applied with ``search_path`` set to the schema that it is for."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, kept with the record that it was applied."""
        return sha256(self.text.encode()).hexdigest()


def migrations_in(folder: str, root: Path = MIGRATIONS) -> list[Migration]:
    """The migrations of a folder, in the order of their names."""
    files = sorted((root / folder).glob("*.sql"))
    return [Migration(path.name, path.read_text()) for path in files]


def migrate(
    connection: psycopg.Connection,
    schema: str,
    migrations: list[Migration],
    *,
    dry_run: bool = False,
) -> list[str]:
    """Bring a schema up to date and return the names of what was (or would be) applied.

    One process at a time: others wait. A file that fails is rolled back whole, and so is nothing
    before it. Raises MigrationChanged and MigrationUnknown rather than guess.
    """
    applied = _applied(connection, schema)
    if dry_run:
        return [migration.name for migration in _pending(migrations, applied)]
    if applied and not _pending(migrations, applied):
        return []
    done = []
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"filrouge migrate {schema}"]
        )
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(
            sql.SQL("SET LOCAL search_path TO {}, pg_catalog").format(sql.Identifier(schema))
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        for migration in _pending(migrations, _applied(connection, schema)):
            with connection.transaction():
                connection.execute(migration.text.encode())
                connection.execute(
                    "INSERT INTO migrations (name, checksum) VALUES (%s, %s)",
                    [migration.name, migration.checksum],
                )
            log.info("migration.applied", schema=schema, name=migration.name)
            done.append(migration.name)
    return done


def running(connection: psycopg.Connection) -> bool:
    """Whether somebody is migrating a schema of this database, which was there before."""
    row = connection.execute(RUNNING_SQL).fetchone()
    assert row is not None
    return bool(row[0])


def _applied(connection: psycopg.Connection, schema: str) -> dict[str, str]:
    there = connection.execute("SELECT to_regclass(%s)", [f'"{schema}".migrations']).fetchone()
    if there is None or there[0] is None:
        return {}
    return dict(
        connection.execute(
            sql.SQL("SELECT name, checksum FROM {}.migrations").format(sql.Identifier(schema))
        ).fetchall()
    )


def _pending(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    known = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationUnknown(name=name)
        if known[name].checksum != checksum:
            raise MigrationChanged(name=name)
    return [migration for migration in migrations if migration.name not in applied]
