"""Sealing: a thread that follows the log and signs what it has gained, every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Self

import psycopg
import structlog

from store.log_keys import LogKeys
from store.tree import LogTree, TreeBroken
from store.witnesses import Witness, ask_witnesses

SEAL_SECONDS: Final = 5.0
"""How far behind the log its newest checkpoint may be, unless told otherwise."""
STOP_SECONDS_MAX: Final = 60.0

log = structlog.get_logger()


class TreeSealer:
    """Signs a checkpoint at least every ``interval_seconds``, if there is anything new.

    Any number of processes may run one on the same ledger: one of them at a time grows the tree.
    A tree that does not continue what was signed is told about and left alone; what else goes
    wrong (a server that restarts, a full disk) passes, and it is tried again.
    """

    def __init__(
        self,
        tree: LogTree,
        keys: LogKeys,
        *,
        witnesses: Sequence[Witness] = (),
        interval_seconds: float = SEAL_SECONDS,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        """``after`` is done each time that the log was looked at: what follows it as slowly."""
        self._after = after
        self._tree = tree
        self._keys = keys
        self._witnesses = tuple(witnesses)
        # It begins early enough for the signing itself to end in time.
        self._pause_seconds = interval_seconds / 2
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tree-sealer", daemon=True)

    def start(self) -> Self:
        """Begin, in a thread of its own."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Seal what there is, then end."""
        self._stop.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_seconds):
            self._seal()
        self._seal()

    def _seal(self) -> None:
        try:
            if self._tree.grow(self._keys):
                ask_witnesses(self._tree, self._witnesses)
        except TreeBroken:
            log.exception("tree.broken", ledger_id=self._tree.ledger_id)
        except Exception as error:  # noqa: BLE001 - a thread that ends would end unseen
            log.warning("tree.not_sealed", error=_described(error))
        try:
            self._after()
        except Exception as error:  # noqa: BLE001 - it is tried again the next time
            log.warning("erasures.not_followed", error=_described(error))


def _described(error: Exception) -> str:
    """What went wrong, without the values that PostgreSQL quotes."""
    if isinstance(error, psycopg.Error):
        return f"{type(error).__name__} {error.sqlstate or ''}".strip()
    return type(error).__name__
