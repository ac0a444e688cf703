"""Each word of the mapping language does what its documentation says."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.filrouge.mappings import Made, events_of, written

HEAD = """name = "words"
[values]
start = 2026-01-01T00:00:00Z
[[file]]
match = "*"
source = "words"
format = "jsonl"
time = "$start"
"""


def make(folder: Path, event: str, *rows: dict[str, Any]) -> Made:
    """What a section makes of rows of JSON."""
    path = folder / "rows.json"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return events_of(written(folder, HEAD + event), path)


def profile(folder: Path, value: str, *rows: dict[str, Any]) -> list[Any]:
    """What a value is in a field that takes text, numbers and truth; None where it is left out."""
    made = make(
        folder,
        f"""[[file.event]]
type = "profile.updated.v1"
[file.event.fields]
member_id = "m_1"
plain = {{ constant = 1, value = {value} }}
""",
        *rows,
    )
    assert made.rejected == {}
    return [new.event.plain.get("value") for new in made.events]  # type: ignore[attr-defined]


@pytest.mark.parametrize("value,row,expected",
    [
        ('"text"', {}, "text"),
        ('"$$text"', {}, "$text"),
        ("5", {}, 5),
        ("true", {}, True),
        ('{ column = "a" }', {"a": " x "}, "x"),
        ('{ column = "a" }', {"a": "  "}, None),
        ('{ column = "a" }', {"a": None}, None),
        ('{ column = "a" }', {}, None),
        ('{ column = "a" }', {"a": 7.0}, 7),
        ('{ column = "a" }', {"a": 7.25}, "7.25"),
        ('{ column = "a.b c" }', {"a": {"b c": 1}}, 1),
        ('{ column = "a.b c" }', {"a.b c": 1}, 1),
        ('{ column = "a.b.c" }', {"a": {"b": 3}}, None),
        ('{ column = "@record" }', {}, 1),
        ('{ column = "@file" }', {}, "rows"),
        ('{ template = "{a}/{$start}" }', {"a": 1}, "1/2026-01-01T00:00:00+00:00"),
        ('{ template = "{a}-{b}" }', {"a": 1}, None),
        ('{ column = "a", absent = [118, "n/a"] }', {"a": 118}, None),
        ('{ column = "a", absent = [118, "n/a"] }', {"a": "n/a"}, None),
        ('{ column = "a", absent = [118, "n/a"] }', {"a": 117}, 117),
        ('{ column = "a", join = ";" }', {"a": ["x", 2]}, "x;2"),
        ('{ column = "a", join = ";" }', {"a": []}, None),
        ('{ column = "a", case = "upper" }', {"a": "xy"}, "XY"),
        ('{ column = "a", case = "lower", map = { f = "female" } }', {"a": "F"}, "female"),
        ('{ column = "a", map = { 1 = true }, otherwise = false }', {"a": 1}, True),
        ('{ column = "a", map = { 1 = true }, otherwise = false }', {"a": 2}, False),
        ('{ column = "a", map = { x = { column = "b" } } }', {"a": "x", "b": 9}, 9),
        ('{ column = "a", multiply = -1 }', {"a": "12"}, -12),
        ('{ column = "a", multiply = 0.5, as = "integer" }', {"a": 12}, 6),
        ('{ column = "a", as = "minor_units" }', {"a": "12.5"}, 1250),
        ('{ column = "a", as = "minor_units", currency = "JPY" }', {"a": "12"}, 12),
        ('{ column = "a", currency = { column = "c" } }', {"a": "12.5", "c": "TND"}, 12500),
        ('{ column = "a", digits = 1 }', {"a": "12.5"}, 125),
        ('{ column = "a", as = "integer", decimal_comma = true }', {"a": "1.234,00"}, 1234),
        ('{ column = "a", as = "text" }', {"a": 5}, "5"),
        ('{ column = "a", as = "boolean" }', {"a": "yes"}, True),
        ('{ column = "a", as = "date", format = "%d/%m/%Y" }', {"a": "31/12/2025"}, "2025-12-31"),
        ('{ column = "a", default = "none" }', {}, "none"),
        ('{ column = "a", default = { column = "b" } }', {"b": "x"}, "x"),
        ('{ column = "a", absent = ["x"], default = 0 }', {"a": "x"}, 0),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, value: str, row: dict[str, Any], expected: Any) -> None:
    """From a row to what stands in the field."""
    assert profile(tmp_path, value, row) == [expected]


def test_occurrences_number_what_repeats(tmp_path: Path) -> None:
    """Rows that a section takes are counted by their values; other rows see the count so far."""
    made = make(
        tmp_path,
        """[file.values]
nth = { occurrences_of = "invitation.sent", by = ["who"] }
[[file.event]]
type = "invitation.sent.v1"
when = { what = "sent" }
fields = { member_id = "m_1", invitation_id = { template = "{who}-{$nth}" } }
[[file.event]]
type = "invitation.opened.v1"
when = { what = "opened" }
fields = { member_id = "m_1", invitation_id = { template = "{who}-{$nth}" } }
""",
        *(
            {"who": who, "what": what}
            for who, what in (
                ("a", "opened"), ("a", "sent"), ("b", "sent"), ("a", "sent"), ("a", "opened"),
                ("b", "opened"),
            )
        ),
    )  # fmt: skip
    assert [(new.event.type_name[:15], new.event.invitation_id) for new in made.events] == [  # type: ignore[attr-defined]
        ("invitation.open", "a-0"), ("invitation.sent", "a-1"), ("invitation.sent", "b-1"),
        ("invitation.sent", "a-2"), ("invitation.open", "a-2"), ("invitation.open", "b-1"),
    ]  # fmt: skip


def test_lists_and_blocks(tmp_path: Path) -> None:
    """Blocks for each element of a list; a block of which nothing is known is left out."""
    event = """[[file.event]]
