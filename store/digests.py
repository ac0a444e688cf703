"""How values that recognise somebody are written one way, and hashed under the ledger's key."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from domain.errors import InvalidEvent
from domain.personal import DIGEST_PREFIX

DIGEST_KEY_BYTES: Final = 32
_ID_BYTES: Final = 15

PREFIXES: Final = MappingProxyType(
    {"member": "m", "identity": "i", "prospect": "p", "visitor": "v", "order": "o"}
)
"""What the ids of a kind begin with; another kind's ids begin with its name."""

SUBJECT_KINDS: Final = frozenset({"member", "prospect", "visitor", "voucher"})
"""Kinds whose ids are data subjects, or secrets that have a key of their own as these have: the
digest goes when that key does."""

TYPED_KINDS: Final = frozenset({"identity", "prospect"})
"""Kinds whose first value, of several, says what the others are: ``("email", "a@b.org")``."""


def _plain(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).split())


def _folded(value: str) -> str:
    # Folding can undo the normal form, so it is made again (Unicode, section 3.13, D145).
    return _plain(_plain(value).casefold())


def _handle(value: str) -> str:
    return _folded(value).removeprefix("@")


def _card(value: str) -> str:
    return re.sub(r"[ -]", "", _folded(value))


def _phone(value: str) -> str:
    text = _plain(value)
    digits = "".join(str(unicodedata.digit(sign)) for sign in text if sign.isdigit())
    return f"+{digits}" if digits and text.startswith("+") else digits


def _address(value: str) -> str:
    """An e-mail address, a phone number or a name somewhere: nobody said which."""
    text = _folded(value)
    return _phone(text) if re.fullmatch(r"\+?[\d ()./-]+", text) else text


SPELLINGS: Final[MappingProxyType[str, Callable[[str], str]]] = MappingProxyType(
    {
        "e-mail": _folded,
        "email": _folded,
        "phone": _phone,
        "sms": _phone,
        "whatsapp": _phone,
        "loyalty-card": _card,
        "loyalty_card": _card,
        "facebook": _handle,
        "instagram": _handle,
        "messenger": _handle,
        "x": _handle,
        "prospect": _address,
        "voucher": _card,
    }
)
"""How values of a sort are written one way before hashing. Others: Unicode NFKC, spaces tidied."""


def normalised(kind: str, values: Sequence[str]) -> tuple[str, ...]:
    """The one spelling of values that mean the same; refuse a value that says nothing."""
    if kind in TYPED_KINDS and len(values) > 1:
        sort, *rest = values
        spelled = (sort, *(SPELLINGS.get(sort, _plain)(value) for value in rest))
    else:
        spelled = tuple(SPELLINGS.get(kind, _plain)(value) for value in values)
    if not all(spelled):
        raise InvalidEvent(f"a value that recognises a {kind} holds nothing to recognise it by")
    return spelled


def digest_of(key: bytes, kind: str, values: Sequence[str]) -> bytes:
    """HMAC-SHA256 of the normalised values under the ledger's digest key."""
    # A JSON list keeps the values apart: ("ab", "c") is not ("a", "bc").
    try:
        message = msgspec.json.encode((kind, *normalised(kind, values)))
    except UnicodeEncodeError:
        raise InvalidEvent(f"a value that recognises a {kind} is not valid Unicode") from None
    return hmac.digest(key, message, "sha256")


def digest_text(key: bytes, kind: str, value: str) -> str:
    """What stands in an event in place of a value that only needs to be comparable."""
    digest = digest_of(key, kind, (value,))
    return DIGEST_PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()


def random_id(kind: str) -> str:
    """A new id of a kind, ``m_...``, that nothing can be computed from."""
    random = b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    return f"{PREFIXES.get(kind, kind)}_{random}"


class Asked(NamedTuple):
    """A digest whose id is asked for, and whom it recognises."""

    digest: bytes
    kind: str
    subjects: frozenset[str]

    @classmethod
    def of(
        cls, key: bytes, kind: str, values: Sequence[str], subjects: frozenset[str] = frozenset()
    ) -> Asked:
        """Ask for the id of these values."""
        return cls(digest_of(key, kind, values), kind, subjects)
