"""Enrolling, identifying and releasing, by example and against a naive model."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from domain.campaigns import CampaignNotPlanned
from domain.consents import ConsentGranted
from domain.decision import Command
from domain.errors import InvalidEvent, RuleError
from domain.event import validated
from domain.identities import (
    AlreadyIdentified,
    IdentifyMember,
    IdentityBelongsToAnother,
    IdentityNotExclusive,
    IdentityNotHeld,
    IdentityReleased,
    MemberIdentified,
    ReleaseIdentity,
)
from domain.people import (
    ATTRIBUTES_MAX,
    EnrolMember,
    MemberAlreadyEnrolled,
    MemberEnrolled,
    MemberErased,
    MemberNotEnrolled,
    MembershipEnded,
    ProfileUpdated,
)
from domain.shape import shape_of
from tests.domain.crowd import enrolled, identified, planned
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario


def identify(member_id: str = "m1", identity_id: str | None = "i1", **more: Any) -> IdentifyMember:
    """Ask to recognise a member by an e-mail of their own, unless something else is said."""
    defaults: dict[str, Any] = {"kind": "email", "value": "sealed|text", "exclusive": True}
    return IdentifyMember(member_id=member_id, identity_id=identity_id, **{**defaults, **more})


def release(member_id: str = "m1", identity_id: str | None = "i1") -> ReleaseIdentity:
    """Ask to recognise a member by an identity no longer."""
    return ReleaseIdentity(member_id=member_id, identity_id=identity_id, reason="given up")


class TestEnrolling:
    def test_a_member_gets_a_new_id(self) -> None:
        """Two enrolments give two ids, and neither was the caller's."""
        scenario = Scenario()
        first, second = (scenario.when(EnrolMember(country="FR"))[0] for _ in range(2))
        assert isinstance(first, MemberEnrolled)
        assert isinstance(second, MemberEnrolled)
        assert first.member_id.startswith("m_")
        assert first.member_id != second.member_id
        assert first.country == "FR"

    def test_the_same_command_gives_the_same_id(self) -> None:
        """Nothing is drawn by chance: history and command say it all."""
        assert Scenario().when(EnrolMember()) == Scenario().when(EnrolMember())

    def test_the_campaign_that_brought_a_member_exists(self) -> None:
        """A campaign that nobody planned brings nobody."""
        with pytest.raises(CampaignNotPlanned):
            Scenario().when(EnrolMember(campaign_id="c1"))
        [event] = Scenario().given(planned()).when(EnrolMember(campaign_id="c1"))
        assert isinstance(event, MemberEnrolled)
        assert event.campaign_id == "c1"

    def test_an_id_is_never_given_twice(self) -> None:
        """Even if the same command id is used again, by a history that was put together."""
        [event] = Scenario().when(EnrolMember())
        with pytest.raises(MemberAlreadyEnrolled):
            Scenario().given(event).when(EnrolMember())


class TestMembership:
    @pytest.mark.parametrize(
        "end",
        [
            MembershipEnded(member_id="m1"),
            MemberErased(member_id="m1", destroyed=("subject-key",), irrecoverable_at=NOON),
        ],
    )
    def test_whoever_left_is_no_member(self, end: Any) -> None:
        """By their own wish, or because they were erased."""
        with pytest.raises(MemberNotEnrolled):
            Scenario().given(enrolled(), end).when(identify())

    def test_nobody_is_a_member_before_enrolling(self) -> None:
        """An id alone makes no member."""
        with pytest.raises(MemberNotEnrolled):
            Scenario().when(identify())


class TestIdentifying:
    def test_a_member_is_recognised_by_an_identity(self) -> None:
        """With how that was verified."""
        [event] = Scenario().given(enrolled()).when(identify(verified="link"))
        assert event == identified("m1", verified="link")

    def test_an_exclusive_identity_belongs_to_one_member(self) -> None:
        """Whether the second one wants it alone or would share it."""
        for exclusive in (True, False):
            scenario = Scenario().given(enrolled("m2"), identified("m1"))
            with pytest.raises(IdentityBelongsToAnother):
                scenario.when(identify("m2", exclusive=exclusive))

    def test_a_shared_identity_is_nobodys_alone(self) -> None:
        """But more members may come to share it."""
        scenario = Scenario().given(enrolled("m2"), identified("m1", exclusive=False))
        with pytest.raises(IdentityNotExclusive):
            scenario.when(identify("m2"))
        assert scenario.when(identify("m2", exclusive=False))

    def test_a_member_alone_can_make_a_shared_identity_exclusive(self) -> None:
        """There is nobody else to ask."""
        shared = identified("m1", exclusive=False)
        assert Scenario().given(enrolled(), shared).when(identify()) == [identified("m1")]

    def test_verification_is_news_and_repetition_is_not(self) -> None:
        """What would change nothing is refused."""
        scenario = Scenario().given(enrolled(), identified("m1"))
        with pytest.raises(AlreadyIdentified):
            scenario.when(identify())
        assert scenario.when(identify(verified="link"))

    def test_the_campaign_that_asked_for_it_exists(self) -> None:
        """A campaign that nobody planned asks for nothing."""
        with pytest.raises(CampaignNotPlanned):
            Scenario().given(enrolled()).when(identify(campaign_id="c1"))

    @pytest.mark.parametrize("command", [identify(identity_id=None), release(identity_id=None)])
    def test_an_identity_without_an_id_cannot_be_looked_for(self, command: Command) -> None:
        """Nothing would guard the decision, so it is not taken."""
        with pytest.raises(InvalidEvent):
            Scenario().when(command)


