"""Completeness: what arrived from each source, store and day against what should have."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from domain.event import Event
from domain.ledger import ControlTotalReported, EventVoided
from domain.purchases import PurchaseRecorded
from store.completeness import DAYS_MAX, compared, compared_between
from store.ledger import Ledger, NewEvent

EVENING = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=1)))
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2)


def tell(
    ledger: Ledger, *events: Event, source: str = "till", batch: str | None = None,
    late: int = 0,
) -> int:  # fmt: skip
    """Record things; the position of the last."""
    head = ledger.log.head().position
    new = [
        NewEvent(event, f"{head}-{n}", source, EVENING + timedelta(days=late))
        for n, event in enumerate(events)
    ]
    outcomes = ledger.observe(new, actor="t", batch=batch, admin=True).result()
    assert not [one.error for one in outcomes if one.error]
    return outcomes[-1].position or 0


def bought(n: int, net: int = 100, store: str | None = "lyon", **said: object) -> PurchaseRecorded:
    """A purchase of so much."""
    given = {"gross": net + 20, **said}
    return PurchaseRecorded(
        purchase_id=f"p{n}", store_id=store, currency="EUR", net=net, **given,  # type: ignore[arg-type]
    )  # fmt: skip


def total(count: int, net: int | None = None, **said: object) -> ControlTotalReported:
    """What should have arrived from the shop of Lyon."""
    given = {"store_id": "lyon", "business_date": "2026-03-01", "currency": "EUR", **said}
    return ControlTotalReported(feed="till", count=count, net=net, **given)  # type: ignore[arg-type]


def test_what_is_missing_and_what_is_too_much(ledger: Ledger) -> None:
    """A day by the shop's books, or by the local time of the purchase; parts count once."""
    tell(ledger, bought(1), bought(2, 200), bought(3, 50, business_date="2026-03-02"))
    tell(ledger, bought(4, 70, part=1, parts=2), bought(4, 0, part=2, parts=2))
    tell(ledger, bought(9, 10, store=None), source="web")
    tell(ledger, total(4, 420, gross=500), total(1, 50, business_date="2026-03-02"), late=1)
    found = {(one.business_date, one.feed): one for one in compared(ledger.log, FIRST, LAST)}
    lyon = found["2026-03-01", "till"]
    assert (lyon.arrived.count, lyon.arrived.net, lyon.arrived.gross) == (3, 370, 430)
    assert (lyon.missing, lyon.missing_net, lyon.missing_gross) == (1, 50, 70)
    assert not lyon.complete
    assert found["2026-03-02", "till"].complete
    web = found["2026-03-01", "web"]
    assert (web.reported, web.store_id, web.missing, web.complete) == (None, None, -1, False)
    assert [one.feed for one in compared(ledger.log, FIRST, FIRST, feed="web")] == ["web"]
    # The same again, now corrected by what the source says later, and by what is taken back.
    tell(ledger, total(3, 370), late=2)
    assert compared(ledger.log, FIRST, FIRST, feed="till")[0].complete
    voided = tell(ledger, bought(5))
    assert compared(ledger.log, FIRST, FIRST, feed="till")[0].missing == -1
    tell(ledger, EventVoided(position=voided, reason="twice"))
    assert compared(ledger.log, FIRST, FIRST, feed="till")[0].complete


def test_nothing_arrived_and_any_currency(ledger: Ledger) -> None:
    """A total of a source that sent nothing; and one that says no currency."""
    tell(ledger, total(2, store_id=None, currency=None))
    [one] = compared(ledger.log, FIRST, LAST)
    assert (one.missing, one.arrived.count, one.missing_net) == (2, 0, None)
    tell(ledger, bought(1, store=None), bought(2, store=None))
    [one] = compared(ledger.log, FIRST, LAST)
    assert one.complete


def test_a_longer_period_is_that_of_its_months(ledger: Ledger) -> None:
    """Each day once, in order, whatever the number of days."""
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range(0, 3 * DAYS_MAX, 5)]
    for n, day in enumerate(days):
        said = {"store": None, "business_date": day.isoformat()}
        tell(ledger, bought(n, **said), late=(day - days[0]).days)  # type: ignore[arg-type]
    found = [one.business_date for one in compared_between(ledger.log, days[0], days[-1])]
    assert found == [day.isoformat() for day in days]
    assert list(compared_between(ledger.log, days[1], days[0])) == []
