"""The embedded PostgreSQL is open to the owner of its folder, and to nobody and nothing else."""

import os
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from store.embedded import EmbeddedPostgres

NOBODY = 65534

# What an ordinary user does: everything is imported before root is given up, because the
# interpreter itself may be installed where only root can read.
AS_NOBODY = f"""
import encodings.idna, os, sys
from pathlib import Path
import psycopg
from store.embedded import EmbeddedPostgres
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
with EmbeddedPostgres.start(Path(sys.argv[1])) as server, psycopg.connect(server.url) as connection:
    print(connection.execute("SELECT 'it runs'").fetchone()[0])
"""


def ask(url: str, query: str) -> str:
    """The one value that a query gives."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def postmaster(data_dir: Path) -> psutil.Process:
    """The server's first process."""
    note = (data_dir / "postgres" / "postmaster.pid").read_text()
    return psutil.Process(int(note.splitlines()[0]))


def test_nothing_listens_on_the_network(made_dir: Path) -> None:
    """The only way in is a socket that only the folder's owner can reach."""
    with EmbeddedPostgres.start(made_dir) as server:
        assert ask(server.url, "SHOW listen_addresses") == ""
        first = postmaster(made_dir)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # some of its children come and go
                assert not process.net_connections(kind="tcp")
        socket = made_dir / "postgres" / ".s.PGSQL.5432"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700


def test_an_edit_of_the_configuration_does_not_open_it(made_dir: Path) -> None:
    """`listen_addresses` in postgresql.conf does not count."""
    EmbeddedPostgres.start(made_dir).stop()
    with (made_dir / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("listen_addresses = '*'\n")
    with EmbeddedPostgres.start(made_dir) as server:
        assert ask(server.url, "SHOW listen_addresses") == ""


def test_others_cannot_read_the_folder(data_dir: Path) -> None:
    """At most they may pass through it, where an account without rights runs the server."""
    with EmbeddedPostgres.start(data_dir):
        assert stat.S_IMODE(data_dir.stat().st_mode) in {0o700, 0o701}
        assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
        log = data_dir / "postgres" / "server.log"
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_servers_log_quotes_no_values(data_dir: Path) -> None:
    """Neither a failed statement nor the detail of its error gets into the log."""
    with (
        EmbeddedPostgres.start(data_dir) as server,
        psycopg.connect(server.url, autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE person (email text PRIMARY KEY)")
        insert = "INSERT INTO person VALUES ('marie@example.org')"
        connection.execute(insert)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert)
    log = (data_dir / "postgres" / "server.log").read_text()
    assert "duplicate key" in log
    assert "marie" not in log


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests show it, when they are not root")
def test_an_ordinary_user_starts_their_own_and_no_other(data_dir: Path) -> None:
    """Without root in a folder of their own; the folder of somebody else is refused by name."""

    def as_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )

    theirs, ours = data_dir / "theirs", data_dir / "ours"
    EmbeddedPostgres.start(ours).stop()
    theirs.mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)

    done = as_nobody(theirs)
    assert done.stdout.strip() == "it runs", done.stderr
    assert (theirs / "postgres").stat().st_uid == NOBODY
    assert f"EmbeddedPostgresError: The PostgreSQL in {ours}" in as_nobody(ours).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it for somebody else")
def test_root_runs_a_folder_as_its_owner(made_dir: Path) -> None:
    """A folder that an ordinary user made stays theirs when root starts it."""
    EmbeddedPostgres.start(made_dir).stop()
    for path in (made_dir / "postgres", *(made_dir / "postgres").rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    with EmbeddedPostgres.start(made_dir) as server:
        assert ask(server.url, "SELECT 1") == "1"
        assert postmaster(made_dir).uids().real == NOBODY
