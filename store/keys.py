"""The epoch keys: what wraps every key of the vault, kept outside PostgreSQL and rotated."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import FilrougeError
from store.key_files import KeyFileOpen, make_key_file, read_key_file, replace_key_file

EPOCH_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = "filrouge.epoch-keys.v1"


class KeyFileError(FilrougeError):
    """The file of the epoch keys cannot be used; the message says why and what to do."""


class EpochKeyMissing(FilrougeError):
    """The vault was wrapped by an epoch key that is not held here.

    Start with the key file (or the setting) that the ledger was made with. Without it nothing
    personal can be opened; everything else still works.
    """


class EpochKeyRetired(FilrougeError):
    """The vault no longer takes keys that are wrapped by this epoch key: it was rotated.

    Start with the key file as the rotation left it.
    """


class _KeyFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    format: str
    current: str
    keys: dict[str, bytes]


class EpochKeys:
    """The epoch keys that are held, one of them current: new keys are wrapped by that one.

    Wrapping is AES-256-GCM with a random nonce, bound to what the wrapped key is for, so that a
    wrapped key moved to another row does not open.
    """

    def __init__(
        self, keys: Mapping[str, bytes], current: str, *, path: Path | None = None
    ) -> None:
        self.path = path
        """The file that they were read from, and are read from again when it has changed."""
        self._hold(keys, current)

    def _hold(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys or any(len(key) != EPOCH_KEY_BYTES for key in keys.values()):
            raise KeyFileError(f"An epoch key is {EPOCH_KEY_BYTES} bytes, and one is current.")
        self._keys = dict(keys)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.current = current

    def __repr__(self) -> str:
        return f"EpochKeys(current={self.current!r}, held={len(self._keys)})"

    @classmethod
    def from_bytes(cls, key: bytes) -> EpochKeys:
        """The only key is this one: 32 bytes, from a setting."""
        return cls({_name(key): key}, _name(key))

    @classmethod
    def from_file(cls, path: Path) -> EpochKeys:
        """Read the keys of a file; make it first, with a new key, if there is none.

        Processes that start at once agree: the file appears whole, and the first one wins.

        Raises:
            KeyFileError: others may read it, or it does not hold keys.

        """
        make_key_file(path, lambda: cls.from_bytes(secrets.token_bytes(EPOCH_KEY_BYTES)).as_file())
        return _read(path)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the keys that are held."""
        return tuple(self._keys)

    def wrap(self, key: bytes, purpose: str) -> bytes:
        """Encrypt a key under the current epoch key, bound to its purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, purpose.encode())

    def unwrap(self, name: str, wrapped: bytes, purpose: str) -> bytes:
        """Decrypt a key that was wrapped by the epoch key of this id, for this purpose."""
        if name not in self._ciphers:
            self.read_again()
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise EpochKeyMissing(epoch_key=name)
        try:
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            raise EpochKeyMissing(
                f"What {name} wrapped for {purpose} was changed, or that is another key.",
                epoch_key=name,
            ) from None

    def read_again(self) -> None:
        """Hold what the key file holds now: keys may have been added to it, or destroyed."""
        if self.path is not None and self.path.exists():
            found = _read(self.path)
            self._hold(found.exported(), found.current)

    def with_new(self) -> EpochKeys:
        """These keys and a new one, which is the current one from here on."""
        key = secrets.token_bytes(EPOCH_KEY_BYTES)
        return EpochKeys({**self._keys, _name(key): key}, _name(key), path=self.path)

    def without(self, names: Collection[str]) -> EpochKeys:
        """These keys but for some that are destroyed; the current one stays."""
        left = {name: key for name, key in self._keys.items() if name not in names}
        return EpochKeys(left, self.current, path=self.path)

    def exported(self) -> dict[str, bytes]:
        """The keys themselves, for a bundle that is asked to hold them."""
        return dict(self._keys)

    def with_others(self, keys: Mapping[str, bytes]) -> EpochKeys:
        """These keys and others, which open what they wrapped; the current one stays."""
        return EpochKeys({**keys, **self._keys}, self.current, path=self.path)

    def save(self, path: Path) -> None:
        """Write the keys to their file, in place of what it held."""
        replace_key_file(path, self.as_file())

    def as_file(self) -> _KeyFile:
        """What the file of these keys holds."""
        return _KeyFile(format=_FORMAT, current=self.current, keys=self.exported())


def _name(key: bytes) -> str:
    digest = sha256(b"filrouge epoch key id\0" + key).digest()
    return f"ek_{b32encode(digest[:10]).decode().lower()}"


def _read(path: Path) -> EpochKeys:
    try:
        found = msgspec.json.decode(read_key_file(path), type=_KeyFile)
    except KeyFileOpen as error:
        raise KeyFileError(str(error)) from None
    except msgspec.MsgspecError as error:
        raise KeyFileError(f"{path} does not hold epoch keys: {error}") from None
    if found.format != _FORMAT:
        raise KeyFileError(f"{path} is {found.format!r}, and this reads {_FORMAT!r}.")
    return EpochKeys(found.keys, found.current, path=path)
