"""Views of a batch: in the order of the log, whatever is asked, read and accepted meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.decision import View, on
from domain.engagement import VisitRecorded
from domain.envelope import Envelope, Recorded
from store.boundary import KnownView, Views
from store.draft import Draft, Moment, make_draft
from store.packed import bigint
from store.voids import Voids

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Order(View):
    """Where what it took in stands, in the order in which it did."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.seen: list[int] = []

    @on(VisitRecorded)
    def _(self, event: VisitRecorded, envelope: Envelope) -> None:
        self.seen.append(envelope.position)


TYPES = {VisitRecorded.type_name: 1}


def visited(position: int) -> tuple[Recorded, Draft]:
    """A visit at a position, as it is read back and as a batch accepts it."""
    event = VisitRecorded(member_id="m1", place="web")
    draft = make_draft(event, id=f"{position}", source="/till", time=NOON, actor="t")
    draft.place(position, Moment.of(NOON))
    return draft.recorded(), draft


def test_a_view_takes_in_everything_in_the_order_of_the_log() -> None:
    """What a batch accepts before a view was read on waits, and what comes then waits behind it."""
    views, empty = Views(), Order("member:m1")
    for first in (1, 5):  # the second time the view is kept, and stands behind
        views.begin()
        views.need([KnownView(Order("member:m1"))])
        _, asked = views.ask(TYPES)
        assert views.held([empty]) == [None], "it is not loaded"
        views.fold(visited(first + 1)[1])
        views.load(asked, [(1, visited(first)[0])], Voids(), first)
        views.fold(visited(first + 2)[1])
        [held] = views.held([empty])
        views.fold(visited(first + 3)[1])
        assert isinstance(held, Order)
        assert held.seen == list(range(1, first + 4))
        views.committed(first + 3)


@pytest.mark.parametrize("loaded", [False, True])
def test_what_nobody_looked_at_is_read_anew(*, loaded: bool) -> None:
    """A view that took nothing in is not kept as of a head that it has not seen."""
    views, empty = Views(), Order("member:m1")
    for n in (1, 2):
        views.begin()
        views.need([KnownView(Order("member:m1"))])
        _, asked = views.ask(TYPES)
        if n == 2:
            views.fold(visited(2)[1])
        if n == 1 or loaded:
            views.load(asked, [(1, visited(1)[0])] if n == 1 else [], Voids(), 1)
        views.committed(n)
    views.begin()
    views.need([KnownView(Order("member:m1"))])
    ask, asked = views.ask(TYPES)
    since = 0 if loaded else 1
    assert ask.values[2].endswith(bigint(since)), "what it has not taken in is asked for"
    views.load(asked, [(1, visited(n)[0]) for n in range(since + 1, 3)], Voids(), 2)
    [held] = views.held([empty])
    assert isinstance(held, Order)
    assert held.seen == [1, 2]
