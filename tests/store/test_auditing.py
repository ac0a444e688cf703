"""Whatever is changed, removed or slipped in, checking the log finds it, and where."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from domain.ledger import OpenLedger
from store.auditing import FINDINGS_MAX, Audited, audit
from store.database import Database
from store.export_audit import audit_export
from store.ledger import Ledger
from store.log_keys import LogKeys
from store.notes import InvalidNote
from tests.store.test_tree import KEYS, entries, record

COUNT = 700
SEED = 20261121


@contextmanager
def as_owner(url: str) -> Iterator[psycopg.Connection]:
    """The owner of the database, who has switched the triggers off."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET search_path = ledger_test")
        yield connection


@pytest.fixture
def sealed(ledger: Ledger) -> Ledger:
    """A ledger with history, of which all but the last few entries is sealed, in three steps."""
    for step in range(3):
        record(ledger, COUNT // 3, step * (COUNT // 3))
        ledger.tree.grow(KEYS)
    record(ledger, 5, COUNT)
    return ledger


def audited(ledger: Ledger, *kept: str, findings_max: int = FINDINGS_MAX) -> Audited:
    """What the checking of a ledger says."""
    verifiers = ledger.tree.verifiers()
    with ledger.connect() as connection:
        return audit(connection, verifiers, kept=kept, findings_max=findings_max)


def test_a_sound_log_passes(sealed: Ledger) -> None:
    """Nothing is found, and it is said how far the proof reaches."""
    found = audited(sealed)
    assert found.findings == []
    assert (found.entries, found.sealed, found.checkpoints) == (705, 700, 3)


def test_any_changed_byte_of_an_entry_is_found(sealed: Ledger, database: str) -> None:
    """One bit, anywhere in any sealed entry, and the position is told."""
    chance = random.Random(SEED)  # noqa: S311 - to repeat it, not to guard anything
    every = entries(sealed)
    for _ in range(40):
        position = chance.randrange(1, 701)
        place = chance.randrange(8 * len(every[position - 1]))
        flip = "UPDATE entries SET entry = set_bit(entry, %s::bigint, 1 - get_bit(entry, %s))"
        with as_owner(database) as owner:
            change = f"{flip} WHERE position = %s".encode()
            owner.execute(change, [place, place, position])
            found = audited(sealed).findings
            owner.execute(change, [place, place, position])
        assert found, f"bit {place} of entry {position} (seed {SEED})"
        assert found[0].position == position
    assert audited(sealed).findings == []


def test_any_changed_byte_of_a_tile_is_found(sealed: Ledger, database: str) -> None:
    """The tile may be one of leaves or one above them."""
    chance = random.Random(SEED)  # noqa: S311 - to repeat it, not to guard anything
    for _ in range(30):
        with as_owner(database) as owner:
            tiles = owner.execute("SELECT level, index, length(hashes) FROM tiles").fetchall()
            level, index, length = chance.choice(tiles)
            place = chance.randrange(8 * length)
            change = (
                b"UPDATE tiles SET hashes = set_bit(hashes, %s::bigint, 1 - get_bit(hashes, %s))"
                b" WHERE level = %s AND index = %s"
            )
            owner.execute(change, [place, place, level, index])
            found = audited(sealed).findings
            owner.execute(change, [place, place, level, index])
        assert found
        first = (index * 256 + place // 256) * 256**level + 1
        assert found[0].position == first, (level, index, place)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE checkpoints SET root = set_bit(root, 9::bigint, 1 - get_bit(root, 9))",
        "UPDATE checkpoints SET note = overlay(note placing 'X' from 12)",
        "UPDATE checkpoints SET note = overlay(note placing CASE WHEN"
        " substr(note, length(note) - 20, 1) = 'X' THEN 'Y' ELSE 'X' END from length(note) - 20)",
        "UPDATE checkpoints SET size = size - 1",
        "UPDATE checkpoints SET note = (SELECT note FROM checkpoints ORDER BY size LIMIT 1)",
    ],
)
def test_any_changed_checkpoint_is_found(sealed: Ledger, database: str, change: str) -> None:
    """Root, size, text or signature: it says at which size."""
    with as_owner(database) as owner:
        owner.execute(f"{change} WHERE size = 467".encode())
    positions = {finding.position for finding in audited(sealed).findings}
    assert positions & {466, 467}


