"""A PostgreSQL that holds ledgers: makes them, opens them, and keeps them apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from domain.errors import FilrougeError
from domain.ledger import OpenLedger
from store.connections import POOL_MAX, connect_to, connected, enter, pool_of, shares_of
from store.keys import EpochKeys
from store.ledger import Ledger
from store.log import Head
from store.migrate import migrate, migrations_in, running
from store.recover import raise_epoch
from store.restore import restore_entries
from store.spaces import Spaces
from store.vault import Vault

BATCH_EVENTS_MAX: Final = 2_000
NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
LOG_GRANTS: Final = (
    "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT ON {schema}.entries, {schema}.tags, {schema}.origins, {schema}.types"
    " TO {role}",
    "GRANT SELECT, INSERT, UPDATE ON {schema}.tiles TO {role}",
    "GRANT SELECT, INSERT ON {schema}.checkpoints, {schema}.cosignatures, {schema}.log_keys,"
    " {schema}.certificates"
    " TO {role}",
    "GRANT SELECT, INSERT, DELETE ON {schema}.accesses TO {role}",
    "GRANT SELECT, UPDATE ON {schema}.head TO {role}",
    "GRANT SELECT ON {schema}.partitioning TO {role}",
    "GRANT EXECUTE ON FUNCTION {schema}.make_room TO {role}",
)


class LedgerExists(FilrougeError):
    """A ledger of this name is there already: choose another name, or open that one."""


class LedgerUnknown(FilrougeError):
    """There is no ledger of this name: see ``filrouge status``, or create it."""


class InvalidName(FilrougeError):
    """A ledger's name is lower-case letters, digits and _, begins with a letter, at most 40."""


class Database:
    """The ledgers of one PostgreSQL database; each in a schema, and with a role, of its own."""

    def __init__(
        self,
        url: str,
        *,
        keys: EpochKeys,
        vault_url: str | None = None,
        replica_url: str | None = None,
        pool_max: int = POOL_MAX,
        batch_events_max: int = BATCH_EVENTS_MAX,
        register_folder: Path | None = None,
    ) -> None:
        self.url = url
        self.keys = keys
        self.register_folder = register_folder
        """Where each ledger's register of erasures is kept, apart from PostgreSQL."""
        self._vault_url = vault_url or url
        self._replica_url = replica_url
        self._pool_max = pool_max
        self._batch_events_max = batch_events_max
        shares = shares_of(pool_max, 1)
        self._vault_pool = pool_of(self._vault_url, shares.vault, "vault", autocommit=False)
        self.pool = pool_of(url, shares.keys, "keys")
        """Connections to what all ledgers share: their names, and the keys of the API."""

    @contextmanager
    def _owner(self, url: str | None = None) -> Iterator[psycopg.Connection]:
        with connected(url or self.url, "owner") as connection:
            yield connection

    def prepare(self, *, dry_run: bool = False) -> dict[str, list[str]]:
        """Bring every schema up to date; returns what was (or would be) applied to each."""
        done: dict[str, list[str]] = {}
        with self._owner() as connection:
            done["filrouge"] = migrate(
                connection, "filrouge", migrations_in("instance"), dry_run=dry_run
            )
        there = not (dry_run and done["filrouge"])
        for name in self.names() if there else ():
            done |= self._migrate_ledger(name, dry_run=dry_run)
        return {schema: names for schema, names in done.items() if names}

    def _migrate_ledger(self, name: str, *, dry_run: bool = False) -> dict[str, list[str]]:
        schema, vault = f"ledger_{name}", f"vault_{name}"
        with self._owner() as connection:
            done = {schema: migrate(connection, schema, migrations_in("ledger"), dry_run=dry_run)}
            if done[schema] and not dry_run:
                _grant(connection, schema)
        with self._owner(self._vault_url) as connection:
            done[vault] = migrate(connection, vault, migrations_in("vault"), dry_run=dry_run)
        return done

    def migrating(self) -> bool:
        """Whether some process, this one or another, applies migrations now."""
        with self.pool.connection() as connection:
            return running(connection)

    def names(self) -> list[str]:
        """The names of the ledgers, in order."""
        with self._owner() as connection:
            rows = connection.execute("SELECT name FROM filrouge.ledgers ORDER BY name").fetchall()
        return [name for (name,) in rows]

    def create(self, name: str, opening: OpenLedger) -> Ledger:
        """Make a ledger and open it: position 1 is its opening. Raises LedgerExists."""
        ledger = self._make(name)
        try:
            command_id = f"open-{opening.ledger_id}"
            ledger.decide(opening, command_id=command_id, actor="filrouge").result()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def _make(self, name: str) -> Ledger:
        if not NAME_PATTERN.fullmatch(name):
            raise InvalidName(name=name)
        self.prepare()
        self._migrate_ledger(name)
        with self._owner() as connection:
            connection.execute(
                "INSERT INTO filrouge.ledgers (name, schema, role) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [name, f"ledger_{name}", f"ledger_{name}"],
            )
        ledger = self.open(name)
        if ledger.log.head().position:
            ledger.close()
            raise LedgerExists(name=name)
        return ledger

    def restore(
        self,
        name: str,
        entries: Iterable[bytes],
        progress: Callable[[int], None] | None = None,
    ) -> Ledger:
        """Make a ledger from the exported entries of another: all of them, or none is kept.

        Into a ledger that is there already only if it is empty. Raises CannotRestore.
        """
        ledger = self._make(name)
        try:
            with connect_to(self.url, f"ledger_{name}", "restore") as connection:
                restore_entries(connection, entries, progress)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def recover(self, name: str) -> Head:
        """After the database came back from a backup: check a log and raise its epoch.

        Raises LedgerUnknown, LogNotWhole.
        """
        if name not in self.names():
            raise LedgerUnknown(name=name)
        with connect_to(self.url, f"ledger_{name}") as connection:
            return raise_epoch(connection)

    def open(self, name: str) -> Ledger:
        """Open a ledger that is there. Raises LedgerUnknown."""
        names = self.names()
        if name not in names:
            raise LedgerUnknown(name=name)
        schema = f"ledger_{name}"
        entered = partial(enter, schema=schema)
        readers = shares_of(self._pool_max, len(names)).readers
        replica = self._replica_url
        return Ledger(
            name,
            pool=pool_of(self.url, readers, f"reader {name}", entered),
            read_pool=pool_of(replica, readers, f"reader {name}", entered) if replica else None,
            connect=partial(connect_to, self.url, schema),
            make_vault=lambda ledger_id: Vault(
                self._vault_pool.connection,
                schema=f"vault_{name}",
                ledger_id=ledger_id,
                keys=self.keys,
            ),
            batch_events_max=self._batch_events_max,
            register_folder=self.register_folder,
        )

    def spaces(self, name: str) -> Spaces:
        """Where tables of a ledger's past are kept."""
        return Spaces(self.url, name)

    def close(self) -> None:
        """Let go of the connections that are not a ledger's own."""
        self._vault_pool.close()
        self.pool.close()


def _grant(connection: psycopg.Connection, schema: str) -> None:
    """Give the ledger's role what it needs: it can read and add, and change nothing."""
    name = sql.Identifier(schema)
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        # Roles belong to the whole server: another database may have a ledger of this name.
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
    member = connection.execute("SELECT pg_has_role(%s, 'SET')", [schema]).fetchone()
    with connection.transaction():
        if member is None or not member[0]:
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
        for grant in LOG_GRANTS:
            connection.execute(sql.SQL(grant).format(schema=name, role=name))
