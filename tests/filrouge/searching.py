"""Looking for known texts, and for keys that still open something, in what is left."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV


def places_of_texts(
    url: str,
    texts: Iterable[str],
    files: Iterable[Path],
    *,
    since_wal: str,
    marks: tuple[str, ...] = ("",),
) -> dict[str, list[str]]:
    """Where each of the texts stands: in the database's files, in its write-ahead log, in files.

    Each text contains one of the ``marks``: where none of those stands, there is nothing to find.
    """
    needles = {text: text.encode() for text in texts}
    assert all(any(mark in text for mark in marks) for text in needles)
    signs = [mark.encode() for mark in marks]
    found: dict[str, list[str]] = {text: [] for text in needles}
    for name, content in (
        *files_of_database(url, since_wal),
        *((str(f), f.read_bytes()) for f in files),
    ):
        if not any(sign in content for sign in signs):
            continue
        for text, needle in needles.items():
            if needle in content:
                found[text].append(name)
    return found


def wal_file(url: str) -> str:
    """The file of the write-ahead log that is written now."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
    assert row is not None
    return str(row[0])


def files_of_database(url: str, since_wal: str) -> Iterator[tuple[str, bytes]]:
    """All that a file copy of the database, a base backup or a replica of it would hold."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        folder = connection.execute(
            "SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert folder is not None
        names = connection.execute(
            "SELECT %s || '/' || name FROM pg_ls_dir(%s) AS name"
            " UNION ALL SELECT 'pg_wal/' || name FROM pg_ls_waldir() WHERE name >= %s"
            " AND length(name) = 24",
            [folder[0], folder[0], since_wal],
        ).fetchall()
        for (name,) in names:
            row = connection.execute(
                "SELECT pg_read_binary_file(%s, 0, 1000000000, true)", [name]
            ).fetchone()
            if row is not None and row[0] is not None:
                yield name, bytes(row[0])


def sealed_texts(content: str) -> list[str]:
    """Every sealed text that stands in entries."""
    return [part for part in content.split('"') if part.startswith("sealed|") and part[-1] != "|"]


def opens(sealed: str, ledger_id: str, keys: Iterable[bytes]) -> bool:
    """Whether any of the keys opens a sealed text, by RFC 5297 and nothing of ours."""
    _, event_type, rest = sealed.split("|", 2)
    path, subject, encoded = rest.rsplit("|", 2)
    cipher = b64decode(encoded, altchars=b"-_")
    bound = [part.encode() for part in (ledger_id, event_type, path, subject)]
    for key in keys:
        try:
            AESSIV(key).decrypt(cipher, bound)
        except (InvalidTag, ValueError):
            continue
        return True
    return False


def keys_left(
    wrapped: Iterable[tuple[str, bytes]], epoch_key_files: Iterable[Path], ledger_id: str
) -> list[bytes]:
    """Every key that any epoch key still unwraps, and these epoch keys themselves."""
    epoch_keys = {
        b64decode(key)
        for path in epoch_key_files
        for key in json.loads(path.read_text())["keys"].values()
    }
    found = [key + key for key in epoch_keys]  # as long as AES-SIV takes them
    for purpose, text in wrapped:
        for key in epoch_keys:
            try:
                found.append(
                    AESGCM(key).decrypt(text[:12], text[12:], f"{ledger_id}|{purpose}".encode())
                )
            except InvalidTag:
                continue
    return found


def wrapped_keys(url: str, schema: str) -> list[tuple[str, bytes]]:
    """The wrapped subject keys of a vault, or of a copy of it."""
    with psycopg.connect(url) as connection:
        return [
            (subject, bytes(key))
            for subject, key in connection.execute(
                f"SELECT subject, wrapped_key FROM {schema}.subject_keys"
                " WHERE wrapped_key IS NOT NULL"
            )
        ]


def wrapped_in_bundle(path: Path) -> list[tuple[str, bytes]]:
    """The wrapped subject keys of a key bundle."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (one["subject"], b64decode(one["wrapped"]))
        for one in lines
        if one["kind"] == "subject-key" and "wrapped" in one
    ]
