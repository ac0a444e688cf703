"""One open ledger: its log, its vault, and the two ways to write: observe and decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from re import compile as pattern
from typing import Final

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from domain.decision import Command, slice_for
from domain.erasures import EpochKeyDestroyed
from domain.errors import FilrougeError, InvalidEvent, NotPermitted
from domain.event import Event, Observation, check_time, check_times, validated
from domain.ledger import LedgerOpened
from store.accesses import AccessLog
from store.certificates import Certificates
from store.erasure_register import ErasureRegister
from store.erasures import Erasures
from store.errors import StoreUnavailable
from store.log import Log
from store.reacting import Outcome
from store.recorder import Recorder
from store.reply import Reply
from store.requests import Decide, NewEvent, Observe, Verdict, digest_of
from store.sealer import is_sealed
from store.sources import VAULT_SOURCE
from store.subjects import asks_the_log, subject_of
from store.tree import LogTree
from store.vault import Vault
from store.vault_rotation import Rotation
from store.writer import Writer

ORIGIN_PATTERN: Final = pattern(r"[A-Za-z0-9/][A-Za-z0-9._~:/#+=-]{0,255}")
"""What a source and an event id may look like. No "@": neither may be an e-mail address."""
VAULT_ACTOR: Final = "filrouge"
"""Who stands in the envelope of what the vault says of its keys."""

__all__ = ["Ledger", "LedgerInfo", "NewEvent", "Outcome", "Verdict"]


class LedgerInfo(msgspec.Struct, frozen=True):
    """What the entry of position 1 says for ever."""

    ledger_id: str
    name: str
    time_zone: str
    currency: str


class NotOpened(FilrougeError):
    """Nothing opened this ledger yet: create it with ``filrouge init``."""


class Ledger:
    """One brand's whole history. Safe to share by threads; close it when done."""

    def __init__(
        self,
        name: str,
        *,
        pool: ConnectionPool,
        read_pool: ConnectionPool | None = None,
        connect: Callable[..., psycopg.Connection],
        make_vault: Callable[[str], Vault],
        batch_events_max: int,
        register_folder: Path | None = None,
    ) -> None:
        self.name = name
        self.pool = pool
        self.connect = connect
        """Make a new connection that sees this ledger's schema, with the rights of its role.

        Told what it is for, it is shown under that name by PostgreSQL.
        """
        self.log = Log(pool)
        self.primary = self
        """This ledger where it is written, whatever it is read from."""
        self._read_pool = read_pool
        self._make_vault = make_vault
        self._register_folder = register_folder
        connect_writer = partial(connect, "writer")
        self._writer = Writer(connect_writer, self.log, name, batch_events_max=batch_events_max)
        self.recorder = Recorder(self.log, self._writer)

    @cached_property
    def info(self) -> LedgerInfo:
        """What the entry of position 1 says. Raises NotOpened before there is one."""
        first = self.primary.log.entry(1)
        if first is None or not isinstance(first.event, LedgerOpened):
            raise NotOpened(ledger=self.name)
        event = first.event
        return LedgerInfo(event.ledger_id, event.name, event.time_zone, event.currency)

    @cached_property
    def vault(self) -> Vault:
        """The keys and digests of this ledger's data subjects."""
        return self._make_vault(self.info.ledger_id)

    @cached_property
    def erasures(self) -> Erasures:
        """Who is erased, and what carries it out."""
        folder = self._register_folder
        register = None if folder is None else ErasureRegister(folder, self.info.ledger_id)
        return Erasures(self.primary.log, self.vault, register)

    @cached_property
    def accesses(self) -> AccessLog:
        """Who read what of whom."""
        return AccessLog(self.primary.pool.connection)

    @cached_property
    def certificates(self) -> Certificates:
        """What is signed about each erasure."""
        log, pool = self.primary.log, self.primary.pool
        return Certificates(pool.connection, log, self.tree, self.erasures)

    def for_readers(self) -> Ledger:
        """The same ledger, of which ``pool`` and ``log`` are a replica's, if there is one.

        A replica is a moment behind: it is for whoever can wait for a position.
        """
        if self._read_pool is None:
            return self
        seen = copy(self)
        seen.pool = self._read_pool
        seen.log = Log(self._read_pool)
        return seen

    @cached_property
    def tree(self) -> LogTree:
        """The tree over the log, and the proofs that it gives."""
        return LogTree(self.pool.connection, self.log, self.info.ledger_id)

    def observe(
        self,
        events: Sequence[NewEvent],
        *,
        actor: str,
        batch: str | None = None,
        admin: bool = False,
    ) -> Reply[list[Outcome]]:
        """Record what happened; the reply comes when it is durable, one outcome per event.

        Seals personal fields in the caller's thread, which may ask the vault. ``batch`` names the
        import or job that brings them. Only ``admin`` may bring decided events of another system.
        """
        checked = [_checked(new, admin=admin) for new in events]
        request = Observe(events, self._sealed(checked), actor, batch, self._writer.rules)
        self._writer.submit(request)
        return request.reply

    def decide(self, command: Command, *, command_id: str, actor: str) -> Reply[Verdict]:
        """Decide a command; the reply raises the rule's error, or comes when it is durable.

        The same command with the same id is decided once: asked again, it has the first verdict.
        """
        try:
            _check_origin("command id", command_id)
            check_times(command)
            sealed = self.vault.seal(command) if is_sealed(command) else command
            subject = subject_of(sealed, self.primary.log, self._opened)
            decision = slice_for(sealed, command_id, **subject.arguments)
        except FilrougeError as error:
            self._writer.meter.refused(error)
            raise
        request = Decide(decision, digest_of(sealed), actor, subject)
        self._writer.submit(request)
        return request.reply

    def _sealed(self, checked: list[Event | FilrougeError]) -> list[Event | FilrougeError]:
        sound = [event for event in checked if not isinstance(event, FilrougeError)]
        if not any(map(is_sealed, sound)):
            return checked
        sealed = iter(self.vault.seal_many(sound))
        return [event if isinstance(event, FilrougeError) else next(sealed) for event in checked]

    def _opened(self, sealed: str) -> str | None:
        return self.vault.open(sealed)

    @staticmethod
    def asks_first(struct: Event | Command) -> bool:
        """Whether the database is asked before this is queued; if not, queueing never blocks."""
        return is_sealed(struct) or asks_the_log(struct)

    @property
    def has_digest_key(self) -> bool:
        """Whether the vault's digest key is at hand, without asking the database."""
        return "vault" in vars(self) and self.vault.has_digest_key

    def record_destroyed(self, epoch_keys: Sequence[str]) -> int:
        """Record that epoch keys are gone; returns how many erasures are final by that.

        Also of those that an interrupted run had left unrecorded.
        """
        rotation, final = Rotation(self.vault.tables), 0
        rotation.mark_destroyed(epoch_keys)
        for epoch_key, destroyed_at in rotation.unrecorded():
            count, newest = rotation.final_by(epoch_key)
            event = EpochKeyDestroyed(epoch_key_id=epoch_key, erasures=count, erased_until=newest)
            new = NewEvent(event, epoch_key, VAULT_SOURCE, destroyed_at)
            [outcome] = self.observe([new], actor=VAULT_ACTOR, admin=True).result()
            if outcome.position is None:
                raise outcome.error or StoreUnavailable()
            rotation.recorded(epoch_key, outcome.position)
            final += count
        return final

    def close(self) -> None:
        """Record what is queued, then let go of every connection."""
        self._writer.close()
        if "accesses" in vars(self.primary):
            self.primary.accesses.close()
        self.primary.pool.close()
        if self._read_pool is not None:
            self._read_pool.close()


def _checked(new: NewEvent, *, admin: bool) -> Event | FilrougeError:
    try:
        if not isinstance(new.event, Observation) and not admin:
            message = f"{new.event.type_name} is decided by the ledger, not reported to it"
            raise NotPermitted(message)
        _check_origin("id", new.id)
        _check_origin("source", new.source)
        check_time("time", new.time)
        return validated(new.event)
    except FilrougeError as error:
        return error


def _check_origin(what: str, text: str) -> None:
    if not ORIGIN_PATTERN.fullmatch(text):
        message = (
            f"{what}: {len(text)} characters; it has 1 to 256 letters, digits and ._~:/#+=- "
            "and begins with a letter, a digit or a slash"
        )
        raise InvalidEvent(message)
