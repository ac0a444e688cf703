"""Looking for cycles rarely, while much is made that has none."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

COLLECT_AFTER: Final = 200_000
"""Objects that are made before the newest are looked through, while very many are made."""
SERVING_COLLECT_AFTER: Final = 20_000
"""The same for a process that answers: what is looked through at once takes milliseconds."""
_lock: Final = threading.Lock()
_asked: Final[list[int]] = []
"""What everybody asks for that is inside."""
_before: Final[list[int]] = []
"""The threshold to go back to, when the last one leaves."""


@contextmanager
def rarely_collected(after: int = COLLECT_AFTER) -> Iterator[None]:
    """Look for cycles rarely, in the whole process: events, rows and what is in flight make none.

    Threads may be inside at the same time: who asks for the rarest gets it for all of them. When
    the last one has left it is as it was before.
    """
    with _lock:
        if not _asked:
            _before[:] = gc.get_threshold()[:1]
        _asked.append(after)
        _look_rarely()
    try:
        yield
    finally:
        with _lock:
            _asked.remove(after)
            _look_rarely()


def _look_rarely() -> None:
    if _before[0]:  # 0: the collector is off, and stays it
        gc.set_threshold(max(_before + _asked), *gc.get_threshold()[1:])
