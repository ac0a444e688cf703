"""The server of the command line: it answers, follows the log, and stops what it started."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

COMMAND = [sys.executable, "-m", "filrouge"]
START_SECONDS_MAX = 90


def run(env: dict[str, str], *args: str, code: int = 0) -> Any:
    """Run ``filrouge`` in a process of its own; its stdout, read as JSON."""
    done = subprocess.run([*COMMAND, "--json", *args], env=env, capture_output=True, check=False)
    assert done.returncode == code, done.stderr.decode()
    return json.loads(done.stdout) if done.stdout else None


def get(url: str, key: str | None = None) -> Any:
    """Read an address."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        return json.load(answer)


@contextmanager
def serving(env: dict[str, str], *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and the address that it says."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--json", *args],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line, server.stderr.read() if server.stderr else ""
        yield server, json.loads(line)["url"]
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
        server.communicate(timeout=START_SECONDS_MAX)


@pytest.fixture
def embedded(data_dir: Path) -> dict[str, str]:
    """The settings under which Filrouge runs a PostgreSQL of its own."""
    return {
        "PATH": os.environ["PATH"],
        "FILROUGE_DATA_DIR": str(data_dir),
        "FILROUGE_LEDGER": "test",
        "FILROUGE_POOL_MAX": "4",
    }


def postgres_of(data_dir: Path) -> list[psutil.Process]:
    """The server processes that work in a data folder."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        folder = process.info["cwd"] if process.info["name"] == "postgres" else None
        if folder and Path(folder).is_relative_to(data_dir.resolve()):
            found.append(process)
    return found


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_stops_everything(
    embedded: dict[str, str], data_dir: Path, stop: signal.Signals
) -> None:
    """It answers while it runs; Ctrl-C, or SIGTERM, ends it with 0, and the database with it."""
    run(embedded, "init")
    key = run(embedded, "keys", "create", "test", "--scope", "read")["secret"]
    with serving(embedded) as (server, url):
        assert get(f"{url}/health") == {"status": "ok"}
        run(embedded, "void", "1", "--reason", "x", code=1)  # another process uses the same data
        assert postgres_of(data_dir)
        assert get(f"{url}/v1/test/status", key)
        server.send_signal(stop)
        assert server.wait(60) == 0
        assert server.stderr is not None
        assert "Traceback" not in server.stderr.read()
    deadline = time.monotonic() + 30
    while postgres_of(data_dir) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert postgres_of(data_dir) == []


def test_projections_follow(environment: dict[str, str], tmp_path: Path) -> None:
    """What another process records is in the projections of a server that runs."""
    env = {"PATH": os.environ["PATH"], **environment}
    run(env, "init")
    file = tmp_path / "events.ndjson"
    file.write_text(
        '{"specversion":"1.0","id":"p1","source":"/till","type":"purchase.recorded.v1",'
        '"time":"2026-01-01T00:00:00Z","data":{"purchase_id":"p1","currency":"EUR","net":500}}\n'
    )
    with serving(env):
        run(env, "import", str(file))
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            status = run(env, "status", "--no-figures")
            if all(one["position"] == 2 for one in status["projections"]):
                break
            assert time.monotonic() < deadline, status


def test_an_address_that_is_taken_is_3(environment: dict[str, str]) -> None:
    """The error says what to do."""
    env = {"PATH": os.environ["PATH"], **environment}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "serve", "--port", port, "--json"], env=env, capture_output=True, check=False
        )
    assert done.returncode == 3
    error = json.loads(done.stderr.splitlines()[-1])
    assert (error["error"], "--port" in error["remedy"]) == ("address", True)
