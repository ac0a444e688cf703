"""Tables of the past in a space of their own, and what differs between two of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

import projections
from domain.campaigns import CampaignPlanned
from domain.ledger import EventVoided
from domain.participations import ParticipationRecorded
from domain.points import PointsEarned
from filrouge.settings import Settings
from filrouge.wiring import opened_ledger
from projections.differences import in_order
from projections.rebuild import rebuild
from store.ledger import NewEvent
from tests.filrouge.conftest import Filrouge

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Told:
    """A ledger with a history in which something came late and something was taken back."""

    def __init__(self, filrouge: Filrouge) -> None:
        filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
        self._count = 0
        self.tell(CampaignPlanned(campaign_id="c1", name="c", starts=JUNE, currency="EUR"), -9)
        self.wrong = self.tell(_earned("l1", 100), 1)
        self.tell(_part("p1", "m1"), 2)
        self.report = self.known_at()
        self.late = self.tell(_part("p2", "m2"), 3)
        self.tell(EventVoided(position=self.wrong, reason="wrong"), 9)
        with opened_ledger(Settings.load()) as ledger:
            rebuild(ledger, projections.ALL)

    def tell(self, event: Any, day: int) -> int:
        """Record an event of a day of June; returns its position."""
        self._count += 1
        new = NewEvent(event, f"e{self._count}", "/test", JUNE + day * DAY)
        with opened_ledger(Settings.load()) as ledger:
            [outcome] = ledger.observe([new], actor="test", admin=True).result()
        assert outcome.position is not None, outcome
        return outcome.position

    def known_at(self) -> str:
        """An instant after everything that was told so far."""
        with opened_ledger(Settings.load()) as ledger:
            return (ledger.log.head().recorded_at + timedelta(microseconds=1)).isoformat()


def _earned(lot: str, points: int) -> PointsEarned:
    return PointsEarned(
        account_id="a1", lot_id=lot, points=points, origin="engagement", available_from=JUNE
    )


def _part(name: str, member: str) -> ParticipationRecorded:
    return ParticipationRecorded(
        participation_id=name, member_id=member, campaign_id="c1", activation_id="game"
    )


@pytest.fixture
def told(filrouge: Filrouge) -> Told:
    """Such a ledger."""
    return Told(filrouge)


@pytest.fixture
def sql(database: str) -> Iterator[psycopg.Connection]:
    """Any tool that reads SQL."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def test_a_replay_is_a_schema_that_any_tool_reads(
    told: Told, filrouge: Filrouge, sql: psycopg.Connection
) -> None:
    """With a view for each table, whose columns are the fields of the rows."""
    said = filrouge("replay", "report", "--known-at", told.report, "--json", "--workers", "1").json
    assert said["schema"] == "replay_test_report"
    found = sql.execute(
        "SELECT account_id, opened_at, (lots->'l1'->>'credited')::int"
        " FROM replay_test_report.balances"
    )
    assert found.fetchall() == [("a1", None, 100)]
    count = "SELECT (row->>'participants')::int FROM {}.audience_totals WHERE key = 'c1'"
    assert sql.execute(count.format("replay_test_report").encode()).fetchall() == [(1,)]
    [what] = sql.execute("SELECT ledger, as_of, known_at FROM replay_test_report.replay").fetchall()
    assert what == ("test", None, datetime.fromisoformat(told.report))
    assert filrouge("replay", "report", code=1).err
    as_of = (JUNE + 2.5 * DAY).isoformat()
    filrouge("replay", "report", "--replace", "--as-of", as_of, "--workers", "2")
    assert sql.execute(count.format("replay_test_report").encode()).fetchall() == [(1,)]
    assert sql.execute("SELECT key FROM replay_test_report.balances").fetchall() == []
    listed = filrouge("replay", "--list", "--json").json["spaces"]
    assert [one["space"] for one in listed] == ["report"]
    filrouge("replay", "report", "--drop")
    assert filrouge("replay", "--list", "--json").json["spaces"] == []
    assert filrouge("replay", "report", "--drop", code=4).err
    assert filrouge("replay", "No_Name", code=2).err
    assert filrouge("replay", "live", code=2).err
    assert filrouge("replay", "x", "--as-of", "yesterday", code=2).err


