"""Disqualifying by hand: what a participation earned is taken back with it."""

from __future__ import annotations

import pytest

from domain.contact import Contact
from domain.disqualification import (
    DisqualifyParticipation,
    ParticipationAlreadyDisqualified,
    ParticipationNotRecorded,
)
from domain.lot_parts import LotDebit
from domain.participations import ParticipationDisqualified
from domain.points import PointsClawedBack, PointsRedeemed
from tests.domain.crowd import DAY, planned, played
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, earned, states

END = NOON + 10 * DAY


class TestDisqualifying:
    def test_somebody_can_disqualify_with_a_reason(self) -> None:
        """Under the same tags as the participation itself."""
        participation = played("p1", contact=Contact(visitor_id="v1"))
        scenario = Scenario().given(participation)
        events = scenario.when(
            DisqualifyParticipation(participation_id="p1", reason="duplicate_device")
        )
        assert events == [
            ParticipationDisqualified(
                participation_id="p1",
                member_id="m1",
                visitor_id="v1",
                campaign_id="c1",
                activation_id="n1",
                reason="duplicate_device",
            )
        ]
        assert scenario.log[-1].envelope.cause == 1

    def test_it_is_disqualified_once(self) -> None:
        """A rule may have been faster."""
        command = DisqualifyParticipation(participation_id="p1", reason="rules")
        scenario = Scenario().given(planned())
        scenario.happens(played("p1"), at=END)
        with pytest.raises(ParticipationAlreadyDisqualified):
            scenario.when(command)

    def test_only_what_was_recorded_is_disqualified(self) -> None:
        """There is nothing that counts."""
        with pytest.raises(ParticipationNotRecorded):
            Scenario().when(DisqualifyParticipation(participation_id="p1", reason="rules"))

    @pytest.mark.parametrize("spent", [0, 30, 50])
    def test_what_it_earned_is_taken_back(self, spent: int) -> None:
        """What is spent already is owed, and other points stay."""
        scenario = Scenario()
        for event in (played("p1"), ACCOUNT, earned("l0", 5)):
            scenario.happens(event)
        scenario.given(earned("l1", 50, participation_id="p1", origin="engagement"))
        if spent:
            lots = (LotDebit(lot_id="l1", points=spent),)
            scenario.happens(PointsRedeemed(account_id="a1", points=spent, lots=lots))
        events = scenario.when(DisqualifyParticipation(participation_id="p1", reason="rules"))
        [clawback] = [event for event in events if isinstance(event, PointsClawedBack)]
        assert (clawback.points, clawback.participation_id) == (50, "p1")
        assert states(scenario) == (55, spent, 0, 5, 0, spent, 0, 50)
