"""Entity tags of single reads: who has the newest answer already is told so with a 304."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from litestar import Request

from api.answers import NOT_MODIFIED, Ready
from api.parameters import header_of

ETAG_BYTES: Final = 15


def etag_of(body: bytes, *, weak: bool = False) -> str:
    """The entity tag of an answer: equal bytes, equal tag."""
    return f'{"W/" if weak else ""}"{blake2b(body, digest_size=ETAG_BYTES).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this answer already (RFC 9110, 13.1.2: compared weakly)."""
    if if_none_match is None:
        return False
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag.removeprefix("W/") in named or named == ["*"]


def tagged(
    request: Request[Any, Any, Any],
    body: bytes,
    headers: dict[str, str],
    same: bytes,
    *,
    weak: bool,
) -> Ready:
    """The answer with its entity tag, or 304 without a body if the caller has it already.

    ``same`` is what has to be equal for answers to be: all of the body, or (weakly) its meaning.
    """
    etag = etag_of(same, weak=weak)
    # What an answer shows depends on the key's scopes, and nobody else may keep it.
    headers = {
        **headers, "ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization",
    }  # fmt: skip
    if matches(header_of(request.scope, b"if-none-match"), etag):
        return Ready(b"", status=NOT_MODIFIED, headers=headers)
    return Ready(body, headers=headers)
