"""Prizes: told, claimed in time, or forfeited and passed on to the next reserve."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.budgets import Promises
from domain.forfeits import ClaimStillPossible, ForfeitPrize
from domain.granting import RedeemReward, WithdrawReward
from domain.prizes import (
    ClaimNeverPossible,
    ClaimPrize,
    ClaimTooLate,
    DrawPlaces,
    DrawPrizeClaimed,
    DrawPrizePassedOn,
    NotifyWinner,
    PlaceNotWon,
    PrizeAlreadyClaimed,
    PrizeIsForfeited,
)
from domain.rewards import RewardGranted, RewardWithdrawn
from tests.domain.crowd import DAY
from tests.domain.raffle import commit, draw, full, value
from tests.domain.scenario import Scenario


def drawn(**terms: Any) -> Scenario:
    """A draw with three winners and two reserves, drawn."""
    scenario = full(**terms)
    commit(scenario)
    value(scenario)
    draw(scenario)
    return scenario


def told(scenario: Scenario, place: int = 1, **more: Any) -> None:
    """A winner is told, with a week to claim."""
    fields = {"channel": "email", "claim_until": scenario.now + 7 * DAY, **more}
    scenario.when(NotifyWinner(draw_id="d1", place=place, **fields))


def claim(scenario: Scenario, place: int = 1) -> Any:
    """The winner claims."""
    return scenario.when(ClaimPrize(draw_id="d1", place=place))


def forfeit(scenario: Scenario, place: int = 1, reason: Any = "declined") -> list[Any]:
    """The winner does not get it."""
    return scenario.when(ForfeitPrize(draw_id="d1", place=place, reason=reason))


def promised(scenario: Scenario) -> int:
    """What the campaign has promised in money."""
    return int(scenario.view(Promises("campaign:c1")).costs["EUR"])


def test_a_prize_is_claimed_in_time() -> None:
    """Once; then nobody takes it away."""
    scenario = drawn()
    told(scenario)
    scenario.now += 6 * DAY
    [claimed] = claim(scenario)
    assert isinstance(claimed, DrawPrizeClaimed)
    with pytest.raises(PrizeAlreadyClaimed):
        claim(scenario)
    with pytest.raises(PrizeAlreadyClaimed):
        forfeit(scenario)


def test_it_is_not_claimed_too_late() -> None:
    """The instant itself is too late."""
    scenario = drawn()
    told(scenario)
    scenario.now += 7 * DAY
    with pytest.raises(ClaimTooLate):
        claim(scenario)


def test_it_can_be_claimed_without_being_told() -> None:
    """Winners read the list too."""
    assert claim(drawn())


def test_nobody_is_told_of_a_date_that_has_passed() -> None:
    """It could never be claimed."""
    scenario = drawn()
    with pytest.raises(ClaimNeverPossible):
        told(scenario, claim_until=scenario.now)


def test_unclaimed_is_only_what_could_have_been_claimed() -> None:
    """The winner was told, and the time is over."""
    scenario = drawn()
    with pytest.raises(ClaimStillPossible):
        forfeit(scenario, reason="unclaimed")
    told(scenario)
    scenario.now += 7 * DAY - timedelta(seconds=1)
    with pytest.raises(ClaimStillPossible):
        forfeit(scenario, reason="unclaimed")
    scenario.now += timedelta(seconds=1)
    assert forfeit(scenario, reason="unclaimed")


def test_a_forfeited_prize_goes_to_the_next_reserve() -> None:
    """In order, with a reward of its own; the old one is withdrawn; the budget stays as it was."""
    scenario = drawn()
    before = promised(scenario)
    for place, reserve in ((2, 4), (1, 5)):
        events = forfeit(scenario, place)
        [passed] = [e for e in events if isinstance(e, DrawPrizePassedOn)]
        assert (passed.place, passed.forfeited_place) == (reserve, place)
        assert passed.prize == {1: 1, 2: 2}[place]
        [granted] = [e for e in events if isinstance(e, RewardGranted)]
        assert (granted.reward_id, granted.member_id) == (passed.reward_id, passed.member_id)
        assert [type(e) for e in events].count(RewardWithdrawn) == 1
        assert promised(scenario) == before
        with pytest.raises(PrizeIsForfeited):
            claim(scenario, place)
    assert claim(scenario, 5)


def test_without_a_reserve_nobody_has_it() -> None:
    """Its cost is free in the campaign's budget again."""
    scenario = drawn(reserves=0)
    before = promised(scenario)
    events = forfeit(scenario, 1)
    assert not [e for e in events if isinstance(e, DrawPrizePassedOn)]
    assert promised(scenario) == before - 50_000


def test_a_reserve_has_won_nothing_yet() -> None:
    """Nor has a place that there is not."""
    scenario = drawn()
    for place in (4, 5, 6):
        with pytest.raises(PlaceNotWon):
            claim(scenario, place)


def test_a_reward_that_was_withdrawn_frees_its_cost_once() -> None:
    """Whoever took it back before the prize was forfeited."""
    scenario = drawn(reserves=0)
    before = promised(scenario)
    first = scenario.view(DrawPlaces("draw:d1")).places[1].reward_id
    scenario.when(WithdrawReward(reward_id=first, reason="mistake"))
    forfeit(scenario, 1)
    assert promised(scenario) == before - 50_000


def test_a_prize_that_was_handed_over_is_not_forfeited() -> None:
    """Its reward is used."""
    scenario = drawn()
    first = scenario.view(DrawPlaces("draw:d1")).places[1].reward_id
    scenario.when(RedeemReward(reward_id=first))
    with pytest.raises(PrizeAlreadyClaimed):
        forfeit(scenario, 1)
