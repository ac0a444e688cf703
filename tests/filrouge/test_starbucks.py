"""The documented example, on the whole data set: exact figures, in any order, however often killed.

The figures come from the data set's description and from the entries' JSON by SQL, never from the
code that they check.
"""

import json
import lzma
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from projections import balances, statements
from projections.balances import BALANCES
from projections.campaign_returns import CAMPAIGN_RETURNS, page, returns
from projections.profiles import PROFILES
from projections.reader import reading
from projections.statements import STATEMENTS
from store.database import Database
from store.keys import EpochKeys
from store.ledger import Ledger
from tests.filrouge.conftest import ROOT
from tests.filrouge.test_import_endurance import head_of, killed
from tests.filrouge.test_serve import run
from tests.projections.explained_sums import Walk, names_of
from tests.projections.figures_by_sql import compared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAPPING = ROOT / "docs" / "examples" / "starbucks.toml"
EVENTS = {
    "account.opened.v1": 17_000,
    "campaign.planned.v1": 10,
    "custom.recorded.v1": 10,
    "invitation.opened.v1": 57_725,
    "invitation.sent.v1": 76_277,
    "member.enrolled.v1": 17_000,
    "member.identified.v1": 17_000,
    "points.earned.v1": 33_579,
    "profile.updated.v1": 17_000 - 2_175,
    "purchase.recorded.v1": 138_953,
}
HEAD = 1 + sum(EVENTS.values())
POINTS = 164_676
CENTS = 177_545_197

SQL_FIGURES = """
SELECT e->>'type', count(*), sum((e->'data'->>'points')::bigint), sum((e->'data'->>'net')::bigint),
       count(DISTINCT e->'data'->>'member_id'), count(DISTINCT e->'data'->>'invitation_id')
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x GROUP BY 1
"""
SQL_BALANCES = """
SELECT e->'data'->>'account_id', sum((e->'data'->>'points')::bigint)
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries
      WHERE type = (SELECT id FROM ledger_test.types WHERE name = 'points.earned.v1')) AS x
GROUP BY 1
"""


SQL_LINES = """
SELECT split_part(key, '/', 1), sum((row->>'points')::bigint)::bigint FROM {statements} GROUP BY 1
"""
SQL_CAMPAIGNS = """
SELECT e->'data'->>'campaign_id', e->>'type', count(*), sum((e->'data'->>'points')::bigint),
       count(DISTINCT e->'data'->>'invitation_id')
FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries) AS x
WHERE e->'data' ? 'campaign_id' GROUP BY 1, 2
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOKED_AT = (BALANCES, CAMPAIGN_RETURNS, PROFILES, STATEMENTS)
"""What is compared with the entries; all are built, and compared with the live ones, of a part of
the data in ``test_erase_starbucks``."""
EXPLAINED = int(os.environ.get("FILROUGE_TEST_EXPLAINED_MEMBERS", "20"))
"""Members and accounts whose figures are all explained: 17000 is everybody, and takes minutes."""
CAMPAIGNS = 10 if "FILROUGE_TEST_EXPLAINED_MEMBERS" in os.environ else 1
EVENTS_OF = {
    "profile": ["member.enrolled.v1", "account.opened.v1", "member.identified.v1"],
    "offer received": ["invitation.sent.v1"],
    "offer viewed": ["invitation.opened.v1"],
    "offer completed": ["points.earned.v1"],
    "transaction": ["purchase.recorded.v1"],
}
"""What each line becomes, but for what its age decides."""


@pytest.fixture(scope="module")
def imported(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings of a ledger with the whole data set, which this file's tests only read."""
    data = ROOT.parent / "shared" / "data" / "starbucks"
    if not data.is_dir():
        pytest.skip(f"the data set is not there: {data}")
    with fresh(postgres_url, tmp_path_factory.mktemp("keys")) as env:
        said = run(env, "import", *files(data), "--mapping", str(MAPPING))
        assert said["recorded"] == EVENTS
        assert said["head"] == HEAD
        yield env


