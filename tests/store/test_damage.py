"""Random places changed by the owner, and a byte flipped in a file: each is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import psycopg

from domain.ledger import OpenLedger
from store.auditing import audit
from store.database import Database
from store.embedded import EmbeddedPostgres
from store.keys import EpochKeys
from store.ledger import Ledger
from tests.conftest import POSTGRES_VERSION, TEST_SETTINGS
from tests.store.test_auditing import as_owner, audited
from tests.store.test_tree import KEYS, record

SEED: Final = 20261128
PLACES: Final = int(os.environ.get("FILROUGE_TEST_CHANGED_PLACES", "40"))
ENTRIES_ONE_BY_ONE: Final = 600
ENTRIES: Final = int(os.environ.get("FILROUGE_TEST_AUDITED_ENTRIES", "3000"))
"""Of the log in which the places are changed all at once: a million takes ten minutes."""
BATCH: Final = 1_000
PAGE_BYTES: Final = 8_192
ASIDE: Final = 9_999_999
"""A position for an entry on its way to another one."""

Undo = Callable[[], None]


class Place(NamedTuple):
    """What was changed: where it has to be told, where else it may be, and how it is undone."""

    expected: set[int]
    """One of these positions."""
    also: set[int]
    undo: Undo


Change = Callable[[psycopg.Connection, Random, range], Place]
"""Changes something that concerns positions of a range, and no others."""


def seal(ledger: Ledger, entries: int, checkpoints: int) -> None:
    """Record so many entries, under so many checkpoints."""
    step = entries // checkpoints
    for start in range(0, step * checkpoints, step):
        for first in range(start, start + step, BATCH):
            record(ledger, min(BATCH, start + step - first), first)
        ledger.tree.grow(KEYS)


def set_cell(
    owner: psycopg.Connection, table: str, column: str, where: str, value: Any, *, then: str = ""
) -> Undo:
    """Change one cell of one row; returns how it is undone.

    The row is found by ``where``; once it is changed, by ``then``, if that is another condition.
    """
    [[before]] = owner.execute(f"SELECT {column} FROM {table} WHERE {where}".encode()).fetchall()
    change = f"UPDATE {table} SET {column} = %s WHERE ".encode()
    assert owner.execute(change + where.encode(), [value(before)]).rowcount == 1

    def undo() -> None:
        assert owner.execute(change + (then or where).encode(), [before]).rowcount == 1

    return undo


def other_byte(chance: Random) -> Callable[[bytes], bytes]:
    """Another value for any one byte."""

    def changed(before: bytes) -> bytes:
        at = chance.randrange(len(before))
        return bytes((*before[:at], before[at] ^ chance.randrange(1, 256), *before[at + 1 :]))

    return changed


def an_entry(owner: psycopg.Connection, chance: Random, span: range) -> Place:
    """Any byte of any entry."""
    position = chance.choice(span)
    where = f"position = {position}"
    return Place({position}, set(), set_cell(owner, "entries", "entry", where, other_byte(chance)))


def a_tile(owner: psycopg.Connection, chance: Random, span: range) -> Place:
    """Any byte of any tile: of a hash that stands for entries of the range alone."""
    places = []
    for level in range(4):
        width = 256**level
        # Hash number n of a level stands for the positions n * width + 1 to (n + 1) * width.
        first, last = -(-(span.start - 1) // width), (span.stop - 1) // width
        if first < last:
            places.append((level, chance.randrange(first, last)))
    level, number = chance.choice(places)
    index, at = divmod(number, 256)
    byte = at * 32 + chance.randrange(32)

    def changed(hashes: bytes) -> bytes:
        other = hashes[byte] ^ chance.randrange(1, 256)
        return bytes((*hashes[:byte], other, *hashes[byte + 1 :]))

    where = f"level = {level} AND index = {index}"
    undo = set_cell(owner, "tiles", "hashes", where, changed)
    return Place({number * 256**level + 1}, set(), undo)


def a_position(owner: psycopg.Connection, chance: Random, span: range) -> Place:
    """Two entries in each other's place, or one at a place of its own: the first is told."""
    one, other = sorted(chance.sample(span, 2))
    if chance.random() < 0.5:
        [[last]] = owner.execute("SELECT max(position) FROM entries").fetchall()
        away = last + chance.randrange(1, 1_000)
        where, then = f"position = {other}", f"position = {away}"
        undo = set_cell(owner, "entries", "position", where, lambda _: away, then=then)
        # From the last entry on there is a gap now, up to where the one was put.
        return Place({other}, set(range(last + 1, away + 1)), undo)

    def exchange() -> None:
        for before, after in ((one, 0), (other, one), (0, other)):
            owner.execute(
                "UPDATE entries SET position = %s WHERE position = %s",
                [after or ASIDE, before or ASIDE],
            )

    exchange()
    # What stands behind the first may have been recorded before what stands there now.
    return Place({one}, {one + 1, other}, exchange)


