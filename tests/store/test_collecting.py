"""Cycles are looked for rarely while anybody asks for it, and as before afterwards."""

import gc

from store.collecting import COLLECT_AFTER, rarely_collected


def test_the_last_to_leave_sets_back_what_was() -> None:
    """Whoever leaves first: threads do not leave in the order in which they came."""
    before = gc.get_threshold()
    one, other = rarely_collected(), rarely_collected()
    one.__enter__()
    other.__enter__()
    assert gc.get_threshold() == (COLLECT_AFTER, *before[1:])
    one.__exit__(None, None, None)
    assert gc.get_threshold() == (COLLECT_AFTER, *before[1:])
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before
