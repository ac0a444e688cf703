"""API keys: who may come in, to which ledgers, and to do what."""

from __future__ import annotations

import hmac
import secrets
from base64 import b32encode
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, LiteralString

import msgspec
from psycopg import sql
from psycopg.rows import tuple_row

from domain.errors import FilrougeError
from store.vault_tables import Connect

SECRET_PREFIX: Final = "fr"  # noqa: S105 - what secrets begin with, not one of them
SECRET_LENGTH_MAX: Final = 200
EVERY_LEDGER: Final = "*"
KEY_NAME_LENGTH_MAX: Final = 200
KEYS_LISTED_MAX: Final = 10_000
_ID_BYTES: Final = 10
_SECRET_BYTES: Final = 32
_LAST_CHARACTERS: Final = 4
_COLUMNS: Final = sql.SQL("id, name, last, ledgers, scopes, created_at, revoked_at")


class Scope(StrEnum):
    """One right that an API key can carry."""

    OBSERVE = "observe"
    """Record what happened."""
    COMMAND = "command"
    """Ask the ledger for decisions."""
    READ = "read"
    """Read projections and events; sealed values come out as they are sealed."""
    PERSONAL = "personal"
    """Have sealed values opened."""
    AUDIT = "audit"
    """Replay, verify and explain."""
    ADMIN = "admin"
    """Bring in decided events, void, manage."""


class ApiKeyInvalid(FilrougeError):
    """A key needs a name, at least one ledger (or ``*``) and at least one known scope."""


class ApiKeyUnknown(FilrougeError):
    """There is no API key with this id: see ``filrouge keys list``."""


class ApiKey(msgspec.Struct, frozen=True):
    """One key, without its secret, which is kept nowhere."""

    id: str
    """Also the actor of what is recorded with it: ``key:<id>`` names nobody."""
    name: str
    last: str
    """The last four characters of the secret, to tell keys apart."""
    ledgers: tuple[str, ...]
    """Names of ledgers; ``*`` is every ledger."""
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None

    def allows(self, ledger: str, scope: Scope) -> bool:
        """Whether the key may do this in that ledger."""
        reaches = EVERY_LEDGER in self.ledgers or ledger in self.ledgers
        return reaches and scope in self.scopes and self.revoked_at is None


class Credentials:
    """The API keys of this installation. ``connect`` is as for the vault."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def create(
        self, name: str, *, ledgers: Collection[str], scopes: Collection[str]
    ) -> tuple[ApiKey, str]:
        """Make a key; return it with its secret, ``fr_<id>_<random>``, which is shown only now.

        Raises:
            ApiKeyInvalid: a name, ledger or scope is missing or unknown.

        """
        unknown = sorted(set(scopes) - {scope.value for scope in Scope})
        if not ledgers or not scopes or unknown or not 0 < len(name) <= KEY_NAME_LENGTH_MAX:
            raise ApiKeyInvalid(name=name, ledgers=sorted(ledgers), unknown_scopes=unknown)
        key_id = b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
        secret = f"{SECRET_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        row = self._run(
            "INSERT INTO filrouge.api_keys (id, hash, last, name, ledgers, scopes) "
            "VALUES (%s, %s, %s, %s, %s, %s) RETURNING {columns}",
            *(key_id, _hash(secret), secret[-_LAST_CHARACTERS:], name),
            *(sorted(set(ledgers)), sorted(set(scopes))),
        )[0]
        return _key(row), secret

    def authenticate(self, secret: str) -> ApiKey | None:
        """The key that this is the secret of; None for a wrong, unknown or revoked one."""
        prefix, _, rest = secret.partition("_")
        key_id, _, random = rest.partition("_")
        if prefix != SECRET_PREFIX or not random or len(secret) > SECRET_LENGTH_MAX:
            return None
        if not (key_id.isascii() and key_id.isalnum()):
            return None
        rows = self._run(
            "SELECT hash, {columns} FROM filrouge.api_keys WHERE id = %s AND revoked_at IS NULL",
            key_id,
        )
        # An unknown id is compared too, so that it takes as long as a wrong secret.
        expected = rows[0][0] if rows else bytes(32)
        if not hmac.compare_digest(expected, _hash(secret)):
            return None
        return _key(rows[0][1:])

    def revoke(self, key_id: str) -> ApiKey:
        """Take a key's rights away for ever; a second time changes nothing."""
        rows = self._run(
            "UPDATE filrouge.api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp()) "
            "WHERE id = %s RETURNING {columns}",
            key_id,
        )
        if not rows:
            raise ApiKeyUnknown(id=key_id)
        return _key(rows[0])

    def keys(self) -> list[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        rows = self._run(
            "SELECT {columns} FROM filrouge.api_keys ORDER BY created_at, id LIMIT %s",
            KEYS_LISTED_MAX,
        )
        return [_key(row) for row in rows]

    def _run(self, statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        with (
            self._connect() as connection,
            connection.transaction(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            cursor.execute(sql.SQL(statement).format(columns=_COLUMNS), parameters)
            return cursor.fetchall()


def _hash(secret: str) -> bytes:
    """One round of SHA-256 is enough here: nobody guesses 256 random bits, however fast they try.

    Slow hashes protect what people choose, and would cost every request milliseconds.
    """
    return sha256(secret.encode(errors="surrogatepass")).digest()


def _key(row: tuple[Any, ...]) -> ApiKey:
    return msgspec.convert(
        dict(zip(ApiKey.__struct_fields__, row, strict=True)), ApiKey, strict=False
    )