@pytest.mark.parametrize(
    "change, position",
    [
        ("UPDATE entries SET position = 9000 WHERE position = 300", 300),
        ("DELETE FROM entries WHERE position = 300", 300),
        ("DELETE FROM entries WHERE position > 650", 651),
        ("UPDATE entries SET time = time + interval '1 s' WHERE position = 42", 42),
        ("UPDATE entries SET recorded_at = recorded_at - interval '1 s' WHERE position = 42", 42),
        ("UPDATE entries SET type = type + 1 WHERE position = 42", 42),
        ("DELETE FROM tags WHERE position = 1", 1),
        ("UPDATE tags SET hash = hash + 1 WHERE position = 1", 1),
        ("UPDATE tags SET type = type + 1 WHERE position = 1", 1),
        ("INSERT INTO tags SELECT 77, type, position FROM entries WHERE position = 42", 42),
        ("INSERT INTO tags VALUES (77, 1, 900)", 900),
        ("DELETE FROM origins WHERE position = 42", 42),
        ("UPDATE origins SET key = gen_random_uuid() WHERE position = 42", 42),
        ("INSERT INTO origins VALUES (gen_random_uuid(), 42)", 42),
        ("UPDATE head SET position = 800", 706),
        ("UPDATE head SET position = 600", 601),
        ("UPDATE types SET name = 'other.type.v1' WHERE name = 'control_total.reported.v1'", 2),
    ],
)
def test_whatever_the_owner_does_is_found(
    sealed: Ledger, database: str, change: str, position: int
) -> None:
    """Each with the first position that is wrong, by the tables alone."""
    with as_owner(database) as owner:
        assert owner.execute(change.encode()).rowcount
    found = audited(sealed).findings
    assert found
    assert found[0].position == position, found


def cut(owner: psycopg.Connection, size: int) -> None:
    """Remove the newest entries so well that the tables agree with one another."""
    for statement in (
        f"DELETE FROM entries WHERE position > {size}",
        f"DELETE FROM tags WHERE position > {size}",
        f"DELETE FROM origins WHERE position > {size}",
        f"DELETE FROM checkpoints WHERE size > {size}",
        f"UPDATE head SET position = {size}",
        f"DELETE FROM tiles WHERE level = 0 AND index > {(size - 1) // 256}",
        f"UPDATE tiles SET hashes = substring(hashes for {32 * (size % 256)})"
        f" WHERE level = 0 AND index = {size // 256}",
        f"UPDATE tiles SET hashes = substring(hashes for {32 * (size // 256)}) WHERE level = 1",
    ):
        owner.execute(statement.encode())


def test_a_log_cut_short_is_found_by_who_kept_a_checkpoint(sealed: Ledger, database: str) -> None:
    """The owner who cuts well leaves no trace in the tables, and cannot reach what others kept."""
    kept = sealed.tree.checkpoint()
    with as_owner(database) as owner:
        cut(owner, 467)
    assert audited(sealed).findings == []
    [finding] = audited(sealed, kept).findings
    assert finding.position == 468


def test_another_log_in_its_place_is_found_by_who_kept_a_checkpoint(
    sealed: Ledger, installation: Database, opening: OpenLedger
) -> None:
    """A whole log that is consistent in itself, signed by the very same keys, does not fit."""
    kept = sealed.tree.checkpoint()
    other = installation.create("other", opening)
    try:
        record(other, 800)
        other.tree.grow(KEYS)
        assert audited(other).findings == []
        assert audited(other, kept).findings
    finally:
        other.close()


def test_who_trusts_another_key_is_told(sealed: Ledger) -> None:
    """Checkpoints that nobody who is trusted has signed are findings; a kept one is refused."""
    stranger = LogKeys([b"another".ljust(32)]).verifiers("filrouge/l_test/1")
    with sealed.connect() as connection:
        assert len(audit(connection, stranger).findings) == 3
        with pytest.raises(InvalidNote):
            audit(connection, stranger, kept=[sealed.tree.checkpoint()])


def test_an_export_is_checked_without_a_database(sealed: Ledger) -> None:
    """The entries of a file lead to the signed root; touched, cut or reordered they do not."""
    note, trusted = sealed.tree.checkpoint(), sealed.tree.verifiers()
    every = entries(sealed)
    sound = audit_export(every, [note], trusted)
    assert (sound.entries, sound.sealed, sound.findings) == (705, 700, [])
    touched = [*every[:99], every[99].replace(b'"count":', b'"Count":', 1), *every[100:]]
    swapped = [*every[:99], every[100], every[99], *every[101:]]
    for wrong in (touched, swapped, every[:699], every[1:], [every[0], *every]):
        assert audit_export(wrong, [note], trusted).findings
    with pytest.raises(InvalidNote):
        audit_export(every, [note], [])
