"""Planning, amending and closing campaigns and their activations."""

from __future__ import annotations

from typing import Any

import pytest

from domain.activations import (
    ActivationAdded,
    ActivationAlreadyAdded,
    ActivationAmended,
    ActivationNotAdded,
    ActivationTerms,
    AddActivation,
    AmendActivation,
)
from domain.campaigns import (
    CampaignAmended,
    CampaignClosed,
    CampaignIsClosed,
    CampaignNotPlanned,
    CampaignPlan,
    CampaignPlanned,
    Objective,
)
from domain.planning import (
    AmendCampaign,
    CampaignAlreadyPlanned,
    CampaignDatesContradict,
    CloseCampaign,
    PlanCampaign,
)
from tests.domain.crowd import DAY, added, planned
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario

CLOSED = CampaignClosed(campaign_id="c1")


def plan(**more: Any) -> PlanCampaign:
    """Ask for a campaign that starts now."""
    defaults: dict[str, Any] = {"name": "Spring", "starts": NOON, "currency": "EUR"}
    return PlanCampaign(**{**defaults, **more})


class TestPlanning:
    def test_a_plan_is_recorded_as_it_was_asked_for(self) -> None:
        """Every field of the command stands in the event."""
        fields: dict[str, Any] = {
            "campaign_id": "c1", "name": "Spring", "parent_id": "c0", "programme": "club",
            "countries": ("FR", "BE"), "starts": NOON, "ends": NOON + DAY,
            "late_until": NOON + 2 * DAY, "currency": "EUR",
            "objectives": (Objective(metric="members", target=100, baseline=20),),
            "reward_budget": 5_000_00, "reward_budget_points": 10_000,
        }  # fmt: skip
        assert Scenario().when(PlanCampaign(**fields)) == [CampaignPlanned(**fields)]

    def test_a_campaign_without_an_id_gets_one(self) -> None:
        """The id is minted from the command."""
        [event] = Scenario().when(plan())
        assert isinstance(event, CampaignPlanned)
        assert event.campaign_id.startswith("c_")

    def test_a_campaign_is_planned_once(self) -> None:
        """The second plan does not overwrite the first."""
        with pytest.raises(CampaignAlreadyPlanned):
            Scenario().given(planned()).when(plan(campaign_id="c1"))

    @pytest.mark.parametrize(
        "dates",
        [
            {"ends": NOON},
            {"ends": NOON - DAY},
            {"ends": NOON + DAY, "late_until": NOON},
            {"late_until": NOON - DAY},
        ],
    )
    def test_dates_do_not_contradict_each_other(self, dates: Any) -> None:
        """A campaign lasts, and what is late is not early."""
        with pytest.raises(CampaignDatesContradict):
            Scenario().when(plan(**dates))

    @pytest.mark.parametrize("dates", [{}, {"ends": NOON + DAY, "late_until": NOON + DAY}])
    def test_a_campaign_may_never_end_or_end_on_time(self, dates: Any) -> None:
        """Always-on, or without grace for what is late."""
        assert Scenario().when(plan(**dates))


class TestAmending:
    def test_only_what_is_given_changes(self) -> None:
        """The rest stays as it was."""
        scenario = Scenario().given(planned(reward_budget=100, reward_budget_points=7))
        [event] = scenario.when(AmendCampaign(campaign_id="c1", reward_budget=200))
        assert event == CampaignAmended(campaign_id="c1", reward_budget=200)
        state = scenario.view(CampaignPlan("campaign:c1"))
        assert (state.reward_budget, state.reward_budget_points) == (200, 7)
        assert state.ends == NOON + 10 * DAY

    def test_what_is_cleared_has_no_value(self) -> None:
        """An end that is cleared makes the campaign always-on."""
        scenario = Scenario().given(planned(reward_budget=100, late_until=NOON + 20 * DAY))
        command = AmendCampaign(campaign_id="c1", clear=("ends", "late_until", "reward_budget"))
        scenario.when(command)
        state = scenario.view(CampaignPlan("campaign:c1"))
        assert (state.ends, state.late_until, state.reward_budget) == (None, None, None)
        assert state.holds(NOON + 1000 * DAY)

    def test_a_value_beside_its_clearing_wins(self) -> None:
        """A budget of nothing is not the same as no budget."""
        scenario = Scenario().given(planned(reward_budget=100))
        command = AmendCampaign(campaign_id="c1", reward_budget=0, clear=("reward_budget",))
        scenario.when(command)
        assert scenario.view(CampaignPlan("campaign:c1")).reward_budget == 0

    @pytest.mark.parametrize(
        "change",
        [
            {"ends": NOON - 10 * DAY},
            {"starts": NOON + 10 * DAY},
            {"late_until": NOON + 9 * DAY},
            {"ends": NOON + 31 * DAY},
        ],
    )
    def test_amended_dates_do_not_contradict_the_others(self, change: Any) -> None:
        """A new date is checked against those that stay."""
        scenario = Scenario().given(planned(late_until=NOON + 30 * DAY))
        with pytest.raises(CampaignDatesContradict):
            scenario.when(AmendCampaign(campaign_id="c1", **change))

    def test_clearing_takes_a_contradiction_away(self) -> None:
        """A date that is cleared contradicts nothing."""
        scenario = Scenario().given(planned(late_until=NOON + 30 * DAY))
        change = AmendCampaign(campaign_id="c1", ends=NOON + 31 * DAY, clear=("late_until",))
        assert scenario.when(change)

    def test_only_a_planned_campaign_is_amended(self) -> None:
        """There is nothing to amend."""
        with pytest.raises(CampaignNotPlanned):
            Scenario().when(AmendCampaign(campaign_id="c1", name="Summer"))


