"""The tree follows the log, is signed, proves what the log holds, and cannot be changed."""

import threading
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from subprocess import run

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.ledger import ControlTotalReported
from store.ledger import Ledger, NewEvent
from store.log_keys import LogKeys, origin_of
from store.merkle import is_consistent, leaf_hash, root_of_inclusion
from store.notes import opened
from store.tree import LEAVES_AT_ONCE, NoSuchCheckpoint, NoSuchTile, NotSealedYet, TreeBroken

KEYS = LogKeys([b"one key".ljust(32)])
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTHER_HASH = "hashes = set_byte(hashes, 39, 255 - get_byte(hashes, 39))"


def record(ledger: Ledger, count: int, start: int = 0) -> None:
    """Let so many small things happen."""
    events = [
        NewEvent(
            ControlTotalReported(feed="till", business_date="2026-03-01", count=number),
            f"total-{number}",
            "/till",
            NOON,
        )
        for number in range(start, start + count)
    ]
    outcomes = ledger.observe(events, actor="tester").result()
    assert not [outcome for outcome in outcomes if outcome.error]


def entries(ledger: Ledger) -> list[bytes]:
    """Every entry, in the order of the positions."""
    return [recorded.entry for recorded in ledger.log.read()]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH, word for word as RFC 6962 says it."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def test_a_checkpoint_is_the_root_of_all_entries(ledger: Ledger) -> None:
    """Whoever hashes the entries again finds the root that was signed."""
    record(ledger, 600)
    assert ledger.tree.grow(KEYS) == 601
    checkpoint, signed_by = opened(ledger.tree.checkpoint(), ledger.tree.verifiers())
    assert checkpoint.size == 601
    assert checkpoint.root == naive_root(entries(ledger))
    assert checkpoint.origin == origin_of("l_test", ledger.log.head().epoch)
    assert signed_by == KEYS.verifiers(checkpoint.origin)


def test_openssl_accepts_the_signature(ledger: Ledger, tmp_path: Path) -> None:
    """A program that is not ours verifies the signature over the text of the checkpoint."""
    ledger.tree.grow(KEYS)
    note = ledger.tree.checkpoint()
    body, _, lines = note.rpartition("\n\n")
    signature = b64decode(lines.split(" ")[2])[4:]
    [verifier] = ledger.tree.verifiers()
    public = Ed25519PublicKey.from_public_bytes(verifier.public)
    (tmp_path / "key.pem").write_bytes(
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "signature").write_bytes(signature)

    def verdict(text: str) -> int:
        (tmp_path / "body").write_text(text)
        files = ["-inkey", "key.pem", "-sigfile", "signature", "-in", "body"]
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", *files]
        return run(command, cwd=tmp_path, check=False, capture_output=True).returncode

    assert verdict(f"{body}\n") == 0
    assert verdict(f"{body}0\n") != 0


def test_every_position_has_a_receipt(ledger: Ledger) -> None:
    """The proof leads from each entry to the signed root, and no other entry fits it."""
    record(ledger, 300)
    ledger.tree.grow(KEYS)
    every = entries(ledger)
    for position in (1, 2, 255, 256, 257, 301):
        receipt = ledger.tree.receipt(position)
        checkpoint, _ = opened(receipt.note, ledger.tree.verifiers())
        leaf = leaf_hash(every[position - 1])
        found = root_of_inclusion(receipt.leaf, checkpoint.size, leaf, receipt.proof)
        assert found == checkpoint.root
        other = leaf_hash(every[position % 301])
        assert root_of_inclusion(receipt.leaf, checkpoint.size, other, receipt.proof) != found


def test_each_checkpoint_continues_the_one_before(ledger: Ledger) -> None:
    """Proofs of consistency between all that was signed; what was not signed has none."""
    sizes = []
    for step in range(5):
        record(ledger, 100, 100 * step)
        sizes.append(ledger.tree.grow(KEYS))
    roots = {
        size: opened(ledger.tree.checkpoint(size), ledger.tree.verifiers())[0].root
        for size in sizes
    }
    for earlier in sizes:
        for later in sizes:
            if earlier <= later:
                proof = ledger.tree.consistency(earlier, later)
                assert is_consistent(earlier, roots[earlier], later, roots[later], proof)
    with pytest.raises(NoSuchCheckpoint):
        ledger.tree.consistency(sizes[0], sizes[-1] + 1)
    with pytest.raises(NoSuchCheckpoint):
        ledger.tree.checkpoint(sizes[0] + 1)


def test_nothing_new_is_signed_when_nothing_happened(ledger: Ledger) -> None:
    """Growing again leaves everything as it is."""
    ledger.tree.grow(KEYS)
    before = ledger.tree.checkpoint()
    ledger.tree.grow(KEYS)
    assert ledger.tree.checkpoint() == before


