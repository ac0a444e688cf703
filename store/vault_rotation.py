"""Rotating the epoch key: what is alive is wrapped anew, and the old key is destroyed.

From then on no copy of a key that was erased before opens, wherever it lies: in a backup of the
vault, in its write-ahead log, in an old key bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from domain.errors import FilrougeError
from store.vault_tables import DIGEST_PURPOSE, VaultTables

WRAPPED_AT_ONCE: Final = 5_000


class StillWrapped(FilrougeError):
    """Keys in use are still wrapped by the epoch key that would be destroyed: rotate first."""


class EpochKeyState(NamedTuple):
    """An epoch key as the vault knows it: its name, never the key."""

    id: str
    first_used_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None
    wraps: int
    """Keys in use that it wraps."""
    erasures: int
    """Erasures that are not final as long as it is there."""


class Rotation:
    """The rotation of one vault. Each step may be interrupted and done again."""

    def __init__(self, tables: VaultTables) -> None:
        self._tables = tables

    def states(self) -> list[EpochKeyState]:
        """Every epoch key that ever wrapped a key here, oldest first."""
        with self._tables.cursor("epoch_keys") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT id, first_used_at, retired_at, destroyed_at,"
                    " (SELECT count(*) FROM {schema}.subject_keys s"
                    "  WHERE s.epoch_key_id = e.id AND s.wrapped_key IS NOT NULL)"
                    " + (SELECT count(*) FROM {schema}.digest_keys d WHERE d.epoch_key_id = e.id),"
                    " (SELECT count(*) FROM {schema}.erased x"
                    "  WHERE x.final_at IS NULL AND e.id = ANY(x.epoch_keys))"
                    " FROM {schema}.epoch_keys e ORDER BY first_used_at, id"
                )
            )
            return [EpochKeyState(*row) for row in cursor]

    def retire_others(self) -> None:
        """Let nothing be wrapped any more but by the current epoch key."""
        with self._tables.cursor("retire") as cursor:
            # Waits for whoever is writing with an older key; who comes after is refused.
            cursor.execute(
                self._tables.statement(
                    "LOCK TABLE {schema}.subject_keys, {schema}.digest_keys"
                    " IN SHARE ROW EXCLUSIVE MODE"
                )
            )
            cursor.execute(
                self._tables.statement(
                    "INSERT INTO {schema}.epoch_keys (id) VALUES (%s) ON CONFLICT DO NOTHING"
                ),
                (self._tables.epoch_keys.current,),
            )
            cursor.execute(
                self._tables.statement(
                    "UPDATE {schema}.epoch_keys SET retired_at = clock_timestamp()"
                    " WHERE id <> %s AND retired_at IS NULL"
                ),
                (self._tables.epoch_keys.current,),
            )
            # Others look here before they trust what they remember.
            cursor.execute(
                self._tables.statement("UPDATE {schema}.erasures SET number = number + 1")
            )

    def wrap_anew(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Wrap every key in use by the current epoch key; returns how many were not."""
        done, after = 0, ""
        while True:
            with self._tables.cursor("wrap") as cursor:
                rows = self._rows(cursor, after)
                if not rows:
                    break
                wrapped = [self._wrapped(*row) for row in rows]
                cursor.execute(
                    self._tables.statement(
                        "UPDATE {schema}.subject_keys k SET wrapped_key = new.wrapped,"
                        " epoch_key_id = %s FROM unnest(%s::text[], %s::bytea[])"
                        " AS new(subject, wrapped) WHERE k.subject = new.subject"
                    ),
                    (self._tables.epoch_keys.current, [row[0] for row in rows], wrapped),
                )
            after = rows[-1][0]
            done += len(rows)
            progress(done)
        return done + self._digest_keys()

    def _rows(self, cursor: psycopg.Cursor[Any], after: str) -> list[tuple[str, bytes, str]]:
        cursor.execute(
            self._tables.statement(
                "SELECT subject, wrapped_key, epoch_key_id FROM {schema}.subject_keys"
                " WHERE subject > %s AND wrapped_key IS NOT NULL AND epoch_key_id <> %s"
                " ORDER BY subject LIMIT %s FOR UPDATE"
            ),
            (after, self._tables.epoch_keys.current, WRAPPED_AT_ONCE),
        )
        return cursor.fetchall()

    def _wrapped(self, purpose: str, wrapped: bytes, epoch_key: str) -> bytes:
        return self._tables.wrap(self._tables.unwrap(epoch_key, wrapped, purpose), purpose)

    def _digest_keys(self) -> int:
        with self._tables.cursor("wrap") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT number, wrapped_key, epoch_key_id FROM {schema}.digest_keys"
                    " WHERE epoch_key_id <> %s FOR UPDATE"
                ),
                (self._tables.epoch_keys.current,),
            )
            rows = cursor.fetchall()
            for number, wrapped, epoch_key in rows:
                cursor.execute(
                    self._tables.statement(
                        "UPDATE {schema}.digest_keys SET wrapped_key = %s, epoch_key_id = %s"
                        " WHERE number = %s"
                    ),
                    (
                        self._wrapped(DIGEST_PURPOSE, wrapped, epoch_key),
                        self._tables.epoch_keys.current,
                        number,
                    ),
                )
            return len(rows)

    def destroyable(self) -> list[str]:
        """The epoch keys that were retired and are still there. Raises StillWrapped."""
        there = [one for one in self.states() if one.destroyed_at is None]
        retired = [one for one in there if one.retired_at is not None]
        used = [one.id for one in retired if one.wraps]
        if used:
            raise StillWrapped(epoch_keys=used)
        return [one.id for one in retired]

    def mark_destroyed(self, epoch_keys: Sequence[str]) -> None:
        """Note that these epoch keys are gone, as far as the vault knows them."""
        with self._tables.cursor("destroyed") as cursor:
            cursor.execute(
                self._tables.statement(
                    "UPDATE {schema}.epoch_keys SET destroyed_at = clock_timestamp()"
                    " WHERE id = ANY(%s) AND retired_at IS NOT NULL AND destroyed_at IS NULL"
                ),
                (list(epoch_keys),),
            )

    def final_by(self, epoch_key: str) -> tuple[int, datetime | None]:
        """How many erasures become final because an epoch key is gone, and the newest of them."""
        with self._tables.cursor("destroyed") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT count(*), max(applied_at) FROM {schema}.erased x"
                    " WHERE final_at IS NULL AND %s = ANY(epoch_keys)"
                    " AND NOT EXISTS (SELECT FROM {schema}.epoch_keys e"
                    "  WHERE e.id = ANY(x.epoch_keys) AND e.destroyed_at IS NULL)"
                ),
                (epoch_key,),
            )
            [(count, newest)] = cursor.fetchall()
            return int(count), newest

    def recorded(self, epoch_key: str, position: int) -> None:
        """Note where the log says that an epoch key was destroyed, and what is final by that."""
        with self._tables.cursor("destroyed") as cursor:
            cursor.execute(
                self._tables.statement(
                    "UPDATE {schema}.epoch_keys SET destroyed_position = %s WHERE id = %s"
                ),
                (position, epoch_key),
            )
            cursor.execute(
                self._tables.statement(
                    "UPDATE {schema}.erased x SET final_at = clock_timestamp()"
                    " WHERE final_at IS NULL AND NOT EXISTS (SELECT FROM {schema}.epoch_keys e"
                    " WHERE e.id = ANY(x.epoch_keys) AND e.destroyed_position IS NULL)"
                )
            )

    def unrecorded(self) -> list[tuple[str, datetime]]:
        """Epoch keys that are destroyed, and since when, of which the log does not say so yet."""
        with self._tables.cursor("destroyed") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT id, destroyed_at FROM {schema}.epoch_keys"
                    " WHERE destroyed_at IS NOT NULL AND destroyed_position IS NULL ORDER BY id"
                )
            )
            return list(cursor)

    def positions(self, epoch_keys: tuple[str, ...]) -> list[tuple[str, int]]:
        """Where the log says that these epoch keys were destroyed, as far as it does."""
        with self._tables.cursor("destroyed") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT id, destroyed_position FROM {schema}.epoch_keys"
                    " WHERE id = ANY(%s) AND destroyed_position IS NOT NULL"
                    " ORDER BY destroyed_position"
                ),
                (list(epoch_keys),),
            )
            return [(str(name), int(position)) for name, position in cursor]
