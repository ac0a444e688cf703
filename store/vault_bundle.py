"""The key bundle: what a restored ledger needs to open its sealed values and recognise people.

It is a file of its own, JSON lines, readable by its owner only: a line that says whose it is, then
a line for each epoch key (on request only), digest key, subject key and digest. Subject keys and
the digest key are wrapped as they are in the database, so without the epoch key the bundle opens
nothing; with it, keep it as you keep the key file. It is not encrypted a second time. Who was
erased is in it as erased, and whoever was erased where it is imported stays so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg

from domain.errors import FilrougeError
from store.keys import EpochKeys
from store.vault_tables import DIGEST_PURPOSE, VaultTables

FORMAT: Final = "filrouge.keys.v1"
ROWS_AT_ONCE: Final = 5_000


class KeysDiffer(FilrougeError):
    """The bundle is of another ledger, or this vault made keys of its own meanwhile.

    Import a bundle into the restored ledger before anything else is recorded there.
    """


class Imported(NamedTuple):
    """What an import brought."""

    rows: int
    """Keys and digests that were in the bundle."""
    epoch_keys: EpochKeys
    """The epoch keys that are held now; save them to the key file if the bundle held others."""


class _Line(msgspec.Struct, tag_field="kind", omit_defaults=True, forbid_unknown_fields=True):
    """One line of the file."""


class _Bundle(_Line, tag="bundle"):
    format: str
    ledger_id: str


class _EpochKey(_Line, tag="epoch-key"):
    id: str
    key: bytes


class _DigestKey(_Line, tag="digest-key"):
    number: int
    wrapped: bytes
    epoch_key: str


class _SubjectKey(_Line, tag="subject-key"):
    subject: str
    epoch_key: str
    wrapped: bytes | None = None
    erased_at: datetime | None = None


class _Digest(_Line, tag="digest"):
    digest: bytes
    id: str
    subjects: tuple[str, ...] = ()


_decoder: Final = msgspec.json.Decoder(_Bundle | _EpochKey | _DigestKey | _SubjectKey | _Digest)

_READ: Final[dict[type[_Line], LiteralString]] = {
    _DigestKey: (
        "SELECT number, wrapped_key, epoch_key_id FROM {schema}.digest_keys ORDER BY number"
    ),
    _SubjectKey: (
        "SELECT subject, epoch_key_id, wrapped_key, erased_at FROM {schema}.subject_keys "
        "ORDER BY subject"
    ),
    _Digest: (
        "SELECT digest, id, array(SELECT subject FROM {schema}.digest_subjects s "
        "WHERE s.digest = d.digest ORDER BY 1) FROM {schema}.digests d ORDER BY digest"
    ),
}


def export_keys(tables: VaultTables, path: Path, *, with_epoch_keys: bool) -> int:
    """Write the bundle to a new file, for its owner only; return how many rows it holds."""
    rows = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for line in _lines(tables, with_epoch_keys=with_epoch_keys):
            file.write(msgspec.json.encode(line) + b"\n")
            rows += isinstance(line, _DigestKey | _SubjectKey | _Digest)
        file.flush()
        os.fsync(file.fileno())
    return rows


def _lines(tables: VaultTables, *, with_epoch_keys: bool) -> Iterator[_Line]:
    yield _Bundle(FORMAT, tables.ledger_id)
    if with_epoch_keys:
        for name, key in tables.epoch_keys.exported().items():
            yield _EpochKey(name, key)
    with tables.cursor("export_keys") as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for line, query in _READ.items():
            with cursor.connection.cursor(line.__name__) as pages:
                pages.itersize = ROWS_AT_ONCE
                pages.execute(tables.statement(query))
                for row in pages:
                    yield line(*row)


def import_keys(tables: VaultTables, path: Path) -> Imported:
    """Take in a bundle, whole or not at all.

    Raises:
        KeysDiffer: it is of another ledger, or its keys contradict those that are here.

    """
    rows = 0
    with path.open("rb") as file, tables.cursor("import_keys") as cursor:
        try:
            first = _decoder.decode(file.readline())
        except msgspec.MsgspecError as error:
            raise KeysDiffer(f"{path} is not a key bundle: {error}") from None
        if first != _Bundle(FORMAT, tables.ledger_id):
            raise KeysDiffer(f"{path} is not a bundle of ledger {tables.ledger_id}: {first}")
        intake = _Intake(tables, cursor)
        while page := file.readlines(ROWS_AT_ONCE * 200):
            rows += intake.take([_decoder.decode(line) for line in page])
    return Imported(rows, tables.epoch_keys)


class _Intake:
    def __init__(self, tables: VaultTables, cursor: psycopg.Cursor[Any]) -> None:
        self.tables = tables
        self.cursor = cursor

    def run(self, statement: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
        self.cursor.execute(self.tables.statement(statement), parameters)
        return self.cursor.fetchall() if self.cursor.description else []

    def take(self, lines: list[Any]) -> int:
        given = {line.id: line.key for line in lines if isinstance(line, _EpochKey)}
        if given:
            self.tables.epoch_keys = self.tables.epoch_keys.with_others(given)
        digest_keys = [line for line in lines if isinstance(line, _DigestKey)]
        subject_keys = [line for line in lines if isinstance(line, _SubjectKey)]
        digests = [line for line in lines if isinstance(line, _Digest)]
        self.run(
            "INSERT INTO {schema}.epoch_keys (id) SELECT DISTINCT unnest(%s::text[]) "
            "ON CONFLICT DO NOTHING",
            [line.epoch_key for line in digest_keys] + [line.epoch_key for line in subject_keys],
        )
        self.digest_keys(digest_keys)
        self.subject_keys(subject_keys)
        self.digests(digests)
        return len(digest_keys) + len(subject_keys) + len(digests)

    def digest_keys(self, lines: list[_DigestKey]) -> None:
        for line in lines:
            known = self.run(
                "SELECT epoch_key_id, wrapped_key FROM {schema}.digest_keys WHERE number = %s",
                line.number,
            )
            if known and self._same(known[0][0], known[0][1], line, DIGEST_PURPOSE):
                continue
            if known and self.run("SELECT FROM {schema}.digests LIMIT 1"):
                raise KeysDiffer("This vault has digests under another key already.")
            self.run(
                "INSERT INTO {schema}.digest_keys (number, wrapped_key, epoch_key_id) "
                "VALUES (%s, %s, %s) ON CONFLICT (number) DO UPDATE "
                "SET wrapped_key = excluded.wrapped_key, epoch_key_id = excluded.epoch_key_id",
                *(line.number, line.wrapped, line.epoch_key),
            )

    def subject_keys(self, lines: list[_SubjectKey]) -> None:
        by_subject = {line.subject: line for line in lines}
        known = self.run(
            "SELECT subject, epoch_key_id, wrapped_key FROM {schema}.subject_keys "
            "WHERE subject = ANY(%s)",
            list(by_subject),
        )
        gone = []
        for subject, epoch_key, wrapped in known:
            line = by_subject.pop(subject)
            if wrapped is None:
                continue  # erased here since the bundle was made: it stays so
            if line.wrapped is None:
                gone.append(subject)
            elif not self._same(epoch_key, wrapped, line, subject):
                raise KeysDiffer(f"{subject} has another key here already.")
        new = sorted(by_subject.values(), key=lambda line: line.subject)
        self.run(
            "INSERT INTO {schema}.subject_keys (subject, wrapped_key, epoch_key_id, erased_at) "
            "SELECT * FROM unnest(%s::text[], %s::bytea[], %s::text[], %s::timestamptz[])",
            [line.subject for line in new],
            [line.wrapped for line in new],
            [line.epoch_key for line in new],
            [line.erased_at for line in new],
        )
        if gone:
            self.tables.erase_in(self.cursor, gone)

    def digests(self, lines: list[_Digest]) -> None:
        erased = {
            subject
            for (subject,) in self.run(
                "SELECT subject FROM {schema}.subject_keys "
                "WHERE subject = ANY(%s) AND erased_at IS NOT NULL",
                [subject for line in lines for subject in line.subjects],
            )
        }
        kept = [line for line in lines if not line.subjects or set(line.subjects) - erased]
        digests, ids = [line.digest for line in kept], [line.id for line in kept]
        self.run(
            "INSERT INTO {schema}.digests (digest, id) "
            "SELECT * FROM unnest(%s::bytea[], %s::text[]) ON CONFLICT DO NOTHING",
            *(digests, ids),
        )
        if self.run(
            "SELECT FROM unnest(%s::bytea[], %s::text[]) AS given(digest, id) "
            "LEFT JOIN {schema}.digests d USING (digest) WHERE d.id IS DISTINCT FROM given.id",
            *(digests, ids),
        ):
            raise KeysDiffer("This vault recognises the same values by other ids already.")
        links = [(line.digest, one) for line in kept for one in line.subjects if one not in erased]
        self.run(
            "INSERT INTO {schema}.digest_subjects (digest, subject) "
            "SELECT * FROM unnest(%s::bytea[], %s::text[]) ON CONFLICT DO NOTHING",
            [digest for digest, _ in links],
            [subject for _, subject in links],
        )

    def _same(
        self, epoch_key: str, wrapped: bytes, line: _DigestKey | _SubjectKey, purpose: str
    ) -> bool:
        """Whether two wrapped keys are one key; the same bytes need no epoch key to tell."""
        if wrapped == line.wrapped:
            return True
        assert line.wrapped is not None
        first = self.tables.unwrap(epoch_key, wrapped, purpose)
        return first == self.tables.unwrap(line.epoch_key, line.wrapped, purpose)
