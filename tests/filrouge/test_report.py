"""The auditor's report: its figures are those of the entries, in every one of its three forms."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.people import MemberErased
from domain.points import PointsAdjusted
from domain.referrals import ReferralVoided
from filrouge.settings import Settings
from filrouge.wiring import opened_ledger
from store.ledger import NewEvent
from tests.filrouge.conftest import Filrouge

SINCE, UNTIL = "2025-07-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"

LOG = """
WITH said AS (SELECT position, convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries),
voids AS (SELECT e->'data' AS data FROM said
    WHERE e->>'type' IN ('event.voided.v1', 'batch.voided.v1')),
log AS (SELECT position, e->>'type' AS type, (e->>'time')::timestamptz AS time,
        (e->>'recordedat')::timestamptz AS recorded_at, e->'data' AS data FROM said
    WHERE position NOT IN (SELECT (data->>'position')::bigint FROM voids WHERE data ? 'position')
    AND coalesce(e->>'batch' NOT IN (SELECT data->>'batch_id' FROM voids WHERE data ? 'batch_id'),
        true))
"""
POINTS = """
SELECT time >= %(since)s, split_part(type, '.', 2), count(*),
    sum(CASE WHEN type = 'points.earned.v1' THEN (data->>'points')::bigint
        WHEN type = 'points.adjusted.v1' AND data->>'direction' = 'credit'
        THEN (data->>'points')::bigint
        ELSE -(SELECT sum((lot->>'points')::bigint) FROM jsonb_array_elements(data->'lots') AS lot)
        END)::bigint
