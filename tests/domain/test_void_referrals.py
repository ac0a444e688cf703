"""False referrals: void from the start, or found false, and what they earned is taken back."""

from __future__ import annotations

import pytest

from domain.identities import IdentityReleased
from domain.points import PointsClawedBack
from domain.referrals import SELF_REFERRAL, ReferralIsVoid, ReferralNotMade, ReferralVoided
from domain.referring import QualifyReferral, VoidReferral
from tests.domain.crowd import enrolled, identified, made, qualified
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, earned, states

QUALIFY = QualifyReferral(referral_id="f1", referee_id="m2")
VOID = VoidReferral(referral_id="f1", reason="fake account")


class TestScreening:
    def test_naming_oneself_is_void_from_the_start(self) -> None:
        """The prospect's address is an identity of the advocate: known by its random id alone."""
        scenario = Scenario().given(identified("m1"))
        referral = made(prospect="sealed|text", prospect_id="p1", prospect_identity_id="i1")
        assert scenario.happens(referral) == [
            ReferralVoided(
                referral_id="f1", advocate_id="m1", programme="club", reason=SELF_REFERRAL
            )
        ]
        with pytest.raises(ReferralIsVoid):
            scenario.given(enrolled("m2")).when(QUALIFY)

    def test_naming_somebody_else_is_not(self) -> None:
        """Though the ledger knows them: whether they are new is asked later."""
        scenario = Scenario().given(identified("m2"))
        assert not scenario.happens(made(prospect_identity_id="i1"))

    def test_an_identity_that_was_given_up_is_somebody_elses(self) -> None:
        """What counts is who holds it now."""
        released = IdentityReleased(member_id="m1", identity_id="i1", reason="sold the phone")
        scenario = Scenario().given(identified("m1"), released)
        assert not scenario.happens(made(prospect_identity_id="i1"))

    def test_a_referral_that_is_told_twice_is_judged_once(self) -> None:
        """What was learnt since then changes nothing."""
        scenario = Scenario()
        scenario.happens(made())
        scenario.happens(identified("m1"))
        assert not scenario.happens(made(prospect_identity_id="i1"))


class TestVoiding:
    def test_a_referral_is_voided_once(self) -> None:
        """With the referee, if it had brought one."""
        scenario = Scenario().given(made(), qualified("f1", "m2"))
        [event] = scenario.when(VOID)
        assert event == ReferralVoided(
            referral_id="f1",
            advocate_id="m1",
            referee_id="m2",
            programme="club",
            reason="fake account",
        )
        with pytest.raises(ReferralIsVoid):
            scenario.when(VOID)

    def test_only_a_referral_that_was_made_is_voided(self) -> None:
        """There is nothing that is false."""
        with pytest.raises(ReferralNotMade):
            Scenario().when(VOID)

    def test_what_it_earned_is_taken_back(self) -> None:
        """On both sides: the advocate's points, and the referee's."""
        scenario = Scenario()
        for event in (made(), qualified("f1", "m2"), ACCOUNT, earned("l0", 5)):
            scenario.happens(event)
        scenario.given(
            earned("l1", 50, referral_id="f1", origin="engagement"),
            earned("l2", 20, referral_id="f1", origin="engagement", account_id="a2"),
        )
        events = scenario.when(VOID)
        clawed_back = [event for event in events if isinstance(event, PointsClawedBack)]
        assert {(event.account_id, event.points) for event in clawed_back} == {
            ("a1", 50),
            ("a2", 20),
        }
        assert states(scenario).active == 5
