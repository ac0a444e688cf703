"""Completeness: what arrived from each source, store and day against what should have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final, LiteralString

import msgspec

from domain.event import stored_names
from domain.ledger import ControlTotalReported
from domain.purchases import PurchaseRecorded
from store.log import Log

DAYS_MAX: Final = 31
"""Days that are compared at once; :func:`compared_between` takes any number."""
NEAR_DAYS: Final = 7
"""A purchase is looked for this many days before and after the day in the shop's books."""
LATE_DAYS: Final = 400
"""So many days after a business day a control total may still be reported."""

# The entries' own JSON is added up where it lies: a month of a chain is hundreds of thousands.
ARRIVED_SQL: Final[LiteralString] = """
SELECT e->>'source', coalesce(e->'data'->>'store_id', ''),
    coalesce(e->'data'->>'business_date', left(e->>'time', 10)), e->'data'->>'currency',
    count(*), coalesce(sum((e->'data'->>'gross')::bigint), 0)::bigint,
    coalesce(sum((e->'data'->>'net')::bigint), 0)::bigint
FROM (
    SELECT convert_from(entry, 'UTF8')::jsonb AS e FROM entries
    WHERE type = ANY(%(types)s) AND time >= %(from)s AND time < %(until)s
    AND position <= %(position)s AND position <> ALL(%(voided)s)
) AS x
WHERE coalesce(e->'data'->>'business_date', left(e->>'time', 10)) BETWEEN %(first)s AND %(last)s
AND coalesce(e->>'batch', '') <> ALL(%(batches)s)
AND coalesce((e->'data'->>'part')::integer, 1) = 1
GROUP BY 1, 2, 3, 4
"""
REPORTED_SQL: Final[LiteralString] = """
SELECT DISTINCT ON (feed, store, day, currency) feed, store, day, currency, count, gross, net
FROM (
    SELECT e->'data'->>'feed' AS feed, coalesce(e->'data'->>'store_id', '') AS store,
        e->'data'->>'business_date' AS day, e->'data'->>'currency' AS currency,
        (e->'data'->>'count')::bigint AS count, (e->'data'->>'gross')::bigint AS gross,
        (e->'data'->>'net')::bigint AS net, time, position, e->>'batch' AS batch
    FROM (
        SELECT position, time, convert_from(entry, 'UTF8')::jsonb AS e FROM entries
        WHERE type = ANY(%(types)s) AND time >= %(from)s AND time < %(until)s
        AND position <= %(position)s AND position <> ALL(%(voided)s)
    ) AS y
) AS x
WHERE day BETWEEN %(first)s AND %(last)s AND coalesce(batch, '') <> ALL(%(batches)s)
ORDER BY feed, store, day, currency, time DESC, position DESC
"""


class Tally(msgspec.Struct, frozen=True):
    """How many purchases, and their sums in minor units."""

    count: int = 0
    gross: int | None = None
    net: int | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One source, store and business day."""

    feed: str
    """The source of the events."""
    store_id: str | None
    business_date: str
    currency: str | None
    reported: Tally | None
    """What the control total says should have arrived, the newest one; None: none was reported."""
    arrived: Tally
    missing: int
    """Purchases that did not arrive; below zero: so many arrived too much."""
    missing_gross: int | None
    missing_net: int | None
    complete: bool
    """A control total was reported, and count and every amount that it says agree."""


def compared(log: Log, first: date, last: date, *, feed: str | None = None) -> list[Compared]:
    """Compare, for each source, store and day, what arrived with what was reported to be there.

    Purchases count once, however many parts they have; what was voided does not count. A control
    total without a currency is compared with the purchases of all currencies together.
    """
    assert timedelta() <= last - first < timedelta(days=DAYS_MAX)
    arrived = _arrived(log, first, last)
    reported = _reported(log, first, last)
    by_place: dict[Place, dict[str | None, Tally]] = {}
    for (place, currency), tally in arrived.items():
        by_place.setdefault(place, {})[currency] = tally
    found = []
    for (place, currency), tally in reported.items():
        there = by_place.get(place, {})
        if currency is None:
            found.append(_compared(place, None, tally, _together(there.values())))
            by_place.pop(place, None)
        else:
            found.append(_compared(place, currency, tally, there.pop(currency, Tally(0, 0, 0))))
    for place, there in by_place.items():
        found += [_compared(place, currency, None, tally) for currency, tally in there.items()]
    wanted = [one for one in found if feed is None or one.feed == feed]
    return sorted(
        wanted,
        key=lambda one: (one.business_date, one.feed, one.store_id or "", one.currency or ""),
    )


def compared_between(
    log: Log, first: date, last: date, *, feed: str | None = None
) -> Iterator[Compared]:
    """The same for any period, so many days after another: nothing of one is needed for others."""
    while first <= last:
        end = min(first + timedelta(days=DAYS_MAX - 1), last)
        yield from compared(log, first, end, feed=feed)
        first = end + timedelta(days=1)


Place = tuple[str, str, str]
"""Source, store, day."""


def _arrived(log: Log, first: date, last: date) -> dict[tuple[Place, str | None], Tally]:
    near = timedelta(days=NEAR_DAYS)
    rows = _select(log, ARRIVED_SQL, PurchaseRecorded, first, last, (first - near, last + near))
    return {((row[0], row[1], row[2]), row[3]): Tally(*row[4:]) for row in rows}


def _reported(log: Log, first: date, last: date) -> dict[tuple[Place, str | None], Tally]:
    window = (first - timedelta(days=1), last + timedelta(days=LATE_DAYS))
    rows = _select(log, REPORTED_SQL, ControlTotalReported, first, last, window)
    return {((row[0], row[1], row[2]), row[3]): Tally(*row[4:]) for row in rows}


def _select(
    log: Log, statement: LiteralString, event: Any, first: date, last: date,
    window: tuple[date, date],
) -> list[tuple[Any, ...]]:  # fmt: skip
    position = log.head().position
    voids, ids = log.voids(position), log.type_ids()
    return log.select(
        statement,
        {
            "types": [ids[name] for name in stored_names(event) if name in ids],
            "from": window[0],
            "until": window[1] + timedelta(days=1),
            "position": position,
            "voided": sorted(voids.positions),
            "batches": sorted(voids.batches),
            "first": first.isoformat(),
            "last": last.isoformat(),
        },
    )


def _together(tallies: Iterable[Tally]) -> Tally:
    some = list(tallies)
    return Tally(
        sum(one.count for one in some),
        sum(one.gross or 0 for one in some),
        sum(one.net or 0 for one in some),
    )


def _compared(
    place: tuple[str, str, str], currency: str | None, reported: Tally | None, arrived: Tally
) -> Compared:
    said = reported or Tally()
    gross = None if said.gross is None else said.gross - (arrived.gross or 0)
    net = None if said.net is None else said.net - (arrived.net or 0)
    return Compared(
        feed=place[0],
        store_id=place[1] or None,
        business_date=place[2],
        currency=currency,
        reported=reported,
        arrived=arrived,
        missing=said.count - arrived.count,
        missing_gross=gross,
        missing_net=net,
        complete=reported is not None and said.count == arrived.count and not gross and not net,
    )
