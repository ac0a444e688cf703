"""The metrics say what happened, no more than that, and also when the database is away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from litestar.testing import TestClient
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

import projections
from api.app import create_app
from api.metrics import SHARED_FOLDER
from api.problems import kinds
from filrouge.documentation.metrics import documented_metrics
from filrouge.shared_metrics import shared_metrics, worker_ended
from store.ledger import Ledger
from tests.api.conftest import LEDGER, House, purchase, until

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

COUNTING = """
from store.metrics import COMMANDS, QUEUE
COMMANDS.labels("brand", "recorded", "").inc(3)
QUEUE.labels("brand").set(5)
"""


class Scrape:
    """The samples of one scrape, read by the library's own parser."""

    def __init__(self, text: str) -> None:
        self.families = {one.name: one for one in text_string_to_metric_families(text)}
        self.series: Series = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def of(self, name: str, **labels: str) -> float:
        """The value of one series; 0 if it is not there yet."""
        return self.series.get((name, tuple(sorted(labels.items()))), 0.0)

    def labels(self) -> Iterator[tuple[str, str]]:
        """Every label with its value."""
        for _, labels in self.series:
            yield from labels


def scrape(house: House) -> Scrape:
    """What a scrape of the house's server finds."""
    answer = house.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scrape(answer.text)


class TestCounts:
    def test_commands_and_observations_by_outcome(self, house: House, caller: Any) -> None:
        """Recorded, duplicate, or refused by which rule: as the answers said."""
        before = scrape(house)
        one, two = uuid4().hex, uuid4().hex
        key = uuid4().hex
        plan = {"programme": "club", "points_currency": "points", "holders": []}
        for _ in range(2):
            answer = caller.post("/accounts", plan, key=key)
            assert answer.status_code in {200, 201}
        account = answer.json()["events"][0]["event"]["data"]["account_id"]
        refused = caller.post(f"/accounts/{account}/redemptions", {"points": 5, "reason": "tea"})
        rule = refused.json()["type"].rpartition("/")[2]
        events = [purchase(one), purchase(two), purchase(one), purchase(two, net=501)]
        said = caller.post(
            "/events", events, headers={"Content-Type": "application/cloudevents-batch+json"}
        ).json()
        assert (said["recorded"], said["duplicates"], said["refused"]) == (2, 1, 1)
        after = scrape(house)

        def grew(name: str, outcome: str, rule: str = "") -> float:
            labels = {"ledger": LEDGER, "outcome": outcome, "rule": rule}
            return after.of(name, **labels) - before.of(name, **labels)

        assert grew("filrouge_commands_total", "recorded") == 1
        assert grew("filrouge_commands_total", "duplicate") == 1
        assert grew("filrouge_commands_total", "refused", rule) == 1
        assert grew("filrouge_observations_total", "recorded") == 2
        assert grew("filrouge_observations_total", "duplicate") == 1
        assert grew("filrouge_observations_total", "refused", "content-differs") == 1

    def test_batches_add_up_to_the_log(self, house: House, caller: Any) -> None:
        """The events of all batches are the positions that the log gained."""
        caller.get("/status")  # so that the ledger is open
        before = scrape(house)
        for _ in range(3):
            assert caller.post("/members").status_code == 201
        after = scrape(house)

        def grew(name: str) -> float:
            return after.of(name, ledger=LEDGER) - before.of(name, ledger=LEDGER)

        assert grew("filrouge_batch_events_sum") == grew("filrouge_log_position") >= 3
        assert grew("filrouge_batch_requests_sum") == 3
        assert 1 <= grew("filrouge_batch_seconds_count") <= 3
        assert after.of("filrouge_queue_requests", ledger=LEDGER) == 0

    def test_requests_by_route_and_status(self, house: House, caller: Any) -> None:
        """A request counts under the template of its route."""
        labels = {"method": "GET", "route": "/v1/{ledger}/members/{member_id}", "status": "404"}
        before = scrape(house)
        for n in range(4):
            assert caller.get(f"/members/m_{n:032}").status_code == 404
        after = scrape(house)
        name = "filrouge_http_request_seconds"
        assert after.of(f"{name}_count", **labels) - before.of(f"{name}_count", **labels) == 4
        assert after.of(f"{name}_sum", **labels) > before.of(f"{name}_sum", **labels)

    def test_the_vault_and_the_pools(self, house: House, caller: Any) -> None:
        """What the vault was asked, and the connections that are held."""
        before = scrape(house)
        body = {"kind": "email", "value": f"{uuid4().hex}@example.org", "exclusive": True}
        member = caller.post("/members").json()["events"][0]["event"]["data"]["member_id"]
        assert caller.post(f"/members/{member}/identities", body).status_code == 201
        after = scrape(house)
        name = "filrouge_vault_seconds_count"
        assert after.of(name, call="make_ids") - before.of(name, call="make_ids") == 1
        held = [
            value for (name, _), value in after.series.items() if name.endswith("pool_connections")
        ]
        assert sum(held) >= 1


