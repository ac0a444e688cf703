"""What faults happen to: a PostgreSQL, a door to it, and servers that are killed and come back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
from click.testing import CliRunner

from domain.accounts import OpenAccount
from domain.ledger import OpenLedger
from filrouge.cli import main
from filrouge.wiring import load_domain
from store.credentials import Credentials
from store.database import Database
from store.embedded import EmbeddedPostgres
from store.embedded_cluster import SETTINGS
from store.keys import EpochKeys
from store.ledger import Ledger
from tests.faults.proxy import Proxy

COMMAND = (sys.executable, "-m", "filrouge")
ACCOUNTS = 12
START_SECONDS_MAX = 120
SMALL = {**SETTINGS, "shared_buffers": "32MB", "max_wal_size": "128MB"}


class Server:
    """``filrouge serve`` in a process group of its own, and what it has logged."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.prelude = ""
        """What is done first in its process, to change what it does."""
        self.environment = environment
        self._log = log
        self._port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens; the same after each start."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, as often as it takes: the database may be gone at this moment."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            with self._log.open("a") as log:
                self.process = subprocess.Popen(
                    [*self._command(), "--json", "serve", "--port", str(self._port)],
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=self.environment,
                    start_new_session=True,
                )
            assert self.process.stdout is not None
            if said := self.process.stdout.readline():
                self._port = int(json.loads(said)["url"].rpartition(":")[2])
                return
            self.process.communicate()
            assert time.monotonic() < deadline, self._log.read_text()[-2_000:]

    def _command(self) -> list[str]:
        if not self.prelude:
            return [*COMMAND]
        start = f"{self.prelude}; from filrouge.cli import main; main()"
        return [sys.executable, "-c", start]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and to all that belong to it."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it as the kernel would, if it runs."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.communicate()

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it in order, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            self.process.communicate()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What it has said of one kind of event."""
        lines = [json.loads(one) for one in self._log.read_text().splitlines() if one[:1] == "{"]
        return [one for one in lines if one.get("event") == event]


class House:
    """A PostgreSQL in a folder of its own, and servers that reach it through a door."""

    def __init__(self, folder: Path, *, servers: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.key = folder / "epoch.key"
        self.postgres = EmbeddedPostgres.start(folder / "data", settings=SMALL)
        self.door = self.another_door()
        self.environment = self.environment_through(self.door)
        self.servers = [Server(self.environment, folder / f"server{n}.log") for n in range(servers)]
        self._opened = 0

    def another_door(self) -> Proxy:
        """A way to this PostgreSQL that can be cut apart from all others."""
        path = self.folder / f"door{len(list(self.folder.glob('door*')))}"
        return Proxy(path, lambda: self.postgres._cluster.socket_dir)

    def environment_through(self, door: Proxy) -> dict[str, str]:
        """The settings of a process that comes in by this door."""
        return {
            **{name: text for name, text in os.environ.items() if name[:9] != "FILROUGE_"},
            "FILROUGE_DATABASE_URL": door.url,
            "FILROUGE_KEY_FILE": str(self.key),
            "FILROUGE_LOG_FORMAT": "json",
            "FILROUGE_POOL_MAX": "4",
        }

    def new_ledger(self) -> tuple[str, str, list[str]]:
        """A ledger with a few accounts; its name, a key for it, and the accounts."""
        load_domain()
        self._opened += 1
        name = f"shop{self._opened}"
        database = self._database()
        opening = OpenLedger(ledger_id=f"l_{name}", name=name, time_zone="UTC", currency="EUR")
        ledger = database.create(name, opening)
        accounts = []
        for n in range(ACCOUNTS):
            command = OpenAccount(programme="club", points_currency="pts", holders=())
            opened: Any = ledger.decide(command, command_id=f"a{n}", actor="t").result()
            accounts.append(opened.events[0].event.account_id)
        _, key = Credentials(database.pool.connection).create(
            "load", ledgers=(name,), scopes=("observe", "command", "read")
        )
        ledger.close()
        database.close()
        return name, key, accounts

    @contextmanager
    def ledger(self, name: str) -> Iterator[Ledger]:
        """A ledger, opened in this process and past every door."""
        database = self._database()
        ledger = database.open(name)
        try:
            yield ledger
        finally:
            ledger.close()
            database.close()

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection]:
        """A connection with all rights, past every door, once PostgreSQL gives one."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                connection = psycopg.connect(self.postgres.url, autocommit=True)
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with connection:
            yield connection

    def start(self) -> Self:
        """Start the servers."""
        for server in self.servers:
            server.start()
        return self

    def begin(self, *arguments: str, door: Proxy | None = None) -> subprocess.Popen[str]:
        """Begin a command of ours, through a door."""
        environment = self.environment_through(door or self.door)
        return subprocess.Popen(
            [*COMMAND, "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> None:
        """End a command of ours, and all that it has started, as the kernel would."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def run(self, *arguments: str, code: int = 0, door: Proxy | None = None) -> Any:
        """Run a command of ours; what it says."""
        process = self.begin(*arguments, door=door)
        out, err = process.communicate()
        assert process.returncode == code, err
        return json.loads(out) if out else None

    def said(self, *arguments: str) -> Any:
        """Run a command of ours in this process, which nothing is to happen to; what it says."""
        runner = CliRunner(env=self.environment_through(self.door))
        done = runner.invoke(main, ["--json", *arguments])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def builds(self, name: str) -> list[tuple[int]]:
        """The builds that are read, of all projections of a ledger."""
        with self.owner() as connection:
            return connection.execute(
                f"SELECT build FROM ledger_{name}.projection_builds"
                " WHERE state = 'live' ORDER BY build"
            ).fetchall()

    def postmaster(self) -> psutil.Process:
        """PostgreSQL's first process, whose others follow it."""
        note = self.folder / "data" / "postgres" / "postmaster.pid"
        return psutil.Process(int(note.read_text().split()[0]))

    def end_postgres(self, number: signal.Signals) -> None:
        """End PostgreSQL without a warning (SIGKILL) or at once (SIGQUIT), and start it again."""
        process = self.postmaster()
        process.send_signal(number)
        process.wait()
        self.start_postgres()

    def start_postgres(self) -> None:
        """Start PostgreSQL, unless it runs."""
        before = self.postgres
        self.postgres = EmbeddedPostgres.start(self.folder / "data")
        before.stop()

    def back_up(self) -> None:
        """Copy PostgreSQL's files while it runs, as operators do."""
        files = self.folder / "data" / "postgres"
        copy = files.with_name("backup")
        copy.mkdir(mode=0o700)
        os.chown(copy, files.stat().st_uid, files.stat().st_gid)
        cluster = self.postgres._cluster
        cluster._command(
            *("pg_basebackup", f"--host={cluster.socket_dir}", "--username=postgres"),
            *("--checkpoint=fast", f"--pgdata={copy}"),
        )

    def bring_back(self) -> None:
        """Put the copy in the place of PostgreSQL's files; nothing is served meanwhile."""
        for server in self.servers:
            server.stop()
        self.postgres.stop()
        files = self.folder / "data" / "postgres"
        files.rename(files.with_name("lost"))
        files.with_name("backup").rename(files)
        self.start_postgres()

    def stop(self) -> None:
        """Stop everything in order."""
        for server in self.servers:
            server.stop()
        self.door.close()
        self.postgres.stop()

    def __enter__(self) -> Self:
        """Stop at the end of a ``with``."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _database(self) -> Database:
        return Database(self.postgres.url, keys=EpochKeys.from_file(self.key), pool_max=2)
