"""The vault's tables: wrapped keys, digests and whom they recognise, asked for many at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from store.digests import DIGEST_KEY_BYTES, SUBJECT_KINDS, Asked, random_id
from store.keys import EpochKeyRetired, EpochKeys
from store.metrics import vault_call
from store.sealing import SUBJECT_KEY_BYTES

Connect = Callable[[], AbstractContextManager["psycopg.Connection[Any]"]]
"""Gives a connection that commits when it is left, or rolls back after an error."""

T = TypeVar("T")

DIGEST_PURPOSE: Final = "digests"
_FIRST: Final = 1


class VaultTables:
    """The tables of one vault, in a schema of their own; every name is written with the schema.

    Rows are written in the order of their keys, so that two processes that make the same ones at
    the same time wait for one another and never for each other.
    """

    def __init__(self, connect: Connect, *, schema: str, ledger_id: str, keys: EpochKeys) -> None:
        self._connect = connect
        self._schema = sql.Identifier(schema)
        self.ledger_id = ledger_id
        self.epoch_keys = keys

    def statement(self, text: LiteralString) -> sql.Composed:
        """A statement with the schema put in for ``{schema}``."""
        return sql.SQL(text).format(schema=self._schema)

    @contextmanager
    def cursor(self, call: str) -> Iterator[psycopg.Cursor[Any]]:
        """A transaction: ``with tables.cursor("erase") as cursor``; committed at the end."""
        with (
            vault_call(call),
            self._connect() as connection,
            connection.transaction(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            yield cursor

    def unwrap(self, epoch_key: str, wrapped: bytes, purpose: str) -> bytes:
        """Open a wrapped key, bound to this ledger and its purpose."""
        return self.epoch_keys.unwrap(epoch_key, wrapped, f"{self.ledger_id}|{purpose}")

    def wrap(self, key: bytes, purpose: str) -> bytes:
        """Wrap a key under the current epoch key, bound to this ledger and its purpose."""
        return self.epoch_keys.wrap(key, f"{self.ledger_id}|{purpose}")

    def erasures(self) -> int:
        """How many times somebody was erased here: when it grows, forget what is remembered."""
        with self.cursor("erasures") as cursor:
            cursor.execute(self.statement("SELECT number FROM {schema}.erasures"))
            [(number,)] = cursor.fetchall()
            return int(number)

    def restricted(self) -> frozenset[str]:
        """Whose values are opened only for who answers for the data."""
        with self.cursor("restricted") as cursor:
            cursor.execute(self.statement("SELECT subject FROM {schema}.restricted"))
            return frozenset(subject for (subject,) in cursor)

    def digest_key(self) -> bytes:
        """The key of the look-up digests, made if there is none."""
        return self._with_key_of_today(self._digest_key_made)

    def _digest_key_made(self) -> bytes:
        with self.cursor("digest_key") as cursor:
            row = self._digest_key_row(cursor)
            if row is None:
                key = secrets.token_bytes(DIGEST_KEY_BYTES)
                self._note_epoch_key(cursor)
                cursor.execute(
                    self.statement(
                        "INSERT INTO {schema}.digest_keys (number, wrapped_key, epoch_key_id) "
                        "VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
                    ),
                    (_FIRST, self.wrap(key, DIGEST_PURPOSE), self.epoch_keys.current),
                )
                row = self._digest_key_row(cursor)
            assert row is not None
            return self.unwrap(row[0], row[1], DIGEST_PURPOSE)

    def subject_keys(self, subjects: Collection[str]) -> dict[str, bytes | None]:
        """The keys of these subjects; None for the erased; nothing for those without a row."""
        with self.cursor("subject_keys") as cursor:
            return self._subject_keys(cursor, list(subjects))

    def make_subject_keys(self, subjects: Collection[str]) -> dict[str, bytes | None]:
        """The keys of all these subjects, made where there is none; an erased one stays None."""
        return self._with_key_of_today(lambda: self._subject_keys_made(sorted(subjects)))

    def _subject_keys_made(self, ordered: list[str]) -> dict[str, bytes | None]:
        wrapped = [self.wrap(secrets.token_bytes(SUBJECT_KEY_BYTES), one) for one in ordered]
        with self.cursor("make_subject_keys") as cursor:
            self._note_epoch_key(cursor)
            cursor.execute(
                self.statement(
                    "INSERT INTO {schema}.subject_keys (subject, wrapped_key, epoch_key_id) "
                    "SELECT *, %s FROM unnest(%s::text[], %s::bytea[]) ON CONFLICT DO NOTHING"
                ),
                (self.epoch_keys.current, ordered, wrapped),
            )
            return self._subject_keys(cursor, ordered)

    def _with_key_of_today(self, work: Callable[[], T]) -> T:
        """Do it again if the epoch key was retired meanwhile: the key file names another one."""
        try:
            return work()
        except psycopg.errors.ObjectNotInPrerequisiteState:
            before = self.epoch_keys.current
            self.epoch_keys.read_again()
            if self.epoch_keys.current == before:
                raise EpochKeyRetired(epoch_key=before) from None
            return work()

    def ids(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        """The ids of those digests that are known."""
        with self.cursor("ids") as cursor:
            return self._ids(cursor, digests)

    def make_ids(self, asked: Sequence[Asked]) -> dict[bytes, str]:
        """The ids of all these digests, made where they are new, and whom they recognise."""
        with self.cursor("make_ids") as cursor:
            known = self._ids(cursor, [one.digest for one in asked])
            new = sorted({one.digest: one for one in asked if one.digest not in known}.items())
            if new:
                cursor.execute(
                    self.statement(
                        "INSERT INTO {schema}.digests (digest, id) "
                        "SELECT * FROM unnest(%s::bytea[], %s::text[]) ON CONFLICT DO NOTHING"
                    ),
                    ([digest for digest, _ in new], [random_id(one.kind) for _, one in new]),
                )
                known |= self._ids(cursor, [digest for digest, _ in new])
            self._link(cursor, asked, known)
            return known

    def erase(self, subjects: Iterable[str]) -> None:
        """Delete keys and digests; a subject that never had a key never gets one."""
        with self.cursor("erase") as cursor:
            self.erase_in(cursor, subjects)

    def erase_in(
        self,
        cursor: psycopg.Cursor[Any],
        subjects: Iterable[str],
        *,
        if_there: Iterable[str] = (),
    ) -> None:
        """Erase as a part of a transaction; those ``if_there`` only if they have a key."""
        ordered = sorted(set(subjects))
        self._note_epoch_key(cursor)
        cursor.execute(
            self.statement(
                "INSERT INTO {schema}.subject_keys AS known (subject, epoch_key_id, erased_at) "
                "SELECT unnest(%s::text[]), %s, clock_timestamp() ON CONFLICT (subject) "
                "DO UPDATE SET wrapped_key = NULL, erased_at = excluded.erased_at "
                "WHERE known.erased_at IS NULL"
            ),
            (ordered, self.epoch_keys.current),
        )
        others = sorted(set(if_there))
        if others:
            cursor.execute(
                self.statement(
                    "UPDATE {schema}.subject_keys SET wrapped_key = NULL, "
                    "erased_at = clock_timestamp() WHERE subject = ANY(%s) AND erased_at IS NULL"
                ),
                (others,),
            )
        self._erase_digests(cursor, ordered + others)
        cursor.execute(self.statement("UPDATE {schema}.erasures SET number = number + 1"))

    def _erase_digests(self, cursor: psycopg.Cursor[Any], subjects: list[str]) -> None:
        cursor.execute(
            self.statement(
                "DELETE FROM {schema}.digest_subjects WHERE subject = ANY(%s) RETURNING digest"
            ),
            (subjects,),
        )
        digests = [digest for (digest,) in cursor.fetchall()]
        if digests:
            cursor.execute(
                self.statement(
                    "DELETE FROM {schema}.digests d WHERE digest = ANY(%s) AND NOT EXISTS "
                    "(SELECT FROM {schema}.digest_subjects s WHERE s.digest = d.digest)"
                ),
                (digests,),
            )

    def _note_epoch_key(self, cursor: psycopg.Cursor[Any]) -> None:
        cursor.execute(
            self.statement(
                "INSERT INTO {schema}.epoch_keys (id) VALUES (%s) ON CONFLICT DO NOTHING"
            ),
            (self.epoch_keys.current,),
        )

    def _digest_key_row(self, cursor: psycopg.Cursor[Any]) -> tuple[str, bytes] | None:
        cursor.execute(
            self.statement(
                "SELECT epoch_key_id, wrapped_key FROM {schema}.digest_keys "
                "ORDER BY number DESC LIMIT 1"
            )
        )
        row: tuple[str, bytes] | None = cursor.fetchone()
        return row

    def _subject_keys(
        self, cursor: psycopg.Cursor[Any], subjects: list[str]
    ) -> dict[str, bytes | None]:
        cursor.execute(
            self.statement(
                "SELECT subject, wrapped_key, epoch_key_id FROM {schema}.subject_keys "
                "WHERE subject = ANY(%s)"
            ),
            (subjects,),
        )
        return {
            subject: None if wrapped is None else self.unwrap(epoch_key, wrapped, subject)
            for subject, wrapped, epoch_key in cursor
        }

    def _ids(self, cursor: psycopg.Cursor[Any], digests: Sequence[bytes]) -> dict[bytes, str]:
        cursor.execute(
            self.statement("SELECT digest, id FROM {schema}.digests WHERE digest = ANY(%s)"),
            (list(digests),),
        )
        return {bytes(digest): str(made) for digest, made in cursor}

    def _link(
        self, cursor: psycopg.Cursor[Any], asked: Sequence[Asked], ids: dict[bytes, str]
    ) -> None:
        links = {(subject, one.digest) for one in asked for subject in one.subjects}
        links |= {
            (f"{one.kind}:{ids[one.digest]}", one.digest)
            for one in asked
            if one.kind in SUBJECT_KINDS
        }
        if links:
            ordered = sorted(links)
            cursor.execute(
                self.statement(
                    "INSERT INTO {schema}.digest_subjects (subject, digest) "
                    "SELECT * FROM unnest(%s::text[], %s::bytea[]) ON CONFLICT DO NOTHING"
                ),
                ([subject for subject, _ in ordered], [digest for _, digest in ordered]),
            )