class TestLabels:
    def test_whatever_callers_send_labels_are_ours(self, house: House, caller: Any) -> None:
        """Ids, addresses and methods that nobody knows make no new label."""
        secret = f"m_{uuid4().hex}"
        for path in (f"/v1/brand/members/{secret}", f"/{secret}", f"/v1/{secret}/events"):
            house.client.get(path, headers=caller.headers)
        house.client.request(secret.upper(), "/health")
        scraped = scrape(house)
        assert secret not in str(scraped.series)
        assert secret.upper() not in str(scraped.series)
        allowed: dict[str, Any] = {
            "method": {
                "GET",
                "HEAD",
                "POST",
                "PUT",
                "PATCH",
                "DELETE",
                "OPTIONS",
                "TRACE",
                "CONNECT",
                "other",
            },
            "route": {route.path_format for route in house.app.routes} | {"none"},
            "projection": {one.name for one in projections.ALL},
            "outcome": {"recorded", "duplicate", "refused"},
            "rule": {"", "internal-error", *kinds()},
        }
        for label, value in scraped.labels():
            assert value in allowed.get(label, {value}), (label, value)

    def test_every_metric_is_documented(self, house: House, caller: Any) -> None:
        """What a scrape shows stands in the reference, with its labels."""
        caller.post("/members")
        known = {one.name: set(one.labels) for one in documented_metrics()}
        for family in scrape(house).families.values():
            assert family.documentation
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    assert set(sample.labels) - {"le"} <= known[family.name], sample

    def test_every_ledger_has_its_projections(self, house: House, caller: Any) -> None:
        """Each projection says how far it is, and in which state."""
        caller.post("/members")
        head = caller.get("/status").json()["position"]
        answer = caller.get("/accounts", account_id="a_none", min_position=str(head))
        assert answer.status_code == 200
        until(lambda: scrape(house).of("filrouge_lease_held", ledger=LEDGER) == 1)
        scraped = scrape(house)
        for one in projections.ALL:
            labels = {"ledger": LEDGER, "projection": one.name}
            lag = scraped.of("filrouge_projection_lag_events", **labels)
            assert scraped.of("filrouge_projection_position", **labels) + lag >= head
            states = [
                value
                for (name, labels_), value in scraped.series.items()
                if name == "filrouge_projection_state" and ("projection", one.name) in labels_
            ]
            assert sorted(states) == [0, 0, 0, 1]


class TestAccess:
    def test_without_a_token_it_is_open(self, house: House) -> None:
        """Nobody needs a key, so that watching needs no right to personal data."""
        assert house.client.get("/metrics").status_code == 200

    def test_with_a_token_it_is_closed(self, house: House) -> None:
        """Neither nothing, nor another token, nor an API key opens it."""
        app = create_app(house.database.open, house.credentials, metrics_token="0123456789abcdef")
        with TestClient(app) as client:
            wrong = [{}, {"Authorization": "Bearer 0123456789abcdeF"}, house.key()]
            for headers in wrong:
                assert client.get("/metrics", headers=headers).status_code == 401
            headers = {"Authorization": "Bearer 0123456789abcdef"}
            assert client.get("/metrics", headers=headers).status_code == 200

    def test_it_answers_when_the_database_does_not(
        self, installation: Any, opening: Any, database: str, postgres_url: str
    ) -> None:
        """The counts are there, and the ledger is said to be unreadable."""
        ledger: Ledger = installation.create("away", opening)
        ledger.close()
        name = database.rpartition("/")[2].partition("?")[0]
        app = create_app(installation.open, None, ready=["away"])  # type: ignore[arg-type] # no key is looked up
        with TestClient(app) as client, psycopg.connect(postgres_url, autocommit=True) as owner:
            readable = {"name": "filrouge_ledger_readable", "ledger": "away"}
            until(lambda: Scrape(client.get("/metrics").text).of(**readable) == 1)
            found = Scrape(client.get("/metrics").text)
            assert found.of("filrouge_log_position", ledger="away") == 1
            assert found.of("filrouge_lease_held", ledger="away") == 0
            assert found.of("filrouge_log_sealed_position", ledger="away") == 0
            owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
            owner.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                [name],
            )
            try:
                found = Scrape(client.get("/metrics").text)
                assert found.of("filrouge_ledger_readable", ledger="away") == 0
                assert "filrouge_commands" in found.families
                assert client.get("/health").status_code == 200
            finally:
                owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


class TestWorkers:
    def test_workers_count_together(self) -> None:
        """What the processes of one server counted is one sum; a dead one keeps its counts."""

        def total(name: str) -> float:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # as in the library
            found = [
                sample.value
                for family in registry.collect()
                for sample in family.samples
                if sample.name == name
            ]
            return sum(found)

        with shared_metrics():
            workers = [subprocess.Popen([sys.executable, "-c", COUNTING]) for _ in range(2)]
            assert [worker.wait(60) for worker in workers] == [0, 0]
            assert total("filrouge_commands_total") == 6
            assert total("filrouge_queue_requests") == 10
            worker_ended(workers[0].pid)
            assert total("filrouge_commands_total") == 6
            assert total("filrouge_queue_requests") == 5
            folder = Path(os.environ[SHARED_FOLDER])
            assert folder.is_dir()
        assert SHARED_FOLDER not in os.environ
        assert not folder.exists()