type = "purchase.recorded.v1"
[file.event.fields]
purchase_id = { column = "id" }
currency = "EUR"
net = { column = "net", as = "minor_units" }
codes = { column = "codes", split = ";" }
[file.event.fields.contact]
channel = { column = "where", case = "lower" }
medium = "till"
[file.event.fields.lines]
each = "items"
fields = { sku = { column = "sku" }, net = { column = "price", as = "minor_units" } }
"""
    made = make(
        tmp_path,
        event,
        {"id": 1, "net": 5, "codes": "A; B", "where": "STORE",
         "items": [{"sku": "x", "price": 2.5}, {"sku": 7, "price": "2.50"}]},
        {"id": 2, "net": 5},
        {"id": 3, "net": 5, "items": ["x"]},
        {"id": 4, "net": 5, "items": [{"price": "much"}]},
    )  # fmt: skip
    assert [json.loads(msgspec.json.encode(new.event)) for new in made.events] == [
        {
            "purchase_id": "1", "currency": "EUR", "net": 500, "codes": ["A", "B"],
            "contact": {"channel": "store", "medium": "till"},
            "lines": [{"sku": "x", "net": 250}, {"sku": "7", "net": 250}],
        },
        {"purchase_id": "2", "currency": "EUR", "net": 500},
    ]  # fmt: skip
    assert list(made.rejected) == [
        "purchase.recorded: lines: not a list of groups of values",
        "purchase.recorded: lines.net: other text, and a number is needed",
    ]


@pytest.mark.parametrize(
    "when,taken",
    [
        ('{ a = "x" }', [1]),
        ('{ a = ["x", 5] }', [1, 2]),
        ("{ a = 5.0 }", []),
        ("{ a = { present = true } }", [1, 2, 3]),
        ("{ a = { present = false } }", [4]),
        ('{ a = { not = "x" } }', [2, 3, 4]),
        ('{ a = { not = ["x", 5] } }', [3, 4]),
        ("{ a = { over = 5 } }", [3]),
        ("{ a = { under = 7.5, over = 4 } }", [2, 3]),
        ('{ a = { matches = "^[a-z]$" } }', [1]),
        ('{ a = { present = true }, b = "y" }', [2]),
        ("{ }", [1, 2, 3, 4]),
    ],
)
def test_conditions(tmp_path: Path, when: str, taken: list[int]) -> None:
    """All of them must hold; a row that nobody takes is rejected."""
    made = make(
        tmp_path,
        f"""[[file.event]]
type = "membership.ended.v1"
when = {when}
fields = {{ member_id = {{ template = "m_{{@record}}" }} }}
""",
        {"a": "x"},
        {"a": 5, "b": "y"},
        {"a": "7.25"},
        {"b": "y"},
    )
    assert [new.event.member_id for new in made.events] == [f"m_{n}" for n in taken]  # type: ignore[attr-defined]
    assert sum(made.rejected.values()) == 4 - len(taken)


def test_rows_can_be_left_out_on_purpose(tmp_path: Path) -> None:
    """They are counted apart from those that were rejected."""
    made = make(
        tmp_path,
        """[[file.skip]]
when = { a = "test" }
[[file.event]]
type = "membership.ended.v1"
fields = { member_id = { column = "m" } }
""",
        {"a": "test", "m": "m_1"},
        {"a": "real", "m": "m_2"},
    )
    assert [new.event.member_id for new in made.events] == ["m_2"]  # type: ignore[attr-defined]
    assert (made.report.files[0].skipped, made.report.files[0].rejected) == (1, 0)


def test_a_row_goes_in_whole_or_not_at_all(tmp_path: Path) -> None:
    """If one of its events does not fit, none is made; the reason names event and field."""
    made = make(
        tmp_path,
        """[[file.event]]
type = "membership.ended.v1"
fields = { member_id = { column = "m" } }
[[file.event]]
type = "visitor.identified.v1"
fields = { member_id = { column = "m" }, visitor_id = { column = "v" } }
""",
        {"m": "m_1", "v": "v 1"},
        {"m": "m_2", "v": "v2"},
        {"v": "v3"},
    )
    assert [new.id for new in made.events] == ["2/membership.ended", "2/visitor.identified"]
    first, second = made.rejected
    assert first.startswith("visitor.identified: Expected `str` matching regex")
    assert first.endswith("at `$.visitor_id`")
    assert second == "membership.ended: Object missing required field `member_id`"


def test_an_id_of_its_own_tells_a_row(tmp_path: Path) -> None:
    """Wherever the row stands, and none means that the row does not fit."""
    rows = ({"n": "A1"}, {"n": ""}, {"n": "A2"})
    path = tmp_path / "rows.json"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    text = (
        HEAD
        + """id = { column = "n" }
[[file.event]]
type = "membership.ended.v1"
fields = { member_id = "m_1" }
"""
    )
    made = events_of(written(tmp_path, text), path)
    assert [new.id for new in made.events] == ["A1/membership.ended", "A2/membership.ended"]
    assert made.rejected == {"id: there is none": 1}