class TestReleasing:
    def test_a_released_identity_is_free(self) -> None:
        """For another member, and alone."""
        scenario = Scenario().given(identified("m1"))
        [event] = scenario.when(release())
        assert event == IdentityReleased(member_id="m1", identity_id="i1", reason="given up")
        assert scenario.given(enrolled("m2")).when(identify("m2"))

    def test_only_what_is_held_is_released(self) -> None:
        """Not by another member, and not twice."""
        scenario = Scenario().given(identified("m1"))
        with pytest.raises(IdentityNotHeld):
            scenario.when(release("m2"))
        scenario.when(release())
        with pytest.raises(IdentityNotHeld):
            scenario.when(release())

    def test_whoever_left_can_still_give_an_identity_up(self) -> None:
        """So that somebody else can be recognised by it."""
        scenario = Scenario().given(enrolled(), identified("m1"))
        scenario.when(identify(verified="link"))
        scenario.happens(MembershipEnded(member_id="m1"))
        assert scenario.when(release())


MEMBERS = st.sampled_from(["m1", "m2", "m3"])
IDENTITIES = st.sampled_from(["i1", "i2"])
STEPS = st.lists(
    st.one_of(
        st.builds(identify, MEMBERS, IDENTITIES, exclusive=st.booleans()),
        st.builds(release, MEMBERS, IDENTITIES),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS)
def test_an_exclusive_identity_never_has_two_holders(steps: list[Any]) -> None:
    """A naive reading of the whole log, after every command that was not refused."""
    scenario = Scenario()
    for member_id in ("m1", "m2", "m3"):
        scenario.happens(enrolled(member_id))
    for step in steps:
        try:
            scenario.when(step)
        except RuleError:
            continue
        holders: dict[tuple[str | None, str], bool] = {}
        for recorded in scenario.log:
            event = recorded.event
            if isinstance(event, MemberIdentified):
                holders[event.identity_id, event.member_id] = event.exclusive
            elif isinstance(event, IdentityReleased):
                del holders[event.identity_id, event.member_id]
        for identity_id in ("i1", "i2"):
            exclusive = [alone for (held, _), alone in holders.items() if held == identity_id]
            assert len(exclusive) <= 1 or not any(exclusive)


class TestWhatIsPersonal:
    def test_a_profile_says_which_attributes_are_personal(self) -> None:
        """Personal ones are sealed under the member's key, one by one."""
        [marked] = shape_of(ProfileUpdated).personal
        assert (marked.path, marked.mark, marked.many) == (("personal",), "member_id", True)

    def test_values_of_identities_and_proofs_of_consent_are_personal(self) -> None:
        """So none of them reaches the log in clear."""
        for struct, paths in (
            (MemberIdentified, {("value",)}),
            (IdentifyMember, {("value",)}),
            (ConsentGranted, {("evidence",), ("guardian",)}),
        ):
            assert {marked.path for marked in shape_of(struct).personal} == paths

    @pytest.mark.parametrize(
        "fields",
        [
            {"plain": {"First": 1}},
            {"plain": {"a-b": 1}},
            {"plain": {"k" * 65: 1}},
            {"plain": {"k": 2**53}},
            {"plain": {"k": -(2**53)}},
            {"plain": {"k": 1.5}},
            {"plain": {"k": "x" * 201}},
            {"plain": {"k": None}},
            {"personal": {"k": ""}},
            {"personal": {f"k{n}": "x" for n in range(ATTRIBUTES_MAX + 1)}},
        ],
    )
    def test_attributes_are_bounded(self, fields: Any) -> None:
        """Nothing gets into a profile that a projection could not store."""
        with pytest.raises(InvalidEvent):
            validated(ProfileUpdated(member_id="m1", **fields))

    def test_plain_attributes_keep_their_kind(self) -> None:
        """True is not 1, and an empty text is a text."""
        plain: dict[str, Any] = {"vip": True, "visits": -(2**53) + 1, "store": "s1", "note": ""}
        event = validated(ProfileUpdated(member_id="m1", plain=plain))
        assert msgspec.to_builtins(event.plain) == plain
        assert event.plain["vip"] is True
