"""The access log: who read whose personal data, and what auditors asked, before they are answered.

Reads that come together are written together, by one thread, so that a read waits for one commit
at most and other reads for none. What is older than ``KEPT_DAYS`` goes; the database refuses to
change or remove anything younger.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime
from queue import Empty, Full, Queue
from time import monotonic
from typing import Final

import msgspec

from store.errors import StoreClosed, StoreOverloaded, StoreUnavailable
from store.reply import Reply
from store.tree import Connect

KEPT_DAYS: Final = 400
WAITING_MAX: Final = 10_000
AT_ONCE_MAX: Final = 1_000
SUBJECTS_MAX: Final = 1_000
PAGE_MAX: Final = 1_000
PRUNED_AT_ONCE: Final = 10_000
PRUNE_SECONDS: Final = 3_600.0
LOOK_SECONDS: Final = 0.5

_INSERT: Final = """
INSERT INTO accesses (actor, operation, subjects, more)
SELECT a, o, string_to_array(s, ' '), m FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[])
AS new(a, o, s, m)
"""
_PRUNE: Final = """
DELETE FROM accesses WHERE id IN (
    SELECT id FROM accesses WHERE at < clock_timestamp() - make_interval(days => %s)
    ORDER BY id LIMIT %s)
"""


class Read(msgspec.Struct, frozen=True):
    """One read, as it is recorded."""

    id: int
    at: datetime
    actor: str
    """The key, as it stands in the envelope of what it records."""
    operation: str
    """The id of the operation in the OpenAPI document."""
    subjects: tuple[str, ...]
    """Whose personal values were opened, or who was asked about: ``member:m_...``."""
    more: int
    """People beside those, in a very long answer."""


class AccessLog:
    """The access log of one ledger. Threads may share it; its own thread begins with the first."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._waiting: Queue[tuple[Reply[None], str, str, str, int]] = Queue(WAITING_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._pruned = float("-inf")

    def record(self, actor: str, operation: str, subjects: Collection[str]) -> Reply[None]:
        """Write down a read; the reply comes when that is durable.

        Raises StoreOverloaded and StoreClosed: then nothing may be shown.
        """
        if self._closed.is_set():
            raise StoreClosed
        named = sorted(subjects)[:SUBJECTS_MAX]
        reply: Reply[None] = Reply()
        row = (reply, actor, operation, " ".join(named), len(subjects) - len(named))
        try:
            self._waiting.put_nowait(row)
        except Full:
            raise StoreOverloaded from None
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="accesses", daemon=True)
                self._thread.start()
        return reply

    def page(
        self, *, subject: str | None = None, before: int | None = None, limit: int = PAGE_MAX
    ) -> list[Read]:
        """Reads, the newest first: of one subject, or of all; older than one that is named."""
        assert 0 < limit <= PAGE_MAX
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT id, at, actor, operation, subjects, more FROM accesses"
                " WHERE (%(subject)s::text[] IS NULL OR subjects @> %(subject)s)"
                " AND (%(before)s::bigint IS NULL OR id < %(before)s)"
                " ORDER BY id DESC LIMIT %(limit)s",
                {"subject": subject and [subject], "before": before, "limit": limit},
            ).fetchall()
        return [
            Read(id_, at, actor, operation, tuple(subjects), more)
            for id_, at, actor, operation, subjects, more in rows
        ]

    def close(self) -> None:
        """Write what waits, then end."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not (self._closed.is_set() and self._waiting.empty()):
            try:
                rows = [self._waiting.get(timeout=LOOK_SECONDS)]
            except Empty:
                continue
            while len(rows) < AT_ONCE_MAX and not self._waiting.empty():
                rows.append(self._waiting.get_nowait())
            self._write(rows)

    def _write(self, rows: list[tuple[Reply[None], str, str, str, int]]) -> None:
        replies, actors, operations, subjects, more = zip(*rows, strict=True)
        error: BaseException | None = None
        try:
            with self._connect() as connection:
                connection.execute(
                    _INSERT, [list(actors), list(operations), list(subjects), list(more)]
                )
                if monotonic() - self._pruned > PRUNE_SECONDS:
                    self._pruned = monotonic()
                    connection.execute(_PRUNE, [KEPT_DAYS, PRUNED_AT_ONCE])
        except Exception as cause:  # noqa: BLE001 - whoever waits is told, and shows nothing
            error = StoreUnavailable()
            error.__cause__ = cause
        for reply in replies:
            reply.answer(None, error)
            reply.wake()
