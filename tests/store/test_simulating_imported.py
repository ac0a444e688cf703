"""What-if over a history of another system: rules take the place of what that one had given."""

from __future__ import annotations

from typing import Any

import pytest

from domain.contact import Contact
from domain.envelope import Recorded
from domain.points import PointsClawedBack, PointsEarned
from domain.publishing import PublishRule
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.voids import VoidEvent
from store.ledger import Ledger
from store.simulated import SimulationReport, rules_from
from store.simulating import Simulation, window
from tests.store.test_rules_in_batches import NOON, PEOPLE, Shop, terms
from tests.store.test_simulating import LONG_AGO

TEN = rules_from({"ten": terms()}, LONG_AGO)


def bought(n: int, segment: str | None = None) -> PurchaseRecorded:
    """A purchase, through a contact with a segment."""
    contact = None if segment is None else Contact(channel="store", segment=segment)
    return PurchaseRecorded(
        purchase_id=f"p{n}", member_id="m1", net=1_000, currency="EUR", contact=contact
    )


def given(n: int, points: int, **more: Any) -> PointsEarned:
    """What another system gave for that purchase."""
    said: dict[str, Any] = {"origin": "purchase", "purchase_id": f"p{n}", **more}
    return PointsEarned(
        account_id="a1", member_id="m1", lot_id=f"l{n}", points=points, available_from=NOON, **said
    )


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """Three purchases with what they had earned elsewhere, and points of goodwill."""
    made = Shop(ledger)
    made.report(*PEOPLE, admin=True)
    made.report(bought(1, "young"), given(1, 10), bought(2, "old"), given(2, 25), admin=True)
    made.report(given(9, 500, origin="goodwill", purchase_id=None, reason="sorry"), admin=True)
    made.report(bought(3), given(3, 10), admin=True)
    return made


def simulated(shop: Shop, rules: Any = TEN, **more: Any) -> SimulationReport:
    """The difference over the whole history."""
    after, until = window(shop.ledger.log, None, None)
    return Simulation(shop.ledger.log, rules, after=after, until=until, **more).run()


def test_rules_take_the_place_of_what_another_system_gave(shop: Shop) -> None:
    """Whoever had the same has no difference; goodwill is no matter of rules."""
    report = simulated(shop)
    assert (report.points_recorded, report.points_simulated) == (45, 30)
    assert (report.awards_imported, report.points_imported) == (3, 45)
    [member] = report.lose_most
    assert (member.name, member.recorded, member.simulated) == ("m1", 45, 30)
    same = rules_from({"ten": terms(points="event.purchase_id == 'p2' ? 25 : 10")}, LONG_AGO)
    assert simulated(shop, same).members_with_difference == 0


def test_by_the_segment_of_the_contact(shop: Shop) -> None:
    """An imported award says for which purchase it was, and a simulated one by which event."""
    rows = {one.name: (one.recorded, one.simulated) for one in simulated(shop).segments}
    assert rows == {"young": (10, 10), "old": (25, 10), "-": (10, 10)}


def test_what_was_imported_may_be_kept(shop: Shop) -> None:
    """Then the rules come on top."""
    report = simulated(shop, keep_imported=True)
    assert (report.points_recorded, report.points_simulated, report.awards_imported) == (0, 30, 0)
    assert [(one.name, one.more) for one in report.gain_most] == [("m1", 30)]


def test_the_rules_of_the_history_never_replace_it(shop: Shop) -> None:
    """With the rules as they were the difference is zero, also where some was imported."""
    shop.do(PublishRule(rule_id="ten", terms=terms()))
    shop.report(bought(4))
    report = simulated(shop, None)
    assert report.members_with_difference == 0
    assert (report.points_recorded, report.points_simulated, report.awards_imported) == (10, 10, 0)


def test_what_was_taken_back_of_it_is_no_difference(shop: Shop) -> None:
    """A return, and a void of the award itself: it counts as never given."""
    shop.report(PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=500))
    back = [one.event for one in shop.ledger.log.read() if isinstance(one.event, PointsClawedBack)]
    assert [one.points for one in back] == [5]
    [wrong] = [one.envelope.position for one in shop.ledger.log.read() if is_lot(one, "l2")]
    shop.do(VoidEvent(position=wrong, reason="wrong"))
    report = simulated(shop)
    assert (report.points_recorded, report.points_simulated) == (15, 25)
    assert (report.awards_imported, report.points_imported) == (2, 15)


def is_lot(recorded: Recorded, lot_id: str) -> bool:
    """Whether an event gave this lot."""
    return isinstance(recorded.event, PointsEarned) and recorded.event.lot_id == lot_id


def test_everything_that_is_made_is_told(shop: Shop) -> None:
    """Awards and what is taken back of them, by the position of what they are decided with."""
    shop.report(PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=500))
    after, until = window(shop.ledger.log, None, None)
    told: list[Recorded] = []
    simulation = Simulation(shop.ledger.log, TEN, after=after, until=until)
    report = simulation.run(tell=told.append)
    assert [type(one.event) for one in told] == [PointsEarned] * 3 + [PointsClawedBack]
    points = [one.event.points for one in told]  # type: ignore[union-attr]
    assert sum(points[:3]) - points[3] == report.points_simulated == 25
    assert [row.simulated for row in simulation.outcome.by_member()] == [25]
