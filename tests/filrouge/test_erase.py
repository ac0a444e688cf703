"""Erasing on the command line, and that nothing that is left anywhere afterwards opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.filrouge.conftest import Filrouge
from tests.filrouge.searching import (
    keys_left,
    opens,
    places_of_texts,
    sealed_texts,
    wal_file,
    wrapped_in_bundle,
    wrapped_keys,
)

PEOPLE = 40
MAPPING = """name = "crm"
[[file]]
match = "people.csv"
source = "crm"
time = "2026-01-01T00:00:00Z"
[file.values]
member = { lookup = "member", of = ["number"] }
[[file.event]]
type = "member.enrolled.v1"
[file.event.fields]
member_id = "$member"
[[file.event]]
type = "member.identified.v1"
[file.event.fields]
member_id = "$member"
kind = "email"
value = { column = "email" }
exclusive = true
[[file.event]]
type = "profile.updated.v1"
[file.event.fields]
member_id = "$member"
[file.event.fields.personal]
name = { column = "name" }
[[file.event]]
type = "purchase.recorded.v1"
[file.event.fields]
member_id = "$member"
purchase_id = { template = "p-{net}" }
order_reference = { column = "order" }
currency = "EUR"
net = { column = "net", as = "integer" }
"""


MARKS = ("zqx", "Zqx")
"""One of these is in every text that is looked for."""


def names(n: int) -> dict[str, str]:
    """What is personal about one of them, like nothing else."""
    return {
        "number": f"N-{n:04}-zqx", "email": f"quincey{n}zqx@example.org",
        "name": f"Quincey Zqx {n}th", "order": f"ORD-zqx-{n:05}",
    }  # fmt: skip


@pytest.fixture
def filled(filrouge: Filrouge, tmp_path: Path) -> Filrouge:
    """A ledger of some people; one row of the file does not fit."""
    rows = tmp_path / "people.csv"
    lines = ["number,email,name,order,net"]
    lines += [",".join([*names(n).values(), str(100 + n)]) for n in range(PEOPLE)]
    lines.append(",".join([*names(PEOPLE).values(), "many"]))
    rows.write_text("\n".join(lines) + "\n")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    filrouge("init")
    filrouge("import", rows, "--mapping", mapping, code=1)
    return filrouge


def members(database: str) -> list[str]:
    """The ids of the members, in the order of the file."""
    with psycopg.connect(database) as connection:
        return [
            name
            for (name,) in connection.execute(
                "SELECT convert_from(entry, 'UTF8')::jsonb->'data'->>'member_id'"
                " FROM ledger_test.entries e JOIN ledger_test.types t ON t.id = e.type"
                " WHERE t.name = 'member.enrolled.v1' ORDER BY position"
            )
        ]


def test_nothing_that_is_left_anywhere_can_be_opened(
    filled: Filrouge, database: str, tmp_path: Path, postgres_url: str,
    environment: dict[str, str], capfd: Any,
) -> None:  # fmt: skip
    """Not in the database, its write-ahead log, old copies and exports, rejects, keys or lines.

    A running replica is searched in ``tests/api/test_replica.py``.
    """
    since = wal_file(database)
    people = members(database)
    assert len(people) == PEOPLE
    export, bundle = tmp_path / "old.ndjson", tmp_path / "old.keys"
    filled("export", export, "--keys", bundle)
    copy = f"{urlsplit(database).path[1:]}_copy"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [urlsplit(database).path[1:]],
        )
        connection.execute(
            f'CREATE DATABASE "{copy}" TEMPLATE "{urlsplit(database).path[1:]}"'.encode()
        )
    try:
        copied = urlsplit(database)._replace(path=f"/{copy}").geturl()
        old_keys = json.loads(Path(environment["FILROUGE_KEY_FILE"]).read_text())
        erased = people[: PEOPLE // 2]
        listed = tmp_path / "ids.txt"
        listed.write_text("\n".join(erased))
        said = filled("erase", "--from", listed, "--reason", "requested")
        assert said.out.startswith(f"Erased {len(erased)}")
        rotated = filled("vault", "rotate")
        finished = filled("vault", "rotate", "--finish", "--json").json
        assert finished["destroyed"] == [old_keys["current"]]
        assert finished["final"] == len(erased)

        files = [
            *tmp_path.glob("*.keys"), *tmp_path.glob("*.ndjson"), *tmp_path.glob("keys/*"),
        ]  # fmt: skip
        assert any("rejects" in path.name for path in files)
        assert any("erasures" in path.name for path in files)
        out = tmp_path / "lines.txt"
        out.write_text(
            said.out + said.err + rotated.out + rotated.err + "".join(capfd.readouterr())
        )
        texts = [text for n in range(PEOPLE + 1) for text in names(n).values()]
        for url in (database, copied):
            found = places_of_texts(url, texts, [*files, out], since_wal=since, marks=MARKS)
            assert {text: at for text, at in found.items() if at} == {}
        # The same search finds what does stand there.
        found = places_of_texts(database, [people[0]], files, since_wal=since)
        assert len(found[people[0]]) > 3
        rows = tmp_path / "people.csv"
        found = places_of_texts(database, texts, [rows], since_wal=since, marks=MARKS)
        assert all(at == [str(rows)] for at in found.values())

        nothing_opens(
            database, copied, export, bundle, key_file=Path(environment["FILROUGE_KEY_FILE"]),
            rejects="".join(path.read_text() for path in files if "rejects" in path.name),
            erased=erased,
        )  # fmt: skip
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{copy}" WITH (FORCE)'.encode())
    assert filled("verify").out.startswith("Everything holds")


def nothing_opens(
    database: str, copied: str, export: Path, bundle: Path, *, key_file: Path, rejects: str,
    erased: list[str],
) -> None:  # fmt: skip
    """No sealed text of theirs opens by any key that is left; those of the others all do."""
    with psycopg.connect(database) as connection:
        [first] = connection.execute(
            "SELECT convert_from(entry, 'UTF8')::jsonb->'data'->>'ledger_id'"
            " FROM ledger_test.entries WHERE position = 1"
        ).fetchone() or [""]
    wrapped = [
        *wrapped_keys(database, "vault_test"), *wrapped_keys(copied, "vault_test"),
        *wrapped_in_bundle(bundle),
    ]  # fmt: skip
    assert {f"member:{one}" for one in erased} <= {subject for subject, _ in wrapped}
    left = keys_left(wrapped, [key_file], first)
    lines = export.read_text().splitlines()
    orders = {f"purchase:p-{100 + n}" for n in range(PEOPLE // 2)}
    gone = [
        text
        for line in [*lines, rejects]
        for text in sealed_texts(line)
        if any(f"|member:{one}|" in text for one in erased)
        or any(f"|{one}|" in text for one in orders)
        or "|rejects:" in text
    ]
    assert len(gone) == 3 * len(erased) + 1
    assert not any(opens(text, first, left) for text in gone)
    # Whoever is not erased is read with the very same keys.
    there = [text for line in lines for text in sealed_texts(line) if text not in gone]
    assert len(there) == 3 * (PEOPLE - len(erased))
    assert all(opens(text, first, left) for text in there)


def test_a_restore_of_an_older_export_erases_again(
    filled: Filrouge, database: str, tmp_path: Path
) -> None:
    """By the register beside the key file, though neither the export nor its keys know of it."""
    ann, bob, eve, *_ = members(database)
    export, bundle = tmp_path / "old.ndjson", tmp_path / "old.keys"
    filled("erase", ann)
    filled("export", export, "--keys", bundle)
    filled("erase", bob)
    said = filled("restore", export, "--keys", bundle, "--ledger", "copy", "--json").json
    assert said["erased_again"] == 1
    with psycopg.connect(database) as connection:
        rows: dict[str, bool] = dict(
            connection.execute(
                "SELECT subject, wrapped_key IS NULL FROM vault_copy.subject_keys"
                " WHERE subject = ANY(%s)",
                [[f"member:{one}" for one in (ann, bob, eve)]],
            ).fetchall()
        )
        assert rows == {f"member:{ann}": True, f"member:{bob}": True, f"member:{eve}": False}
    assert filled("erase", ann, bob, "--ledger", "copy", "--json").json["erased_before"] == [
        ann, bob,
    ]  # fmt: skip
    # Elsewhere there is no register: a newer export says it as well.
    newer = tmp_path / "newer.ndjson.gz"
    filled("export", newer)
    for register in tmp_path.glob("keys/*.erasures.ndjson"):
        register.unlink()
    said = filled("restore", export, "--erasures", newer, "--ledger", "third", "--json").json
    assert said["erased_again"] == 1
    assert filled("restore", "--keys", bundle, "--ledger", "third", "--json").json["key_rows"]
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM vault_third.subject_keys WHERE subject = ANY(%s)"
            " AND wrapped_key IS NOT NULL",
            [[f"member:{ann}", f"member:{bob}"]],
        ).fetchone()
    assert row == (0,)


def test_by_an_address_and_with_a_certificate(
    filled: Filrouge, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address comes from stdin; the certificate is checked without the database."""
    ann = members(database)[0]
    found = filled("erase", "--lookup", "email", "--json", code=4, stdin="nobody@example.org\n")
    assert found.error["error"] == "nobody-recognised"
    address = names(0)["email"]
    said = filled("erase", "--lookup", "email", "--json", stdin=f"{address}\n").json
    [one] = said["erased"]
    assert one["subject"] == ann
    filled("erase", "--lookup", "email", code=4, stdin=f"{address}\n")
    filled("erase", "m_nobody", code=1)
    filled("erase", code=2)
    filled("certificate", one["position"], "--final", code=1)
    paper = tmp_path / "paper.json"
    paper.write_text(filled("certificate", one["position"]).out)
    [key] = filled("log", "keys", "--json").json["signing"]
    monkeypatch.setenv("FILROUGE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    said = filled("certificate", "--check", paper, "--key", key, "--json").json
    assert f"subject member:{ann}" in said["statement"]
    paper.write_text(paper.read_text().replace("keys and", "kays and"))
    filled("certificate", "--check", paper, "--key", key, code=1)


def test_what_falls_due_is_erased_on_order(filled: Filrouge, database: str) -> None:
    """Listed first; a hold keeps somebody; the copy and the access log are there."""
    ann, bob, *_ = members(database)
    filled("retention", "declare", "marketing", "member", 30, "--justification", "three years")
    filled("retention", "declare", "marketing", "member", 30, "--justification", "x", code=1)
    filled("hold", ann, "case-1", "--reason", "a claim")
    filled("restrict", bob, "--reason", "contested")
    filled("restrict", bob, "--reason", "over", "--lift")
    filled("rebuild", "--workers", "1")
    due = filled("retention", "due", "--at", "2026-06-01", "--json").json
    assert len(due) == PEOPLE
    assert {one["subject"] for one in due if not one["erase"]} == {f"member:{ann}"}
    assert filled("retention", "due", "--at", "2026-01-15").out.startswith("Nothing falls due")
    text = filled("copy", ann).out
    for value in ("email", "name", "order"):
        assert names(0)[value] in text
    assert "A member is recognised by an identity" in text
    assert len(filled("copy", ann, "--cloudevents").out.splitlines()) == 5
    filled("copy", "m_nobody", code=4)
    erased = filled("retention", "erase", "--at", "2026-06-01", "--json").json["erased"]
    assert len(erased) == PEOPLE - 1
    assert filled("copy", bob).out.count("(erased)") == 3
    assert filled("hold", ann, "case-1", "--reason", "settled", "--lift").out.startswith("Lifted")
    said = filled("consents", ann, "--json").json
    assert said["allowed"] == []
    assert filled("consents", "--missing").out.startswith("Nothing was sent")
    seen = filled("accesses", "--subject", f"member:{ann}", "--json").json
    assert [one["operation"] for one in seen] == ["accesses", "consents", "copy", "copy"]
    compared = filled("completeness", "2026-01-01", "--json", code=1).json
    assert [(one["arrived"]["count"], one["reported"]) for one in compared] == [(PEOPLE, None)]
