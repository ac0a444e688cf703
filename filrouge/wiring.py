"""Putting the rooms together: settings, a PostgreSQL, ledgers, and what runs on them.

Each of these is a context manager: what it started is stopped in the reverse order, whatever
happens in between, and an embedded PostgreSQL that nobody else uses stops last.
"""

from __future__ import annotations

import secrets
from base64 import b32encode, b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Final
from zoneinfo import available_timezones

import msgspec

import domain
from domain.errors import InvalidEvent
from domain.ledger import OpenLedger, UnknownTimeZone
from filrouge.settings import Settings
from store.credentials import Credentials
from store.database import Database
from store.embedded import EmbeddedPostgres
from store.keys import EpochKeys
from store.ledger import Ledger
from store.log_keys import LogKeys

ACTOR: Final = "cli"
"""Who stands in the envelope of what the command line records."""


def load_domain() -> None:
    """Import every file of the domain, so that all its events and commands are known."""
    for module in iter_modules(domain.__path__):
        import_module(f"domain.{module.name}")


def epoch_keys(settings: Settings) -> EpochKeys:
    """The keys that wrap all others: from the setting, or from the key file, made if need be."""
    key = settings.epoch_key_bytes
    return EpochKeys.from_file(settings.key_path) if key is None else EpochKeys.from_bytes(key)


def log_keys(settings: Settings) -> LogKeys:
    """The keys that sign checkpoints: from the setting, or from the key file, made if need be."""
    if settings.log_key is not None:
        return LogKeys([b64decode(settings.log_key)])
    return LogKeys.from_file(settings.log_key_path)


@contextmanager
def opened_database(settings: Settings, *, prepare: bool = True) -> Iterator[Database]:
    """The PostgreSQL of the settings, or the embedded one, with all migrations applied.

    ``prepare=False`` leaves the schemas as they are.
    """
    load_domain()
    with ExitStack() as stack:
        url = settings.database_url
        if url is None:
            url = stack.enter_context(
                EmbeddedPostgres.start(settings.data_dir, settings.postgres_version)
            ).url
        database = Database(
            url,
            keys=epoch_keys(settings),
            vault_url=settings.vault_database_url,
            replica_url=settings.replica_url,
            pool_max=settings.pool_max,
            batch_events_max=settings.batch_events_max,
            register_folder=settings.register_folder,
        )
        stack.callback(database.close)
        if prepare:
            database.prepare()
        yield database


@contextmanager
def opened_ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger that the settings name. Raises LedgerUnknown."""
    with (
        opened_database(settings) as database,
        closing_ledger(database.open(settings.ledger)) as it,
    ):
        yield it


@contextmanager
def closing_ledger(ledger: Ledger) -> Iterator[Ledger]:
    """Record what is queued and let go of the connections at the end."""
    try:
        yield ledger
    finally:
        ledger.close()


def make_ledger(
    database: Database, name: str, *, title: str, time_zone: str, currency: str
) -> Ledger:
    """Make a ledger with an id of its own, which binds its encryption for ever.

    Raises LedgerExists, UnknownTimeZone, and InvalidEvent for a name or currency that is none.
    """
    if time_zone not in available_timezones():
        raise UnknownTimeZone(time_zone=time_zone)
    said = {"ledger_id": new_id("l"), "name": title, "time_zone": time_zone, "currency": currency}
    try:
        opening = msgspec.convert(said, OpenLedger)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{error}") from None
    return database.create(name, opening)


def credentials(database: Database) -> Credentials:
    """The API keys of the installation."""
    return Credentials(database.pool.connection)


def new_id(prefix: str) -> str:
    """A random id: ``l_...``."""
    return f"{prefix}_{b32encode(secrets.token_bytes(15)).decode().lower()}"
