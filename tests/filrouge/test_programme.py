"""``filrouge programme apply``: one file becomes events; faults are told with their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.filrouge.conftest import ROOT, Filrouge

PAGE = (ROOT / "docs" / "how-to" / "reward-members.md").read_text()
TEXT = PAGE.split("```toml\n")[2].split("```")[0]
"""The programme of the page: the second of its files in TOML."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page's programme."""
    path = tmp_path / "programme.toml"
    path.write_text(TEXT)
    return path


def test_a_programme_is_opened_and_amended_by_its_file(filrouge: Filrouge, file: Path) -> None:
    """The difference is shown first; what the ledger has already stays as it is."""
    filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
    shown = filrouge("programme", "apply", file, "--dry-run").out
    assert "Would be opened: programme club: points stars; tiers welcome, silver, gold" in shown
    applied = filrouge("programme", "apply", file, "--json").json
    assert [one["change"] for one in applied["changes"]] == ["opened", *["published"] * 5]
    again = filrouge("programme", "apply", file).out
    assert "The ledger has these programmes and rules already." in again
    later = TEXT.replace("since = 2025-01-01", "since = 2026-01-01")
    file.write_text(later.replace("threshold = 25000", "threshold = 20000"))
    said = filrouge("programme", "apply", file).out
    assert said.strip() == ("Was amended: programme club: tiers from 2026-01-01T00:00:00+01:00 on")
    file.write_text(later[: later.index("[programmes.club.tiers]")])
    said = filrouge("programme", "apply", file, "--retire", "--json").json
    assert [one["change"] for one in said["changes"]] == ["amended", *["retired"] * 5]
    file.write_text(TEXT.replace('name = "The Club"', 'name = "Club"'))
    refused = filrouge("programme", "apply", file, code=2).err
    assert "newer terms are in force from 2026-01-01" in refused
    file.write_text(TEXT.replace("Europe/Paris", "Europe/Brussels"))
    assert "the programme is in Europe/Paris" in filrouge("programme", "apply", file, code=2).err


@pytest.mark.parametrize(
    "right, wrong, said",
    [
        ("event.net", "event.nett", "rules.spend: "),
        ("'gold'", "'glod'", "rules.gold.condition: club has no tier 'glod', but welcome, silver"),
        ("threshold = 25000", "threshold = 9000", "programmes.club: tiers are listed lowest first"),
        ("grace_days = 31", "grace_days = 400", "a grace in a year has at most 364 days"),
        ('currency = "EUR"\nperiod', "period", "spend is counted in one currency: name it"),
        ("threshold = 0", "treshold = 0", "unknown field `treshold`"),
        ('points_currency = "stars"\nname', 'points_currency = "star"\nname', "club has no stars"),
        ("[programmes.club]", "[programmes.club", "Expected"),
    ],
)
def test_each_fault_is_told_with_its_place(
    filrouge: Filrouge, file: Path, right: str, wrong: str, said: str
) -> None:
    """Before anything is applied."""
    assert right in TEXT
    file.write_text(TEXT.replace(right, wrong, 1))
    refused = filrouge("programme", "apply", file, code=2).err
    assert said in refused
    assert "Correct the file" in refused