class fresh:  # noqa: N801 - used like a function
    """A database of its own, and the settings to use it."""

    def __init__(self, url: str, keys: Path) -> None:
        self.url = url
        self.name = f"test_{uuid4().hex}"
        self.env = {
            "PATH": os.environ["PATH"],
            "FILROUGE_DATABASE_URL": urlsplit(url)._replace(path=f"/{self.name}").geturl(),
            "FILROUGE_KEY_FILE": str(keys / "epoch.key"),
            "FILROUGE_LEDGER": "test",
        }

    def __enter__(self) -> dict[str, str]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{self.name}" TEMPLATE template0')
        return self.env

    def __exit__(self, *_: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')


def files(data: Path, *, backward: bool = False) -> list[str]:
    """The three files, in one order or the other."""
    return sorted((str(one) for one in data.glob("*.json*")), reverse=backward)


def figures(env: dict[str, str]) -> dict[str, tuple[Any, ...]]:
    """Count, points, cents, members and invitations of each type, by SQL over the entries."""
    with psycopg.connect(env["FILROUGE_DATABASE_URL"]) as connection:
        return {name: rest for name, *rest in connection.execute(SQL_FIGURES)}  # type: ignore[misc]


def the_figures_are_exact(imported: dict[str, str]) -> None:
    """10 campaigns, 17,000 members, 33,579 awards of 164,676 points, purchases of 1,775,451.97."""
    found = figures(imported)
    assert {name: rest[0] for name, rest in found.items()} == {**EVENTS, "ledger.opened.v1": 1}
    assert found["points.earned.v1"][1] == POINTS
    assert found["purchase.recorded.v1"][2] == CENTS
    assert found["member.enrolled.v1"][3] == 17_000
    assert found["invitation.sent.v1"][4] == 76_277
    status = run(imported, "status")
    assert status["points"] == {"earned": POINTS}
    assert status["money"] == {"purchases": {"USD": CENTS}}
    assert {**status["events"], "ledger.opened.v1": 1} == {**EVENTS, "ledger.opened.v1": 1}


def the_transcript_speaks_of_the_members_that_the_profiles_enrolled(
    imported: dict[str, str],
) -> None:
    """A look-up gives the same member whichever file it comes from; none is left over."""
    with psycopg.connect(imported["FILROUGE_DATABASE_URL"]) as connection:
        row = connection.execute(
            """
            WITH x AS (SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM ledger_test.entries)
            SELECT count(*) FROM x WHERE e->>'source' = 'starbucks/transcript'
            AND e->'data'->>'member_id' NOT IN (
                SELECT e->'data'->>'member_id' FROM x WHERE e->>'type' = 'member.enrolled.v1')
            """
        ).fetchone()
    assert row == (0,)


def a_second_run_adds_nothing(imported: dict[str, str], starbucks: Path, data: Path) -> None:
    """In another order, too; of the beginning of each file, whose rows keep their numbers."""
    expected = part_of(starbucks, data, beginning=True)
    assert expected.keys() == EVENTS.keys()
    said = run(imported, "import", *files(data, backward=True), "--mapping", str(MAPPING))
    assert said["recorded"] == {}
    assert said["duplicates"] == {name: count for name, (count, _, _) in expected.items()}
    assert said["head"] == HEAD


def test_killed_half_way_in_another_order(
    postgres_url: str, starbucks: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle, then run again with the profiles first: every figure is exact.

    Of the members of an eighth of the data, whose figures are counted in the lines of the files.
    """
    data = tmp_path / "data"
    expected = part_of(starbucks, data)
    head = 1 + sum(count for count, _, _ in expected.values())
    assert head > HEAD // 10
    with fresh(postgres_url, tmp_path) as env:
        first = ["import", *files(data, backward=True), "--mapping", str(MAPPING)]
        killed(first, env, "test", head // 2)
        assert head // 2 < head_of(env["FILROUGE_DATABASE_URL"], "test") < head
        profiles_first = ["profile.json", "transcript.json", "portfolio.json"]
        said = run(
            env, "import", *(str(data / name) for name in profiles_first),
            "--mapping", str(MAPPING),
        )  # fmt: skip
        assert said["head"] == head
        found = figures(env)
        opened = found.pop("ledger.opened.v1")
        assert opened[0] == 1
        assert {name: (one[0], one[1] or 0, one[2] or 0) for name, one in found.items()} == expected
        assert found["invitation.sent.v1"][4] == expected["invitation.sent.v1"][0]
        assert not list(data.glob("*reject*"))


def part_of(
    whole: Path, folder: Path, *, beginning: bool = False
) -> dict[str, tuple[int, int, int]]:
    """Write a part of the data; count, points and cents of each event that is to come of it.

    All that an eighth of the members did; or the ``beginning`` of each file, a sixteenth.
    """
    folder.mkdir()
    shutil.copy(whole / "portfolio.json", folder)
    expected: Counter[str] = Counter({"campaign.planned.v1": 10, "custom.recorded.v1": 10})
    points, cents = 0, Decimal(0)
    for name, column in (("profile", "id"), ("transcript", "person")):
        with lzma.open(whole / f"{name}.json.xz", "rt") as lines:
            written = [line for line in lines if line.strip()]
        members = [line for line in written if json.loads(line)[column][0] in "01"]
        part = written[: len(written) // 16] if beginning else members
        (folder / f"{name}.json").write_text("".join(part))
        for record in (json.loads(line, parse_float=Decimal) for line in part):
            expected.update(EVENTS_OF[record.get("event", "profile")])
            expected["profile.updated.v1"] += record.get("age", 118) != 118
            value = record.get("value", {})
            points += value.get("reward", 0)
            cents += 100 * value.get("amount", Decimal(0))
    amounts = {"points.earned.v1": (points, 0), "purchase.recorded.v1": (0, int(cents))}
    return {name: (count, *amounts.get(name, (0, 0))) for name, count in expected.items()}


@contextmanager
def opened(env: dict[str, str]) -> Iterator[Ledger]:
    """The ledger of these settings, in this process."""
    keys = EpochKeys.from_file(Path(env["FILROUGE_KEY_FILE"]))
    database = Database(env["FILROUGE_DATABASE_URL"], keys=keys, pool_max=2)
    ledger = database.open("test")
    try:
        yield ledger
    finally:
        ledger.close()
        database.close()


def every_figure_is_that_of_the_entries(imported: dict[str, str]) -> None:
    """For all 17,000 members: balance, sum of the statement, and SQL over the entries' JSON.

    And for all campaigns: invitations by outcome, awards and points; and all other figures of
    campaigns and members by SQL of its own.
    """
    rebuilt = run(imported, "rebuild", "--workers", "2", *(one.name for one in LOOKED_AT))
    assert {one["name"]: one["failure"] for one in rebuilt["projections"]} == {
        one.name: None for one in LOOKED_AT
    }
    with psycopg.connect(imported["FILROUGE_DATABASE_URL"]) as connection:
        accounts: dict[str, int] = dict(connection.execute(SQL_BALANCES).fetchall())
        campaigns = {(id_, type_): rest for id_, type_, *rest in connection.execute(SQL_CAMPAIGNS)}
    assert sum(accounts.values()) == POINTS
    with opened(imported) as ledger, reading(ledger.pool, BALANCES, STATEMENTS) as reader:
        rows = reader.select("SELECT key FROM {balances}", {"balances": balances.Balances})
        names = [name for (name,) in rows]
        assert len(names) == 17_000
        held = reader.rows(balances.Balances, names)
        lines: dict[str, int] = dict(
            reader.select(SQL_LINES, {"statements": statements.Statements})
        )
        for n, name in enumerate(names):
            found = balances.balance_of(held[name], NOW)
            assert len(found.holders) == 1
            expected = accounts.get(name, 0)
            assert (found.active, lines.get(name, 0)) == (expected, expected)
            if n % 100 == 0:  # one at a time, as they are asked for, it is the same
                assert found == balances.balance(reader, name, NOW)
                assert statements.balance(reader, name) == expected
    with opened(imported) as ledger, reading(ledger.pool, CAMPAIGN_RETURNS) as reader:
        planned = page(reader, None, 50)
        assert len(planned) == 10
        for plan in planned:
            found_returns = returns(reader, plan.campaign_id)
            assert found_returns is not None
            outcomes = {one.outcome: one for one in found_returns.invitations}
            for outcome in ("sent", "opened"):
                count, _, different = campaigns[plan.campaign_id, f"invitation.{outcome}.v1"]
                assert outcomes[outcome].events == count
                assert outcomes[outcome].invitations == different
            awards = campaigns.get((plan.campaign_id, "points.earned.v1"), [0, 0])
            promised = found_returns.promised
            assert [promised.awards, promised.points] == awards[:2]
    with opened(imported) as ledger:
        assert compared(ledger).differences == {}


def every_figure_is_explained(imported: dict[str, str]) -> None:
    """For so many members, accounts and campaigns as one asks for, the explanations add up."""
    with opened(imported) as ledger:
        walk = Walk(ledger, NOW)
        for kind, some in (("account", EXPLAINED), ("member", EXPLAINED), ("campaign", CAMPAIGNS)):
            names = names_of(ledger, kind)
            walk.all(kind, names[:: max(1, len(names) // some)])
    assert walk.wrong == []
    assert walk.explained["member"] >= EXPLAINED
    assert walk.explained["campaign"] >= CAMPAIGNS


def test_the_import_is_exact_and_repeatable(
    imported: dict[str, str], starbucks: Path, tmp_path: Path
) -> None:
    """One import, looked at from all sides: its figures, its members, a second run, every figure.

    Together, so that the history is imported once, whatever worker has which test.
    """
    the_figures_are_exact(imported)
    the_transcript_speaks_of_the_members_that_the_profiles_enrolled(imported)
    a_second_run_adds_nothing(imported, starbucks, tmp_path / "part")
    every_figure_is_that_of_the_entries(imported)
    every_figure_is_explained(imported)
