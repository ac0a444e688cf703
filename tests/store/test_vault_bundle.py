"""The key bundle: what makes a restored ledger able to open and recognise again."""

import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from domain.identities import MemberIdentified
from store.keys import EpochKeyMissing, EpochKeys
from store.migrate import migrate, migrations_in
from store.sealing import SubjectErased
from store.vault import Vault
from store.vault_bundle import KeysDiffer

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]
SECOND = "vault_restored"


@pytest.fixture
def restored(connect: Connect, make_vault: Callable[..., Vault]) -> Vault:
    """An empty vault of the same ledger, elsewhere."""
    with connect() as connection:
        migrate(connection, SECOND, migrations_in("vault"))
    return make_vault(schema=SECOND)


def identified(member: str, value: str) -> MemberIdentified:
    """An event that needs a key and a digest."""
    return MemberIdentified(member_id=member, kind="email", exclusive=False, value=value)


def test_a_restored_vault_opens_and_recognises_as_before(
    vault: Vault, restored: Vault, tmp_path: Path
) -> None:
    """Keys, digests and erasures are all there; importing twice changes nothing."""
    sealed = [vault.seal(identified(f"m{number}", f"{number}@b.org")) for number in range(5)]
    vault.erase("member:m4")
    path = tmp_path / "keys.bundle"
    assert vault.export_keys(path) == 1 + 5 + 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for _ in range(2):
        assert restored.import_keys(path).rows == 10
    assert [restored.open(one.value) for one in sealed] == [*(f"{n}@b.org" for n in range(4)), None]
    assert restored.seal(identified("m1", "1@b.org")) == sealed[1]
    with pytest.raises(SubjectErased):
        restored.seal(identified("m4", "4@b.org"))
    restored.export_keys(tmp_path / "again.bundle")
    assert (tmp_path / "again.bundle").read_bytes() == path.read_bytes()


def test_the_bundle_alone_opens_nothing(vault: Vault, restored: Vault, tmp_path: Path) -> None:
    """Its keys are wrapped; the epoch keys are in it only on request."""
    sealed = vault.seal(identified("m1", "anne@b.org"))
    vault.export_keys(tmp_path / "wrapped")
    vault.export_keys(tmp_path / "whole", with_epoch_keys=True)
    assert b'"epoch-key"' not in (tmp_path / "wrapped").read_bytes()
    assert b"anne" not in (tmp_path / "whole").read_bytes()
    restored.tables.epoch_keys = EpochKeys.from_bytes(b"x" * 32)
    restored.import_keys(tmp_path / "wrapped")
    with pytest.raises(EpochKeyMissing):
        restored.open(sealed.value)
    imported = restored.import_keys(tmp_path / "whole")
    assert restored.open(sealed.value) == "anne@b.org"
    assert vault.tables.epoch_keys.current in imported.epoch_keys.names


def test_an_older_bundle_brings_no_erased_subject_back(vault: Vault, tmp_path: Path) -> None:
    """Neither the key nor what recognised the person."""
    sealed = vault.seal(identified("m1", "anne@b.org"))
    vault.export_keys(tmp_path / "before")
    vault.erase("member:m1")
    vault.import_keys(tmp_path / "before")
    assert vault.open(sealed.value) is None
    assert vault.find("identity", "email", "anne@b.org") is None


def test_an_erasure_in_the_bundle_is_applied(vault: Vault, restored: Vault, tmp_path: Path) -> None:
    """Who was erased since the copy was made is erased in the copy."""
    sealed = vault.seal(identified("m1", "anne@b.org"))
    vault.export_keys(tmp_path / "before")
    restored.import_keys(tmp_path / "before")
    vault.erase("member:m1")
    vault.export_keys(tmp_path / "after")
    restored.import_keys(tmp_path / "after")
    assert restored.open(sealed.value) is None
    assert restored.find("identity", "email", "anne@b.org") is None


def test_a_bundle_that_contradicts_what_is_here_is_refused_whole(
    vault: Vault, restored: Vault, make_vault: Callable[..., Vault], tmp_path: Path
) -> None:
    """Keys are never overwritten: what they sealed could not be opened any more."""
    vault.seal(identified("m1", "anne@b.org"))
    vault.export_keys(tmp_path / "bundle")
    other = restored.seal(identified("m1", "anne@b.org"))
    with pytest.raises(KeysDiffer):
        restored.import_keys(tmp_path / "bundle")
    assert restored.open(other.value) == "anne@b.org"
    with pytest.raises(KeysDiffer):
        make_vault("led_other").import_keys(tmp_path / "bundle")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(KeysDiffer):
        restored.import_keys(tmp_path / "text")


def test_an_export_overwrites_no_file(vault: Vault, tmp_path: Path) -> None:
    """The bundle before may be the only one."""
    vault.export_keys(tmp_path / "bundle")
    with pytest.raises(FileExistsError):
        vault.export_keys(tmp_path / "bundle")
