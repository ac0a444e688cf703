"""API keys: shown once, kept as a hash, and limited to what they were made for."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from store.credentials import ApiKeyInvalid, ApiKeyUnknown, Credentials, Scope

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


@pytest.fixture
def credentials(connect: Connect) -> Credentials:
    """The API keys of an installation."""
    return Credentials(connect)


def test_a_key_is_known_by_its_secret(credentials: Credentials) -> None:
    """It carries the name, ledgers and scopes that it was made with."""
    key, secret = credentials.create("Till 4", ledgers=["demo"], scopes=["observe", "read"])
    assert secret.startswith(f"fr_{key.id}_")
    assert secret.endswith(key.last)
    assert credentials.authenticate(secret) == key
    assert key.allows("demo", Scope.READ)
    assert not key.allows("other", Scope.READ)
    assert not key.allows("demo", Scope.PERSONAL)
    assert credentials.keys() == [key]


def test_a_key_for_every_ledger_reaches_those_that_come_later(credentials: Credentials) -> None:
    """The star is not a list of today's ledgers."""
    key, _ = credentials.create("Auditor", ledgers=["*"], scopes=["audit"])
    assert key.allows("whatever", Scope.AUDIT)


def test_no_other_secret_is_taken(credentials: Credentials) -> None:
    """Wrong, shortened, of another key, or not a secret at all."""
    key, secret = credentials.create("One", ledgers=["*"], scopes=["read"])
    _, other = credentials.create("Two", ledgers=["*"], scopes=["read"])
    mixed = f"fr_{key.id}_{other.split('_', 2)[2]}"
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    wrong = ["", "fr", "fr__", "x", secret[:-1], secret + "A", mixed, changed, "fr_\0_x"]
    wrong += [f"fr_{'a' * 16}_x", "é" * 300, f"fr_{key.id}_\ud800", secret.upper()]
    for one in wrong:
        assert credentials.authenticate(one) is None


def test_a_revoked_key_is_taken_no_more(credentials: Credentials) -> None:
    """At once, for ever, and it stays in the list with the instant."""
    key, secret = credentials.create("One", ledgers=["*"], scopes=["read"])
    revoked = credentials.revoke(key.id)
    assert revoked.revoked_at is not None
    assert not revoked.allows("demo", Scope.READ)
    assert credentials.authenticate(secret) is None
    assert credentials.revoke(key.id) == revoked
    assert credentials.keys() == [revoked]
    with pytest.raises(ApiKeyUnknown):
        credentials.revoke("nobody")


@pytest.mark.parametrize(
    "name, ledgers, scopes",
    [
        ("", ["*"], ["read"]),
        ("x" * 201, ["*"], ["read"]),
        ("One", [], ["read"]),
        ("One", ["*"], []),
        ("One", ["*"], ["read", "everything"]),
    ],
)
def test_a_key_that_could_do_nothing_or_anything_is_refused(
    credentials: Credentials, name: str, ledgers: list[str], scopes: list[str]
) -> None:
    """A key says what it is for."""
    with pytest.raises(ApiKeyInvalid):
        credentials.create(name, ledgers=ledgers, scopes=scopes)


def test_the_secret_is_kept_nowhere(credentials: Credentials, connect: Connect) -> None:
    """Whoever reads the table cannot use a key."""
    _, secret = credentials.create("One", ledgers=["*"], scopes=["read"])
    with connect() as connection:
        rows = connection.execute("SELECT k::text FROM filrouge.api_keys k").fetchall()
    assert secret.split("_", 2)[2] not in str(rows)
    assert secret.encode().hex() not in str(rows)
