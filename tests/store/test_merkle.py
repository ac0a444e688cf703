"""Roots and proofs are those of RFC 6962, as others compute them too."""

from hashlib import sha256

import pytest
from hypothesis import given, strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from store.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Growth,
    Tree,
    is_consistent,
    leaf_hash,
    root_of_inclusion,
)

SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 300, 511, 513, 1_000]


def entries(count: int) -> list[bytes]:
    """Some entries, none like another."""
    return [f"entry {number}".encode() for number in range(count)]


def grown(count: int, *, steps: int = 1) -> Growth:
    """A tree over so many entries, made in some steps."""
    tiles: dict[tuple[int, int], bytes] = {}

    def tile(level: int, index: int) -> bytes:
        return tiles.get((level, index), b"")

    every = entries(count)
    size = 0
    for step in range(steps):
        growth = Growth(size, tile)
        growth.add(map(leaf_hash, every[size : count * (step + 1) // steps]))
        tiles.update((at, bytes(hashes)) for at, hashes in growth.changed.items())
        size = growth.size
    return Growth(size, tile)


def theirs(count: int) -> InmemoryTree:
    """The same tree, by an implementation that is not ours."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries(count):
        tree.append_entry(entry)
    return tree


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH, word for word as RFC 6962 says it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_what_others_compute(size: int) -> None:
    """An independent library and the text of the RFC agree with us."""
    root = Tree(size, grown(size).read).root()
    assert root == theirs(size).get_root() == naive_root(entries(size))


def test_the_empty_tree_has_the_root_of_the_rfc() -> None:
    """Nothing is hashed: the root is that of the empty string."""
    assert Tree(0, grown(0).read).root() == EMPTY_ROOT == naive_root([])


@given(size=st.integers(1, 700), data=st.data())
def test_others_accept_our_proofs(size: int, data: st.DataObject) -> None:
    """Each proof is the one that the independent library makes, and it verifies it."""
    index = data.draw(st.integers(0, size - 1))
    earlier = data.draw(st.integers(1, size))
    tree, peer = Tree(size, grown(size).read), theirs(size)
    inclusion = peer.prove_inclusion(index + 1, size)
    assert tree.inclusion_proof(index) == inclusion.path[1:]
    verify_inclusion(peer.get_leaf(index + 1), peer.get_root(), inclusion)
    leaf = leaf_hash(entries(size)[index])
    assert root_of_inclusion(index, size, leaf, tree.inclusion_proof(index)) == peer.get_root()
    verify_consistency(
        peer.get_root(earlier), peer.get_root(), peer.prove_consistency(earlier, size)
    )
    assert is_consistent(
        earlier,
        peer.get_root(earlier),
        size,
        peer.get_root(),
        tree.consistency_proof(earlier),
    )


@given(size=st.integers(2, 600), data=st.data())
def test_a_proof_that_was_touched_proves_nothing(size: int, data: st.DataObject) -> None:
    """One bit, one hash more or one hash less, another index or another size: it fails."""
    index = data.draw(st.integers(0, size - 1))
    tree = Tree(size, grown(size).read)
    leaf, root, proof = tree.leaf(index), tree.root(), tree.inclusion_proof(index)
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 8 * HASH_BYTES - 1))
    touched = (int.from_bytes(proof[at], "big") ^ (1 << bit)).to_bytes(HASH_BYTES, "big")
    for wrong in ([*proof[:at], touched, *proof[at + 1 :]], [*proof, leaf], proof[:-1]):
        assert root_of_inclusion(index, size, leaf, wrong) != root
    assert root_of_inclusion(index, size, leaf_hash(b"another"), proof) != root
    other = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
    assert root_of_inclusion(other, size, leaf, proof) != root


@given(size=st.integers(2, 600), data=st.data())
def test_no_proof_shows_what_is_not_so(size: int, data: st.DataObject) -> None:
    """Another earlier root, or a proof that was touched, does not pass for consistency."""
    earlier = data.draw(st.integers(1, size - 1))
    tree = Tree(size, grown(size).read)
    before = Tree(earlier, grown(size).read).root()
    proof = tree.consistency_proof(earlier)
    assert is_consistent(earlier, before, size, tree.root(), proof)
    assert not is_consistent(earlier, leaf_hash(b"x"), size, tree.root(), proof)
    assert not is_consistent(earlier, before, size, leaf_hash(b"x"), proof)
    assert not is_consistent(earlier, before, size, tree.root(), [*proof, before])
    assert not is_consistent(earlier, before, size, tree.root(), proof[:-1])
    assert not is_consistent(size, tree.root(), earlier, before, proof)


@given(size=st.integers(0, 1_200), steps=st.integers(1, 9))
def test_how_it_grew_does_not_matter(size: int, steps: int) -> None:
    """Leaf by leaf or all at once: the same tiles, so the same root."""
    assert Tree(size, grown(size, steps=steps).read).root() == Tree(size, grown(size).read).root()


def test_a_tree_of_several_levels_of_tiles() -> None:
    """70,000 leaves: 273 whole tiles and the partial ones that the specification counts."""
    tiles: dict[tuple[int, int], bytes] = {}
    growth = Growth(0, lambda level, index: tiles.get((level, index), b""))
    growth.add(leaf_hash(b"%d" % number) for number in range(70_000))
    widths = {at: len(tile) // HASH_BYTES for at, tile in growth.changed.items()}
    assert sum(width == 256 for (level, _), width in widths.items() if level == 0) == 273
    assert widths[0, 273] == 112
    assert (widths[1, 0], widths[1, 1], widths[2, 0]) == (256, 17, 1)


def test_what_is_not_there_is_refused() -> None:
    """A leaf beyond the end, an earlier tree that is larger, or a missing tile."""
    tree = Tree(5, grown(5).read)
    with pytest.raises(IndexError, match="no leaf 5"):
        tree.inclusion_proof(5)
    with pytest.raises(IndexError, match="does not contain"):
        tree.consistency_proof(6)
    with pytest.raises(LookupError, match="too few"):
        Tree(6, grown(5).read).root()
