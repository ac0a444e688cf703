"""Erasing one in seventeen members of the Starbucks ledger: nothing moves, and nobody is found.

In CI a sixteenth of the data; FILROUGE_TEST_ERASED=1000 takes all 17,000 members, and so many.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from projections import ALL
from projections.runner import Runner
from projections.status import wait_for
from store.vault_tables import VaultTables
from tests.filrouge.searching import files_of_database, opens, sealed_texts, wal_file
from tests.filrouge.test_serve import run
from tests.filrouge.test_starbucks import MAPPING, files, fresh, opened

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

ERASED = int(os.environ.get("FILROUGE_TEST_ERASED", "0"))
"""How many of all members; 0: of a part of the data."""
SECONDS_MAX = 600.0
PERSON = re.compile(rb"[0-9a-f]{32}")
ENDED = "ended"
"""The one amount that an erasure may move: how many memberships ended."""


@pytest.fixture
def data(starbucks: Path, tmp_path: Path) -> Path:
    """The three files: all of them, or the part of some members."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, column in (("portfolio", None), ("profile", "id"), ("transcript", "person")):
        path = next(starbucks.glob(f"{name}.json*"))
        if ERASED or column is None:
            shutil.copy(path, folder)
            continue
        with lzma.open(path, "rt") as lines:
            part = [line for line in lines if line.strip() and json.loads(line)[column][0] == "0"]
        (folder / f"{name}.json").write_text("".join(part))
    return folder


@contextmanager
def followed(env: dict[str, str]) -> Iterator[None]:
    """Let the projections follow the log to its end, as a server does."""
    with opened(env) as ledger, Runner(ledger, ALL) as runner:
        runner.start()
        head = ledger.log.head().position
        assert all(wait_for(ledger.pool, one, head, SECONDS_MAX) for one in ALL)
        assert {one.failure for one in runner.status()} == {None}
        yield


def rows(env: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Every row of every live projection, by table and key."""
    found: dict[str, dict[str, Any]] = {}
    with psycopg.connect(env["FILROUGE_DATABASE_URL"]) as connection:
        connection.execute("SET search_path TO ledger_test")
        live = connection.execute(
            "SELECT name, version, build FROM projection_builds WHERE state = 'live'"
        ).fetchall()
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ledger_test'"
        ).fetchall()
        for _, _, build in live:
            for (table,) in tables:
                if table.endswith(f"_{build}") and not table.startswith("entries"):
                    query = sql.SQL("SELECT key, row FROM {}").format(sql.Identifier(table))
                    name = table.removesuffix(f"_{build}").removeprefix("projection_")
                    found[name] = dict(connection.execute(query).fetchall())
    return found


def persons(env: dict[str, str], data: Path) -> dict[str, str]:
    """The member id of each person of the file, as the vault recognises them."""
    path = next(data.glob("profile.json*"))
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt") as lines:
        names = [json.loads(line)["id"] for line in lines if line.strip()]
    with opened(env) as ledger:
        return dict(zip(names, ledger.vault.ids_for("member", [(n,) for n in names]), strict=True))


def test_nothing_moves_and_nobody_is_found(postgres_url: str, data: Path, tmp_path: Path) -> None:
    """Totals stay, the log and a rebuild agree, and what was known of them is nowhere any more."""
    with fresh(postgres_url, tmp_path) as env:
        since = wal_file(env["FILROUGE_DATABASE_URL"])
        run(env, "import", *files(data), "--mapping", str(MAPPING))
        with followed(env):
            before = rows(env)
        people = persons(env, data)
        chosen = dict(sorted(people.items())[:: max(len(people) // (ERASED or 62), 1)])
        chosen = dict(list(chosen.items())[: ERASED or 62])
        assert len(chosen) == (ERASED or 62)
        listed = tmp_path / "ids"
        listed.write_text("\n".join(chosen.values()))
        said = run(env, "erase", "--from", str(listed), "--reason", "requested")
        assert len(said["erased"]) == len(chosen)
        with followed(env):
            live = rows(env)
        nothing_moved(before, live, set(chosen.values()))
        rebuilt = run(env, "rebuild", "--workers", "2")
        assert {one["failure"] for one in rebuilt["projections"]} == {None}
        assert rows(env) == live
        assert run(env, "verify")["findings"] == []
        run(env, "vault", "rotate")
        assert run(env, "vault", "rotate", "--finish")["final"] == len(chosen)
        nobody_is_found(env, chosen, since)


PEOPLE = ("profiles", "campaign_people", "consent_history", "kept_members", "tier_members")
"""Tables with a row for each member, which says that the membership ended."""


def nothing_moved(before: Any, live: Any, members: set[str]) -> None:
    """Every total, every balance and every statement is the same; only they themselves changed."""
    assert before.keys() == live.keys()
    for name, table in live.items():
        changed = {key for key in table.keys() | before[name].keys()
                   if table.get(key) != before[name].get(key)}  # fmt: skip
        if name.startswith("member_totals"):
            for key in changed:
                assert {**table[key], ENDED: 0} == {**before[name][key], ENDED: 0}
            assert table["members"][ENDED] == len(members)
        elif name.startswith(PEOPLE):
            assert changed == members
        elif name.startswith("identities"):
            assert len(changed) == len(members)
            assert all(not table[key].get("holders") for key in changed)
        else:
            assert changed == set(), name


def nobody_is_found(env: dict[str, str], chosen: dict[str, str], since: str) -> None:
    """Neither by what they were called elsewhere nor by their sealed values."""
    needles = {name.encode() for name in chosen}
    searched = 0
    url = env["FILROUGE_DATABASE_URL"]
    for name, content in files_of_database(url, since if ERASED else "Z"):
        found = needles.intersection(PERSON.findall(content))
        assert not found, (name, found)
        searched += len(content)
    assert searched > 10_000_000
    with opened(env) as ledger:
        vault, members, head = ledger.vault, set(chosen.values()), ledger.log.head().position
        assert [one for one in chosen if vault.find("member", one)] == []
        sealed = [
            text
            for one in ledger.log.tagged([f"member:{name}" for name in members], until=head)
            for text in sealed_texts(one.entry.decode())
        ]
        assert len(sealed) >= len(chosen)
        assert set(vault.open_all(sealed)) == {None}
        left = keys_in_use(vault.tables)
        assert len(left) > 900
        tried = sealed[:: max(len(sealed) // 50, 1)]
        assert not any(opens(text, ledger.info.ledger_id, left) for text in tried)


def keys_in_use(tables: VaultTables) -> list[bytes]:
    """Every key that is still there."""
    with tables.cursor("test") as cursor:
        cursor.execute(tables.statement("SELECT subject FROM {schema}.subject_keys"))
        subjects = [subject for (subject,) in cursor]
    found = tables.subject_keys(subjects)
    return [key for key in found.values() if key is not None]
