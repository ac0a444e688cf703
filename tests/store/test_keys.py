"""Where the epoch keys are kept, and who may see them."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from store.keys import EpochKeyMissing, EpochKeys, KeyFileError


def test_the_key_file_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """The first run makes a key that nobody else can read, in a folder that nobody can enter."""
    path = tmp_path / "keys" / "epoch.key"
    keys = EpochKeys.from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["epoch.key"]
    assert EpochKeys.from_file(path).unwrap(keys.current, keys.wrap(b"key", "p"), "p") == b"key"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what to type."""
    path = tmp_path / "epoch.key"
    EpochKeys.from_file(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        EpochKeys.from_file(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"format": "other", "current": "a", "keys": {}}',
        b'{"format": "filrouge.epoch-keys.v1", "current": "a", "keys": {}}',
        b'{"format": "filrouge.epoch-keys.v1", "current": "a", "keys": {"a": "AAAA"}}',
    ],
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is never overwritten with a new key: the old one may be all that opens the vault."""
    path = tmp_path / "epoch.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        EpochKeys.from_file(path)
    assert path.read_bytes() == content


def _current_of(path: Path) -> str:
    return EpochKeys.from_file(path).current


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Whoever is first makes the key; the others read it whole."""
    paths = [tmp_path / str(number) / "epoch.key" for number in range(10) for _ in range(4)]
    with multiprocessing.get_context("spawn").Pool(4) as processes:
        found = processes.map(_current_of, paths, chunksize=1)
    assert len(set(found)) == 10


def test_the_same_setting_is_the_same_key() -> None:
    """A key from a setting has an id that depends on nothing else."""
    assert EpochKeys.from_bytes(b"k" * 32).current == EpochKeys.from_bytes(b"k" * 32).current
    assert EpochKeys.from_bytes(b"k" * 32).current != EpochKeys.from_bytes(b"l" * 32).current
    assert "kkkk" not in repr(EpochKeys.from_bytes(b"k" * 32))


def test_older_keys_still_open_what_they_wrapped(tmp_path: Path) -> None:
    """Several are held, one is current; the file keeps them all."""
    old, new = EpochKeys.from_bytes(b"o" * 32), EpochKeys.from_bytes(b"n" * 32)
    wrapped = old.wrap(b"key", "purpose")
    with pytest.raises(EpochKeyMissing):
        new.unwrap(old.current, wrapped, "purpose")
    both = new.with_others(old.exported())
    both.save(tmp_path / "epoch.key")
    again = EpochKeys.from_file(tmp_path / "epoch.key")
    assert again.current == new.current
    assert again.unwrap(old.current, wrapped, "purpose") == b"key"
    with pytest.raises(EpochKeyMissing):
        again.unwrap(old.current, wrapped, "another purpose")
