"""Opening accounts and changing who holds them."""

from __future__ import annotations

import pytest

from domain.accounts import (
    HOLDERS_MAX,
    AccountAlreadyOpened,
    AccountNotOpened,
    AccountOpened,
    AccountState,
    AddHolder,
    AlreadyHolder,
    HolderAdded,
    HolderRemoved,
    NotHolder,
    OpenAccount,
    RemoveHolder,
    TooManyHolders,
)
from domain.campaigns import CampaignNotPlanned
from domain.people import MemberNotEnrolled
from tests.domain.crowd import enrolled, planned
from tests.domain.scenario import Scenario

CARD = AccountOpened(account_id="a1", programme="club", points_currency="stars")
OPEN = OpenAccount(programme="club", points_currency="stars")


class TestOpening:
    def test_an_account_without_an_id_gets_one(self) -> None:
        """And nobody holds it: an anonymous card."""
        [event] = Scenario().when(OPEN)
        assert isinstance(event, AccountOpened)
        assert event.account_id.startswith("a_")
        assert event.holders == ()

    def test_a_household_holds_one_account(self) -> None:
        """Each holder is a member, and is named once."""
        command = OpenAccount(
            account_id="a1", programme="club", points_currency="stars", holders=("m1", "m2", "m1")
        )
        scenario = Scenario().given(enrolled("m1"), enrolled("m2"))
        [event] = scenario.when(command)
        assert isinstance(event, AccountOpened)
        assert event.holders == ("m1", "m2")

    def test_an_account_is_opened_once(self) -> None:
        """Not even for another programme."""
        command = OpenAccount(account_id="a1", programme="other", points_currency="stars")
        with pytest.raises(AccountAlreadyOpened):
            Scenario().given(CARD).when(command)

    def test_holders_are_members(self) -> None:
        """One stranger among them is enough to refuse it."""
        command = OpenAccount(programme="club", points_currency="stars", holders=("m1", "m2"))
        with pytest.raises(MemberNotEnrolled):
            Scenario().given(enrolled("m1")).when(command)

    def test_its_campaign_exists(self) -> None:
        """A campaign that nobody planned opens no account."""
        command = OpenAccount(programme="club", points_currency="stars", campaign_id="c1")
        with pytest.raises(CampaignNotPlanned):
            Scenario().when(command)
        assert Scenario().given(planned()).when(command)


class TestHolders:
    def test_a_member_joins_and_leaves(self) -> None:
        """The account is what its events make of it."""
        scenario = Scenario().given(CARD, enrolled())
        assert scenario.when(AddHolder(account_id="a1", member_id="m1")) == [
            HolderAdded(account_id="a1", member_id="m1")
        ]
        assert scenario.view(AccountState("account:a1")).holders == ("m1",)
        assert scenario.when(RemoveHolder(account_id="a1", member_id="m1", reason="moved")) == [
            HolderRemoved(account_id="a1", member_id="m1", reason="moved")
        ]
        assert scenario.view(AccountState("account:a1")).holders == ()

    def test_a_holder_is_not_added_again(self) -> None:
        """Nothing would change."""
        scenario = Scenario().given(CARD, enrolled(), HolderAdded(account_id="a1", member_id="m1"))
        with pytest.raises(AlreadyHolder):
            scenario.when(AddHolder(account_id="a1", member_id="m1"))

    def test_only_a_holder_is_removed(self) -> None:
        """Nobody loses what they never held."""
        with pytest.raises(NotHolder):
            Scenario().given(CARD).when(RemoveHolder(account_id="a1", member_id="m1"))

    def test_a_household_has_a_limit(self) -> None:
        """The limit has a name, and an error of its own."""
        scenario = Scenario().given(CARD, enrolled())
        for n in range(HOLDERS_MAX):
            scenario.given(HolderAdded(account_id="a1", member_id=f"h{n}"))
        with pytest.raises(TooManyHolders):
            scenario.when(AddHolder(account_id="a1", member_id="m1"))

    def test_only_members_hold_an_account(self) -> None:
        """A stranger is not added."""
        with pytest.raises(MemberNotEnrolled):
            Scenario().given(CARD).when(AddHolder(account_id="a1", member_id="m1"))

    def test_an_unknown_account_has_no_holders(self) -> None:
        """Neither to add nor to remove."""
        with pytest.raises(AccountNotOpened):
            Scenario().given(enrolled()).when(AddHolder(account_id="a1", member_id="m1"))
        with pytest.raises(AccountNotOpened):
            Scenario().when(RemoveHolder(account_id="a1", member_id="m1"))
