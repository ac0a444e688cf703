"""The page on holding a draw: its few lines of Python compute what the ledger computes."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from domain.draw_order import in_order
from domain.entry_lists import Entry
from store.draws import root_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "hold-a-draw.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's Python defines."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), found)  # noqa: S102 - it is our own page
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 100])
def test_the_page_computes_the_root_and_the_order(page: dict[str, Any], count: int) -> None:
    """Of lists of any length, with tickets."""
    random = Random(count)  # noqa: S311 - a test's list, and nothing secret
    entries = [Entry(f"entry:{n}", f"m{n % 7}", random.randint(1, 4)) for n in range(count)]
    leaves = [entry.line for entry in entries]
    assert page["root"](leaves).hex() == root_of(entries)
    value = sha256(b"%d" % count).digest()
    expected = [entry.line for entry in in_order(entries, value, "spring-draw")]
    assert page["order"](leaves, value.hex(), "spring-draw") == expected
