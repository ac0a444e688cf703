"""Codes, and referrals that qualify once, never of oneself and never of a customer."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from domain.campaigns import CampaignNotPlanned
from domain.errors import RuleError
from domain.people import MemberNotEnrolled
from domain.referrals import (
    ReferralCodeIssued,
    ReferralIsVoid,
    ReferralNotMade,
    ReferralQualified,
    ReferralVoided,
)
from domain.referring import (
    CodeTaken,
    IssueReferralCode,
    QualifyReferral,
    RefereeAlreadyReferred,
    RefereeIsCustomer,
    ReferralAlreadyQualified,
    SelfReferral,
    VoidReferral,
)
from tests.domain.crowd import DAY, HOUR, enrolled, local, made, planned, qualified
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import purchase

QUALIFY = QualifyReferral(referral_id="f1", referee_id="m2", reason="first purchase")
VOID = VoidReferral(referral_id="f1", reason="fake account")


class TestCodes:
    def test_a_code_is_given_or_chosen(self) -> None:
        """Who chooses none is given one."""
        scenario = Scenario().given(enrolled())
        [given_one] = scenario.when(IssueReferralCode(member_id="m1"))
        assert isinstance(given_one, ReferralCodeIssued)
        assert given_one.code.startswith("r_")
        [chosen] = scenario.when(IssueReferralCode(member_id="m1", code="SPRING-7"))
        assert chosen == ReferralCodeIssued(member_id="m1", code="SPRING-7")

    def test_a_code_belongs_to_one_member(self) -> None:
        """For ever, and whoever asks."""
        issued = ReferralCodeIssued(member_id="m1", code="SPRING-7")
        scenario = Scenario().given(issued, enrolled("m2"))
        with pytest.raises(CodeTaken):
            scenario.when(IssueReferralCode(member_id="m2", code="SPRING-7"))

    def test_only_members_get_codes(self) -> None:
        """An id alone makes no member."""
        with pytest.raises(MemberNotEnrolled):
            Scenario().when(IssueReferralCode(member_id="m1"))

    def test_its_campaign_exists(self) -> None:
        """A campaign that nobody planned has no codes."""
        command = IssueReferralCode(member_id="m1", campaign_id="c1")
        with pytest.raises(CampaignNotPlanned):
            Scenario().given(enrolled()).when(command)
        assert Scenario().given(enrolled(), planned()).when(command)


class TestQualifying:
    def test_a_referral_brings_its_referee(self) -> None:
        """It qualifies for the programme and campaign that it was made in."""
        scenario = Scenario().given(made(campaign_id="c1"), enrolled("m2"))
        expected = qualified("f1", "m2", campaign_id="c1", reason="first purchase")
        assert scenario.when(QUALIFY) == [expected]

    def test_only_a_referral_that_was_made_qualifies(self) -> None:
        """Nobody can qualify what nobody did."""
        with pytest.raises(ReferralNotMade):
            Scenario().given(enrolled("m2")).when(QUALIFY)

    def test_the_referee_is_a_member(self) -> None:
        """Whoever was named but did not enrol brings nothing."""
        with pytest.raises(MemberNotEnrolled):
            Scenario().given(made()).when(QUALIFY)

    def test_a_referral_qualifies_once(self) -> None:
        """Not even with another referee."""
        scenario = Scenario().given(made(), enrolled("m2"), qualified("f1", "m3"))
        with pytest.raises(ReferralAlreadyQualified):
            scenario.when(QUALIFY)

    def test_a_void_referral_does_not_qualify(self) -> None:
        """What was false stays false."""
        scenario = Scenario().given(made())
        scenario.when(VOID)
        with pytest.raises(ReferralIsVoid):
            scenario.given(enrolled("m2")).when(QUALIFY)

    def test_nobody_refers_themselves(self) -> None:
        """An advocate is not their own referee."""
        scenario = Scenario().given(made(advocate_id="m2"), enrolled("m2"))
        with pytest.raises(SelfReferral):
            scenario.when(QUALIFY)

    def test_a_referee_comes_once_to_a_programme(self) -> None:
        """By whichever advocate; but a member may be brought to two programmes."""
        first = qualified("f0", "m2", advocate_id="m3")
        scenario = Scenario().given(made(), enrolled("m2"), first)
        with pytest.raises(RefereeAlreadyReferred):
            scenario.when(QUALIFY)
        other = Scenario().given(made(programme="staff"), enrolled("m2"), first)
        assert other.when(QUALIFY)

    def test_an_advocate_can_still_be_a_referee(self) -> None:
        """Having brought somebody does not count as having been brought."""
        scenario = Scenario().given(made(), enrolled("m2"))
        scenario.given(qualified("f0", "m3", advocate_id="m2"))
        assert scenario.when(QUALIFY)

    def test_a_voided_referral_frees_its_referee(self) -> None:
        """For another advocate, in the same programme."""
        scenario = Scenario().given(made(), enrolled("m2"))
        scenario.when(QUALIFY)
        scenario.when(VOID)
        scenario.happens(made("f2", "m3"))
        assert scenario.when(QualifyReferral(referral_id="f2", referee_id="m2"))

    def test_voiding_another_referral_frees_nobody(self) -> None:
        """Though it names the same referee."""
        scenario = Scenario().given(made(), enrolled("m2"), qualified("f0", "m2"))
        scenario.given(
            ReferralVoided(
                referral_id="f9", advocate_id="m9", referee_id="m2", programme="club", reason="x"
            )
        )
        with pytest.raises(RefereeAlreadyReferred):
            scenario.when(QUALIFY)


class TestCustomers:
    @pytest.mark.parametrize(
        "bought, refused",
        [
            ("2026-03-01T11:59:59.999999+00:00", True),
            ("2026-03-01T12:00:00+00:00", False),
            ("2026-03-01T13:00:00+00:00", False),
            ("2026-03-01T12:30:00+01:00", True),  # shown later, happened earlier
            ("2026-03-01T11:30:00-01:00", False),  # shown earlier, happened later
        ],
    )
    def test_a_purchase_before_the_referral_makes_a_customer(
        self, bought: str, refused: object
    ) -> None:
        """By the instants, not by what the clocks of the two places showed."""
        scenario = Scenario(now=NOON + DAY).given(enrolled("m2")).given(made(), at=NOON)
        scenario.given(purchase(member_id="m2"), at=local(bought))
        if refused:
            with pytest.raises(RefereeIsCustomer):
                scenario.when(QUALIFY)
        else:
            assert scenario.when(QUALIFY)

    def test_a_purchase_that_arrives_late_counts_by_its_time(self) -> None:
        """It is recorded after the referral and after a later purchase, and still came first."""
        scenario = Scenario(now=NOON + DAY).given(enrolled("m2")).given(made(), at=NOON)
        scenario.given(purchase(member_id="m2"), at=NOON + HOUR)
        scenario.given(purchase(member_id="m2", purchase_id="p2"), at=NOON - HOUR)
        with pytest.raises(RefereeIsCustomer):
            scenario.when(QUALIFY)

    def test_a_referral_that_is_reported_late_counts_by_its_time(self) -> None:
        """It was made before the purchase, so it brought it."""
        scenario = Scenario(now=NOON + DAY).given(enrolled("m2"))
        scenario.given(purchase(member_id="m2"), at=NOON)
        scenario.given(made(), at=NOON - timedelta(seconds=1))
        assert scenario.when(QUALIFY)

    def test_a_referral_that_is_told_twice_counts_from_the_first(self) -> None:
        """A second telling makes nobody a customer."""
        scenario = Scenario(now=NOON + DAY).given(enrolled("m2")).given(made(), at=NOON)
        scenario.given(purchase(member_id="m2"), at=NOON + HOUR)
        scenario.given(made(), at=NOON + 2 * HOUR)
        assert scenario.when(QUALIFY)


MEMBERS = ("m1", "m2", "m3")
REFERRALS = {
    f"{advocate}-{programme}": made(f"{advocate}-{programme}", advocate, programme=programme)
    for advocate in MEMBERS
    for programme in ("club", "staff")
}
STEPS = st.lists(
    st.one_of(
        st.builds(
            QualifyReferral,
            referral_id=st.sampled_from(sorted(REFERRALS)),
            referee_id=st.sampled_from(MEMBERS),
        ),
        st.builds(
            VoidReferral, referral_id=st.sampled_from(sorted(REFERRALS)), reason=st.just("false")
        ),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(STEPS)
def test_a_referee_never_has_two_qualified_referrals(steps: list[Any]) -> None:
    """A naive reading of the log, after every command that was not refused."""
    scenario = Scenario()
    for event in (*map(enrolled, MEMBERS), *REFERRALS.values()):
        scenario.happens(event)
    for step in steps:
        try:
            scenario.when(step)
        except RuleError:
            continue
        events = [recorded.event for recorded in scenario.log]
        voided = {event.referral_id for event in events if isinstance(event, ReferralVoided)}
        standing = [
            event
            for event in events
            if isinstance(event, ReferralQualified) and event.referral_id not in voided
        ]
        per_referee = Counter((event.referee_id, event.programme) for event in standing)
        assert not per_referee or max(per_referee.values()) == 1
        assert all(event.advocate_id != event.referee_id for event in standing)
