"""A PostgreSQL of our own in a data folder, from a wheel: no installation, no root, no TCP.

Processes that use the same folder share one server. Each holds a shared lock on a file beside the
cluster; whoever leaves and finds nobody else holding it stops the server. The kernel gives locks
back however a process ends, so a `kill -9` leaves no list to tidy. Starting and stopping happen
one process at a time, under a second lock.
"""

import atexit
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from store.embedded_account import CommandError
from store.embedded_cluster import PORT, SETTINGS, VERSIONS, Cluster

DEFAULT_VERSION: Final = 18


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used. The message says why and what to do."""


class EmbeddedPostgres:
    """A handle on the running server of one data folder. Leave with `stop()`, or use `with`.

    `url` is the address of its database `postgres`; only the folder's owner can connect.
    """

    def __init__(self, data_dir: Path, version: int) -> None:
        """Prepare a handle; `start` is the way to get one that runs."""
        if version not in VERSIONS:
            versions = " and ".join(map(str, VERSIONS))
            raise EmbeddedPostgresError(
                f"There is no embedded PostgreSQL {version}, but there are {versions}."
            )
        self.data_dir = data_dir.expanduser().resolve()
        self._cluster = Cluster(self.data_dir / "postgres", version)
        self._users_fd: int | None = None
        self._process_id = os.getpid()

    @classmethod
    def start(
        cls,
        data_dir: Path,
        version: int = DEFAULT_VERSION,
        *,
        settings: Mapping[str, str] = SETTINGS,
    ) -> Self:
        """The server of `data_dir`, made and started if need be, and shared if it runs already.

        As root, PostgreSQL runs under an account without rights, and the folders on the way to the
        data are opened for passing through (never for reading). `settings` count for a new cluster.

        Raises:
            EmbeddedPostgresError: another version made the folder, it belongs to somebody else, or
                PostgreSQL does not start; the message has the end of its log.

        """
        server = cls(data_dir, version)
        try:
            server.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with server._turn():
                server._enter(settings)
        except (CommandError, OSError) as error:
            raise EmbeddedPostgresError(
                f"The PostgreSQL in {server.data_dir} cannot be used: {error}"
            ) from error
        return server

    @property
    def url(self) -> str:
        """The address of the server's database `postgres`."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The address of one of the server's databases."""
        host = quote(str(self._cluster.socket_dir), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}&port={PORT}"

    def stop(self) -> None:
        """Leave the server, and stop it if nobody else uses it. Calling it again does nothing."""
        # A fork of the process that started is not the one to stop.
        if self._users_fd is None or self._process_id != os.getpid():
            return
        with self._turn():
            self._leave()

    def __enter__(self) -> Self:
        """Use the server for the length of a `with`."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only process that starts or stops the server of this folder."""
        fd = os.open(self.data_dir / "postgres.turn", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _enter(self, settings: Mapping[str, str]) -> None:
        self._cluster.prepare(settings)
        path = self.data_dir / "postgres.users"
        self._users_fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users_fd, fcntl.LOCK_SH)
        atexit.register(self.stop)
        try:
            self._cluster.ensure_running()
        except BaseException:  # an interrupt too must not leave a server behind
            self._leave()
            raise

    def _leave(self) -> None:
        assert self._users_fd is not None
        fd, self._users_fd = self._users_fd, None
        atexit.unregister(self.stop)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody else uses it
        else:
            self._cluster.shut_down()
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
