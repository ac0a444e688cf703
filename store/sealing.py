"""The sealed text: one personal value as ciphertext that says itself what it is bound to."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from domain.errors import FilrougeError, InvalidEvent
from domain.personal import DIGEST_PREFIX, SEALED_LENGTH_MAX, SEALED_PREFIX
from domain.types import TEXT_LENGTH_MAX

SUBJECT_KEY_BYTES: Final = 64
"""AES-SIV takes two keys of 256 bits: one to authenticate, one to encrypt."""


REJECTS: Final = "rejects"
"""The kind of subject that stands for the rejects file of an import."""


class SubjectErased(FilrougeError):
    """This person was erased: nothing is decided any more that needs their personal data.

    Their key is gone for ever. Somebody who comes back enrols anew and is another member. What is
    reported about them is still recorded, without the personal values.
    """


class SealBroken(FilrougeError):
    """A sealed text cannot be opened: it was changed or moved, or sealed under another key."""


class Binding(NamedTuple):
    """What a sealed text is bound to, beside its ledger."""

    event_type: str
    path: str
    subject: str


def seal_text(key: bytes, ledger_id: str, binding: Binding, text: str) -> str:
    """Seal one value: the same value for the same place is the same sealed text."""
    refuse_sealed(text, binding.path)
    if len(text) > TEXT_LENGTH_MAX:
        raise InvalidEvent(
            f"{binding.path}: {len(text):,} characters, and {TEXT_LENGTH_MAX:,} is the limit"
        )
    if "\0" in text:
        raise InvalidEvent(f"{binding.path}: a text holds a NUL character: remove it")
    try:
        clear = text.encode()
    except UnicodeEncodeError:
        raise InvalidEvent(f"{binding.path}: not valid Unicode") from None
    cipher = AESSIV(key).encrypt(clear, _associated(ledger_id, binding))
    sealed = f"{SEALED_PREFIX}{'|'.join(binding)}|{urlsafe_b64encode(cipher).decode()}"
    if len(sealed) > SEALED_LENGTH_MAX:
        raise InvalidEvent(f"{binding.path}: the name of the field is too long to seal it")
    return sealed


def seal_row(key: bytes, ledger_id: str, subject: str, text: str) -> str:
    """Seal a row that an import rejected, as long as it may be."""
    binding = Binding("row.rejected", "row", subject)
    cipher = AESSIV(key).encrypt(text.encode(), _associated(ledger_id, binding))
    return f"{SEALED_PREFIX}{'|'.join(binding)}|{urlsafe_b64encode(cipher).decode()}"


def withheld_text(binding: Binding) -> str:
    """What stands in place of a value about somebody who was erased: its binding, and nothing."""
    return f"{SEALED_PREFIX}{'|'.join(binding)}|"


def refuse_sealed(text: str, path: str) -> None:
    """Refuse a value from outside that looks sealed already: it could be somebody else's."""
    if text.startswith((SEALED_PREFIX, DIGEST_PREFIX)):
        raise InvalidEvent(f"{path}: send the value itself; only the vault seals values")


def parse_sealed(text: str) -> tuple[Binding, bytes] | None:
    """Take a sealed text apart, or None if that is not its form."""
    if not text.startswith(SEALED_PREFIX):
        return None
    # The name of a field may hold a bar, so it is found from both ends.
    head = text[len(SEALED_PREFIX) :].split("|", 1)
    tail = head[-1].rsplit("|", 2)
    if len(head) != 2 or len(tail) != 3:  # noqa: PLR2004 - the parts of the form
        return None
    try:
        cipher = b64decode(tail[2], altchars=b"-_", validate=True)
    except ValueError:
        return None
    return Binding(head[0], tail[0], tail[1]), cipher


def open_text(key: bytes, ledger_id: str, binding: Binding, cipher: bytes) -> str:
    """Open one value; SealBroken if it, or anything that it is bound to, was changed."""
    try:
        return AESSIV(key).decrypt(cipher, _associated(ledger_id, binding)).decode()
    except (InvalidTag, ValueError):
        raise SealBroken(
            event_type=binding.event_type, field=binding.path, subject=binding.subject
        ) from None


def _associated(ledger_id: str, binding: Binding) -> list[bytes]:
    return [part.encode() for part in (ledger_id, *binding)]