def test_a_difference_names_the_events_that_make_it(told: Told, filrouge: Filrouge) -> None:
    """What came late, what was taken back, and the totals that follow."""
    filrouge("replay", "report", "--known-at", told.report, "--workers", "1")
    said = filrouge("diff", "report", "--json").json
    by_table = {one["table"]: one for one in said["tables"]}
    [balance] = by_table["balances"]["differences"]
    assert (balance["key"], balance["one"] is None, balance["other"]) == ("a1", False, None)
    assert [(one["position"], one["counts_in"], one["why"]) for one in balance["events"]] == [
        (told.wrong, "report", "it was voided by then")
    ]
    [total] = by_table["audience_totals"]["differences"]
    assert (total["key"], total["fields"]) == ("c1", ["participants", "participations"])
    assert [(one["position"], one["counts_in"], one["why"]) for one in total["events"]] == [
        (told.late, "live", "it was recorded later")
    ]
    assert by_table["campaign_plans"]["differing"] == 0
    assert by_table["campaign_plans"]["rows"] == 1
    text = filrouge("diff", "report", "live").out
    assert f"position {told.late}, participation.recorded.v1, counts in live only" in text
    assert "statements: 1 of 1 rows differ" in text


@pytest.mark.usefixtures("told")
def test_an_event_of_later_makes_a_difference(filrouge: Filrouge) -> None:
    """Two instants in the world, both as known now."""
    for name, day in (("early", 2.5), ("later", 4.0)):
        filrouge("replay", name, "--as-of", (JUNE + day * DAY).isoformat(), "--workers", "1")
    said = filrouge("diff", "early", "later", "--json").json
    whys = {
        event["why"]
        for one in said["tables"]
        for row in one["differences"]
        for event in row["events"]
    }
    assert whys == {"it happened later"}
    filrouge("replay", "same", "--as-of", (JUNE + 4 * DAY).isoformat(), "--workers", "1")
    assert filrouge("diff", "later", "same", "--json").json["differing"] == 0
    assert "No row differs" in filrouge("diff", "later", "same").out


def test_the_order_of_fields_is_no_difference_and_what_they_say_is() -> None:
    """Python holds true, 1 and 1.0 to be the same; a row that says another of them is another."""
    assert in_order('{"a":1,"b":{"c":2,"d":3}}') == in_order('{"b": {"d": 3, "c": 2}, "a": 1}')
    assert len({in_order(f'{{"a":{one}}}') for one in ("1", "1.0", "true")}) == 3


def test_a_row_that_was_changed_is_found(
    told: Told, filrouge: Filrouge, sql: psycopg.Connection
) -> None:
    """Projections are folded again, and a row that its events do not give is named."""
    [[table]] = sql.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'projection_profiles%'"
    ).fetchall()
    same = SQL("UPDATE {} SET row = row::jsonb::text::json")  # with its fields in another order
    sql.execute(same.format(Identifier("ledger_test", table)))
    sound = filrouge("verify", "--workers", "1", "--json").json
    assert sound["findings"] == []
    assert sound["rows"] > 5
    changed = '{"last_contact": "2030-01-01T00:00:00Z"}'
    for statement, values in (
        ("UPDATE {} SET row = row::jsonb || %s::jsonb WHERE key = %s", [changed, "m2"]),
        ("INSERT INTO {} (row, key) VALUES (%s, %s)", ['{"member_id": "m9"}', "m9"]),
        ("DELETE FROM {} WHERE key = %s", ["m1"]),
    ):
        sql.execute(SQL(statement).format(Identifier("ledger_test", table)), values)
    found = filrouge("verify", "--workers", "1", "--json", code=1).json["findings"]
    assert {one["what"] for one in found} == {
        "projection profiles: the row of m1 is not there",
        "projection profiles: the row of m2 is not what its events give",
        "projection profiles: the row of m9 is there, and no event makes it",
    }
    assert told.late in {one["position"] for one in found}
    assert filrouge("verify", "--log-only", "--json").json["findings"] == []
    filrouge("rebuild", "profiles", "--workers", "1")
    assert json.loads(filrouge("verify", "--workers", "1", "--json").out)["findings"] == []
