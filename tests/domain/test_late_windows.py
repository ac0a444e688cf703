"""Windows that open late: an invitation that is recorded after what it invited to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from domain.invitations import InvitationSent
from domain.points import PointsClawedBack, PointsEarned
from domain.purchases import PurchaseReturned
from domain.rule_terms import Challenge, RuleLimits, Window
from domain.types import Money
from tests.domain.crowd import planned
from tests.domain.earners import DAY, HOUR, bought, club, given, terms
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario


def offer(**more: Any) -> Any:
    """Buy within two days of an invitation, each time."""
    window = Window(opened_by="invitation.sent", hours=48)
    goal = Challenge(measure="count", threshold=1, repeats=True, window=window)
    return terms(kind="challenge", challenge=goal, **more)


def invited(campaign_id: str = "c1") -> InvitationSent:
    """The brand invites the member."""
    return InvitationSent(invitation_id="i1", member_id="m1", campaign_id=campaign_id)


def awards(scenario: Scenario) -> list[PointsEarned]:
    """All that was given."""
    return [one.event for one in scenario.log if isinstance(one.event, PointsEarned)]


def test_a_formula_that_speaks_of_purchases_leaves_invitations_alone() -> None:
    """They are recorded; what is bought in time earns, and one that came late gives the same."""
    for late in (False, True):
        scenario = club(offer=offer(points="event.net / 100"))
        if not late:
            assert scenario.happens(invited(), at=NOON - DAY) == []
        scenario.happens(bought("p1", 1_500, campaign_id="c1"), at=NOON - 5 * HOUR)
        scenario.happens(bought("p2", 700), at=NOON - 4 * HOUR)
        if late:
            scenario.happens(invited(), at=NOON - DAY)
        found = [(one.points, one.purchase_id, one.price) for one in awards(scenario)]
        assert found == [
            (15, "p1", Money(amount=1_500, currency="EUR")),
            (7, "p2", Money(amount=700, currency="EUR")),
        ]


def test_each_is_eligible_by_what_it_said_itself() -> None:
    """And the time that a formula speaks of is that of the purchase."""
    said = offer(eligibility="event.store_id == 's1' && local.day == 28", points="event.net")
    scenario = club(offer=said)
    scenario.happens(bought("p1", 100, store_id="s1"), at=NOON - DAY)
    scenario.happens(bought("p2", 200, store_id="s2"), at=NOON - DAY)
    scenario.happens(bought("p3", 400, store_id="s1"), at=NOON)
    invitation = invited()
    why = scenario.why(invitation, at=NOON - 30 * HOUR)
    assert [one.reason for one in why] == ["eligibility", "awarded"]
    assert given(scenario.happens(invitation, at=NOON - 30 * HOUR)) == {"offer": 100}


def test_what_only_another_campaign_could_say_is_a_fault_of_the_rule_alone() -> None:
    """The purchase was in c2, the invitation in c1: of the dates of c2 nothing is known here."""
    scenario = club(offer=offer(eligibility="campaign.planned"), plain=offer())
    for campaign_id in ("c1", "c2"):
        scenario.log.append(scenario._record(planned(campaign_id=campaign_id), keep=False))
    scenario.happens(bought("p1", campaign_id="c1"), at=NOON - DAY)
    scenario.happens(bought("p2", campaign_id="c2"), at=NOON - DAY)
    reasons = [one.reason for one in scenario.why(invited(), at=NOON - 2 * DAY)]
    assert sorted(reasons) == ["awarded", "awarded", "awarded", "fault"]
    given_ = given(scenario.happens(invited(), at=NOON - 2 * DAY))
    assert given_ == {"offer": 10, "plain": 20}


def test_limits_go_by_the_time_of_each_purchase() -> None:
    """Not by the time of the last one: two days are two periods, and two hours are no cooldown."""
    scenario = club(
        daily=offer(limits=RuleLimits(awards=1, period="day")),
        apart=offer(limits=RuleLimits(cooldown_minutes=90)),
    )
    for n, hours in enumerate((30, 6, 4)):
        scenario.happens(bought(f"p{n}"), at=NOON - hours * HOUR)
    followed = scenario.happens(invited(), at=NOON - timedelta(hours=31))
    assert given(followed) == {"daily": 20, "apart": 30}


def test_what_came_back_before_the_invitation_was_known_is_taken_back_at_once() -> None:
    """Half of it: the award is made and half of it goes, as if the return had come after it."""
    scenario = club(offer=offer())
    scenario.happens(bought("p1", 1_000), at=NOON - DAY)
    scenario.happens(bought("p2", 1_000), at=NOON - 5 * HOUR)
    back = PurchaseReturned(return_id="b1", purchase_id="p1", net=500, currency="EUR")
    scenario.happens(back, at=NOON - 4 * HOUR)
    followed = scenario.happens(invited(), at=NOON - 30 * HOUR)
    assert given(followed) == {"offer": 20}
    [taken] = [one for one in followed if isinstance(one, PointsClawedBack)]
    assert (taken.points, taken.return_id, taken.purchase_id) == (5, "b1", "p1")
    [recorded] = [one for one in scenario.log if one.event == taken]
    assert recorded.envelope.time == NOON - DAY
