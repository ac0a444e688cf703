"""The embedded PostgreSQL starts anywhere, is shared, and survives every accident."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from store.embedded_cluster import VERSIONS

# A process that uses the server of a folder until it is told to leave, or interrupted.
HOLDER = """
import signal
import sys
from pathlib import Path
import psycopg
from store.embedded import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run behind a shell
with EmbeddedPostgres.start(Path(sys.argv[1])) as server:
    try:
        print(server.url, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        with psycopg.connect(server.url) as connection:
            print(connection.execute("SELECT 'still there'").fetchone()[0], flush=True)
"""


@contextmanager
def holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of its own that uses the server of `data_dir`, and the address it got."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def leave(process: subprocess.Popen[str]) -> None:
    """Let the holder go by itself."""
    process.communicate(timeout=60)
    assert process.returncode == 0


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


def kill(process: psutil.Process) -> None:
    """End it as a power cut would: nothing runs any more."""
    process.kill()
    psutil.wait_procs([process], timeout=30)


def is_stopped(data_dir: Path) -> bool:
    """Whether the server went in good order."""
    return not (data_dir / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_starts_stops_and_keeps_what_it_was_given(
    data_dir: Path, version: int
) -> None:
    """A second start finds the rows of the first."""
    with EmbeddedPostgres.start(data_dir, version) as server:
        assert ask(server.url, "SHOW server_version").startswith(f"{version}.")
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert is_stopped(data_dir)
    with EmbeddedPostgres.start(data_dir, version) as server:
        assert ask(server.url, "SELECT answer FROM kept") == "42"


def test_durability_is_not_traded_away(data_dir: Path) -> None:
    """What is acknowledged is on disk; pages have checksums."""
    with EmbeddedPostgres.start(data_dir) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert ask(server.url, f"SHOW {setting}") == "on"
        held = int(ask(server.url, "SELECT pg_size_bytes(current_setting('shared_buffers'))"))
        assert held == min(psutil.virtual_memory().total // 4 >> 20, 4_096) << 20
        assert ask(server.url, "SHOW max_wal_size") == "16GB"
        assert ask(server.url, "SHOW max_connections") == "200"
        assert ask(server.url, "SHOW timezone") == "UTC"


def test_processes_share_it_and_the_last_one_out_stops_it(made_dir: Path) -> None:
    """Whoever leaves first does not take the server from the other."""
    with holder(made_dir) as (first, url), holder(made_dir) as (second, other_url):
        assert url == other_url
        mine = EmbeddedPostgres.start(made_dir)
        leave(first)
        assert ask(mine.url, "SELECT 1") == "1"
        mine.stop()
        assert ask(url, "SELECT 1") == "1"
        leave(second)
    assert is_stopped(made_dir)


def test_one_process_may_use_it_twice(made_dir: Path) -> None:
    """Two handles count as two; stopping one of them twice counts once."""
    one = EmbeddedPostgres.start(made_dir)
    two = EmbeddedPostgres.start(made_dir)
    one.stop()
    one.stop()
    assert ask(two.url, "SELECT 1") == "1"
    two.stop()
    assert is_stopped(made_dir)


def test_a_killed_process_is_not_counted_for_ever(made_dir: Path) -> None:
    """After a `kill -9` of the only user the next one shares the server, and can stop it."""
    with holder(made_dir) as (process, url):
        process.kill()
        process.wait()
        running = postmaster(made_dir)
        with EmbeddedPostgres.start(made_dir) as server:
            assert server.url == url
            assert postmaster(made_dir).pid == running.pid
    assert is_stopped(made_dir)


@pytest.mark.parametrize("while_in_use", [False, True])
def test_a_killed_server_starts_again_with_what_was_committed(
    made_dir: Path, *, while_in_use: bool
) -> None:
    """A `kill -9` of PostgreSQL loses nothing, whether its user lives on or died with it."""
    server = EmbeddedPostgres.start(made_dir)
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill(postmaster(made_dir))
    if not while_in_use:
        server.stop()
    with EmbeddedPostgres.start(made_dir) as again:
        assert ask(again.url, "SELECT answer FROM kept") == "42"
    server.stop()
    assert is_stopped(made_dir)


def test_a_note_that_names_another_process_is_not_believed(made_dir: Path) -> None:
    """After a crash the number in the note may belong to somebody else, who is left alone."""
    EmbeddedPostgres.start(made_dir).stop()
    note = made_dir / "postgres" / "postmaster.pid"
    text = f"{os.getpid()}\n{note.parent}\n1\n5432\n{note.parent}\n\n0 0\nready\n"
    note.write_text(text)
    (note.parent / ".s.PGSQL.5432.lock").write_text(text)
    with EmbeddedPostgres.start(made_dir) as server:
        assert ask(server.url, "SELECT 1") == "1"
        assert postmaster(made_dir).pid != os.getpid()


def test_a_half_written_note_is_not_believed(made_dir: Path) -> None:
    """A note that a full disk cut short does not stand in the way."""
    EmbeddedPostgres.start(made_dir).stop()
    (made_dir / "postgres" / "postmaster.pid").write_text("")
    with EmbeddedPostgres.start(made_dir) as server:
        assert ask(server.url, "SELECT 1") == "1"


def test_a_half_made_cluster_is_made_again(data_dir: Path) -> None:
    """A first start that was killed leaves nothing that the second could take for a cluster."""
    unfinished = data_dir / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.url, "SELECT 1") == "1"
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["x" * 150, 'l\'été à "Paris" $HOME, 100%'])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    """Too long for a socket, or full of what shells and lists give a meaning to."""
    with EmbeddedPostgres.start(data_dir / name) as server:
        assert ask(server.url, "SELECT 1") == "1"
        socket_dir = Path(str(psycopg.conninfo.conninfo_to_dict(server.url)["host"]))
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert not socket_dir.exists()


def test_a_folder_of_another_version_is_refused(data_dir: Path) -> None:
    """The error says which version made it and what to set."""
    EmbeddedPostgres.start(data_dir, 16).stop()
    with pytest.raises(EmbeddedPostgresError, match="FILROUGE_POSTGRES_VERSION=16"):
        EmbeddedPostgres.start(data_dir, 18)
    EmbeddedPostgres.start(data_dir, 16).stop()


def test_a_version_that_the_wheel_lacks_is_refused(data_dir: Path) -> None:
    """The error says which there are."""
    with pytest.raises(EmbeddedPostgresError, match=r"no embedded PostgreSQL 12.* 16 and 18"):
        EmbeddedPostgres.start(data_dir, 12)


def test_a_server_that_does_not_start_says_why(made_dir: Path) -> None:
    """The message has what PostgreSQL wrote in its log, and nothing stays behind."""
    EmbeddedPostgres.start(made_dir).stop()
    with (made_dir / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres.start(made_dir)
    assert is_stopped(made_dir)


def test_an_interrupt_at_the_terminal_does_not_reach_postgresql(made_dir: Path) -> None:
    """Ctrl-C goes to the whole group; the server is there until its user has finished with it."""
    with holder(made_dir) as (process, _url):
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert said.strip() == "still there"
        assert process.returncode == 0
    assert is_stopped(made_dir)
