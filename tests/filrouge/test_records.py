"""Records are read one by one, numbered for good, from plain and compressed files."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from filrouge.importing.errors import Unreadable
from filrouge.importing.records import LINE_BYTES_MAX, Format, Record, Source, Table, bare_name

COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}


def read(path: Path, format_: Format = "jsonl", table: Table | None = None) -> list[Record]:
    """All records of a file."""
    with Source(path) as source:
        return list(source.records(format_, table or Table()))


def read_until_it_breaks(path: Path, format_: Format) -> tuple[int, str]:
    """How many records of a damaged file can be read, and why there are no more."""
    seen = 0
    with Source(path) as source:
        try:
            for record in source.records(format_, Table()):
                seen = record.number
        except Unreadable as error:
            return seen, str(error)
    pytest.fail("it did not break")


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_blank_lines_do_not_count(tmp_path: Path, suffix: str) -> None:
    """Records are numbered among records, and still know the line that they stand on."""
    path = tmp_path / f"rows.json{suffix}"
    path.write_bytes(COMPRESSED[suffix](b'\n{"a": 1}\n\n  \n{"a": 2}'))
    assert [(one.number, one.line, one.values) for one in read(path)] == [
        (1, 2, {"a": 1}),
        (2, 5, {"a": 2}),
    ]


def test_compression_is_known_by_the_bytes(tmp_path: Path) -> None:
    """A file that lost its suffix is read all the same."""
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[1]", b'"text"', b'{"a": \xff}', b'{"a": "\xff"}', b'{"a":' * 50_000, b"NaN",
        b"{} {}",
    ],
)  # fmt: skip
def test_a_line_that_is_no_object_is_a_record_that_cannot_be_read(
    tmp_path: Path, line: bytes
) -> None:
    """It counts, so that mending it later does not move the numbers of the others."""
    path = tmp_path / "rows.json"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    first, broken, third = read(path)
    assert first.problem is None
    assert broken.problem is not None
    assert (third.number, third.values) == (3, {"a": 3})


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    """It is one unreadable record, and the next one is read."""
    path = tmp_path / "rows.json"
    path.write_bytes(b'{"a": "' + b"x" * (3 * LINE_BYTES_MAX) + b'"}\n{"a": 2}\n')
    long, next_ = read(path)
    assert "longer" in (long.problem or "")
    assert long.raw == ""
    assert (next_.number, next_.line) == (2, 2)


def test_a_json_list_is_said_to_be_one(tmp_path: Path) -> None:
    """The error says how to make lines of it."""
    path = tmp_path / "rows.json"
    path.write_bytes(b'[\n{"a": 1}\n]')
    with pytest.raises(Unreadable, match=r"jq -c '\.\[\]'"):
        read(path)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_file_that_was_cut_short_gives_what_came_before(tmp_path: Path, suffix: str) -> None:
    """Then it says that it is damaged."""
    path = tmp_path / f"rows.json{suffix}"
    lines = b"".join(b'{"a": %d}\n' % n for n in range(200_000))
    whole = COMPRESSED[suffix](lines)
    path.write_bytes(whole[: len(whole) * 3 // 4])
    seen, why = read_until_it_breaks(path, "jsonl")
    assert "damaged or cut short" in why
    assert seen > 1_000


def test_csv_rows(tmp_path: Path) -> None:
    """Headers and blank lines are no records; a record may have several lines."""
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeff"id", name \n\n1,"two\nlines"\n,\n2,été\n'.encode())
    rows = read(path, "csv")
    assert [(one.number, one.line, one.values) for one in rows] == [
        (1, 3, {"id": "1", "name": "two\nlines"}),
        (2, 6, {"id": "2", "name": "été"}),
    ]


def test_csv_of_another_shape(tmp_path: Path) -> None:
    """Delimiter, encoding and names of columns can be said."""
    path = tmp_path / "rows.csv"
    path.write_bytes("1;déjà\n".encode("cp1252"))
    table = Table(delimiter=";", encoding="cp1252", columns=("id", "word"))
    assert [one.values for one in read(path, "csv", table)] == [{"id": "1", "word": "déjà"}]


@pytest.mark.parametrize(
    "row,problem",
    [
        (b"1", "1 columns, and there are 2 names"),
        (b"1,2,3", "3 columns"),
        (b"1,\xe9", "encoding"),
        (b'1,"a"b', "not CSV"),
    ],
)
def test_a_csv_row_that_cannot_be_read_counts(tmp_path: Path, row: bytes, problem: str) -> None:
    """The rows after it keep their numbers."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,name\n" + row + b"\n2,b\n")
    broken, after = read(path, "csv")
    assert problem in (broken.problem or "")
    assert (after.number, after.values) == (2, {"id": "2", "name": "b"})


def test_an_open_quote_ends_the_reading(tmp_path: Path) -> None:
    """Where the next record begins is unknowable, so numbers after it would be wrong."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,name\n1,a\n2,"b\n' + b"3,c\n" * 100_000)
    assert read_until_it_breaks(path, "csv") == (
        1, "a quote that opens in the record of line 3 is not closed",
    )  # fmt: skip
    path.write_bytes(b'id,name\n1,a\n2,"b\n')
    seen, why = read_until_it_breaks(path, "csv")
    assert (seen, "not closed" in why) == (1, True)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    """Nobody could say which of the two is meant."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,name,id\n1,a,2\n")
    with pytest.raises(Unreadable, match="column twice: id"):
        read(path, "csv")


def test_names_of_files() -> None:
    """Without folder, compression and format."""
    names = ["a/sales-2026.csv.gz", "sales-2026.csv", "sales-2026", "sales.2026.jsonl.xz"]
    assert [bare_name(Path(name)) for name in names] == [
        "sales-2026", "sales-2026", "sales-2026", "sales.2026",
    ]  # fmt: skip
