"""Draws: what is opened, and who may enter, with what is refused by every rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.activations import Prize
from domain.budgets import RewardBudgetExceeded
from domain.campaigns import CampaignAmended
from domain.commitments import (
    CloseDraw,
)
from domain.contest_rules import PrizeWithoutCurrency, RulesNotPublished, RulesVersionPublished
from domain.draw_entering import (
    DrawEntryAlreadyMade,
    DrawNotOpenYet,
    DrawValueKnown,
    EnterDraw,
    ExcludeFromDraw,
    MemberExcluded,
    TicketsUsedUp,
)
from domain.draw_opening import (
    ActivationOfOtherCampaign,
    DrawAlreadyOpened,
    DrawNeverOpen,
    NothingToWin,
    PrizesTooDear,
    TooManyPlaces,
)
from domain.draws import (
    DrawAlreadyDrawn,
    DrawIsClosed,
    DrawNotOpened,
)
from tests.domain.crowd import DAY, enrolled
from tests.domain.moments import NOON
from tests.domain.naive_draws import listed
from tests.domain.raffle import (
    BIKE,
    CLOSES,
    MUG,
    close,
    commit,
    draw,
    full,
    game,
    json_log,
    opening,
    rules,
    value,
)


def entry(member: str = "m1", **more: Any) -> EnterDraw:
    """A postcard."""
    return EnterDraw(**{"draw_id": "d1", "member_id": member, "route": "post", **more})


class TestOpening:
    @pytest.mark.parametrize(
        "more, error",
        [
            ({"draw_id": "d1"}, DrawAlreadyOpened),
            ({"closes": NOON - 5 * DAY}, DrawNeverOpen),
            ({"rules_version": 2}, RulesNotPublished),
            ({"campaign_id": "c2"}, ActivationOfOtherCampaign),
            ({"reserves": 998}, TooManyPlaces),
        ],
    )
    def test_it_is_refused(self, more: dict[str, Any], error: type[Exception]) -> None:
        """By the rule that it breaks."""
        with pytest.raises(error):
            game().when(opening(**{"draw_id": "d2", **more}))

    @pytest.mark.parametrize(
        "prizes, error",
        [
            ((msgspec.structs.replace(BIKE, quantity=0),), NothingToWin),
            ((Prize(name="Gold", quantity=2, value=10**11, currency="EUR"),), PrizesTooDear),
        ],
    )
    def test_prizes_are_drawn(self, prizes: tuple[Prize, ...], error: type[Exception]) -> None:
        """Some, and not more than an amount can say."""
        scenario = game()
        scenario.when(rules(*prizes, rules_version=2))
        with pytest.raises(error):
            scenario.when(opening(draw_id="d2", rules_version=2))

    def test_the_campaign_can_pay_them(self) -> None:
        """What the prizes are worth is looked at before anybody is promised anything."""
        scenario = game()
        scenario.happens(CampaignAmended(campaign_id="c1", reward_budget=50_999))
        with pytest.raises(RewardBudgetExceeded):
            scenario.when(opening(draw_id="d2"))

    def test_rules_are_published_once_and_priced(self) -> None:
        """A changed text is another version."""
        scenario = game()
        with pytest.raises(RulesVersionPublished):
            scenario.when(rules())
        bare = msgspec.structs.replace(MUG, currency=None)
        with pytest.raises(PrizeWithoutCurrency):
            scenario.when(rules(BIKE, bare, rules_version=2))


class TestEntering:
    def test_a_member_enters_by_another_way(self) -> None:
        """It is an entry like those of the game."""
        scenario = game()
        scenario.happens(enrolled("m1"))
        scenario.when(entry(entry_id="e1", tickets=3))
        close(scenario)
        terms = json_log(scenario)[3][1]["data"]
        assert listed(json_log(scenario), terms, len(scenario.log)) == [("entry:e1", "m1", 3)]
        assert commit(scenario).tickets == 3

    @pytest.mark.parametrize(
        "more, error",
        [
            ({"entry_id": "e1"}, DrawEntryAlreadyMade),
            ({"tickets": 2}, TicketsUsedUp),
            ({"time": NOON - 6 * DAY}, DrawNotOpenYet),
            ({"time": CLOSES}, DrawIsClosed),
            ({"draw_id": "d2"}, DrawNotOpened),
        ],
    )
    def test_it_is_refused(self, more: dict[str, Any], error: type[Exception]) -> None:
        """By the rule that it breaks."""
        scenario = game(tickets_per_member_max=4)
        scenario.happens(enrolled("m1"))
        scenario.when(entry(entry_id="e1", tickets=3))
        with pytest.raises(error):
            scenario.when(entry(**more))

    def test_nobody_enters_once_it_is_closed(self) -> None:
        """Not even with an earlier time: the list is fixed."""
        scenario = full()
        scenario.happens(enrolled("m1"))
        with pytest.raises(DrawIsClosed):
            scenario.when(entry(time=CLOSES - DAY))
        with pytest.raises(DrawIsClosed):
            scenario.when(CloseDraw(draw_id="d1"))

    def test_who_is_excluded_has_no_entry(self) -> None:
        """Once, and not when it is known who wins."""
        scenario = full()
        out = ExcludeFromDraw(draw_id="d1", member_id="m3", reason="works for us")
        scenario.when(out)
        with pytest.raises(MemberExcluded):
            scenario.when(out)
        commit(scenario)
        value(scenario)
        with pytest.raises(DrawValueKnown):
            scenario.when(msgspec.structs.replace(out, member_id="m4"))
        draw(scenario)
        with pytest.raises(DrawAlreadyDrawn):
            scenario.when(msgspec.structs.replace(out, member_id="m5"))
