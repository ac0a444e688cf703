"""A void lets every figure be as if the voided had not been recorded, with what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.adjustments import AdjustPoints
from domain.disqualification import DisqualifyParticipation
from domain.ledger import BatchVoided, EventVoided, LedgerOpened
from domain.movements import CancelPoints, NotEnoughPoints, TransferPoints
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberErased
from domain.points import PointsCancelled
from domain.purchases import PurchaseRecorded
from domain.redemptions import RedeemPoints, ReservePoints
from domain.referrals import ReferralMade, ReferralQualified
from domain.referring import VoidReferral
from domain.voids import (
    AlreadyVoided,
    BatchNotFound,
    EventNotFound,
    NotVoidable,
    VoidBatch,
    VoidIsFinal,
)
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, OTHER, award, earned, purchase, returned, states, void, where

TOOK_PART = ParticipationRecorded(
    participation_id="t1", member_id="m1", campaign_id="c1", activation_id="v1"
)
MADE = ReferralMade(referral_id="f1", advocate_id="m1", programme="friends")
QUALIFIED = ReferralQualified(
    referral_id="f1", advocate_id="m1", referee_id="m2", programme="friends"
)


@pytest.fixture
def scenario() -> Scenario:
    """Two accounts."""
    scenario = Scenario()
    scenario.happens(ACCOUNT)
    scenario.happens(OTHER)
    return scenario


def test_a_void_carries_the_tags_of_what_it_voids(scenario: Scenario) -> None:
    """A void carries the tags of what it voids."""
    scenario.happens(TOOK_PART, batch="b1")
    [event] = scenario.when(void(3))
    assert isinstance(event, EventVoided)
    assert event.tags == (
        "participation:t1",
        "member:m1",
        "campaign:c1",
        "activation:v1",
        "batch:b1",
        "position:3",
    )
    assert event.approved_by == "boss"


def test_a_voided_redemption_gives_the_points_back(scenario: Scenario) -> None:
    """A voided redemption gives the points back."""
    scenario.happens(earned("x", 100))
    scenario.when(RedeemPoints(account_id="a1", points=100))
    scenario.when(void(4))
    scenario.when(RedeemPoints(account_id="a1", points=100))


def test_a_redemption_from_a_voided_reservation_still_spends(scenario: Scenario) -> None:
    """A redemption from a voided reservation still spends."""
    scenario.happens(earned("x", 100))
    scenario.when(ReservePoints(account_id="a1", points=60, reservation_id="h"))
    scenario.when(RedeemPoints(account_id="a1", reservation_id="h", points=40))
    scenario.when(void(4))
    assert states(scenario) == (100, 0, 0, 60, 0, 40, 0, 0)


def test_a_voided_award_makes_what_was_spent_owed(scenario: Scenario) -> None:
    """A voided award makes what was spent owed."""
    scenario.happens(earned("x", 100))
    scenario.when(RedeemPoints(account_id="a1", points=70))
    assert len(scenario.when(void(3))) == 1
    assert states(scenario) == (0, 70, 0, 0, 0, 70, 0, 0)
    with pytest.raises(NotEnoughPoints):
        scenario.when(RedeemPoints(account_id="a1", points=1))


def test_what_was_taken_from_a_voided_award_is_not_owed(scenario: Scenario) -> None:
    """What was taken from a voided award is not owed."""
    scenario.happens(earned("x", 100))
    scenario.happens(earned("y", 100))
    scenario.when(CancelPoints(account_id="a1", points=130, reason="fraud"))
    void_award, void_cancelling, again = scenario.when(void(3))
    assert (void_award.position, void_cancelling.position) == (3, 5)
    assert isinstance(again, PointsCancelled)
    assert (again.points, [lot.lot_id for lot in again.lots]) == (30, ["y"])
    assert states(scenario) == (100, 0, 0, 70, 0, 0, 0, 30)


def test_a_voided_credit_takes_its_clawbacks_along(scenario: Scenario) -> None:
    """A voided credit takes its clawbacks along."""
    scenario.when(AdjustPoints(account_id="a1", direction="credit", points=9, reason="x"))
    scenario.when(AdjustPoints(account_id="a1", direction="debit", points=9, reason="x"))
    scenario.when(void(3))
    assert states(scenario) == (0,) * 8


def test_a_voided_cause_takes_back_what_is_left_and_what_was_spent(scenario: Scenario) -> None:
    """A voided cause takes back what is left and what was spent."""
    scenario.happens(TOOK_PART)
    scenario.when(award(participation_id="t1"))
    scenario.when(RedeemPoints(account_id="a1", points=30))
    voided, clawback = scenario.when(void(3))
    assert (voided.position, clawback.points, clawback.participation_id) == (3, 100, "t1")
    assert (clawback.reason, clawback.approved_by) == ("wrong", "boss")
    assert scenario.log[-1].envelope.cause == 3
    assert states(scenario) == (100, 30, 0, 0, 0, 30, 0, 100)


def test_points_that_went_to_another_account_are_taken_there(scenario: Scenario) -> None:
    """Points that went to another account are taken there."""
    scenario.happens(TOOK_PART)
    scenario.when(award(participation_id="t1"))
    scenario.when(TransferPoints(account_id="a1", to_account_id="a2", points=40))
    events = scenario.when(void(3))
    assert [(e.account_id, e.points) for e in events[1:]] == [("a1", 60), ("a2", 40)]


def test_only_what_the_voided_event_caused_is_taken_back(scenario: Scenario) -> None:
    """Only what the voided event caused is taken back."""
    scenario.happens(purchase())
    scenario.when(award(purchase_id="p1"))
    scenario.when(void(3))
    scenario.happens(purchase())
    scenario.when(award(50, purchase_id="p1"))
    assert states(scenario).active == 50
    [_, clawback] = scenario.when(void(where(scenario, PurchaseRecorded)))
    assert clawback.points == 50


def test_a_voided_referral_falls_with_its_qualification(scenario: Scenario) -> None:
    """A voided referral falls with its qualification."""
    scenario.happens(MADE)
    scenario.happens(QUALIFIED)
    scenario.when(award(referral_id="f1"))
    voided, qualification, clawback = scenario.when(void(3))
    assert (voided.position, qualification.position, clawback.points) == (3, 4, 100)


def test_a_check_falls_with_what_it_judged(scenario: Scenario) -> None:
    """A check falls with what it judged."""
    disqualified = ParticipationDisqualified(
        participation_id="t1", campaign_id="c1", activation_id="v1", reason="rules"
    )
    scenario.happens(TOOK_PART)
    scenario._record(disqualified, cause=3)
    assert [event.position for event in scenario.when(void(3))] == [3, 4]


@pytest.mark.parametrize(
    "command, given, field",
    [
        (
            DisqualifyParticipation(participation_id="t1", reason="rules"),
            (TOOK_PART,),
            "participation_id",
        ),
        (VoidReferral(referral_id="f1", reason="fake"), (MADE, QUALIFIED), "referral_id"),
    ],
)
def test_a_voided_judgement_gives_the_points_back(
    scenario: Scenario, command: Any, given: tuple[Any, ...], field: str
) -> None:
    """A voided judgement gives the points back."""
    for event in given:
        scenario.happens(event)
    scenario.when(award(**{field: getattr(given[0], field)}))
    judgement = len(scenario.log) + 1
    scenario.when(command)
    assert states(scenario) == (100, 0, 0, 0, 0, 0, 0, 100)
    scenario.when(void(judgement))
    assert states(scenario).active == 100
    scenario.when(void(3))
    assert states(scenario) == (100, 0, 0, 0, 0, 0, 0, 100)


def test_a_batch_takes_back_what_came_of_it(scenario: Scenario) -> None:
    """A batch takes back what came of it."""
    scenario.happens(purchase(), batch="b1")
    scenario.happens(TOOK_PART, batch="b1")
    scenario.happens(earned("imported", 7, participation_id="t1"), batch="b1")
    scenario.when(award(purchase_id="p1"))
    scenario.when(award(participation_id="t1"))
    scenario.when(RedeemPoints(account_id="a1", points=10))
    first, *clawbacks = scenario.when(VoidBatch(batch_id="b1", reason="wrong file"))
    assert isinstance(first, BatchVoided)
    assert [event.points for event in clawbacks] == [100, 100]
    assert states(scenario).owed == states(scenario).spent == 10


def test_an_award_that_falls_with_its_batch_is_not_taken_back_as_well(scenario: Scenario) -> None:
    """An award that falls with its batch is not taken back as well."""
    scenario.happens(TOOK_PART, batch="b1")
    scenario._record(earned("imported", 7, participation_id="t1"), cause=3, batch="b1")
    [only] = scenario.when(VoidBatch(batch_id="b1", reason="wrong file"))
    assert isinstance(only, BatchVoided)
    assert states(scenario) == (0,) * 8


def test_a_batch_of_returns_gives_the_points_back(scenario: Scenario) -> None:
    """A batch of returns gives the points back."""
    scenario.happens(purchase(100, order_id="o1"))
    scenario.when(award(purchase_id="p1"))
    scenario.happens(returned(30, "r1"), batch="b1")
    scenario.happens(returned(30, "r2", order_id="o1"), batch="b1")
    assert states(scenario).active == 40
    scenario.when(VoidBatch(batch_id="b1", reason="wrong file"))
    assert states(scenario).active == 100


def test_a_batch_with_the_award_and_not_the_clawback(scenario: Scenario) -> None:
    """A batch with the award and not the clawback."""
    scenario.happens(earned("imported", 10, purchase_id="p1"), batch="b1")
    scenario.when(CancelPoints(account_id="a1", points=4, reason="fraud"))
    scenario.when(VoidBatch(batch_id="b1", reason="wrong file"))
    assert states(scenario) == (0,) * 8


def test_an_event_is_voided_once(scenario: Scenario) -> None:
    """An event is voided once."""
    scenario.happens(TOOK_PART, batch="b1")
    scenario.happens(purchase(), batch="b1")
    scenario.when(void(3))
    with pytest.raises(AlreadyVoided):
        scenario.when(void(3))
    scenario.when(VoidBatch(batch_id="b1", reason="x"))
    with pytest.raises(AlreadyVoided):
        scenario.when(void(4))
    with pytest.raises(AlreadyVoided):
        scenario.when(VoidBatch(batch_id="b1", reason="x"))


def test_what_is_not_there_cannot_be_voided(scenario: Scenario) -> None:
    """What is not there cannot be voided."""
    with pytest.raises(EventNotFound):
        scenario.when(void(99))
    with pytest.raises(BatchNotFound):
        scenario.when(VoidBatch(batch_id="none", reason="x"))


def test_the_opening_an_erasure_and_a_void_are_final(scenario: Scenario) -> None:
    """The opening an erasure and a void are final."""
    opened = LedgerOpened(ledger_id="l", name="L", time_zone="UTC", currency="EUR")
    erased = MemberErased(member_id="m1", destroyed=("subject-key",), irrecoverable_at=NOON)
    for event in (opened, erased):
        scenario.happens(event)
        with pytest.raises(NotVoidable):
            scenario.when(void(len(scenario.log)))
    scenario.happens(TOOK_PART)
    scenario.when(void(len(scenario.log)))
    with pytest.raises(VoidIsFinal):
        scenario.when(void(len(scenario.log)))
