"""How a field says that it holds personal data, and whose it is.

``email: Personal["referee_id"]`` is text about the subject whose id stands in ``referee_id``. It
is sealed before it reaches the log: what stands there names the event type, the field and the
subject it is bound to, and a ciphertext that only that subject's key opens.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from domain.types import TEXT_LENGTH_MAX

SEALED_PREFIX: Final = "sealed|"
DIGEST_PREFIX: Final = "digest|"
SEALED_LENGTH_MAX: Final = 6 * TEXT_LENGTH_MAX
"""Room for the ciphertext of TEXT_LENGTH_MAX characters, of four bytes each, and its bindings."""


def is_withheld(value: object) -> bool:
    """Whether this is a sealed text without a value: its subject had been erased before."""
    return isinstance(value, str) and value.startswith(SEALED_PREFIX) and value.endswith("|")


class _Personal:
    def __getitem__(self, subject_field: str) -> Any:
        return Annotated[
            str,
            Meta(
                min_length=1,
                max_length=SEALED_LENGTH_MAX,
                extra={"personal": subject_field},
                extra_json_schema={"x-personal-of": subject_field},
            ),
        ]


Personal: Any = _Personal()


def digested(kind: str, *fields: str) -> Meta:
    """Mark a field that the vault fills in from a keyed digest of other fields.

    ``order_id: Annotated[OrderID | None, digested("order", "order_reference")]``: the same
    reference always gets the same random id, and the log never holds anything computed from it.
    Without ``fields`` the value itself is replaced by its keyed digest.
    """
    return Meta(
        extra={"digested": (kind, fields)},
        extra_json_schema={"x-digest-of": list(fields)},
    )
