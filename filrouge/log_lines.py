"""Log lines of a server, written several at a time.

Each write gives the interpreter's lock away, and a busy process waits milliseconds to have it back:
once for every request, if every line is written by itself.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import structlog

PAUSE_SECONDS: Final = 0.1
"""The longest that a line waits, and so what a ``kill -9`` can lose of them."""


class Lines:
    """A logger of structlog that keeps lines back; a warning takes all along at once."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
        self.debug = self.info = self.msg = self._kept.append
        self.warning = self.error = self.critical = self.exception = self._at_once

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left."""
        self._ended.set()
        self._thread.join()

    def _at_once(self, line: str) -> None:
        self._kept.append(line)
        self._write()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._writing:
            lines = [self._kept.popleft() for _ in range(len(self._kept))]
            if lines:
                sys.stderr.write("\n".join([*lines, ""]))
                sys.stderr.flush()


@contextmanager
def written_together() -> Iterator[None]:
    """Keep the lines of this process back for a moment; all are written when this is left."""
    before: Any = structlog.get_config()["logger_factory"]
    with Lines() as lines:
        structlog.configure(logger_factory=lambda *_: lines)
        try:
            yield
        finally:
            structlog.configure(logger_factory=before)
