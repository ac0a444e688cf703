"""``filrouge demo`` from its first run to Ctrl-C, as somebody sees it who types ``make run``."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

FILROUGE = Path(sys.executable).with_name("filrouge")
SIZE = ("--members", "60", "--years", "0.6", "--seed", "2")
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60


class Demo:
    """A running ``filrouge demo``."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FILROUGE_")}
        self.data_dir = data_dir
        self.said = ""
        self.process = subprocess.Popen(
            [FILROUGE, "demo", *SIZE, "--port", "0", *arguments],
            env={**environment, "FILROUGE_DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def read_until(self, words: str) -> str:
        """Everything that it said, up to these words at least."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while words not in self.said and time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 1)[0]:
                some = os.read(self.process.stdout.fileno(), 65_536).decode()
                if not some:
                    break
                self.said += some
        assert words in self.said, self.said
        return self.said

    def found(self, pattern: str) -> str:
        """What the first group of a pattern matches in what it said."""
        match = re.search(pattern, self.said)
        assert match, self.said
        return match[1]

    def stop(self, number: int) -> int:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS_MAX)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def _left_running(data_dir: Path) -> list[psutil.Process]:
    """PostgreSQL's processes of a data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and data_dir.resolve() in Path(process.cwd()).parents:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
            continue
    return found


def _nothing_is_left(data_dir: Path) -> None:
    """Its first process ends a moment after it has said that it has stopped."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while _left_running(data_dir):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _get(url: str, key: str | None = None) -> bytes:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with urlopen(Request(url, headers=headers), timeout=30) as answer:  # noqa: S310 - our own address
        content: bytes = answer.read()
        return content


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    """The demos that a test starts, so that none outlives it."""
    started: list[Demo] = []
    yield started
    for one in started:
        one.close()


def test_from_the_first_run_to_the_second(data_dir: Path, demos: list[Demo]) -> None:
    """It fills, shows and serves; Ctrl-C leaves nothing running; it starts again on its data."""
    first = Demo(data_dir)
    demos.append(first)
    first.read_until("Ctrl-C stops everything")
    url, key = first.found(r"serves (http://127\.0\.0\.1:\d+)"), first.found(r"KEY=(\S+)")
    for words in (
        "events recorded",
        "60 members enrolled",
        "below what was announced",
        f"{url}/docs",
    ):
        assert words in first.said
    assert "\x1b" not in first.said
    assert b"swagger" in _get(f"{url}/docs")
    addresses = re.findall(r'curl -H "Authorization: Bearer \$KEY" (\S+)', first.said)
    assert len(addresses) == 2
    returns, home = (json.loads(_get(address, key)) for address in addresses)
    assert returns["people"]["participants"] > 0
    assert home["profile"]["enrolment"] is not None
    with pytest.raises(HTTPError, match="401") as refused:
        _get(addresses[0])
    refused.value.close()
    file = data_dir / "keys" / "demo-api-key"
    assert file.read_text().strip() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert _left_running(data_dir)
    assert first.stop(signal.SIGINT) == 0
    _nothing_is_left(data_dir)

    second = Demo(data_dir)
    demos.append(second)
    second.read_until("Ctrl-C stops everything")
    assert "holds its history already" in second.said
    assert "Filling" not in second.said
    assert second.found(r"KEY=(\S+)") == key
    events = r"([\d,]+) events from"
    assert second.found(events) == first.found(events)
    assert second.stop(signal.SIGTERM) == 0
    _nothing_is_left(data_dir)


def test_stopped_while_it_fills(data_dir: Path, demos: list[Demo]) -> None:
    """SIGTERM in the middle of the filling stops the database too."""
    demo = Demo(data_dir, "--members", "20000", "--years", "2")
    demos.append(demo)
    demo.read_until("Filling the ledger demo")
    assert _left_running(data_dir)
    assert demo.stop(signal.SIGTERM) == 130
    _nothing_is_left(data_dir)


def test_a_taken_port_is_a_clear_error(data_dir: Path, demos: list[Demo]) -> None:
    """It says so at once, before anything is started or filled."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(data_dir, "--port", str(port))
        demos.append(demo)
        demo.read_until("Cannot listen")
        assert demo.process.wait(STOP_SECONDS_MAX) == 3
    assert f"port {port}" in demo.said
    assert not data_dir.exists()
