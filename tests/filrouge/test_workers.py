"""Several processes on one ledger: kept alive, sharing the work, stopped with nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import msgspec
import psutil
import psycopg
import pytest

from tests.filrouge.conftest import Filrouge

COMMAND = [sys.executable, "-m", "filrouge", "--json"]
WAIT_SECONDS_MAX = 90
CALLERS = 8


@contextmanager
def serving(env: dict[str, str], *args: str) -> Iterator[tuple[psutil.Popen, str]]:
    """A server, and its address; it is stopped at the end, and says nothing of a fault."""
    server = psutil.Popen(
        [*COMMAND, "serve", "--port", "0", *args],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    heard: list[str] = []
    listening = threading.Thread(target=lambda: heard.extend(server.stderr))
    listening.start()
    try:
        line = server.stdout.readline()
        assert line, heard
        yield server, json.loads(line)["url"]
    finally:
        if server.is_running():
            server.send_signal(signal.SIGTERM)
        code = server.wait(WAIT_SECONDS_MAX)
        listening.join()
        server.stdout.close()
        server.stderr.close()
    assert code == 0
    assert "Traceback" not in "".join(heard)


@pytest.fixture
def made(filrouge: Filrouge) -> Filrouge:
    """The command line, in this process, on an installation with one ledger."""
    filrouge("init")
    return filrouge


@pytest.fixture
def env(environment: dict[str, str], made: Filrouge) -> dict[str, str]:
    """The settings of an installation with one ledger, for processes of their own."""
    del made
    return {"PATH": os.environ["PATH"], **environment}


@pytest.fixture
def headers(made: Filrouge) -> dict[str, str]:
    """A key to it."""
    scopes = ("--scope", "observe", "--scope", "read")
    secret = made("keys", "create", "t", *scopes, "--json").json["secret"]
    return {"Authorization": f"Bearer {secret}", "Content-Type": "application/cloudevents+json"}


def workers_of(server: psutil.Popen) -> set[int]:
    """The processes that a server runs, but for those of Python itself."""
    found = set()
    for child in server.children():
        with suppress(psutil.NoSuchProcess):  # or a zombie, that nobody has waited for yet
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def purchase(name: str) -> bytes:
    """An observation with an id of its own."""
    return msgspec.json.encode(
        {
            "specversion": "1.0", "id": name, "source": "/till", "type": "purchase.recorded.v1",
            "time": "2026-01-01T00:00:00Z",
            "data": {"purchase_id": name, "currency": "EUR", "net": 500},
        }
    )  # fmt: skip


def until(found: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_scrape_shows_what_all_workers_did(env: dict[str, str], headers: dict[str, str]) -> None:
    """Whichever of them answers it; what a worker counted outlives it."""

    def value(text: str, start: str) -> float:
        [line] = [line for line in text.splitlines() if line.startswith(start)]
        return float(line.rpartition(" ")[2])

    recorded = 'filrouge_observations_total{ledger="test",outcome="recorded"'
    with serving(env, "--workers", "2") as (server, url):

        def scraped() -> str:
            return httpx.get(f"{url}/metrics", timeout=WAIT_SECONDS_MAX).text  # a connection each

        until(lambda: httpx.get(f"{url}/ready", timeout=WAIT_SECONDS_MAX).status_code == 200)
        for n in range(12):
            answer = httpx.post(
                f"{url}/v1/test/events", content=purchase(f"p{n}"), headers=headers,
                timeout=WAIT_SECONDS_MAX,
            )  # fmt: skip
            assert answer.status_code == 201
        for _ in range(4):
            until(lambda: value(scraped(), 'filrouge_lease_held{ledger="test"}') == 1)
            text = scraped()
            assert value(text, recorded) == 12
            assert value(text, 'filrouge_log_position{ledger="test"}') == 13
        worker = min(workers_of(server))
        psutil.Process(worker).kill()
        until(lambda: len(workers_of(server)) == 2 and worker not in workers_of(server))
        assert value(scraped(), recorded) == 12


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again(env: dict[str, str], headers: dict[str, str]) -> None:
    """Both die, one after the other; the address answers on, and at the end nobody is left."""
    with serving(env, "--workers", "2") as (server, url):
        first = workers_of(server)
        assert len(first) == 2
        for n, worker in enumerate(first):
            psutil.Process(worker).kill()
            until(lambda: len(workers_of(server)) == 2 and worker not in workers_of(server))  # noqa: B023 - called at once
            with httpx.Client(timeout=WAIT_SECONDS_MAX) as client:
                events = f"{url}/v1/test/events"
                answer = client.post(events, content=purchase(f"p{n}"), headers=headers)
                position = answer.json()["position"]
                path = f"{events}/{position}?min_position={position}"
                assert client.get(path, headers=headers).status_code == 200
        last = workers_of(server)
        assert not first & last
    assert not any(psutil.pid_exists(worker) for worker in last)


def test_workers_do_not_outlive_who_started_them(env: dict[str, str]) -> None:
    """The first process is killed, and the others stop in order."""
    server = psutil.Popen(
        [*COMMAND, "serve", "--port", "0", "--workers", "2"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout.readline()
    workers = workers_of(server)
    server.kill()
    server.communicate()
    until(lambda: not any(psutil.pid_exists(worker) for worker in workers))


def test_two_hosts_write_and_one_projects(
    env: dict[str, str], headers: dict[str, str], database: str
) -> None:
    """What either takes, both show; one holds the lease, and when it stops the other goes on."""
    with serving(env) as (_, second), httpx.Client(timeout=WAIT_SECONDS_MAX) as client:
        with serving(env) as (_, first):
            for n in range(20):
                writer, reader = (first, second) if n % 2 else (second, first)
                content = purchase(f"p{n}")
                answer = client.post(f"{writer}/v1/test/events", content=content, headers=headers)
                position = answer.headers["Ledger-Position"]
                assert answer.status_code == 201
                said = client.get(
                    f"{reader}/v1/test/campaigns?min_position={position}", headers=headers
                )
                assert said.status_code == 200, said.text
            with psycopg.connect(database) as owner:
                held = owner.execute(
                    "SELECT count(*) FROM ledger_test.projection_leases"
                    " WHERE until > clock_timestamp()"
                ).fetchone()
                names = owner.execute(
                    "SELECT application_name, count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE 'filrouge %'"
                    " GROUP BY 1"
                ).fetchall()
            assert held == (1,)
            counts: dict[str, int] = dict(names)
            assert counts["filrouge projections test"] == 2
            assert counts["filrouge lease test"] == 1
            assert counts["filrouge writer test"] == 2
            assert sum(counts.values()) <= 2 * (int(env["FILROUGE_POOL_MAX"]) + 3)
        answer = client.post(f"{second}/v1/test/events", content=purchase("last"), headers=headers)
        position = answer.headers["Ledger-Position"]
        said = client.get(f"{second}/v1/test/campaigns?min_position={position}", headers=headers)
        assert said.status_code == 200, said.text


class Caller(threading.Thread):
    """Reports purchases, one after another, until it is told that the server is gone."""

    def __init__(self, url: str, headers: dict[str, str], number: int) -> None:
        super().__init__()
        self.url = url
        self.headers = headers
        self.number = number
        self.acknowledged: dict[str, int] = {}
        self.refused: list[httpx.Response] = []
        self.broken = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Go on until told to stop, or nobody listens."""
        n = 0
        with httpx.Client(timeout=WAIT_SECONDS_MAX) as client:
            while not self.stopping.is_set():
                n += 1
                name = f"{self.number}-{n}"
                try:
                    answer = client.post(self.url, content=purchase(name), headers=self.headers)
                except httpx.ConnectError:
                    return
                except httpx.TransportError:
                    self.broken += 1
                    continue
                if answer.status_code == 201:
                    self.acknowledged[name] = answer.json()["position"]
                else:
                    self.refused.append(answer)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_under_load_loses_nothing(
    env: dict[str, str], headers: dict[str, str], database: str, workers: str
) -> None:
    """What was acknowledged is in the log, once; what was refused was told to come back."""
    with serving(env, "--workers", workers) as (server, url):
        callers = [Caller(f"{url}/v1/test/events", headers, n) for n in range(CALLERS)]
        for caller in callers:
            caller.start()
        until(lambda: all(len(caller.acknowledged) > 10 for caller in callers))
        server.send_signal(signal.SIGTERM)
        server.wait(WAIT_SECONDS_MAX)
        for caller in callers:
            caller.stopping.set()
            caller.join()
    with psycopg.connect(database) as owner:
        rows = owner.execute(
            "SELECT convert_from(entry, 'UTF8')::json->>'id', position"
            " FROM ledger_test.entries WHERE position > 1"
        ).fetchall()
    there: dict[str, int] = dict(rows)
    assert len(there) == len(rows)
    for caller in callers:
        assert caller.acknowledged.items() <= there.items()
        for answer in caller.refused:
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/server-stopping")
            assert answer.headers["Retry-After"] == "1"
