"""Random places changed by the owner, and a byte flipped in a file: each is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
import pytest

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
ENTRIES: Final = int(os.environ.get("FILROUGE_TEST_AUDITED_ENTRIES", "600"))
BATCH: Final = 1_000
PAGE_BYTES: Final = 8_192

Undo = Callable[[], None]
Change = Callable[[psycopg.Connection, Random], tuple[set[int], Undo]]


@pytest.fixture
def sealed(ledger: Ledger) -> Ledger:
    """A ledger of which every entry is sealed, under three checkpoints."""
    third = ENTRIES // 3
    for step in range(3):
        for start in range(0, third, BATCH):
            record(ledger, min(BATCH, third - start), step * third + start)
        ledger.tree.grow(KEYS)
    return ledger


def set_cell(owner: psycopg.Connection, table: str, column: str, where: str, value: Any) -> Undo:
    """Change one cell of one row; returns how it is undone."""
    [[ctid, before]] = owner.execute(
        f"SELECT ctid, {column} FROM {table} WHERE {where}".encode()
    ).fetchall()
    statement = f"UPDATE {table} SET {column} = %s WHERE ctid = %s RETURNING ctid".encode()
    [[ctid]] = owner.execute(statement, [value(before), ctid]).fetchall()

    def undo() -> None:
        owner.execute(statement, [before, ctid])

    return undo


def other_byte(chance: Random) -> Callable[[bytes], bytes]:
    """Another value for any one byte."""

    def changed(before: bytes) -> bytes:
        at = chance.randrange(len(before))
        return bytes((*before[:at], before[at] ^ chance.randrange(1, 256), *before[at + 1 :]))

    return changed


def an_entry(owner: psycopg.Connection, chance: Random) -> tuple[set[int], Undo]:
    """Any byte of any entry."""
    [[last]] = owner.execute("SELECT position FROM head").fetchall()
    position = chance.randrange(1, last + 1)
    where = f"position = {position}"
    return {position}, set_cell(owner, "entries", "entry", where, other_byte(chance))


def a_tile(owner: psycopg.Connection, chance: Random) -> tuple[set[int], Undo]:
    """Any byte of any tile; what it stands for begins at a position."""
    tiles = owner.execute("SELECT level, index, hashes FROM tiles").fetchall()
    level, index, hashes = chance.choice(tiles)
    at = chance.randrange(len(hashes))
    flipped = bytes((*hashes[:at], hashes[at] ^ chance.randrange(1, 256), *hashes[at + 1 :]))
    where = f"level = {level} AND index = {index}"
    first = (index * 256 + at // 32) * 256**level + 1
    return {first}, set_cell(owner, "tiles", "hashes", where, lambda _: flipped)


def a_position(owner: psycopg.Connection, chance: Random) -> tuple[set[int], Undo]:
    """Two entries in each other's place, or one at a place of its own: the first is told."""
    [[last]] = owner.execute("SELECT position FROM head").fetchall()
    one, other = sorted(chance.sample(range(1, last + 1), 2))
    if chance.random() < 0.5:
        away = last + chance.randrange(1, 1_000)
        undo = set_cell(owner, "entries", "position", f"position = {other}", lambda _: away)
        return {other}, undo
    swap = (
        b"UPDATE entries SET position = 0 WHERE position = %(one)s;"
        b"UPDATE entries SET position = %(one)s WHERE position = %(other)s;"
        b"UPDATE entries SET position = %(other)s WHERE position = 0"
    )

    def exchange() -> None:
        for statement in swap.split(b";"):
            owner.execute(statement.replace(b"= 0", b"= 9999999"), {"one": one, "other": other})

    exchange()
    return {one}, exchange


def a_checkpoint(owner: psycopg.Connection, chance: Random) -> tuple[set[int], Undo]:
    """Any byte of a root, any character of a note, or a size."""
    [*sizes] = [size for (size,) in owner.execute("SELECT size FROM checkpoints").fetchall()]
    size = chance.choice(sizes)
    where = f"size = {size}"
    which = chance.randrange(3)
    if which == 0:
        return {size}, set_cell(owner, "checkpoints", "root", where, other_byte(chance))
    if which == 1:
        away = chance.randrange(1, size)
        while away in sizes:
            away -= 1
        return {size, away}, set_cell(owner, "checkpoints", "size", where, lambda _: away)

    def other_text(before: str) -> str:
        at = chance.randrange(len(before))
        return before[:at] + chr(ord(before[at]) % 94 + 33) + before[at + 1 :]

    return {size}, set_cell(owner, "checkpoints", "note", where, other_text)


KINDS: Final[tuple[Change, ...]] = (an_entry, a_tile, a_position, a_checkpoint)


def test_random_places_are_found_at_their_position(sealed: Ledger, database: str) -> None:
    """Any byte of any entry, tile, position or checkpoint, each time; and undone, nothing is."""
    chance = Random(SEED)  # noqa: S311 - to repeat it, not to guard anything
    for number in range(PLACES):
        change = KINDS[number % len(KINDS)]
        with as_owner(database) as owner:
            expected, undo = change(owner, chance)
            found = audited(sealed).findings
            undo()
        said = f"{change.__name__}, place {number} of seed {SEED}: expected {expected}"
        assert found, said
        assert found[0].position in expected, f"{said}, found {found[:3]}"
    assert audited(sealed).findings == []


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