class TestClosing:
    def test_a_closed_campaign_holds_nothing_that_happens_later(self) -> None:
        """Also when it was always-on, and as of the instant that is stated."""
        scenario = Scenario().given(planned(ends=None))
        [event] = scenario.when(CloseCampaign(campaign_id="c1", reason="sold out", time=NOON - DAY))
        assert event == CampaignClosed(campaign_id="c1", reason="sold out")
        state = scenario.view(CampaignPlan("campaign:c1"))
        assert not state.holds(NOON - DAY)
        assert state.holds(NOON - 2 * DAY)

    @pytest.mark.parametrize(
        "command",
        [
            CloseCampaign(campaign_id="c1"),
            AmendCampaign(campaign_id="c1", name="Summer"),
            AddActivation(campaign_id="c1", kind="game"),
        ],
    )
    def test_a_closed_campaign_takes_no_change(self, command: Any) -> None:
        """No closing, no amendment and no activation."""
        with pytest.raises(CampaignIsClosed):
            Scenario().given(planned(), CLOSED).when(command)

    @pytest.mark.parametrize(
        "command",
        [CloseCampaign(campaign_id="c1"), AddActivation(campaign_id="c1", kind="game")],
    )
    def test_an_unknown_campaign_takes_no_change_either(self, command: Any) -> None:
        """It has to be planned first."""
        with pytest.raises(CampaignNotPlanned):
            Scenario().when(command)


class TestActivations:
    def test_an_activation_is_recorded_as_it_was_asked_for(self) -> None:
        """Every field of the command stands in the event."""
        fields: dict[str, Any] = {
            "activation_id": "n1", "campaign_id": "c1", "kind": "game", "name": "Wheel",
            "entries_max": 2, "entries_period": "day", "rules_version": 3,
        }  # fmt: skip
        events = Scenario().given(planned()).when(AddActivation(**fields))
        assert events == [ActivationAdded(**fields)]

    def test_an_activation_without_an_id_gets_one(self) -> None:
        """The id is minted from the command."""
        [event] = Scenario().given(planned()).when(AddActivation(campaign_id="c1", kind="game"))
        assert isinstance(event, ActivationAdded)
        assert event.activation_id.startswith("n_")

    def test_an_activation_is_added_once(self) -> None:
        """Not even to another campaign."""
        scenario = Scenario().given(planned(campaign_id="c2"), added())
        with pytest.raises(ActivationAlreadyAdded):
            scenario.when(AddActivation(activation_id="n1", campaign_id="c2", kind="quiz"))

    def test_only_what_is_given_changes(self) -> None:
        """The rest stays as it was."""
        scenario = Scenario().given(added(entries_max=2, entries_period="day", rules_version=1))
        [event] = scenario.when(AmendActivation(activation_id="n1", entries_max=5))
        assert event == ActivationAmended(activation_id="n1", campaign_id="c1", entries_max=5)
        terms = scenario.view(ActivationTerms("activation:n1"))
        assert (terms.entries_max, terms.entries_period, terms.rules_version) == (5, "day", 1)
        scenario.when(AmendActivation(activation_id="n1", clear=("entries_max",)))
        assert scenario.view(ActivationTerms("activation:n1")).entries_max is None

    def test_only_an_activation_that_was_added_is_amended(self) -> None:
        """There is nothing to amend."""
        with pytest.raises(ActivationNotAdded):
            Scenario().when(AmendActivation(activation_id="n1", entries_max=5))
