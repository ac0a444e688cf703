"""Signed notes and checkpoints: the root of a tree, as anybody can check who has the public key.

The forms are C2SP's `signed-note` and `tlog-checkpoint`; signatures are Ed25519 (RFC 8032).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.errors import FilrougeError
from store.merkle import HASH_BYTES

NOTE_BYTES_MAX: Final = 1_000_000
SIGNATURES_MAX: Final = 100
_ED25519: Final = b"\x01"
_COSIGNATURE: Final = b"\x04"
_KEY_ID_BYTES: Final = 4
_TIMESTAMP_BYTES: Final = 8
_BODY_LINES: Final = 3


class InvalidNote(FilrougeError):
    """These bytes are no signed note, or none of its signatures is by a key that is trusted."""


class Verifier(NamedTuple):
    """A public key with its name: whose signatures are believed.

    Written as ``<name>+<key id>+<base64>``, the form that C2SP calls a vkey.
    """

    name: str
    public: bytes
    cosigner: bool = False
    """A witness, who signs the checkpoint with the time at which it was seen."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the written form. Raises InvalidNote."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            key = b64decode(encoded, validate=True)
        except Base64Error:
            key = b""
        if key[:1] not in {_ED25519, _COSIGNATURE} or len(key) != 1 + HASH_BYTES:
            raise InvalidNote("a public key is <name>+<key id>+<base64 of an Ed25519 key>")
        made = cls(name, key[1:], cosigner=key[:1] == _COSIGNATURE)
        if made.key_id.hex() != key_id or not _is_name(name):
            raise InvalidNote(f"the key id of {name!r} does not belong to this key")
        return made

    def __str__(self) -> str:
        """The written form."""
        encoded = b64encode(self._kind + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @property
    def _kind(self) -> bytes:
        return _COSIGNATURE if self.cosigner else _ED25519

    @property
    def key_id(self) -> bytes:
        """The four bytes that a signature line names the key by."""
        return sha256(self.name.encode() + b"\n" + self._kind + self.public).digest()[
            :_KEY_ID_BYTES
        ]

    def accepts(self, body: str, signature: bytes) -> bool:
        """Whether this key made the signature over the text of a note."""
        message = body.encode()
        if self.cosigner:
            stamp, signature = signature[:_TIMESTAMP_BYTES], signature[_TIMESTAMP_BYTES:]
            message = b"cosignature/v1\ntime %d\n" % int.from_bytes(stamp, "big") + message
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer:
    """A private key with its name: it signs checkpoints."""

    def __init__(self, name: str, private: bytes) -> None:
        if not _is_name(name):
            raise InvalidNote(f"{name!r} is no name of a key: it has no space and no plus sign")
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier(name, public)

    def __repr__(self) -> str:
        return f"Signer({self.verifier})"

    def sign(self, body: str) -> str:
        """The signature line for the text of a note."""
        signature = self.verifier.key_id + self._key.sign(body.encode())
        return f"— {self.verifier.name} {b64encode(signature).decode()}\n"


class Checkpoint(NamedTuple):
    """How large a log was, and the root over all that was in it."""

    origin: str
    """Which log: ``filrouge/<ledger id>/<epoch>``."""
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def signed(self, signers: Iterable[Signer]) -> str:
        """The signed note, with a line for each key."""
        return signed_text(self.body, signers)


class Signature(NamedTuple):
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


def opened(note: str | bytes, trusted: Iterable[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """Read a signed checkpoint; return it with those of the trusted keys that signed it.

    Signatures by other keys count for nothing. Raises InvalidNote when none of the trusted keys
    signed it, or when a signature of one of them is wrong.
    """
    body, signed_by = opened_text(note, trusted)
    return _checkpoint(body), signed_by


def signed_text(body: str, signers: Iterable[Signer]) -> str:
    """A text as a signed note; it ends with a line end and holds no empty line."""
    return f"{body}\n{''.join(signer.sign(body) for signer in signers)}"


def opened_text(note: str | bytes, trusted: Iterable[Verifier]) -> tuple[str, list[Verifier]]:
    """The text of a signed note, and those of the trusted keys that signed it. As `opened`."""
    body, signatures = _taken_apart(note)
    known = {(one.name, one.key_id): one for one in trusted}
    signed_by = []
    for line in signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        if not verifier.accepts(body, line.signature):
            raise InvalidNote(f"the signature of {line.name} is wrong: the note was changed")
        signed_by.append(verifier)
    if not signed_by:
        raise InvalidNote("no key that is trusted has signed this note")
    return body, signed_by


def signature_lines(text: str) -> list[str]:
    """The signature lines of an answer of a witness. Raises InvalidNote."""
    lines = text.splitlines()
    for line in lines:
        _signature(line)
    return [f"{line}\n" for line in lines]


def _taken_apart(note: str | bytes) -> tuple[str, list[Signature]]:
    try:
        text = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError:
        raise InvalidNote("a signed note is UTF-8 text") from None
    if len(text) > NOTE_BYTES_MAX or any(ord(one) < ord(" ") and one != "\n" for one in text):
        raise InvalidNote("a signed note is text of bounded size without control characters")
    body, gap, lines = text.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise InvalidNote("a signed note is a text, an empty line, and lines of signatures")
    found = [_signature(line) for line in lines[:-1].split("\n")]
    if len(found) > SIGNATURES_MAX:
        raise InvalidNote(f"a signed note with more than {SIGNATURES_MAX} signatures is not read")
    return f"{body}\n", found


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        value = b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        value = b""
    if dash != "—" or not _is_name(name) or len(value) <= _KEY_ID_BYTES:
        raise InvalidNote(f"{line[:80]!r} is no signature line")
    return Signature(name, value[:_KEY_ID_BYTES], value[_KEY_ID_BYTES:])


def _checkpoint(body: str) -> Checkpoint:
    lines = body[:-1].split("\n")
    if len(lines) < _BODY_LINES or not all(lines):
        raise InvalidNote("a checkpoint is three lines: origin, size and root")
    origin, size, encoded = lines[:_BODY_LINES]
    try:
        root = b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        root = b""
    if not size.isascii() or not size.isdecimal() or str(int(size)) != size:
        raise InvalidNote("the size of a checkpoint is a decimal number")
    if len(root) != HASH_BYTES:
        raise InvalidNote(f"the root of a checkpoint is {HASH_BYTES} bytes in base64")
    return Checkpoint(origin, int(size), root)


def _is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(one.isspace() for one in text)
