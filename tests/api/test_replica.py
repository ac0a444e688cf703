"""Reads that come from a streaming replica, built for real."""

from __future__ import annotations

import json
import os
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from litestar.testing import TestClient

import projections
from api import positions
from api.app import create_app
from api.limits import Limits
from domain.accounts import AccountOpened
from domain.ledger import OpenLedger
from projections import builds
from projections.balances import BALANCES, Balances
from projections.failures import ProjectionNotReady
from projections.reader import reading
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import wait_for
from projections.tables import table_name
from store.credentials import Credentials
from store.database import Database
from store.embedded import EmbeddedPostgres
from store.keys import EpochKeys
from store.ledger import Ledger
from tests.conftest import EPOCH_KEY, FOLDER_VARIABLE, POSTGRES_VERSION, TEST_SETTINGS
from tests.filrouge.searching import (
    keys_left,
    opens,
    places_of_texts,
    sealed_texts,
    wrapped_keys,
)
from tests.replica import Replica
from tests.store.test_erasures import enrolled, erase

WAIT_SECONDS_MAX = 60.0
SWITCHES = 5
pytestmark = pytest.mark.slow


class House(NamedTuple):
    """One ledger, served from a replica."""

    ledger: Ledger
    primary: str
    replica: psycopg.Connection
    client: TestClient[Any]
    headers: dict[str, str]

    def record(self) -> str:
        """Open an account; the Ledger-Position of that."""
        body = {"programme": "club", "points_currency": "pts", "holders": []}
        answer = self.client.post("/v1/brand/accounts", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Ledger-Position"])

    def account(self) -> str:
        """An account that was opened."""
        recorded = self.ledger.log.entry(int(self.record().partition(".")[2]))
        assert recorded is not None
        assert isinstance(recorded.event, AccountOpened)
        return recorded.event.account_id

    def read(self, path: str, position: str | None = None) -> Any:
        """Read, from a position on."""
        asked = {} if position is None else {"min_position": position}
        return self.client.get(f"/v1/brand{path}", params=asked, headers=self.headers)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A primary, a replica of it, and an application over both."""
    data_dir = Path(os.environ[FOLDER_VARIABLE]) / uuid4().hex[:8]
    with EmbeddedPostgres.start(data_dir, POSTGRES_VERSION, settings=TEST_SETTINGS) as primary:
        replica = Replica(primary, data_dir / "replica", POSTGRES_VERSION)
        url = replica.url_of(primary.url)
        keys = EpochKeys.from_bytes(EPOCH_KEY)
        database = Database(primary.url, keys=keys, replica_url=url)
        opening = OpenLedger(ledger_id="l_1", name="B", time_zone="UTC", currency="EUR")
        ledger = database.create("brand", opening)
        credentials = Credentials(database.pool.connection)
        _, secret = credentials.create("t", ledgers=("brand",), scopes=("command", "read"))
        app = create_app(
            lambda _: ledger,
            credentials,
            runner_of=lambda ledger: Runner(ledger, projections.ALL).start(),
            limits=Limits(wait_seconds=WAIT_SECONDS_MAX),
            ready=["brand"],
        )
        with (
            psycopg.connect(url, autocommit=True) as connection,
            TestClient(app, raise_server_exceptions=False) as client,
        ):
            yield House(
                ledger, primary.url, connection, client, {"Authorization": f"Bearer {secret}"}
            )
        database.close()
        replica.stop()
    shutil.rmtree(data_dir)


def test_reads_come_from_the_replica(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read when the replica has it; a position is waited for there.

    That a replica is behind is no reason to say that a position was never given to anybody.
    """
    balance = f"/accounts/{house.account()}/balance"
    first = house.record()
    for path in ("/campaigns", balance, f"/events/{first.partition('.')[2]}", "/events"):
        answer = house.read(path, first)
        assert answer.status_code == 200, answer.text
    house.replica.execute("SELECT pg_wal_replay_pause()")
    written = house.record()
    assert written != first
    monkeypatch.setattr(positions, "POSITIONS_AHEAD_MAX", 0)
    for path in ("/campaigns", balance, "/events"):
        assert house.read(path).headers["Ledger-Position"] == first
        ahead = f"1.{int(written.partition('.')[2]) + 1}"
        assert house.read(path, ahead).json()["type"] == "/problems/position-ahead"
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(house.read("/campaigns", written)))
    waiting.start()
    house.replica.execute("SELECT pg_wal_replay_resume()")
    waiting.join(WAIT_SECONDS_MAX)
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].headers["Ledger-Position"] == written


