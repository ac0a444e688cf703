"""Files go into a ledger: every row once, what does not fit aside, all of it as one batch."""

import gzip
import json
import lzma
import stat
from pathlib import Path
from typing import Any

import pytest

from store.database import Database
from store.keys import EpochKeys
from tests.filrouge.conftest import Filrouge

MAPPING = """name = "shop"
currency = "EUR"
[values]
member = { lookup = "member", of = ["customer"] }
[[file]]
match = "sales*"
source = "shop/sales"
time = { column = "bought" }
[[file.skip]]
when = { what = "test" }
[[file.event]]
type = "purchase.recorded.v1"
when = { what = "sale" }
[file.event.fields]
purchase_id = { template = "s-{@record}" }
member_id = "$member"
currency = "EUR"
net = { column = "amount", as = "minor_units" }
[[file.event]]
type = "points.earned.v1"
when = { what = "sale", amount = { over = 10 } }
[file.event.fields]
account_id = { template = "{$member}-points" }
member_id = "$member"
lot_id = { template = "s-{@record}" }
points = 1
origin = "purchase"
available_from = { column = "bought" }
"""
HEADER = "customer,bought,amount,what\n"
ROWS = [
    "anna@example.org,2026-01-01T10:00:00+01:00,19.90,sale\n",
    "anna@example.org,2026-01-01T10:00:00+01:00,5,sale\n",
    "anna@example.org,2026-01-01T10:00:00+01:00,5,sale\n",
    "bert@example.org,2026-01-02,12.00,sale\n",
]


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """The mapping of a shop's sales."""
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the user's own files are."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def events(filrouge: Filrouge) -> list[dict[str, Any]]:
    """All entries of the ledger, in order."""
    return [json.loads(line) for line in filrouge("export").out.splitlines()]


