"""A mapping that is wrong is refused before anything is imported, with the line and the key."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from domain.event import Event, event_classes
from filrouge.importing import language
from filrouge.importing.errors import MappingError, Unreadable
from filrouge.importing.language import FORMS, Words
from filrouge.importing.mapping import Mapping, source_of
from tests.filrouge.mappings import GOOD, compiled, events_of, written

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "import-history.md"


def test_a_good_mapping_compiles(tmp_path: Path) -> None:
    """The mapping that the wrong ones are made of is right."""
    [section] = compiled(written(tmp_path, GOOD))
    assert section.columns.keys() == {"customer", "bought", "amount", "what"}


WRONG: list[tuple[str, str, int, str]] = [
    # what of GOOD, becomes what, on which line, and what is said of it
    ('name = "shop"', 'name = "shop"\ncolour = "red"', 2, "colour: there is no such key"),
    ('source = "shop/sales"', 'sauce = "x"', 6, r"file\[0\].sauce: .*did you mean 'source'"),
    ('type = "purchase.recorded.v1"', 'tpye = "x"', 9, r"event\[0\].tpye: .*mean 'type'"),
    ('type = "purchase.recorded.v1"', 'type = "purchase.made.v1"', 9, "no event 'purchase.made"),
    ('type = "purchase.recorded.v1"', 'type = "ledger.opened.v1"', 9, "cannot be imported"),
    ("net = {", "nett = {", 16, r"fields.nett: PurchaseRecorded has no such field"),
    ('currency = "EUR"', "", 12, "needs the field 'currency'"),
    ('currency = "EUR"', 'currency = "euro"', 15, "'euro' does not fit"),
    ('currency = "EUR"', "currency = 5", 15, "5 does not fit"),
    ('as = "minor_units"', 'az = "minor_units"', 16, r"net.az: .*there is no such key"),
    ('as = "minor_units"', 'as = "money"', 16, r"net.as: invalid enum value 'money'"),
    ('as = "minor_units"', 'as = "integer", digits = 2', 16, "belongs to minor_units"),
    ('as = "minor_units"', 'as = "integer", format = "%Y"', 16, "belongs to times"),
    ('as = "minor_units"', "otherwise = 3", 16, "belongs to a 'map'"),
    ('{ column = "amount", as', '{ colum = "amount", as', 16, "one of the words column, template"),
    ('lookup = "member"', 'lookup = "Member!"', 14, "a lookup has a kind"),
    ('of = ["customer"]', 'of = "customer"', 14, "of: expected `array`"),
    ('purchase_id = "$number"', 'purchase_id = "$nummer"', 13, "no value \\$nummer"),
    ('number = { template = "s-{@record}" }', 'number = "$number"', 3, "made of itself"),
    ("{@record}", "{@row}", 3, "there is no @row"),
    ('"s-{@record}"', '"s"', 3, "names columns in braces"),
    ('when = { what = "sale" }', "when = { what = { below = 3 } }", 10, "below: there is no such"),
    ('when = { what = "sale" }', "when = { what = {} }", 10, "says present, not, over"),
    ('when = { what = "sale" }', 'when = { what = { matches = "(" } }', 10, "not a pattern"),
    ('time = { column = "bought" }', "", 8, "the key 'time' is missing"),
    ('time = { column = "bought" }', 'time = "soon"', 11, "not a time"),
    ('time = { column = "bought" }', "time = { after = 2026-01-01 }", 11, "how long after"),
    ('source = "shop/sales"', 'source = "my shop"', 6, "a source is letters"),
    ('match = "sales*"', 'match = "sales*"\nencoding = "klingon"', 6, "no such encoding"),
    ('match = "sales*"', 'match = "sales*"\ndelimiter = ";;"', 6, "one character"),
    ('name = "shop"', 'name = "my shop!"', 1, "a name is letters"),
    ('name = "shop"', 'name = "shop"\ntime_zone = "Paris"', 2, "not a time zone"),
    ('name = "shop"', 'name = "shop"\ncurrency = "euro"', 2, "ISO 4217"),
    ('name = "shop"', "name = 3", 1, "name: expected `str`, got `int`"),
    ('name = "shop"', 'name = "shop', 1, "not TOML"),
    ('name = "shop"', "", 1, "the key 'name' is missing"),
]  # fmt: skip


@pytest.mark.parametrize("before,after,line,said", WRONG)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, line: int, said: str
) -> None:
    """Unknown keys, wrong types, fields that are missing: all before the first row."""
    assert before in GOOD
    with pytest.raises(MappingError) as caught:
        compiled(written(tmp_path, GOOD.replace(before, after, 1)))
    message = str(caught.value)
    assert re.search(said, message), message
    assert f"line {line}:" in message or "not TOML" in message, message


def test_two_sections_may_not_share_an_identity(tmp_path: Path) -> None:
    """Rows of two files that are told by the same source and number would be taken for one."""
    second = GOOD[GOOD.index("[[file]]") :]
    with pytest.raises(MappingError, match=r"same identity"):
        compiled(written(tmp_path, GOOD + second))


def test_two_events_of_one_type_need_a_name(tmp_path: Path) -> None:
    """The name is part of their ids."""
    event = GOOD[GOOD.index("[[file.event]]") :]
    with pytest.raises(MappingError, match=r"two sections are called 'purchase\.recorded'"):
        compiled(written(tmp_path, GOOD + event))
    named = event.replace("[[file.event]]", '[[file.event]]\nname = "again"')
    compiled(written(tmp_path, GOOD + named))


def test_files_that_could_not_be_told_apart_are_refused(tmp_path: Path) -> None:
    """Unless the source has the file's name in it, or rows have an id of their own."""
    mapping = written(tmp_path, GOOD)
    files = [tmp_path / "sales-1.csv", tmp_path / "sales-2.csv"]
    for file in files:
        file.write_text("customer,bought,amount,what\n")
    with pytest.raises(MappingError, match=r"line 6: .*sales-1.csv and sales-2.csv"):
        mapping.assign(files, compiled(mapping))
    by_file = written(tmp_path, GOOD.replace('"shop/sales"', '"shop/{file}"'))
    sources = [source_of(one, path) for path, one, _ in by_file.assign(files, compiled(by_file))]
    assert sources == ["shop/sales-1", "shop/sales-2"]
    assert source_of(compiled(by_file)[0], Path("été 1.csv"), "fix") == "shop/=C3=A9t=C3=A9=201#fix"
    by_id = written(
        tmp_path, GOOD.replace('source = "shop/sales"', 'source = "shop"\nid = { column = "what" }')
    )
    assert len(by_id.assign(files, compiled(by_id))) == 2


