"""The keys that sign checkpoints: made on first run or supplied, kept outside PostgreSQL."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import msgspec

from domain.errors import FilrougeError
from store.key_files import KeyFileOpen, make_key_file, read_key_file, replace_key_file
from store.notes import Signer, Verifier

LOG_KEY_BYTES: Final = 32
LOG_KEYS_MAX: Final = 10
_FORMAT: Final = "filrouge.log-keys.v1"


class LogKeyError(FilrougeError):
    """The file of the keys that sign the log cannot be used; the message says what to do."""


class _KeyFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    format: str
    keys: list[bytes]


def origin_of(ledger_id: str, epoch: int) -> str:
    """The name under which the log of a ledger signs: each epoch is a log of its own."""
    return f"filrouge/{ledger_id}/{epoch}"


class LogKeys:
    """Ed25519 keys, newest last. All of them sign, so that a key can be changed for another."""

    def __init__(self, keys: list[bytes]) -> None:
        if not 0 < len(keys) <= LOG_KEYS_MAX or any(len(key) != LOG_KEY_BYTES for key in keys):
            message = f"1 to {LOG_KEYS_MAX} keys of {LOG_KEY_BYTES} bytes sign the log"
            raise LogKeyError(message)
        self._keys = list(keys)

    def __repr__(self) -> str:
        return f"LogKeys(held={len(self._keys)})"

    @classmethod
    def from_file(cls, path: Path) -> LogKeys:
        """Read the keys of a file; make it first, with a new key, if there is none.

        Raises:
            LogKeyError: others may read it, or it does not hold keys.

        """
        make_key_file(path, lambda: cls([secrets.token_bytes(LOG_KEY_BYTES)]).as_file())
        return _read(path)

    def signers(self, origin: str) -> list[Signer]:
        """One signer for each key, under the name of a log."""
        return [Signer(origin, key) for key in self._keys]

    def verifiers(self, origin: str) -> list[Verifier]:
        """The public keys, under the name of a log."""
        return [signer.verifier for signer in self.signers(origin)]

    def rotated(self) -> LogKeys:
        """These keys and a new one: both sign from here on."""
        return LogKeys([*self._keys, secrets.token_bytes(LOG_KEY_BYTES)])

    def without_oldest(self) -> LogKeys:
        """These keys but for the oldest one. Raises LogKeyError if it is the only one."""
        return LogKeys(self._keys[1:])

    def save(self, path: Path) -> None:
        """Write the keys to their file, in place of what it held."""
        replace_key_file(path, self.as_file())

    def as_file(self) -> _KeyFile:
        """What the file of these keys holds."""
        return _KeyFile(format=_FORMAT, keys=self._keys)


def _read(path: Path) -> LogKeys:
    try:
        found = msgspec.json.decode(read_key_file(path), type=_KeyFile)
    except KeyFileOpen as error:
        raise LogKeyError(str(error)) from None
    except msgspec.MsgspecError as error:
        raise LogKeyError(f"{path} does not hold keys that sign a log: {error}") from None
    if found.format != _FORMAT:
        raise LogKeyError(f"{path} is {found.format!r}, and this reads {_FORMAT!r}.")
    return LogKeys(found.keys)
