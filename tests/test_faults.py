"""Killed at random moments under load: what was acknowledged is in the log, once, and nowhere lost.

The server is killed with SIGKILL, and so is PostgreSQL, twenty times in all, while callers report
purchases and ask for awards and redemptions. A caller that got no answer asks again with the same
ids, as an app would. Afterwards the log is compared with what was acknowledged, and the
projections with a rebuild.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import psutil
import pytest

import projections
from domain.accounts import OpenAccount
from domain.ledger import OpenLedger
from projections.rebuild import rebuild
from projections.status import wait_for
from store.credentials import Credentials
from store.database import Database
from store.embedded import EmbeddedPostgres
from store.keys import EpochKeys
from tests.projections.builds import live_rows

KILLS = 20
CALLERS = 6
ACCOUNTS = 12
ANSWER_SECONDS_MAX = 60
SETTLE_SECONDS_MAX = 120
FILROUGE = Path(sys.executable).with_name("filrouge")


class Fragile:
    """A PostgreSQL and a server on it, both of which are killed and started again."""

    def __init__(self, data_dir: Path, key: Path) -> None:
        self.data_dir = data_dir
        self.key = key
        self.postgres = EmbeddedPostgres.start(data_dir)
        self.port = 0
        self.server: subprocess.Popen[str] | None = None
        self.output = key.with_name("server.log").open("a")

    def start_server(self) -> None:
        """Start the server; the first time on any free port, then on the same again."""
        command = [str(FILROUGE), "--json", "serve", "--port", str(self.port)]
        environment = {
            **os.environ,
            "FILROUGE_DATABASE_URL": self.postgres.url,
            "FILROUGE_KEY_FILE": str(self.key),
        }
        self.server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.output, text=True, env=environment
        )
        assert self.server.stdout is not None
        said = json.loads(self.server.stdout.readline())
        self.port = int(said["url"].rpartition(":")[2])

    def kill_server(self) -> None:
        """Kill the server as the kernel would, and start it again."""
        assert self.server is not None
        self.server.kill()
        self.server.communicate()
        self.start_server()

    def kill_postgres(self) -> None:
        """Kill PostgreSQL's first process, whose others follow it, and start it again."""
        note = self.data_dir / "postgres" / "postmaster.pid"
        process = psutil.Process(int(note.read_text().split()[0]))
        process.send_signal(signal.SIGKILL)
        process.wait()
        before, self.postgres = self.postgres, EmbeddedPostgres.start(self.data_dir)
        before.stop()

    def stop(self) -> None:
        """Stop both in order."""
        if self.server is not None:
            self.server.terminate()
            self.server.communicate()
        self.postgres.stop()
        self.output.close()


@pytest.fixture
def fragile(data_dir: Path, tmp_path: Path) -> Iterator[Fragile]:
    """A server that can be killed."""
    made = Fragile(data_dir, tmp_path / "epoch.key")
    yield made
    made.stop()