def a_checkpoint(owner: psycopg.Connection, chance: Random, span: range) -> Place:
    """Any byte of a root, any character of a note, or a size."""
    sizes = [0, *(size for (size,) in owner.execute("SELECT size FROM checkpoints ORDER BY 1"))]
    number = chance.choice([n for n, size in enumerate(sizes) if n and size in span])
    size, before = sizes[number], sizes[number - 1]
    where = f"size = {size}"
    which = chance.randrange(3)
    if which == 0:
        undo = set_cell(owner, "checkpoints", "root", where, other_byte(chance))
        return Place({size}, set(), undo)
    if which == 1:
        away = chance.randrange(before + 1, size)
        then = f"size = {away}"
        undo = set_cell(owner, "checkpoints", "size", where, lambda _: away, then=then)
        return Place({size, away}, {size, away}, undo)

    def other_text(text: str) -> str:
        at = chance.randrange(len(text))
        return text[:at] + chr(ord(text[at]) % 94 + 33) + text[at + 1 :]

    return Place({size}, set(), set_cell(owner, "checkpoints", "note", where, other_text))


KINDS: Final[tuple[Change, ...]] = (an_entry, a_tile, a_position, a_checkpoint)


def test_random_places_are_found_at_their_position(ledger: Ledger, database: str) -> None:
    """Any byte of any entry, tile, position or checkpoint, each time; and undone, nothing is."""
    seal(ledger, ENTRIES_ONE_BY_ONE, 3)
    everything = range(1, ENTRIES_ONE_BY_ONE + 2)
    chance = Random(SEED)  # noqa: S311 - to repeat it, not to guard anything
    for number in range(PLACES):
        change = KINDS[number % len(KINDS)]
        with as_owner(database) as owner:
            place = change(owner, chance, everything)
            found = audited(ledger).findings
            place.undo()
        said = f"{change.__name__}, place {number} of seed {SEED}: expected {place.expected}"
        assert found, said
        assert found[0].position in place.expected, f"{said}, found {found[:3]}"
    assert audited(ledger).findings == []


def test_places_changed_at_the_same_time_are_all_found(ledger: Ledger, database: str) -> None:
    """Each of them at its position, the first one first, and nothing where nothing follows."""
    count = PLACES // len(KINDS)
    seal(ledger, ENTRIES, 2 * count)
    chance = Random(SEED)  # noqa: S311 - to repeat it, not to guard anything
    sizes = {size for size in range(ENTRIES + 2) if size % (ENTRIES // (2 * count)) == 1}
    for change in KINDS:
        with as_owner(database) as owner:
            places = [change(owner, chance, span) for span in _spans(ENTRIES + 1, count)]
            findings = audited(ledger, findings_max=100 * count).findings
            for place in reversed(places):
                place.undo()
        found = [one.position for one in findings]
        said = f"{change.__name__} of seed {SEED}: {[sorted(one.expected) for one in places]}"
        for place in places:
            assert place.expected & set(found), f"{said}, found {found}"
        assert found[0] in places[0].expected, f"{said}, found {found[:3]}"
        allowed = set().union(*(one.expected | one.also for one in places))
        if change in {an_entry, a_position}:  # the roots that were signed since are others too
            allowed |= {size for size in sizes if size >= found[0]}
        more = [one for one in findings if one.position not in allowed]
        assert not more, f"{said}, and {more[:5]}"
    assert audited(ledger).findings == []


def _spans(entries: int, count: int) -> list[range]:
    """Half of a log, so that hashes of every level lie inside; and the rest in equal parts."""
    half = entries // 2
    part = (entries - half) // (count - 1)
    return [
        range(1, half + 1),
        *(range(half + 1 + n * part, half + 1 + (n + 1) * part) for n in range(count - 1)),
    ]


def test_a_byte_flipped_in_a_file_is_found_with_what_it_made_unreadable(data_dir: Path) -> None:
    """The page is refused by its checksum, and exactly the entries on it are named."""
    keys = EpochKeys.from_bytes(bytes(range(32)))
    opening = OpenLedger(ledger_id="l_test", name="T", time_zone="UTC", currency="EUR")
    with EmbeddedPostgres.start(data_dir, POSTGRES_VERSION, settings=TEST_SETTINGS) as server:
        store = Database(server.url, keys=keys, pool_max=2)
        ledger = store.create("test", opening)
        record(ledger, 300)
        ledger.tree.grow(KEYS)
        with as_owner(server.url) as owner:
            partition = "entries_from_1"
            rows = owner.execute(
                f"SELECT position, (ctid::text::point)[0]::int FROM {partition}".encode()
            ).fetchall()
            page = rows[len(rows) // 2][1]
            [[path]] = owner.execute("SELECT pg_relation_filepath(%s)", [partition]).fetchall()
            owner.execute("CHECKPOINT")
        ledger.close()
        store.close()
    on_page = sorted(position for position, at in rows if at == page)
    assert 1 < len(on_page) < len(rows)
    [file] = data_dir.rglob(path)
    content = bytearray(file.read_bytes())
    content[page * PAGE_BYTES + PAGE_BYTES * 3 // 4] ^= 0x10
    file.write_bytes(content)
    with EmbeddedPostgres.start(data_dir, POSTGRES_VERSION, settings=TEST_SETTINGS) as server:
        store = Database(server.url, keys=keys, pool_max=2)
        ledger = store.open("test")
        with ledger.connect() as connection:
            found = audit(connection, ledger.tree.verifiers()).findings
        ledger.close()
        store.close()
    [finding] = found
    first, last = on_page[0], on_page[-1]
    assert finding.position == first
    assert finding.what == f"the entries {first} to {last} cannot be read: a file is damaged"
