"""The picture of the way from a command to a row names files that are there, in every room."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "from-command-to-row.md"
NAMED = re.findall(r"[a-z_]+(?:/[a-z_0-9]+)+\.(?:py|sql)", PAGE.read_text())


@pytest.mark.parametrize("file", sorted(set(NAMED)))
def test_every_file_that_is_named_is_there(file: str) -> None:
    """A file that is renamed or taken apart changes the picture."""
    assert (ROOT / file).is_file()


def test_the_way_leads_through_every_room() -> None:
    """From the edge through the domain and the store to the projections."""
    rooms = {Path(file).parts[0] for file in NAMED}
    assert rooms == {"api", "domain", "store", "projections", "migrations"}


def test_the_picture_fits_a_page() -> None:
    """A picture that is wider than a page is not one any more."""
    [picture] = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert max(map(len, picture.splitlines())) <= 100
