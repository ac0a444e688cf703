"""The access log: written before anything is shown, never changed, and bounded."""

from __future__ import annotations

import psycopg
import pytest

from store.accesses import SUBJECTS_MAX
from store.errors import StoreClosed
from store.ledger import Ledger


def test_who_read_what(ledger: Ledger) -> None:
    """Newest first, of everybody or of one; a very long answer says how many more."""
    ledger.accesses.record("key:a", "read_member", ["member:ann"]).result()
    ledger.accesses.record("key:b", "list_events", ["member:bob", "member:ann"]).result()
    ledger.accesses.record("key:b", "list_accesses", ()).result()
    everybody = [f"member:m{n:05}" for n in range(SUBJECTS_MAX + 5)]
    ledger.accesses.record("key:c", "list_events", everybody).result()
    found = ledger.accesses.page()
    assert [one.operation for one in found] == [
        "list_events", "list_accesses", "list_events", "read_member",
    ]  # fmt: skip
    assert (len(found[0].subjects), found[0].more) == (SUBJECTS_MAX, 5)
    assert [one.actor for one in ledger.accesses.page(subject="member:ann")] == ["key:b", "key:a"]
    assert [one.actor for one in ledger.accesses.page(before=found[1].id, limit=1)] == ["key:b"]
    ledger.accesses.close()
    with pytest.raises(StoreClosed):
        ledger.accesses.record("key:a", "read_member", ())


@pytest.mark.parametrize(
    "statement", ["UPDATE accesses SET actor = 'x'", "DELETE FROM accesses", "TRUNCATE accesses"]
)
def test_the_database_keeps_it(ledger: Ledger, database: str, statement: str) -> None:
    """Not even the owner changes or removes what is younger than its time."""
    ledger.accesses.record("key:a", "read_member", ["member:ann"]).result()
    with psycopg.connect(database) as connection:
        connection.execute("SET search_path TO ledger_test")
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement.encode())


def test_what_is_old_goes(ledger: Ledger, database: str) -> None:
    """With the next that is written, so that it does not grow for ever."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO ledger_test.accesses (at, actor, operation, subjects)"
            " VALUES (now() - interval '401 days', 'key:old', 'read_member', '{}'),"
            " (now() - interval '399 days', 'key:kept', 'read_member', '{}')"
        )
    ledger.accesses.record("key:a", "read_member", ()).result()
    assert [one.actor for one in ledger.accesses.page()] == ["key:a", "key:kept"]
