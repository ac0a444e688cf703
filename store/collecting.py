"""Looking for cycles rarely, while much is made that has none."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

COLLECT_AFTER: Final = 200_000
"""Objects that are made before the newest are looked through."""
_lock: Final = threading.Lock()
_before: list[int] = []
"""The threshold to go back to, once for each that is inside."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for cycles rarely, in the whole process: events, rows and what is in flight make none.

    Threads may be inside at the same time; the last one to leave sets back what was.
    """
    with _lock:
        threshold, *others = gc.get_threshold()
        _before.append(_before[0] if _before else threshold)
        gc.set_threshold(COLLECT_AFTER, *others)
    try:
        yield
    finally:
        with _lock:
            threshold = _before.pop()
            if not _before:
                gc.set_threshold(threshold, *gc.get_threshold()[1:])
