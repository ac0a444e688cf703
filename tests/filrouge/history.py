"""One simulated history that several tests look at, and plain sums over its events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from domain.ledger import BatchVoided
from domain.purchases import PurchaseRecorded
from filrouge.simulator import Arrival, State, arrivals

MEMBERS, YEARS, SEED = 2_000, 2.0, 5


@cache
def everything() -> tuple[Arrival, ...]:
    """All of it, in the order of arrival."""
    return tuple(arrivals(State(MEMBERS, YEARS, SEED)))


@cache
def state() -> State:
    """The plan and the people of the same history, on its first morning."""
    return State(MEMBERS, YEARS, SEED)


@cache
def standing() -> tuple[Arrival, ...]:
    """What was not voided."""
    voided = {one.event.batch_id for one in everything() if isinstance(one.event, BatchVoided)}
    return tuple(one for one in everything() if one.batch not in voided)


def events(*kinds: type[Any]) -> Iterator[tuple[Any, datetime]]:
    """The events of some classes that stand, with their times."""
    for one in standing():
        if isinstance(one.event, kinds):
            yield one.event, one.time


def bought_in_last_year() -> dict[str | None, int]:
    """What each person bought in the last 365 days, in cents net; ``None``: nobody known."""
    since = max(one.time for one in standing()) - timedelta(days=365)
    spent: Counter[str | None] = Counter()
    for event, time in events(PurchaseRecorded):
        if time > since:
            spent[event.member_id or event.visitor_id or event.account_id] += event.net
    return dict(spent)


def by(field: str, some: Iterator[tuple[Any, datetime]]) -> dict[Any, list[tuple[Any, datetime]]]:
    """Events by the value of a field."""
    found: dict[Any, list[tuple[Any, datetime]]] = defaultdict(list)
    for event, time in some:
        found[getattr(event, field)].append((event, time))
    return dict(found)