def test_what_is_not_sealed_has_no_receipt(ledger: Ledger) -> None:
    """It is said so, rather than proved by something older."""
    with pytest.raises(NotSealedYet):
        ledger.tree.checkpoint()
    ledger.tree.grow(KEYS)
    record(ledger, 1)
    with pytest.raises(NotSealedYet):
        ledger.tree.receipt(2)


def test_tiles_and_bundles_are_those_of_the_specification(ledger: Ledger) -> None:
    """Whole and partial, and nothing beyond what was signed."""
    record(ledger, 700)
    ledger.tree.grow(KEYS)
    leaves = b"".join(leaf_hash(entry) for entry in entries(ledger))
    assert ledger.tree.tile(0, 0) + ledger.tree.tile(0, 1) == leaves[: 512 * 32]
    assert ledger.tree.tile(0, 2, 701 - 512) == leaves[512 * 32 :]
    assert len(ledger.tree.tile(1, 0, 2)) == 64
    for level, index, width in ((0, 2, 256), (0, 2, 190), (0, 3, 1), (1, 0, 3), (2, 0, 1)):
        with pytest.raises(NoSuchTile):
            ledger.tree.tile(level, index, width)
    bundle = ledger.tree.bundle(2, 3)
    for entry in entries(ledger)[512:515]:
        assert bundle[: 2 + len(entry)] == len(entry).to_bytes(2, "big") + entry
        bundle = bundle[2 + len(entry) :]
    assert bundle == b""
    with pytest.raises(NoSuchTile):
        ledger.tree.bundle(2, 190)


def test_it_grows_beside_writers(ledger: Ledger) -> None:
    """While others record and seal, every checkpoint is right."""

    def seal() -> None:
        for _ in range(20):
            ledger.tree.grow(KEYS)

    sealers = [threading.Thread(target=seal) for _ in range(3)]
    for thread in sealers:
        thread.start()
    for step in range(30):
        record(ledger, 50, 50 * step)
    for thread in sealers:
        thread.join()
    size = ledger.tree.grow(KEYS)
    checkpoint, _ = opened(ledger.tree.checkpoint(), ledger.tree.verifiers())
    assert checkpoint.root == naive_root(entries(ledger)[:size])
    assert size == 1_501


def test_a_broken_tile_stops_the_signing(ledger: Ledger, database: str) -> None:
    """What does not continue the last checkpoint is never signed."""
    record(ledger, 10)
    ledger.tree.grow(KEYS)
    signed = ledger.tree.checkpoint()
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(f"UPDATE ledger_test.tiles SET {OTHER_HASH}")
    record(ledger, 10, 10)
    with pytest.raises(TreeBroken):
        ledger.tree.grow(KEYS)
    assert ledger.tree.checkpoint() == signed


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "UPDATE {table} SET {column} = {column}",
    ],
)
@pytest.mark.parametrize(
    "table, column", [("checkpoints", "note"), ("cosignatures", "line"), ("log_keys", "vkey")]
)
def test_what_was_signed_stays(
    ledger: Ledger, database: str, table: str, column: str, change: str
) -> None:
    """The owner, too, is refused as long as the triggers are on."""
    ledger.tree.grow(KEYS)
    statement = change.format(table=f"ledger_test.{table}", column=column)
    with (
        psycopg.connect(database, autocommit=True) as owner,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        owner.execute(statement.encode())


def test_tiles_only_grow(ledger: Ledger) -> None:
    """Neither a hash that was written nor a whole tile can be changed or removed."""
    record(ledger, 10)
    ledger.tree.grow(KEYS)
    for statement in (
        f"UPDATE tiles SET {OTHER_HASH}",
        "UPDATE tiles SET hashes = substring(hashes for 32)",
        "UPDATE tiles SET index = index + 1",
    ):
        with ledger.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement.encode())
    with ledger.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM tiles")


def test_two_keys_sign_while_one_takes_over(ledger: Ledger) -> None:
    """A new key signs beside the old one; then the old one goes, and both stay known."""
    ledger.tree.grow(KEYS)
    both = KEYS.rotated()
    record(ledger, 1)
    ledger.tree.grow(both)
    origin = origin_of("l_test", ledger.log.head().epoch)
    for verifier in both.verifiers(origin):
        assert opened(ledger.tree.checkpoint(), [verifier])[0].size == 2
    alone = both.without_oldest()
    record(ledger, 1, 1)
    ledger.tree.grow(alone)
    assert opened(ledger.tree.checkpoint(), alone.verifiers(origin))[0].size == 3
    assert set(ledger.tree.verifiers()) == set(both.verifiers(origin))


def test_many_entries_are_taken_in_steps(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that is far behind catches up in several transactions and signs once."""
    assert LEAVES_AT_ONCE > 1
    monkeypatch.setattr("store.tree.LEAVES_AT_ONCE", 7)
    record(ledger, 50)
    assert ledger.tree.grow(KEYS) == 51
    checkpoint, _ = opened(ledger.tree.checkpoint(), ledger.tree.verifiers())
    assert checkpoint.root == naive_root(entries(ledger))
