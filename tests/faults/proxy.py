"""A door to PostgreSQL that can be shut: it passes bytes on, and breaks off where a test says.

What is broken off is told by the bytes themselves, not by the time: the name of a statement, or a
COMMIT that has passed whose answer never comes back.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

SOCKET_FILE = ".s.PGSQL.5432"
CHUNK_BYTES = 1 << 16
REACHED_SECONDS_MAX = 200
WRITING = b"\0write\0"
"""What a server says when a batch is decided and its rows come."""
FILLING = b'COPY "projection_'
"""What a rebuild says when it writes rows into tables that nobody reads yet."""
SWITCHING = b"SET state = 'live'"
"""What it says to let them be read."""


class Moment:
    """A place in what some client sends: so many bytes after the next time that it says this."""

    def __init__(self, marker: bytes, offset: int, *, held: bool) -> None:
        self.marker = marker
        self.offset = offset
        self.held = held
        """Wait there until it is let go, instead of breaking off."""
        self._reached = threading.Event()
        self._let_go = threading.Event()
        self._left: int | None = None
        self._tail = b""

    def wait(self) -> None:
        """Until a client is there."""
        assert self._reached.wait(REACHED_SECONDS_MAX), f"nobody said {self.marker!r}"

    def let_go(self) -> None:
        """Let the client that is held there go on."""
        self._let_go.set()

    def before(self, chunk: bytes) -> int | None:
        """How much of a chunk comes before this moment; None if all of it does."""
        if self._left is None:
            seen = self._tail + chunk
            found = seen.find(self.marker)
            if found < 0:
                self._tail = seen[-len(self.marker) :]
                return None
            self._left = max(found + self.offset - len(self._tail), 0)
        if self._left > len(chunk):
            self._left -= len(chunk)
            return None
        return self._left

    def come(self) -> bool:
        """Be there: False if the connection is to be broken off."""
        self._reached.set()
        if self.held:
            assert self._let_go.wait(REACHED_SECONDS_MAX), f"{self.marker!r} was never let go"
        return self.held


class Proxy:
    """Listens in a folder as PostgreSQL would, and passes on to where PostgreSQL listens now."""

    def __init__(self, folder: Path, upstream: Callable[[], Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self._upstream = upstream
        self._path = folder / SOCKET_FILE
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen(128)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._moments: list[Moment] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, marker: bytes, offset: int = 0) -> Moment:
        """Break the connection of whoever says this next, so many bytes after it began to."""
        return self._expect(Moment(marker, offset, held=False))

    def hold(self, marker: bytes, offset: int = 0) -> Moment:
        """Let nothing more be heard of whoever says this next, until it is let go."""
        return self._expect(Moment(marker, offset, held=True))

    def cut_all(self) -> None:
        """Break every connection, wherever it is."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let nobody in any more."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def __enter__(self) -> Self:
        """Close it at the end of a ``with``."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _expect(self, moment: Moment) -> Moment:
        with self._lock:
            self._moments.append(moment)
        return moment

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(str(self._upstream() / SOCKET_FILE))
            except OSError:  # PostgreSQL is down: whoever asks is told by the end of the line
                client.close()
                server.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """From the client to the server, up to a moment that somebody waits for."""
        with suppress(OSError):
            while chunk := client.recv(CHUNK_BYTES):
                moment, whole = self._met(chunk)
                if moment is not None:
                    server.sendall(chunk[:whole])
                    if not moment.come():
                        # The client is cut off first: it never hears what became of it.
                        client.shutdown(socket.SHUT_RDWR)
                        break
                server.sendall(chunk[whole:])
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _met(self, chunk: bytes) -> tuple[Moment | None, int]:
        with self._lock:
            for moment in self._moments:
                whole = moment.before(chunk)
                if whole is not None:
                    self._moments.remove(moment)
                    return moment, whole
        return None, 0

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        """From the server to the client, until either is gone; what comes after is thrown away."""
        with suppress(OSError):
            while chunk := server.recv(CHUNK_BYTES):
                with suppress(OSError):
                    client.sendall(chunk)
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()