FROM log WHERE time < %(until)s AND type LIKE 'points.%%'
AND type NOT IN ('points.reserved.v1', 'points.released.v1', 'points.transferred.v1') GROUP BY 1, 2
"""
COSTS = """
SELECT time >= %(since)s, data->>'kind', count(*), sum((data->'cost'->>'amount')::bigint)::bigint
FROM log WHERE type = 'cost.recorded.v1' AND time < %(until)s
AND coalesce(data->>'status', 'actual') = 'actual' AND data->>'labour_minutes' IS NULL GROUP BY 1, 2
"""
SALES = """
SELECT time >= %(since)s, 'purchases', count(*), sum((data->>'net')::bigint)::bigint
FROM log WHERE type = 'purchase.recorded.v1' AND time < %(until)s
AND coalesce((data->>'part')::int, 1) = 1 GROUP BY 1
"""
PRICES = """
, earned AS (
    SELECT e->'data' AS data, left(e->>'time', 7) AS month, (e->>'time')::timestamptz AS time
    FROM said WHERE e->>'type' = 'points.earned.v1' AND e->'data'->>'origin' = 'purchase'
    AND position IN (SELECT position FROM log)
), ends AS (SELECT * FROM (VALUES (%(since)s::timestamptz), (%(until)s::timestamptz)) AS t (at)
), months AS (
    SELECT at, month, sum((data->>'points')::numeric) * 0.75 AS worth,
        sum((data->'price'->>'amount')::numeric) AS paid
    FROM earned JOIN ends ON time < at GROUP BY at, month
) SELECT sum(paid * worth / (paid + worth)) FROM months GROUP BY at ORDER BY at
"""
"""The part of the prices that belongs to the points, by month: a point is worth a cent, and three
of four are expected to be redeemed."""
LATE = """
SELECT count(*) FROM log
WHERE time >= %(since)s AND time < %(until)s AND recorded_at >= %(until)s
AND type NOT IN ('event.voided.v1', 'batch.voided.v1')
"""


@pytest.fixture
def told(filrouge: Filrouge) -> None:
    """A simulated brand, and some things that a simulation does not do."""
    filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
    filrouge("simulate", "--members", "200", "--years", "2", "--seed", "4")
    at = datetime(2025, 9, 1, tzinfo=UTC)
    made: list[Any] = [
        PointsAdjusted(
            account_id="a-9", direction="credit", points=77, reason="<sorry>", approved_by="boss",
            lot_id="l-9", available_from=at,
        ),
        ReferralVoided(referral_id="r-9", advocate_id="m-9", programme="p", reason="false"),
        MemberErased(member_id="m-9", destroyed=("subject-key",), irrecoverable_at=at),
    ]  # fmt: skip
    events = [NewEvent(event, f"x{n}", "/test", at) for n, event in enumerate(made)]
    with opened_ledger(Settings.load()) as ledger:
        ledger.observe(events, actor="staff-7", admin=True).result()
    filrouge("log", "checkpoint")


def test_the_report_says_what_the_entries_say(
    told: None, filrouge: Filrouge, database: str, tmp_path: Path
) -> None:
    """Opening, movements and closing by SQL over the JSON; and the three files agree."""
    del told
    said = filrouge("report", "--from", SINCE, "--to", UNTIL, "--folder", tmp_path, "--json").json
    bounds = {"since": SINCE, "until": UNTIL}
    with psycopg.connect(database) as connection:

        def asked(query: str) -> list[Any]:
            return connection.execute((LOG + query).encode(), bounds).fetchall()

        [points] = said["points"]
        assert_account(points, asked(POINTS), {"adjusted up": "adjusted"})
        money = {(one["name"].split(",")[0], one["unit"]): one for one in said["money"]}
        sales = asked(SALES)
        purchases = [m for m in money["revenue", "EUR"]["movements"] if m["kind"] == "purchases"]
        assert [(m["events"], m["amount"]) for m in purchases] == [
            (count, amount) for inside, _, count, amount in sales if inside
        ]
        costs = {kind: amount for inside, kind, _, amount in asked(COSTS) if inside}
        moved = {m["kind"]: m["amount"] for m in money["costs", "EUR"]["movements"]}
        assert {kind: moved[kind] for kind in costs if kind != "labour"} == {
            kind: amount for kind, amount in costs.items() if kind != "labour"
        }
        [[late]] = asked(LATE)
        [[before], [after]] = asked(PRICES)
    assert sum(one["events"] for one in said["late_after"]) == late > 0
    the_books_follow_the_points(said)
    rolled = the_liability_adds_up(said)
    assert abs(rolled["contract_liability"]["additions"] - float(after - before)) <= 1
    shown = filrouge("liability", "le-cercle", "--as-of", UNTIL)
    assert f"Contract liability, le-cercle/points: {rolled['contract_liability']['closing']:,}" in (
        shown.out
    )
    as_of = filrouge("liability", "le-cercle", "--as-of", SINCE, "--json").json
    assert {one["kind"]: one["amount"] for one in as_of["liabilities"]} == {
        kind: one["opening"] for kind, one in rolled.items()
    }
    tested = filrouge("liability", "le-cercle", "--back-test")
    assert "of 0 closed vintages inside" in tested.out
    filrouge("liability", "no-such", code=4)
    for account in (*said["points"], *said["money"]):
        moved_in_all = sum(one["amount"] for one in account["movements"])
        assert account["opening"] + moved_in_all == account["closing"]
    [adjusted] = said["adjustments"]["entries"]
    assert (adjusted["amount"], adjusted["reason"]) == (77, "<sorry>")
    assert (adjusted["author"], adjusted["approved_by"]) == ("staff-7", "boss")
    assert "referral r-9" in {one["about"] for one in said["voided_referrals"]["entries"]}
    assert [one["about"] for one in said["erasures"]["entries"]] == ["member m-9"]
    assert said["verification"]["done"] is True
    assert said["verification"]["findings"] == []
    assert said["checkpoint"].startswith("filrouge/")
    the_three_files_agree(tmp_path, said)


def the_books_follow_the_points(said: Any) -> None:
    """What members hold by the trial balance is what the movements of points add up to."""
    holds = ("pending", "wallets", "reserved", "owed")
    for end in ("opening", "closing"):
        held = 0
        for books in said["trial_balance"]:
            lines = {one["name"]: one[end] for one in books["lines"]}
            assert lines["sum"] == 0
            held += sum(lines[name] for name in holds)
        assert held == sum(one[end] for one in said["points"])


def the_liability_adds_up(said: Any) -> dict[str, Any]:
    """Each roll-forward leads from its opening to its closing; by kind."""
    for one in said["liability"]:
        lines = ("additions", "returns", "redemptions", "breakage", "estimates")
        assert one["opening"] + sum(one[line] for line in lines) == one["closing"]
        assert (one["programme"], one["currency"]) == ("le-cercle", "EUR")
        assert min(one["opening"], one["additions"], -one["redemptions"], one["closing"]) > 0
        assert one["returns"] <= 0
        assert one["redemption_closing"] == 7_500
    found = {one["kind"]: one for one in said["liability"]}
    assert set(found) == {"contract_liability", "cost_provision"}
    return found


def assert_account(account: Any, rows: list[Any], names: dict[str, str]) -> None:
    """An account of the report against what SQL found before and within the period."""
    inside, opening = Counter[str](), 0
    for within, kind, _, amount in rows:
        if within:
            inside[kind] += amount
        else:
            opening += amount
    moved = Counter[str]()
    for one in account["movements"]:
        moved[names.get(one["kind"], one["kind"])] += one["amount"]
    assert moved == inside
    assert (account["opening"], account["closing"]) == (opening, opening + inside.total())


def the_three_files_agree(folder: Path, said: Any) -> None:
    """JSON, CSV and page have the same figures."""
    assert json.loads((folder / "report.json").read_text()) == said
    rows = list(csv.DictReader((folder / "report.csv").read_text().splitlines()))
    page = (folder / "report.html").read_text()
    for section in ("points", "money"):
        for account in said[section]:
            mine = [
                one for one in rows
                if (one["section"], one["name"], one["unit"])
                == (section, account["name"], account["unit"])
            ]  # fmt: skip
            assert [int(one["amount"]) for one in mine] == [
                account["opening"],
                *(one["amount"] for one in account["movements"]),
                account["closing"],
            ]
            for one in mine:
                amount = int(one["amount"])
                shown = f"{amount:,}" if section == "points" else f"{amount / 100:,.2f}"
                assert f">{shown}<" in page, one
    for one in said["liability"]:
        mine = [row for row in rows if (row["section"], row["name"]) == ("liability", one["kind"])]
        assert [int(row["amount"]) for row in mine] == [one[row["kind"]] for row in mine]
        for row in mine[:7]:
            assert f">{int(row['amount']) / 100:,.2f}<" in page, row
    for name in ("adjustments", "voided_referrals", "corrections", "erasures"):
        listed = [one for one in rows if one["section"] == name]
        assert int(listed[0]["events"]) == said[name]["count"] == len(listed) - 1
    assert "&lt;sorry&gt;" in page
    assert "everything holds" in page
    assert "src=" not in page
    assert "http" not in page


def test_a_period_ends_after_it_begins(filrouge: Filrouge) -> None:
    """And an instant without an offset is nobody's."""
    filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
    filrouge("report", "--from", UNTIL, "--to", SINCE, code=2)
    filrouge("report", "--from", "2025-07-01", "--to", UNTIL, code=2)


def test_a_ledger_that_nobody_checked_is_not_called_sound(
    filrouge: Filrouge, tmp_path: Path
) -> None:
    """The report says that it was not verified, and that nothing was signed."""
    filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
    said = filrouge(
        "report", "--from", SINCE, "--to", UNTIL, "--folder", tmp_path, "--no-verify", "--json"
    ).json
    assert said["verification"]["done"] is False
    assert said["checkpoint"] == ""
    assert "not checked for this report" in (tmp_path / "report.html").read_text()
