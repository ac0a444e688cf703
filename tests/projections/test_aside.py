"""Rows that are put aside come back as they were, and a full folder is said to be full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from projections import worker
from projections.aside import Aside
from projections.rebuild import rebuild
from projections.tables import Rows, decoder_of
from store.ledger import Ledger
from tests.projections.builds import live_rows
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

EVENTS = 300
FULL = Path("/dev/full")


class Row(msgspec.Struct, omit_defaults=True):
    """A row of any size."""

    key: str
    text: str = ""


@contextmanager
def empty() -> Iterator[Aside]:
    """Nothing is waiting."""
    made = Aside(decoder_of(Row))
    try:
        yield made
    finally:
        made.close()


@given(st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text(max_size=40))))
def test_what_is_taken_is_what_was_put_last(rounds: list[dict[str, str]]) -> None:
    """Whatever is put and taken in turns, like a dictionary."""
    plain: dict[str, Row] = {}
    with empty() as aside:
        for number, texts in enumerate(rounds):
            back = aside.take(texts)
            assert back == {key: plain.pop(key) for key in texts if key in plain}
            rows = {key: Row(key, f"{text}{number}") for key, text in texts.items()}
            aside.put(rows)
            plain |= rows
            assert len(aside) == len(plain)
        drained: dict[str, Row] = {}
        for some in aside.drained():
            drained |= some
        assert drained == plain
        assert len(aside) == 0


@pytest.mark.parametrize("waiting_max", [0, 4, 10**6])
def test_a_rebuild_that_puts_rows_aside_makes_the_same_tables(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, waiting_max: int
) -> None:
    """With room for none of the rows, for a few, or for all of them."""
    History(11).record_all(ledger, EVENTS)
    rebuild(ledger, [SAMPLE])
    rows = live_rows(ledger, SAMPLE)
    monkeypatch.setattr(worker, "KEPT_ROWS_MAX", 3)
    monkeypatch.setattr("projections.filling.ASIDE_ROWS_MAX", waiting_max)
    put: list[int] = []
    really = Aside.put

    def noted(aside: Aside, some: Rows) -> None:
        put.append(len(some))
        really(aside, some)

    monkeypatch.setattr(Aside, "put", noted)
    rebuild(ledger, [SAMPLE], batch_events=20)
    assert live_rows(ledger, SAMPLE) == rows
    assert (sum(put) > 0) == (waiting_max > 0)


def test_no_room_is_said_and_what_was_live_stays(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own full device in the place of the folder."""
    History(11).record_all(ledger, EVENTS)
    rebuild(ledger, [SAMPLE])
    rows = live_rows(ledger, SAMPLE)
    monkeypatch.setattr(worker, "KEPT_ROWS_MAX", 3)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FULL.open("w+b"))
    [done] = rebuild(ledger, [SAMPLE], batch_events=20)
    assert done.failure is not None
    assert "No space left on device" in done.failure
    assert "TMPDIR" in done.failure
    assert live_rows(ledger, SAMPLE) == rows
