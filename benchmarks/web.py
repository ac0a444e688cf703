"""Servers and wrk: ours as ``filrouge serve`` starts it, and a bare application beside it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.places import variables
from filrouge.settings import Settings

WRK_ABSENT: Final = "wrk is not on the PATH: apt-get install wrk, or brew install wrk"
CONNECTIONS: Final = 64
START_SECONDS_MAX: Final = 120
STOP_SECONDS_MAX: Final = 60
HEALTH: Final = "/health"
MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


class Answered(NamedTuple):
    """What wrk says of one run."""

    rate: float
    """Requests in a second."""
    p99: float
    """What the slowest of a hundred requests took, in milliseconds."""


def wrk_program() -> str | None:
    """Where wrk is, if it is anywhere."""
    return shutil.which("wrk")


def wrk(url: str, script: Path, seconds: float) -> Answered:
    """Ask over 64 connections for so long. Raises AssertionError if any answer was a refusal."""
    program = wrk_program()
    assert program is not None, WRK_ABSENT
    done = subprocess.run(
        [
            program, "--threads", "1", "--connections", str(CONNECTIONS), "--latency",
            "--duration", f"{max(1, round(seconds))}s", "--timeout", "30s",
            "--script", str(script), url,
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not re.search(r"Non-2xx|Socket errors", done.stdout), done.stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)\b", done.stdout)
    assert rate, done.stdout
    assert p99, done.stdout
    return Answered(float(rate[1]), float(p99[1]) * MILLISECONDS[p99[2]])


@contextmanager
def ours(settings: Settings, log: Path) -> Iterator[str]:
    """Our server, in a process of its own."""
    with _serving(["-m", "filrouge", "serve", "--port"], variables(settings), log) as url:
        yield url


@contextmanager
def bare(log: Path) -> Iterator[str]:
    """An application that decodes and answers, and does nothing else, on the same server."""
    with _serving(["-m", "benchmarks.bare_app"], {}, log) as url:
        yield url


@contextmanager
def _serving(arguments: list[str], told: Mapping[str, str], log: Path) -> Iterator[str]:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, *arguments, str(port)], env={**kept, **told},
            stdout=out, stderr=out,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server, log)
            yield url
        finally:
            server.terminate()
            server.wait(STOP_SECONDS_MAX)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(url + HEALTH, timeout=10):  # noqa: S310 - http, as it stands above
                return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer\n{log.read_text()}")


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
