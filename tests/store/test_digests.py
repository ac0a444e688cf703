"""How people are recognised: the same values, however they are written, have one id for ever."""

import multiprocessing
import threading
from collections.abc import Callable

import psycopg
import pytest

from domain.errors import InvalidEvent
from store.digests import digest_of, digest_text
from store.keys import EpochKeys
from store.vault import Vault


@pytest.mark.parametrize(
    "kind, one, other",
    [
        ("email", "Anne@Example.org", "  anne@EXAMPLE.org "),
        ("email", "ma\N{LATIN SMALL LETTER I WITH DIAERESIS}s@b.org", "mai\u0308s@b.org"),
        ("email", "straße@b.org", "STRASSE@b.org"),
        ("phone", "+33 (0)6 12-34", "+3306 1234"),
        ("phone", "\uff10\uff16 12", "0612"),
        ("loyalty_card", "1234 5678-9", "123456789"),
        ("x", "@Anne", "anne"),
        ("crm", "a  b", " a b"),
    ],
)
def test_spellings_of_one_identity_have_one_id(
    vault: Vault, kind: str, one: str, other: str
) -> None:
    """The kind of the identity says how it is written one way."""
    found = vault.id_for("identity", kind, one)
    assert found == vault.id_for("identity", kind, other)
    assert found.startswith("i_")


@pytest.mark.parametrize(
    "one, other",
    [
        (("identity", "email", "a@b.org"), ("identity", "crm", "a@b.org")),
        (("identity", "crm", "A1"), ("identity", "crm", "a1")),
        (("identity", "phone", "+3361"), ("identity", "phone", "3361")),
        (("order", "ab", "c"), ("order", "a", "bc")),
        (("order", "a"), ("device", "a")),
    ],
)
def test_different_values_have_different_ids(
    vault: Vault, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    """What only looks alike is not taken for the same."""
    assert vault.id_for(*one) != vault.id_for(*other)


def test_finding_makes_nothing(vault: Vault) -> None:
    """A look-up of somebody unknown leaves no trace."""
    assert vault.find("identity", "email", "a@b.org") is None
    assert vault.find("identity", "email", "a@b.org") is None
    made = vault.id_for("identity", "email", "a@b.org")
    assert vault.find("identity", "email", "A@B.org") == made


@pytest.mark.parametrize("values", [("email", " "), ("phone", "abc"), ("crm", "")])
def test_a_value_that_says_nothing_recognises_nobody(vault: Vault, values: tuple[str, ...]) -> None:
    """Otherwise everybody without a phone would be one person."""
    with pytest.raises(InvalidEvent):
        vault.id_for("identity", *values)


def test_digests_depend_on_the_ledgers_own_key() -> None:
    """Nobody without the key can try all telephone numbers."""
    one, other = bytes(32), b"x" * 32
    assert digest_of(one, "order", ("1",)) != digest_of(other, "order", ("1",))
    assert digest_text(one, "device", "phone 1") == digest_text(one, "device", " phone 1 ")
    assert len(digest_text(one, "device", "phone 1")) <= 86


def test_threads_agree_on_one_key_and_one_id(make_vault: Callable[..., Vault]) -> None:
    """However many ask first at the same time, one key and one id are made."""
    barrier = threading.Barrier(8)
    keys: list[object] = []
    ids: list[str] = []

    def ask() -> None:
        vault = make_vault()
        barrier.wait()
        keys.append(vault.keys_of({f"member:m{number}" for number in range(20)}))
        ids.append(vault.id_for("identity", "email", "a@b.org"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == len(ids) == 8
    assert all(found == keys[0] for found in keys)
    assert len(set(ids)) == 1


def _ask(url: str, number: int) -> tuple[list[str], dict[str, bytes | None], bytes]:
    keys = EpochKeys.from_bytes(bytes(range(32)))
    vault = Vault(
        lambda: psycopg.connect(url), schema="vault_brand", ledger_id="led_brand", keys=keys
    )
    names = [(f"order-{one}",) for one in range(200)]
    subjects = {f"member:m{one}" for one in range(200)}
    # Asked in opposite orders, so that whoever locks rows in the order asked would deadlock.
    return (
        vault.ids_for("order", names[:: -1 if number % 2 else 1])[:: -1 if number % 2 else 1],
        vault.keys_of(subjects),
        vault.digest_key(),
    )


@pytest.mark.usefixtures("connect")
def test_processes_agree_on_keys_and_ids(database: str) -> None:
    """Two servers that meet the same people for the first time make each key and id once."""
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        one, other = processes.starmap(_ask, [(database, 0), (database, 1)], chunksize=1)
    assert one == other
    assert len(set(one[0])) == len({key for key in one[1].values() if key}) == 200


def test_ids_for_many_keep_their_order(vault: Vault) -> None:
    """The n-th id is that of the n-th values, repeated ones too."""
    ids = vault.ids_for("member", [("shop", "1"), ("shop", "2"), ("shop", "1")])
    assert ids[0] == ids[2] != ids[1]
    assert ids[0] == vault.id_for("member", "shop", "1")
