"""Erasing in the vault: what the log orders is destroyed, written down, and looked at again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString, NamedTuple

import psycopg

from store.erased_subjects import Subjects
from store.sealing import REJECTS
from store.vault_tables import VaultTables

SETTLED_SECONDS: Final = 60
"""Whoever was writing when an erasure was applied has ended by then: it is looked at again."""
UNSETTLED_AT_ONCE: Final = 500
CERTIFIED_AT_ONCE: Final = 1_000


class Order(NamedTuple):
    """An erasure of the log, and whose keys go with it."""

    epoch: int
    position: int
    subject: str
    """Whom the event names."""
    subjects: Subjects


class Applied(NamedTuple):
    """An erasure as the vault carried it out."""

    epoch: int
    position: int
    subject: str
    applied_at: datetime
    keys: int
    """Keys that there were, and that are destroyed."""
    digests: int
    epoch_keys: tuple[str, ...]
    """Epoch keys that may have wrapped one of them."""
    final_at: datetime | None
    """When the last of these epoch keys was destroyed."""
    certificates: int


_APPLIED: Final = (
    "SELECT epoch, position, subject, applied_at, keys, digests, epoch_keys, final_at,"
    " certificates FROM {schema}.erased "
)
_NOTE: Final = """
WITH there AS (
    SELECT
        (SELECT count(*) FROM {schema}.subject_keys
         WHERE subject = ANY(%(all)s) AND wrapped_key IS NOT NULL) AS keys,
        (SELECT count(DISTINCT digest) FROM {schema}.digest_subjects
         WHERE subject = ANY(%(all)s)) AS digests,
        (SELECT coalesce(array_agg(id ORDER BY first_used_at, id), '{{}}')
         FROM {schema}.epoch_keys WHERE destroyed_at IS NULL) AS epoch_keys
), before AS (
    SELECT applied_at, keys, digests, epoch_keys, final_at FROM {schema}.erased
    WHERE subject = %(subject)s AND position = %(position)s AND epoch < %(epoch)s
    ORDER BY epoch DESC LIMIT 1
)
INSERT INTO {schema}.erased
    (epoch, position, subject, applied_at, keys, digests, epoch_keys, final_at)
