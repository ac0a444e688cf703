"""The limits of the HTTP API: everything has one, and it has a name."""

from __future__ import annotations

from typing import Final

import msgspec

PAGE_DEFAULT: Final = 100
"""Elements of a page when the caller does not say."""
PAGE_MAX: Final = 1_000
BATCH_EVENTS_MAX: Final = 1_000
"""Events in one batch, or lines in one NDJSON body."""
IDS_MAX: Final = 100
"""Members, accounts or positions read in one call."""
FILTER_TAGS_MAX: Final = 10
FILTER_TYPES_MAX: Final = 50
STREAM_EVENTS: Final = 500
"""Events held in memory while a stream is written."""
SOURCE_LENGTH_MAX: Final = 200
SIMULATED_EVENTS_MAX: Final = 20_000
"""Positions that one request may replay under other rules; a thread of the server does it."""
SIMULATED_RULES_MAX: Final = 200
"""Rules of one simulation over HTTP."""
IDEMPOTENCY_KEY_LENGTH_MAX: Final = 255
API_KEY_LENGTH_MAX: Final = 200
REQUEST_ID_LENGTH_MAX: Final = 64
POSITIONS_AHEAD_MAX: Final = 1_000
"""How far past the head a reader may wait for a position; beyond, nobody was ever given it."""
PAST_EVENTS_MAX: Final = 3_000_000
"""Events that one read of the past may look at; ``filrouge replay`` has no such limit."""
EXPLAINED_EVENTS_MAX: Final = 100_000
"""Events that one explanation may look at; ``filrouge explain`` has no such limit."""
PROOFS_MAX: Final = 100
"""Events of one page of an explanation that come with their proof of inclusion."""
READERS_MAX: Final = 16
"""Reads of one process that are with the database at the same time; others queue."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits that an operator may set."""

    body_bytes: int = 4 * 1024 * 1024
    """The largest body taken."""
    wait_seconds: float = 10.0
    """The longest that a read waits for a position before it answers 503."""
    credential_seconds: float = 2.0
    """How long a key that was looked up is believed, so the longest that a withdrawn one works."""