def test_a_position_is_given_up_on_a_replica_that_stands_still(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits too long is told to come back."""
    house.read("/campaigns", house.record())
    house.replica.execute("SELECT pg_wal_replay_pause()")
    monkeypatch.setattr(house.client.app.state, "limits", Limits(wait_seconds=0.1))
    answer = house.read("/campaigns", house.record())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-yet-reached")
    house.replica.execute("SELECT pg_wal_replay_resume()")


class Reading(threading.Thread):
    """Reads again and again."""

    def __init__(self, house: House, path: str) -> None:
        super().__init__()
        self.house = house
        self.path = path
        self.stopping = threading.Event()
        self.positions: list[int] = []
        self.failed: list[str] = []

    def run(self) -> None:
        """Go on until told to stop."""
        while not self.stopping.is_set():
            answer = self.house.read(self.path)
            if answer.status_code == 200:
                self.positions.append(int(answer.headers["Ledger-Position"].partition(".")[2]))
            else:
                self.failed.append(answer.text)


def test_a_version_switch_fails_no_reader_of_the_replica(house: House) -> None:
    """Tables are filled, pointed to, and dropped without any grace while others read: all go on."""
    balance = f"/accounts/{house.account()}/balance"
    house.read(balance, house.record())
    readers = [Reading(house, path) for path in ("/campaigns", balance, balance)]
    for reader in readers:
        reader.start()
    for _ in range(SWITCHES):
        rebuild(house.ledger, projections.ALL)
        with house.ledger.connect() as connection:
            builds.drop_retired(connection, grace_seconds=0)
        assert house.read("/campaigns", house.record()).status_code == 200
    for reader in readers:
        reader.stopping.set()
        reader.join()
        assert reader.failed == []
        assert reader.positions == sorted(reader.positions)
        assert len(reader.positions) > SWITCHES


def test_a_reader_that_stalls_does_not_stall_the_replica(house: House) -> None:
    """It holds tables that are dropped: the replica goes on after a second, and it reads again."""
    house.read("/campaigns", house.record())
    pool = house.ledger.for_readers().pool
    assert wait_for(pool, BALANCES, house.ledger.log.head().position, WAIT_SECONDS_MAX)
    with house.ledger.connect() as connection:
        before = builds.current(connection, BALANCES)
        assert before is not None

        def stall() -> None:
            with reading(pool, BALANCES) as reader:
                assert reader.rows(Balances, ["nobody"]) == {}
                rebuild(house.ledger, [BALANCES])
                builds.drop_retired(connection, grace_seconds=0)
                position = int(house.record().partition(".")[2])
                assert wait_for(pool, BALANCES, position, WAIT_SECONDS_MAX)
                reader.rows(Balances, ["nobody"])

        with pytest.raises(ProjectionNotReady):
            stall()
    gone = table_name(Balances, BALANCES.version, before.build)
    found = house.replica.execute("SELECT to_regclass(%s)", [f"ledger_brand.{gone}"]).fetchone()
    assert found == (None,)
    with reading(pool, BALANCES) as reader:
        assert reader.rows(Balances, ["nobody"]) == {}


def test_what_a_replica_holds_of_somebody_erased_is_ciphertext(
    house: House, tmp_path: Path
) -> None:
    """Not one known text stands in its files, nor does any key that it still has open theirs."""
    ann, bob = (enrolled(house.ledger, name) for name in ("annzqx", "bobzqx"))
    erase(house.ledger, ann, reason="requested")
    with psycopg.connect(house.primary, autocommit=True) as primary:
        primary.execute("CHECKPOINT")  # a replica writes its files no earlier than its primary
    house.read("/campaigns", house.record())  # what was committed before is there too then
    url = house.replica.info.dsn
    texts = [
        text.format(name)
        for name in ("annzqx", "bobzqx")
        for text in ("{}@example.org", "city of {}", "order of {}")
    ]
    found = places_of_texts(url, [*texts, ann], [], since_wal="0" * 24)
    assert len(found.pop(ann)) > 2, "the search finds what does stand there"
    assert {text: places for text, places in found.items() if places} == {}
    key_file = tmp_path / "epoch.key"
    key_file.write_text(json.dumps({"keys": {"one": b64encode(EPOCH_KEY).decode()}}))
    left = keys_left(wrapped_keys(url, "vault_brand"), [key_file], "l_1")
    entries = house.replica.execute("SELECT entry FROM ledger_brand.entries").fetchall()
    sealed = [text for (entry,) in entries for text in sealed_texts(entry.decode())]
    theirs = {
        member: [
            text
            for text in sealed
            if f"|member:{member}|" in text or f"|purchase:p-{name}|" in text
        ]
        for member, name in ((ann, "annzqx"), (bob, "bobzqx"))
    }
    assert [len(some) for some in theirs.values()] == [3, 3]
    assert not any(opens(text, "l_1", left) for text in theirs[ann])
    assert all(opens(text, "l_1", left) for text in theirs[bob])
