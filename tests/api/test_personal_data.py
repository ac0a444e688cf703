"""A personal value, whatever door it came in by, is in clear only in answers that may show it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.conftest import Caller
from tests.api.test_events import BATCH, NDJSON, visit
from tests.api.test_positions import made

SECRET = "Zyxwvut"
"""Stands in every personal value, and nowhere else."""


def profile(identity: str, member_id: str, value: str) -> dict[str, Any]:
    """A first name that was given."""
    event = visit(identity, type="profile.updated.v1")
    event["data"] = {"member_id": member_id, "personal": {"first_name": value}}
    return event


@pytest.fixture(scope="module")
def member_id(caller: Any) -> str:
    """A member."""
    return made(caller, "/members", {"country": "FR"}, "member_id")


@pytest.fixture(scope="module")
def account_id(caller: Any, member_id: str) -> str:
    """An account that the member holds."""
    account = {"programme": "p", "points_currency": "c", "holders": [member_id]}
    return made(caller, "/accounts", account, "account_id")


def accepted_doors(caller: Any, member_id: str) -> Iterator[Any]:
    """Send personal values in through every door; yield what is answered."""
    yield caller.post("/events", profile("structured", member_id, f"{SECRET} 1"))
    event = profile("binary", member_id, f"{SECRET} 2")
    headers = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    yield caller.post("/events", event["data"], headers=headers)
    yield caller.post("/events", [profile("batch", member_id, f"{SECRET} 3")], headers=BATCH)
    line = json.dumps(profile("line", member_id, f"{SECRET} 4")).encode()
    yield caller.post("/events", content=line, headers=NDJSON)
    identity = {"kind": "email", "value": f"{SECRET}@example.org", "exclusive": True}
    yield caller.post(f"/members/{member_id}/identities", identity, key=f"{SECRET}")
    yield caller.post("/members/lookup", {"kind": "email", "value": f"{SECRET}@example.org"})
    referral = visit("referral", type="referral.made.v1")
    referral["data"] = {
        "referral_id": "r_1", "advocate_id": member_id, "programme": "friends",
        "prospect": f"{SECRET}-friend@example.org",
    }  # fmt: skip
    yield caller.post("/events", referral)
    visited = visit("device", member=member_id)
    visited["data"]["contact"] = {"channel": "app", "device": f"{SECRET}-device"}
    yield caller.post("/events", visited)
    bought = visit("order", type="purchase.recorded.v1")
    bought["data"] = {
        "purchase_id": "p_1", "order_reference": f"{SECRET}-order", "member_id": member_id,
        "currency": "EUR", "net": 100, "lines": [{"sku": "s", "net": 100}],
    }  # fmt: skip
    yield caller.post("/events", bought)


def refused_doors(house: Any, caller: Any) -> Iterator[Any]:
    """Send personal values to where they do not belong; yield what is answered."""
    yield caller.get(f"/members/{SECRET}@example.org")
    yield caller.get("/events", tag=f"member:{SECRET}@example.org")
    yield caller.get(f"/{SECRET}")
    yield house.client.get(f"/{SECRET}@example.org?mail={SECRET}@example.org")
    yield caller.get("/events", **{f"{SECRET}": SECRET})
    yield caller.get("/members", member_id=f"{SECRET}@example.org")
    yield caller.post("/members", {f"{SECRET}": SECRET})
    yield caller.post("/events", visit(f"{SECRET}@example.org"))
    yield caller.post("/events", visit("door", type=f"{SECRET}.x.v1"))
    yield caller.post("/events", visit("door", data={"member_id": f"{SECRET}@example.org"}))
    yield caller.post(f"/accounts/{SECRET}@x.org/awards", {"points": 1, "reason": "x"})
    headers = {"Authorization": f"Bearer {SECRET}", "X-Request-ID": f"{SECRET}@example.org"}
    yield house.client.get("/v1/brand/events", headers=headers)
    yield house.client.request(SECRET, "/v1/brand/events", headers=caller.headers)


@pytest.fixture(scope="module")
def written(caller: Any, member_id: str) -> list[Any]:
    """The answers to all accepted doors, once the projections have taken everything in."""
    answers = list(accepted_doors(caller, member_id))
    position = caller.post("/members", {}).headers["ledger-position"]
    for path in (f"/members/{member_id}/home", "/campaigns"):
        assert caller.get(path, min_position=position).status_code == 200
    return answers


READS = [
    "/members/{member_id}", "/members/{member_id}/home", "/members/{member_id}/history",
    "/members?member_id={member_id}", "/events", "/events/stream",
    "/events?tag=member:{member_id}", "/events/several?position=1&position=2&position=3&position=4",
]  # fmt: skip


class TestDoors:
    def test_all_are_open(self, written: list[Any]) -> None:
        """The doors that this file tries do take the values in."""
        for answer in written:
            assert answer.status_code in {200, 201}, answer.text
            assert answer.json().get("refused", 0) == 0, answer.text

    def test_no_table_and_no_index(self, own_database: str, member_id: str, written: Any) -> None:
        """No table of any schema and no file of any table or index holds a value in clear."""
        assert written
        with psycopg.connect(own_database, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            assert places(connection, SECRET) == set()
            assert places(connection, SECRET.lower()) == set()
            # The same search finds what does stand there, in tables and in an index.
            assert {"table ledger_brand", "file ledger_brand"} <= places(connection, member_id)


def places(connection: psycopg.Connection, needle: str) -> set[str]:
    """In the tables and in the files of which schemas a text stands, bytes in any column too."""
    found = set()
    relations = connection.execute(
        "SELECT c.oid, n.nspname, c.relname, c.relkind::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'i', 't', 'm')"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert {"ledger_brand", "vault_brand", "filrouge"} <= {schema for _, schema, _, _ in relations}
    for oid, schema, name, kind in relations:
        if kind == "r":
            rows = connection.execute(
                sql.SQL("SELECT FROM {} AS t WHERE t::text LIKE ANY(%s) LIMIT 1").format(
                    sql.Identifier(schema, name)
                ),
                [[f"%{needle}%", f"%{needle.encode().hex()}%"]],
            ).fetchall()
            found |= {f"table {schema}"} if rows else set()
        content = connection.execute(
            "SELECT pg_read_binary_file(pg_relation_filepath(%s::oid), true)", [oid]
        ).fetchone()
        if content and content[0] and needle.encode() in bytes(content[0]):
            found.add(f"file {schema}")
    return found


class TestAnswers:
    @pytest.mark.parametrize("path", READS)
    def test_only_with_the_scope(
        self, house: Any, caller: Any, member_id: str, written: Any, path: str
    ) -> None:
        """With the scope `personal` values come out in clear, without it they stay sealed."""
        path = path.format(member_id=member_id)
        clear, sealed = caller.get(path), Caller(house, "read", "audit").get(path)
        assert clear.status_code == sealed.status_code == 200
        assert SECRET in clear.text or "several" in path
        assert SECRET.lower() not in sealed.text.lower()
        assert "sealed|" in sealed.text or "several" in path
        assert "sealed|" not in clear.text

    def test_answers_to_commands_too(self, house: Any, member_id: str) -> None:
        """Even who sends a value does not get it back in clear without the scope."""
        blind = Caller(house, "command")
        body = {"kind": "phone", "value": "+33 6 12 34 56 78", "exclusive": False}
        answer = blind.post(f"/members/{member_id}/identities", body)
        assert answer.status_code == 201, answer.text
        assert "12 34" not in answer.text
        assert "sealed|" in answer.text

    def test_lookup(self, house: Any, member_id: str, written: Any) -> None:
        """Whoever knows a value finds its member, in any spelling that means the same."""
        reader = Caller(house, "read")
        body = {"kind": "email", "value": f"  {SECRET.upper()}@EXAMPLE.ORG "}
        answer = reader.post("/members/lookup", body)
        assert [one["member_id"] for one in answer.json()["members"]] == [member_id]
        other = reader.post("/members/lookup", body | {"value": "nobody@example.org"})
        assert other.status_code == 404
        assert other.json()["type"] == "/problems/nobody-recognised"

    def test_looking_up_leaves_nothing_behind(self, house: Any, own_database: str) -> None:
        """A value that nobody is recognised by is not remembered, not even as a digest."""

        def digests() -> int:
            with psycopg.connect(own_database, autocommit=True) as connection:
                tables = connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'vault_brand'"
                ).fetchall()
                counts = [
                    connection.execute(
                        sql.SQL("SELECT count(*) FROM {}").format(
                            sql.Identifier("vault_brand", name)
                        )
                    ).fetchone()
                    for (name,) in tables
                ]
            return sum(row[0] for row in counts if row is not None)

        before = digests()
        body = {"kind": "email", "value": "never-seen@example.org"}
        Caller(house, "read").post("/members/lookup", body)
        assert digests() == before


class TestLog:
    def test_no_line(
        self, house: Any, caller: Any, member_id: str, capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """No log line holds a value, neither of what is taken nor of what is refused."""
        with caplog.at_level(logging.DEBUG):
            for answer in accepted_doors(caller, member_id):
                assert answer.status_code < 300
            for answer in refused_doors(house, caller):
                assert 400 <= answer.status_code < 500, answer.text
        out, err = capfd.readouterr()
        assert "request.answered" in out + err
        lines = [
            record.getMessage()
            for record in caplog.records
            # What the client library of the tests says of its own requests is not our log.
            if not record.name.startswith(("httpx", "httpcore"))
        ]
        for text in (out, err, *lines):
            assert SECRET.lower() not in text.lower()