def test_rows_become_events(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """Equal rows are two events; a look-up is the same member each time; nothing is in clear."""
    file = folder / "sales.csv"
    file.write_text(HEADER + "".join(ROWS))
    filrouge("init", "--time-zone", "Europe/Paris")
    said = filrouge("import", file, "--mapping", mapping, "--json").json
    assert said["recorded"] == {"points.earned.v1": 2, "purchase.recorded.v1": 4}
    assert (said["head"], said["batch"]) == (7, "shop")
    found = events(filrouge)[1:]
    assert [(one["id"], one["source"], one["batch"], one["actor"]) for one in found][:3] == [
        ("1/purchase.recorded", "shop/sales", "shop", "cli"),
        ("1/points.earned", "shop/sales", "shop", "cli"),
        ("2/purchase.recorded", "shop/sales", "shop", "cli"),
    ]
    members = [one["data"]["member_id"] for one in found]
    assert len(set(members[:4])) == 1
    assert len(set(members)) == 2
    assert all(member.startswith("m_") for member in members)
    assert "example" not in json.dumps(found)
    assert found[-1]["time"] == "2026-01-02T00:00:00+01:00"


def test_a_second_run_adds_nothing(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """Whether renamed or compressed meanwhile, and only what is new of a grown file goes in."""
    file = folder / "sales.csv"
    file.write_text(HEADER + "".join(ROWS[:2]))
    filrouge("init")
    filrouge("import", file, "--mapping", mapping)
    before = events(filrouge)
    renamed = folder / "sales-old.csv.gz"
    renamed.write_bytes(gzip.compress((HEADER + "\n" + "".join(ROWS[:2])).encode()))
    said = filrouge("import", renamed, "--mapping", mapping, "--json").json
    assert (said["recorded"], sum(said["duplicates"].values())) == ({}, 3)
    assert events(filrouge) == before
    file.with_suffix(".csv.xz").write_bytes(lzma.compress((HEADER + "".join(ROWS)).encode()))
    grown = filrouge("import", folder / "sales.csv.xz", "--mapping", mapping, "--json").json
    assert sum(grown["recorded"].values()) == 3
    assert events(filrouge)[: len(before)] == before


def test_what_does_not_fit_is_put_aside(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """With file, line, reason and row, for its owner only; the rest goes in; the exit code is 1."""
    file = folder / "sales.csv"
    bad = [
        "carl@example.org,2026-01-01,free,sale\n",
        "carl@example.org,someday,5,sale\n",
        "carl@example.org,2026-01-01,5,gift\n",
        "carl@example.org,2026-01-01\n",
        "carl@example.org,2026-01-01,-5,sale\n",
        "carl@example.org,1969-01-01,5,sale\n",
        "carl@example.org,2099-01-01,5,sale\n",
        ",2026-01-01,20,sale\n",
    ]
    file.write_text(HEADER + "dora@example.org,2026-01-01,1,test\n" + "".join(bad) + ROWS[0])
    filrouge("init")
    run = filrouge("import", file, "--mapping", mapping, code=1)
    assert "carl" not in run.out + run.err
    said = filrouge("import", file, "--mapping", mapping, "--json", code=1).json["files"][0]
    assert (said["records"], said["rejected"], said["skipped"], said["duplicates"]) == (10, 8, 1, 2)
    path = folder / "sales-csv.rejects.ndjson"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "carl" not in path.read_text()
    rejects = filrouge("rejects", path, "--json").json
    assert {(one["file"], one["line"], one["record"]) for one in rejects} == {
        ("sales.csv", line, line - 1) for line in range(3, 11)
    }
    reasons = {one["line"]: one["reason"] for one in rejects}
    assert reasons[3] == "purchase.recorded: net: other text, and a number is needed"
    assert reasons[4].startswith("purchase.recorded: time: not a time like")
    assert reasons[5].startswith("no [[file.event]] takes this row")
    assert reasons[6] == "2 columns, and there are 4 names"
    assert reasons[7].endswith("Expected `int` >= 0 - at `$.net`")
    assert "1970" in reasons[8]
    assert "ahead" in reasons[9]
    assert "account_id" in reasons[10]
    assert [one["row"]["amount"] for one in rejects if one["line"] == 3] == ["free"]
    file.write_text(HEADER + "dora@example.org,2026-01-01,1,test\n" + ROWS[0])
    filrouge("import", file, "--mapping", mapping, "--correction", "mended")
    assert not path.exists()
    assert sorted(one.name for one in folder.iterdir()) == ["sales.csv"]


def test_a_changed_row_is_refused(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """What was recorded stays; the reason says what differs."""
    file = folder / "sales.csv"
    file.write_text(HEADER + ROWS[1])
    filrouge("init")
    filrouge("import", file, "--mapping", mapping)
    file.write_text(HEADER + ROWS[1].replace(",5,", ",6,"))
    said = filrouge("import", file, "--mapping", mapping, "--json", code=1).json["files"][0]
    [reason] = said["reasons"]
    assert "with another data.net" in reason
    assert len(events(filrouge)) == 2


def test_a_wrong_file_is_voided_and_a_corrected_one_follows(
    filrouge: Filrouge, mapping: Path, folder: Path
) -> None:
    """The batch cannot be used again; with a correction's label the same rows are new ones."""
    file = folder / "sales.csv"
    file.write_text(HEADER + "".join(ROWS))
    filrouge("init")
    filrouge("import", file, "--mapping", mapping)
    filrouge("void", "--batch", "shop", "--reason", "gross, not net")
    assert filrouge("status", "--json").json["money"] == {}
    error = filrouge("import", file, "--mapping", mapping, "--json", code=1).error
    assert error["error"] == "batch-voided"
    file.write_text(HEADER + "".join(ROWS).replace("19.90", "16.58"))
    said = filrouge("import", file, "--mapping", mapping, "--correction", "net", "--json").json
    assert (said["batch"], said["files"][0]["source"]) == ("shop:net", "shop/sales#net")
    status = filrouge("status", "--json").json
    assert status["money"] == {"purchases": {"EUR": 3858}}
    assert status["points"] == {"earned": 2}
    assert status["events"]["purchase.recorded.v1"] == 8


def test_a_file_that_breaks_off_gives_what_came_before(
    filrouge: Filrouge, mapping: Path, folder: Path
) -> None:
    """And the next file still goes in."""
    whole = gzip.compress((HEADER + ROWS[0] * 30_000).encode(), compresslevel=0)
    (folder / "sales-cut.csv.gz").write_bytes(whole[:40_000])
    text = MAPPING.replace('"shop/sales"', '"shop/{file}"').replace(
        "s-{@record}", "{@file}-{@record}"
    )
    mapping.write_text(text)
    (folder / "sales-ok.csv").write_text(HEADER + ROWS[1])
    filrouge("init")
    said = filrouge(
        "import", folder / "sales-cut.csv.gz", folder / "sales-ok.csv", "--mapping", mapping,
        "--json", code=1,
    ).json  # fmt: skip
    cut, good = said["files"]
    assert "cut short" in cut["broken"]
    assert cut["recorded"] == 2 * cut["records"] > 1_000
    assert good["recorded"] == 1


def test_a_dry_run_records_nothing(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """It needs no ledger and no database, and writes no file."""
    file = folder / "sales.csv"
    file.write_text(HEADER + "".join(ROWS) + "x,y,z\n")
    run = filrouge("import", file, "--mapping", mapping, "--dry-run", code=1)
    assert "would be new" in run.out
    assert [one.name for one in folder.iterdir()] == ["sales.csv"]
    filrouge("status", code=4)


def test_the_mapping_may_say_which_ledger_to_make(
    filrouge: Filrouge, mapping: Path, folder: Path
) -> None:
    """Without that, a ledger that is not there is an error, so that a slip makes none."""
    file = folder / "sales.csv"
    file.write_text(HEADER + ROWS[0])
    filrouge("import", file, "--mapping", mapping, code=4)
    own = '[ledger]\nname = "Shop"\ntime_zone = "Asia/Tokyo"\ncurrency = "JPY"\n[values]\n'
    mapping.write_text(MAPPING.replace("[values]\n", own))
    filrouge("import", file, "--mapping", mapping)
    status = filrouge("status", "--json").json
    assert (status["name"], status["time_zone"], status["currency"]) == (
        "Shop",
        "Asia/Tokyo",
        "JPY",
    )


def test_rejects_can_go_elsewhere(
    filrouge: Filrouge, mapping: Path, folder: Path, tmp_path: Path
) -> None:
    """To a folder that the user names, and no other."""
    file = folder / "sales.csv"
    file.write_text(HEADER + "x,y,z,sale\n")
    filrouge("init")
    filrouge("import", file, "--mapping", mapping, "--rejects", tmp_path, code=1)
    assert (tmp_path / "sales-csv.rejects.ndjson").exists()
    assert [one.name for one in folder.iterdir()] == ["sales.csv"]


def test_rejects_files_are_no_data(filrouge: Filrouge, mapping: Path, folder: Path) -> None:
    """A pattern that takes them along does no harm; named alone they are an error."""
    file = folder / "sales.csv"
    file.write_text(HEADER + ROWS[0] + "x,y,z,sale\n")
    filrouge("init")
    for _ in range(2):
        said = filrouge("import", *folder.glob("*"), "--mapping", mapping, code=1)
    assert "left out" in said.err
    assert len(list(folder.iterdir())) == 2
    filrouge("import", *folder.glob("*.rejects.ndjson"), "--mapping", mapping, code=2)


def test_decided_events_come_in(
    filrouge: Filrouge, environment: dict[str, str], folder: Path
) -> None:
    """Points of another system are marked by their batch; identities are found by their value."""
    file = folder / "members.json"
    file.write_text('{"n": 1, "mail": "Anna@Example.org"}\n')
    mapping = folder / "members.toml"
    mapping.write_text("""name = "crm"
[[file]]
match = "members.json"
source = "crm"
time = 2026-01-01T00:00:00Z
[file.values]
member = { lookup = "member", of = ["n"] }
[[file.event]]
type = "member.enrolled.v1"
fields = { member_id = "$member" }
[[file.event]]
type = "member.identified.v1"
fields = { member_id = "$member", kind = "email", exclusive = true, value = { column = "mail" } }
""")
    filrouge("init")
    filrouge("import", file, "--mapping", mapping)
    _, enrolled, identified = events(filrouge)
    assert identified["data"]["value"].startswith("sealed|member.identified.v1|value|member:m_")
    keys = EpochKeys.from_file(Path(environment["FILROUGE_KEY_FILE"]))
    database = Database(environment["FILROUGE_DATABASE_URL"], keys=keys, pool_max=2)
    ledger = database.open("test")
    try:
        found = ledger.vault.find("identity", "email", "anna@example.org")
        assert found == identified["data"]["identity_id"]
        assert ledger.vault.find("member", "1") == enrolled["data"]["member_id"]
    finally:
        ledger.close()
        database.close()