def test_a_file_without_a_section_is_refused(tmp_path: Path) -> None:
    """The error says which patterns there are."""
    mapping = written(tmp_path, GOOD)
    with pytest.raises(MappingError, match=r"matches other.csv \(there are: sales\*\)"):
        mapping.assign([tmp_path / "other.csv"], compiled(mapping))


def test_a_csv_without_a_column_that_is_named_is_refused(tmp_path: Path) -> None:
    """With the line of the mapping that names it, and the columns that there are."""
    mapping = written(tmp_path, GOOD)
    file = tmp_path / "sales.csv"
    file.write_text("customer,bought,total,what\n1,2026-01-01,3,sale\n")
    with pytest.raises(MappingError, match=r"line 16: .*no column 'amount'; it has: customer, bou"):
        mapping.assign([file], compiled(mapping))
    file.write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(Unreadable, match=r"sales.csv: the compressed file is damaged"):
        mapping.assign([file], compiled(mapping))


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As is one that is no text."""
    with pytest.raises(MappingError, match="No such file"):
        Mapping(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(MappingError, match="not UTF-8"):
        Mapping(tmp_path / "binary.toml")


def _fields(struct: type[msgspec.Struct]) -> set[str]:
    return {one.name for one in msgspec.structs.fields(struct)}


def _blocks(kind: Any) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()

    def walk(one: msgspec.inspect.Type) -> None:
        match one:
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                found.add(cls)
                for field in fields:
                    walk(field.type)
            case msgspec.inspect.Metadata(type=inner):
                walk(inner)
            case msgspec.inspect.UnionType(types=types):
                for inner in types:
                    walk(inner)
            case msgspec.inspect.VarTupleType(item_type=inner):
                walk(inner)

    walk(msgspec.inspect.type_info(kind))
    return found - {kind}


@pytest.mark.parametrize("event", event_classes().values(), ids=lambda one: one.type_name)
def test_no_field_is_called_like_a_word_of_the_language(event: type[Event]) -> None:
    """Else a table could be a value and a block at once."""
    for block in _blocks(event):
        assert not _fields(block) & FORMS.keys()


def test_the_documentation_explains_every_key() -> None:
    """And every word that `as` may say."""
    code = " ".join(re.findall(r"`[^`\n]+`", HOW_TO.read_text()))
    said = set(re.findall(r"[a-z_]+", code))
    tables = [one for one in vars(language).values() if isinstance(one, type)]
    keys = {
        field.encode_name
        for one in tables
        if issubclass(one, Words)
        for field in msgspec.structs.fields(one)
    }
    assert not keys - said
    assert not {*get_args(language.As)} - said


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    """The page's first mapping makes the events that the page says of the page's rows."""
    text = HOW_TO.read_text()
    rows, mapping = (
        re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("csv", "toml")
    )
    assert rows is not None
    assert mapping is not None
    (tmp_path / "orders-2025.csv").write_text(rows[1])
    made = events_of(written(tmp_path, mapping[1]), tmp_path / "orders-2025.csv")
    assert [new.event.type_name for new in made.events] == [
        "purchase.recorded.v1", "purchase.recorded.v1", "purchase.returned.v1",
    ]  # fmt: skip
    assert [getattr(new.event, "net") for new in made.events] == [1990, 123456, 1990]  # noqa: B009
    assert [new.id for new in made.events] == [
        "1/purchase.recorded", "2/purchase.recorded", "3/purchase.returned",
    ]  # fmt: skip
    assert made.events[0].time.isoformat() == "2025-05-31T18:04:00+02:00"
    assert len(made.rejected) == 1
