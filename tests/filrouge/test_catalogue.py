"""``filrouge catalogue`` and ``filrouge codes``: items and codes from files, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.codes import ALPHABET
from store.ledger import Ledger
from tests.filrouge.conftest import Filrouge

FILE = """
[items.mug]
name = "Mug"
kind = "gift"
stocked = true

[items.film]
name = "Film"
kind = "voucher"
coded = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A catalogue of two items."""
    path = tmp_path / "catalogue.toml"
    path.write_text(FILE)
    return path


def test_a_file_is_applied_as_far_as_it_says_something_new(
    ledger: Ledger, filrouge: Filrouge, file: Path
) -> None:
    """Listed, left alone, amended, and delisted when that is asked for."""
    before = ledger.log.head().position
    shown = filrouge("catalogue", "apply", file, "--dry-run", "--json").json
    assert {one["item_id"]: one["change"] for one in shown["changes"]} == {
        "mug": "listed", "film": "listed",
    }  # fmt: skip
    assert ledger.log.head().position == before
    filrouge("catalogue", "apply", file)
    assert filrouge("catalogue", "apply", file, "--json").json["changes"] == []
    file.write_text(FILE.partition("[items.film]")[0] + "points_currency = 'x'\n")
    said = filrouge("catalogue", "apply", file, "--json", code=2).error["message"]
    assert "items.mug: points:" in said
    file.write_text(FILE.partition("[items.film]")[0] + "uses_max = 2\n")
    changes = filrouge("catalogue", "apply", file, "--delist", "--json").json["changes"]
    assert {one["item_id"]: one["change"] for one in changes} == {
        "mug": "amended", "film": "delisted",
    }  # fmt: skip
    assert filrouge("catalogue", "apply", file, "--delist", "--json").json["changes"] == []


@pytest.mark.parametrize(
    "text, said",
    [
        ("[items.mug]\nname = 'Mug'\nkind = 'mug'\n", "mug"),
        ("[items.mug]\nname = 'Mug'\nkind = 'gift'\neligibility = 'member.x'\n", "member.x"),
        ("items = 3\n", "items"),
        ("[items.mug\n", "line 1"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    ledger: Ledger, filrouge: Filrouge, file: Path, text: str, said: str
) -> None:
    """Before anything is recorded."""
    file.write_text(text)
    error = filrouge("catalogue", "apply", file, "--json", code=2).error
    assert said in error["message"]
    assert error["error"] == "wrong-catalogue"
    assert ledger.log.head().position == 1


def test_codes_are_made_and_written_for_their_owner_alone(
    ledger: Ledger, filrouge: Filrouge, tmp_path: Path
) -> None:
    """As many as were asked for, all different, in a new file; imported again they are known."""
    target = tmp_path / "codes.txt"
    arguments = ("codes", "generate", "film", "--count", 1_200, "--length", 20, "--to", target)
    said = filrouge(*arguments, "--json").json
    assert (said["supplied"], said["known"]) == (1_200, 0)
    assert target.stat().st_mode & 0o777 == 0o600
    codes = target.read_text().split()
    assert len(set(codes)) == 1_200
    assert {len(code) for code in codes} == {24}
    assert set("".join(codes)) - {"-"} == set(ALPHABET)
    assert filrouge(*arguments, "--json", code=2).error["error"] == "wrong-file"
    again = filrouge("codes", "import", "other", target, "--json").json
    assert (again["supplied"], again["known"]) == (0, 1_200)
    position = ledger.log.head().position
    entry = ledger.log.entry(position)
    assert entry is not None
    assert entry.envelope.batch == said["batch"]


def test_codes_that_were_taken_back_are_supplied_again(
    ledger: Ledger, filrouge: Filrouge, tmp_path: Path
) -> None:
    """The wrong file is voided by its batch, and the same codes come in for another item."""
    source = tmp_path / "codes.txt"
    source.write_text("AAAA-1\n\nBBBB-2\n")
    first = filrouge("codes", "import", "film", source, "--json").json
    filrouge("void", "--batch", first["batch"], "--reason", "wrong item")
    again = filrouge("codes", "import", "mug", source, "--json").json
    assert (again["supplied"], again["known"]) == (2, 0)
    assert ledger.log.head().position == 6


def test_a_file_that_is_no_text_is_refused(
    ledger: Ledger, filrouge: Filrouge, tmp_path: Path
) -> None:
    """With what to do about it."""
    source = tmp_path / "codes.txt"
    source.write_bytes("CODÉ-1\n".encode("latin-1"))
    error = filrouge("codes", "import", "film", source, "--json", code=2).error
    assert error["error"] == "wrong-file"
    assert ledger.log.head().position == 1
