"""Whoever has the head locked and is silent, or does not listen, is ended by who waits for it."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent

from store.ledger import Ledger
from store.silence import LOOK_SECONDS

ANSWERS = b"SELECT repeat('x', 1000000) FROM generate_series(1, 100)"
"""More than fits between two processes."""
SECONDS = 1


@pytest.mark.parametrize("asks", [False, True])
def test_the_head_is_taken_over(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, asks: bool
) -> None:
    """Of one that is silent between two statements, and of one that leaves its answer unread."""
    monkeypatch.setattr("store.silence.SILENT_SECONDS_MAX", SECONDS)
    monkeypatch.setattr("store.silence.UNREAD_SECONDS_MAX", SECONDS)
    with closing(ledger.connect()) as silent:
        silent.execute("BEGIN")
        silent.execute("SELECT FROM head FOR UPDATE")
        if asks:
            silent.pgconn.send_query(ANSWERS)
            silent.pgconn.flush()
        assert ledger.recorder.append([DCBEvent(type="t", data=b"d", tags=[])]) == 2
        if not asks:
            with pytest.raises(psycopg.OperationalError):
                silent.execute("SELECT FROM head")


def test_whoever_is_at_work_is_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes: the head is locked by a statement that runs."""
    monkeypatch.setattr("store.silence.SILENT_SECONDS_MAX", SECONDS)
    monkeypatch.setattr("store.silence.UNREAD_SECONDS_MAX", SECONDS)
    with closing(ledger.connect()) as busy:
        busy.execute("BEGIN")
        busy.execute("SELECT FROM head FOR UPDATE")
        appended = ledger.recorder.queue([DCBEvent(type="t", data=b"d", tags=[])])
        busy.execute("SELECT pg_sleep(%s)", [2.5 * LOOK_SECONDS])  # it is looked at twice
        assert not appended.done()
        busy.execute("COMMIT")
    assert appended.result() == 2