SELECT %(epoch)s, %(position)s, %(subject)s, applied_at, keys, digests, epoch_keys, final_at
FROM (
    SELECT * FROM before WHERE NOT EXISTS (SELECT FROM there WHERE keys + digests > 0)
    UNION ALL
    SELECT clock_timestamp(), keys, digests, epoch_keys, NULL FROM there
    WHERE keys + digests > 0 OR NOT EXISTS (SELECT FROM before)
) AS noted
ON CONFLICT DO NOTHING
"""


class VaultErasures:
    """What the vault knows of erasures."""

    def __init__(self, tables: VaultTables) -> None:
        self._tables = tables

    def followed(self) -> tuple[int, int]:
        """Up to which epoch and position the erasures of the log are applied."""
        with self._tables.cursor("followed") as cursor:
            cursor.execute(self._tables.statement("SELECT epoch, position FROM {schema}.followed"))
            [(epoch, position)] = cursor.fetchall()
            return int(epoch), int(position)

    def forget_followed(self) -> None:
        """Have all erasures of the log applied again: keys were brought in from elsewhere."""
        with self._tables.cursor("follow") as cursor:
            self._move(cursor, 0, 0)

    def apply(self, orders: Sequence[Order], epoch: int, position: int) -> None:
        """Destroy what these erasures order, and note that the log was followed to a position."""
        with self._tables.cursor("erase") as cursor:
            for order in orders:
                self._note(cursor, order)
                self._tables.erase_in(
                    cursor, order.subjects.persons, if_there=order.subjects.papers
                )
            if orders:
                self._erase_rejects(cursor)
            self._move(cursor, epoch, position)

    def restrict(self, changes: Sequence[tuple[frozenset[str], bool]], *, anew: bool) -> None:
        """Restrict the use of what is kept of these subjects, or end that; ``anew``: from none."""
        with self._tables.cursor("restrict") as cursor:
            if anew:
                cursor.execute(self._tables.statement("DELETE FROM {schema}.restricted"))
            for subjects, restricted in changes:
                cursor.execute(
                    self._tables.statement(
                        "INSERT INTO {schema}.restricted SELECT unnest(%s::text[])"
                        " ON CONFLICT DO NOTHING"
                        if restricted
                        else "DELETE FROM {schema}.restricted WHERE subject = ANY(%s)"
                    ),
                    (sorted(subjects),),
                )
            # Others look here before they trust what they remember.
            cursor.execute(
                self._tables.statement("UPDATE {schema}.erasures SET number = number + 1")
            )

    def unsettled(self) -> list[tuple[int, int]]:
        """Epochs and positions of erasures that are to be looked at again."""
        with self._tables.cursor("unsettled") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT epoch, position FROM {schema}.erased WHERE NOT settled"
                    " AND applied_at < clock_timestamp() - make_interval(secs => %s)"
                    " ORDER BY applied_at LIMIT %s"
                ),
                (SETTLED_SECONDS, UNSETTLED_AT_ONCE),
            )
            return [(int(epoch), int(position)) for epoch, position in cursor]

    def settle(self, orders: Sequence[Order], places: Sequence[tuple[int, int]]) -> None:
        """Destroy what came while erasures were applied: nothing comes after this."""
        with self._tables.cursor("settle") as cursor:
            for order in orders:
                self._tables.erase_in(
                    cursor, order.subjects.persons, if_there=order.subjects.papers
                )
            cursor.execute(
                self._tables.statement(
                    "UPDATE {schema}.erased e SET settled = true"
                    " FROM unnest(%s::bigint[], %s::bigint[]) AS done(epoch, position)"
                    " WHERE (e.epoch, e.position) = (done.epoch, done.position)"
                ),
                ([epoch for epoch, _ in places], [position for _, position in places]),
            )

    def applied(self, epoch: int, position: int) -> Applied | None:
        """How the erasure at a position was carried out; None: it was not, yet."""
        found = self._find("WHERE (epoch, position) = (%s, %s)", (epoch, position))
        return found[0] if found else None

    def of_subject(self, subject: str) -> Applied | None:
        """How a subject was erased last; None: the vault never did."""
        found = self._find("WHERE subject = %s ORDER BY epoch DESC, position DESC", (subject,))
        return found[0] if found else None

    def uncertified(self, until: int) -> list[Applied]:
        """Erasures up to a position of which a certificate is still to be issued."""
        return self._find(
            "WHERE position <= %s AND"
            " (certificates = 0 OR (certificates = 1 AND final_at IS NOT NULL))"
            " ORDER BY position LIMIT %s",
            (until, CERTIFIED_AT_ONCE),
        )

    def certified(self, issued: Sequence[tuple[Applied, int]]) -> None:
        """Note how many certificates of each erasure there are now."""
        with self._tables.cursor("certified") as cursor:
            cursor.executemany(
                self._tables.statement(
                    "UPDATE {schema}.erased SET certificates = greatest(certificates, %s)"
                    " WHERE (epoch, position) = (%s, %s)"
                ),
                [(count, one.epoch, one.position) for one, count in issued],
            )

    def tombstones(self) -> list[tuple[str, datetime]]:
        """Every member, prospect and visitor whose key was destroyed, and when."""
        with self._tables.cursor("tombstones") as cursor:
            cursor.execute(
                self._tables.statement(
                    "SELECT subject, erased_at FROM {schema}.subject_keys"
                    " WHERE erased_at IS NOT NULL"
                    " AND split_part(subject, ':', 1) IN ('member', 'prospect', 'visitor')"
                    " ORDER BY subject"
                )
            )
            return list(cursor)

    def _find(self, where: LiteralString, parameters: Collection[object]) -> list[Applied]:
        with self._tables.cursor("erased") as cursor:
            cursor.execute(
                self._tables.statement(_APPLIED + where),
                tuple(parameters),
            )
            return [_applied(row) for row in cursor]

    def _note(self, cursor: psycopg.Cursor[Any], order: Order) -> None:
        """Write down what there is to destroy, before it is gone.

        Where a restore raised the epoch nothing is left to destroy: what was noted before holds.
        """
        cursor.execute(
            self._tables.statement(_NOTE),
            {
                "epoch": order.epoch,
                "position": order.position,
                "subject": order.subject,
                "all": sorted(order.subjects.everything),
            },
        )

    def _erase_rejects(self, cursor: psycopg.Cursor[Any]) -> None:
        """Nobody knows of whom a rejected row speaks, so an erasure reaches all of them."""
        cursor.execute(
            self._tables.statement(
                "UPDATE {schema}.subject_keys SET wrapped_key = NULL,"
                " erased_at = clock_timestamp() WHERE erased_at IS NULL"
                " AND subject >= %s AND subject < %s"
            ),
            (f"{REJECTS}:", f"{REJECTS};"),  # the sign after the colon ends the range
        )

    def _move(self, cursor: psycopg.Cursor[Any], epoch: int, position: int) -> None:
        cursor.execute(
            self._tables.statement("UPDATE {schema}.followed SET epoch = %s, position = %s"),
            (epoch, position),
        )


def _applied(row: tuple[Any, ...]) -> Applied:
    return Applied._make((*row[:6], tuple(row[6]), *row[7:]))