class Caller(threading.Thread):
    """Reports and asks, one thing after another, each until it is answered."""

    def __init__(self, fragile: Fragile, key: str, number: int, accounts: list[str]) -> None:
        super().__init__()
        self.fragile = fragile
        self.headers = {"Authorization": f"Bearer {key}"}
        self.number = number
        self.accounts = accounts
        self.random = Random(number)  # noqa: S311 - which call comes next is no secret
        self.stopping = threading.Event()
        self.acknowledged: dict[tuple[str, str], int] = {}
        self.answers: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Go on until told to stop."""
        try:
            with httpx.Client(timeout=10) as client:
                n = 0
                while not self.stopping.is_set():
                    n += 1
                    self.once(client, f"{self.number}-{n}")
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            self.error = error

    def once(self, client: httpx.Client, name: str) -> None:
        """One purchase, award or redemption."""
        account = self.random.choice(self.accounts)
        kind = self.random.choice(["purchase", "award", "redemption"])
        if kind == "purchase":
            event = {
                "specversion": "1.0", "id": name, "source": "/till", "time": "2026-03-01T12:00:00Z",
                "type": "purchase.recorded.v1",
                "data": {
                    "purchase_id": f"b{name}", "account_id": account, "currency": "EUR",
                    "gross": 1_000, "net": 1_000,
                },
            }  # fmt: skip
            answer = self.ask(
                client, "events", event, {"Content-Type": "application/cloudevents+json"}
            )
            self.acknowledged["/till", name] = answer["position"]
            return
        path = "awards" if kind == "award" else "redemptions"
        points = self.random.randint(1, 9)
        body = {"points": points, **({"reason": "load"} if kind == "award" else {})}
        headers = {"Idempotency-Key": name}
        answer = self.ask(client, f"accounts/{account}/{path}", body, headers)
        for recorded in answer.get("events", ()):
            event = recorded["event"]
            self.acknowledged[event["source"], event["id"]] = recorded["position"]

    def ask(
        self, client: httpx.Client, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> dict[str, Any]:
        """Send it until there is an answer that will stay the same."""
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{self.fragile.port}/v1/shop/{path}"
                answer = client.post(
                    url,
                    content=msgspec.json.encode(body),
                    headers={"Content-Type": "application/json", **self.headers, **headers},
                )
                if answer.status_code < 500:
                    self.answers[str(answer.status_code)] += 1
                    found: dict[str, Any] = answer.json()
                    assert answer.status_code in {200, 201, 409, 422}, found
                    return found
                assert answer.status_code == 503, answer.text
            time.sleep(0.02)
        raise TimeoutError(path)


def test_killed_twenty_times_nothing_acknowledged_is_lost(fragile: Fragile) -> None:
    """Every acknowledged event is in the log once; positions are contiguous; projections equal."""
    database = Database(fragile.postgres.url, keys=EpochKeys.from_file(fragile.key))
    opening = OpenLedger(ledger_id="l_shop", name="Shop", time_zone="UTC", currency="EUR")
    ledger = database.create("shop", opening)
    accounts: list[str] = []
    for n in range(ACCOUNTS):
        command = OpenAccount(programme="club", points_currency="pts", holders=())
        opened: Any = ledger.decide(command, command_id=f"a{n}", actor="t").result()
        accounts.append(opened.events[0].event.account_id)
    _, key = Credentials(database.pool.connection).create(
        "load", ledgers=("shop",), scopes=("observe", "command", "read")
    )
    ledger.close()
    database.close()

    fragile.start_server()
    callers = [Caller(fragile, key, n, accounts) for n in range(CALLERS)]
    for caller in callers:
        caller.start()
    random = Random(7)  # noqa: S311 - when to kill is no secret
    for n in range(KILLS):
        time.sleep(random.uniform(0.05, 0.6))
        (fragile.kill_server if n % 2 else fragile.kill_postgres)()
    time.sleep(0.5)
    for caller in callers:
        caller.stopping.set()
    for caller in callers:
        caller.join()
    assert [caller.error for caller in callers] == [None] * CALLERS
    check(fragile, callers)


def check(fragile: Fragile, callers: list[Caller]) -> None:
    """Compare the log with what was acknowledged, and the projections with a rebuild."""
    database = Database(fragile.postgres.url, keys=EpochKeys.from_file(fragile.key))
    ledger = database.open("shop")
    head = ledger.log.head().position
    rows = [row for page in ledger.log.pages(0, head) for row in page]
    assert list(range(1, head + 1)) == [position for position, _ in rows]
    there: dict[tuple[str, str], int] = {}
    for position, entry in rows:
        said = msgspec.json.decode(entry)
        origin = (said["source"], said["id"])
        assert origin not in there
        there[origin] = position
    acknowledged = {
        origin: position for caller in callers for origin, position in caller.acknowledged.items()
    }
    assert len(acknowledged) > KILLS * CALLERS
    recorded = {origin: there.get(origin) for origin in acknowledged}
    assert acknowledged == recorded
    for projection in projections.ALL:
        assert wait_for(ledger.pool, projection, head, SETTLE_SECONDS_MAX), projection.name
    live = {one.name: live_rows(ledger, one) for one in projections.ALL}
    assert live["balances"]["point_totals"]
    rebuild(ledger, projections.ALL)
    assert live == {one.name: live_rows(ledger, one) for one in projections.ALL}
    ledger.close()
    database.close()
