"""Rows that do not fit in memory are folded in passes, and nobody can tell from the tables."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from projections import passes
from projections.failures import RebuildFailed
from projections.passes import SLICES, Notes, Slices, slice_of
from projections.rebuild import rebuild
from store.ledger import Ledger
from tests.projections.builds import live_rows
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

EVENTS = 400
FULL = Path("/dev/full")
PAGES = st.lists(st.dictionaries(st.integers(0, SLICES - 1), st.integers(1, 50), max_size=6))


@given(PAGES, st.integers(0, SLICES - 1), st.integers(1, SLICES))
def test_what_was_noted_of_some_slices_comes_back_in_order(
    pages: list[dict[int, int]], first: int, width: int
) -> None:
    """Each position once, however many slices and rows it was noted for."""
    slices = Slices(first, min(first + width, SLICES))
    expected = set()
    with closing(Notes()) as notes:
        for page, noted in enumerate(pages):
            for number, offset in noted.items():
                for _ in range(2):
                    notes.note(number, 100 * page + offset)
                if slices.first <= number < slices.end:
                    expected.add(100 * page + offset)
            notes.keep()
        assert list(notes.positions(slices)) == sorted(expected)
        assert list(notes.positions(slices)) == sorted(expected)


@given(st.integers(1, SLICES), st.sets(st.text("abc", min_size=1)))
def test_passes_have_every_owner_once(width: int, owners: set[str]) -> None:
    """Whatever the first pass had room for; and all rows of an owner are in one pass."""
    slices, seen = Slices(0, width), []
    while True:
        seen += [owner for owner in owners if slices.has(f"{owner}/row")]
        assert all(slices.has(owner) == slices.has(f"{owner}/row") for owner in owners)
        if slices.end == SLICES:
            break
        slices = slices.following()
    assert sorted(seen) == sorted(owners)
    assert {slice_of(owner) for owner in owners} <= set(range(SLICES))


@pytest.mark.parametrize("few", [0, 10, passes.FEW_ROWS])
@pytest.mark.parametrize("room_for_pages", [0, 1, 7, 15])
def test_passes_make_the_same_tables(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, room_for_pages: int, few: int
) -> None:
    """With room for nothing, or until some page, in the first pass or in a later one.

    No fold has few rows, or some have, or all.
    """
    monkeypatch.setattr("projections.filling.FEW_ROWS", few)
    History(11).record_all(ledger, EVENTS)
    rebuild(ledger, [SAMPLE])
    rows = live_rows(ledger, SAMPLE)
    told: list[int] = []

    class Asked(passes.Room):
        left = room_for_pages

        def is_left(self) -> bool:
            self.left -= 1
            return self.left >= 0 or self.left % 5 == 0

    monkeypatch.setattr("projections.worker.Room", Asked)
    [done] = rebuild(ledger, [SAMPLE], batch_events=40, progress=lambda at, _: told.append(at))
    assert done.failure is None
    assert live_rows(ledger, SAMPLE) == rows
    assert told == sorted(told)


def test_no_room_for_notes_is_said_and_what_was_live_stays(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own full device in the place of the folder."""
    History(11).record_all(ledger, EVENTS)
    rebuild(ledger, [SAMPLE])
    rows = live_rows(ledger, SAMPLE)
    monkeypatch.setattr(passes.Room, "is_left", lambda _: False)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FULL.open("w+b", buffering=0))
    with pytest.raises(RebuildFailed, match=r"No space left on device.*TMPDIR"):
        rebuild(ledger, [SAMPLE], batch_events=40)
    assert live_rows(ledger, SAMPLE) == rows
