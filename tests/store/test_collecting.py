"""Cycles are looked for rarely while anybody asks for it, and as before afterwards."""

import gc
from collections.abc import Iterator
from itertools import permutations

import pytest

from store.collecting import COLLECT_AFTER, SERVING_COLLECT_AFTER, rarely_collected


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """As often as Python does by itself; what the other tests do stays."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_to_leave_sets_back_what_was(order: tuple[int, ...]) -> None:
    """Whoever leaves first: threads do not leave in the order in which they came."""
    asked = (SERVING_COLLECT_AFTER, COLLECT_AFTER, SERVING_COLLECT_AFTER)
    inside = [rarely_collected(after) for after in asked]
    for one in inside:
        one.__enter__()
    left = list(asked)
    for n in order:
        assert gc.get_threshold() == (max(left), 10, 10)
        inside[n].__exit__(None, None, None)
        left.remove(asked[n])
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [2 * COLLECT_AFTER, 0])
def test_it_is_never_more_often_than_before(own: int) -> None:
    """Somebody who embeds the ledger may have set it higher, or to never at all."""
    gc.set_threshold(own, 5, 5)
    with rarely_collected(SERVING_COLLECT_AFTER):
        assert gc.get_threshold() == (own, 5, 5)
    assert gc.get_threshold() == (own, 5, 5)
