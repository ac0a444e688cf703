"""The cutting of a rebuild's work into shares: everything is somebody's, and nothing is twice."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import projections
from projections import owners
from projections.fold import Fold
from projections.shares import HASHES, Part, cut, weighed
from store.ledger import Ledger
from tests.projections.builds import Live
from tests.projections.histories import History
from tests.projections.sample import SAMPLE

FOLDS = [fold for projection in projections.ALL for fold in projection.folds]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=len(FOLDS)), st.integers(1, 17))
def test_the_parts_of_a_fold_are_the_whole_of_it(weights: list[int], shares: int) -> None:
    """Each begins where the one before it ends, whatever the weights and the number of shares."""
    given_weights = dict(zip(FOLDS, weights, strict=False))
    cuts = cut(given_weights, shares)
    assert len(cuts) == shares
    for fold in given_weights:
        parts = [parts[fold] for parts in cuts if fold in parts]
        assert [part.first for part in parts] == [0, *(part.end for part in parts[:-1])]
        assert parts[-1].end == HASHES


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=len(FOLDS)), st.integers(1, 8))
def test_shares_are_equal(weights: list[int], shares: int) -> None:
    """No share is further from its equal part than rounding."""
    given_weights = dict(zip(FOLDS, weights, strict=False))
    for parts in cut(given_weights, shares):
        work = sum(
            given_weights[fold] * (part.end - part.first) / HASHES for fold, part in parts.items()
        )
        assert abs(work - sum(weights) / shares) <= 1


@given(st.text(min_size=1), st.integers(1, HASHES - 1))
def test_an_owner_is_of_one_part(owner: str, where: int) -> None:
    """Of two parts that meet it is in exactly one; the whole has every owner."""
    assert Part(0, where).mine()(owner) != Part(where, HASHES).mine()(owner)
    assert Part().mine()(owner)


def test_folds_of_the_same_events_lie_together() -> None:
    """So that a worker decodes few types; what is rare or never seen has work too."""
    events = {"invitation.sent.v1": 50, "points.earned.v1": 30, "purchase.recorded.v1": 20}
    order: list[type[Fold]] = list(weighed(FOLDS, events))
    names = [fold.__name__ for fold in order]
    assert names.index("CampaignInvitations") < names.index("Balances")
    assert names.index("Audience") < names.index("Statements")
    assert set(order) == set(FOLDS)
    assert all(work > 0 for work in weighed(FOLDS, events).values())


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
