"""The cutting of a rebuild's work into shares: everything is somebody's, and nothing is twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, strategies as st

import projections
from projections import owners
from projections.fold import Fold
from projections.shares import HASHES, WHOLE, Part, Work, cut
from store.ledger import Ledger
from tests.projections.builds import Live
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

FOLDS = [fold for projection in projections.ALL for fold in projection.folds]


NAMES = sorted(frozenset().union(*(fold.types for fold in FOLDS)))
EVENTS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2_000))


@given(EVENTS, st.integers(1, 17))
def test_the_parts_of_a_fold_are_the_whole_of_it(events: dict[str, int], shares: int) -> None:
    """Each begins where the one before it ends, whatever there is to do, and for how many."""
    cuts = cut(Work(FOLDS, events), shares)
    assert len(cuts) == shares
    for fold in FOLDS:
        parts = [parts[fold] for parts in cuts if fold in parts]
        assert [part.first for part in parts] == [0, *(part.end for part in parts[:-1])]
        assert parts[-1].end == HASHES


@given(EVENTS)
def test_no_cut_in_two_is_better(events: dict[str, int]) -> None:
    """No place between two folds, nor at any tenth of one, leaves less for who has most to do."""
    work = Work(FOLDS, events)
    line = list(work.folding)

    def most(cuts: Iterable[Mapping[type[Fold], Part]]) -> float:
        return max(_done(work, parts) for parts in cuts)

    found = most(cut(work, 2))
    for number, fold in enumerate(line):
        for tenth in range(10):
            middle = HASHES * tenth // 10
            first = dict.fromkeys(line[:number], WHOLE)
            rest = dict.fromkeys(line[number + 1 :], WHOLE)
            if tenth:
                first[fold] = Part(0, middle)
            assert found <= most((first, {fold: Part(middle, HASHES), **rest})) + 2


def _done(work: Work, parts: Mapping[type[Fold], Part]) -> float:
    """What a share has to do."""
    types = frozenset[str]().union(*(fold.types for fold in parts))
    return work.reading(types) + sum(
        work.folding[fold] * (part.end - part.first) / HASHES for fold, part in parts.items()
    )


@given(st.text(min_size=1), st.integers(1, HASHES - 1))
def test_an_owner_is_of_one_part(owner: str, where: int) -> None:
    """Of two parts that meet it is in exactly one; the whole has every owner."""
    assert Part(0, where).mine()(owner) != Part(where, HASHES).mine()(owner)
    assert Part().mine()(owner)


def test_folds_of_the_same_events_lie_together() -> None:
    """So that a worker decodes few types; what is rare or never seen has work too."""
    events = {"invitation.sent.v1": 50, "points.earned.v1": 30, "purchase.recorded.v1": 20}
    work = Work(FOLDS, events)
    order: list[type[Fold]] = list(work.folding)
    names = [fold.__name__ for fold in order]
    assert names.index("CampaignInvitations") < names.index("Balances")
    assert names.index("Audience") < names.index("Statements")
    assert set(order) == set(FOLDS)
    assert all(one > 0 for one in work.folding.values())


@pytest.mark.parametrize("kept_max", [0, 500_000])
def test_aliases_that_are_too_many_to_remember_are_looked_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, kept_max: int
) -> None:
    """The rows are the same, in shares that cut a fold with aliases in two."""
    monkeypatch.setattr(owners, "KEPT_MAX", kept_max)
    with ledger.connect() as connection:
        live = Live(ledger, connection, SAMPLE)
        for head in History(3).record(ledger, 150):
            live.follow(head, 1000)
        assert live.filled(head, shares=3, events_max=40) == live.rows()
