"""Instant wins: what the n-th play draws is settled before anybody plays, and known to nobody."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from domain.campaigns import CampaignNotPlanned
from domain.decision import Command, slice_for
from domain.errors import FilrougeError
from domain.event import Event
from domain.instant_wins import (
    CHANCES,
    GameAlreadyOpened,
    GameAlreadyStarted,
    GameIsNotOver,
    GameNotOpened,
    GameNotRunning,
    GameOpened,
    GameStarted,
    GameTermsContradict,
    PlaysLimitReached,
    Prize,
    commitment_of,
    drawn,
    would_win,
)
from domain.item_terms import MemberLimit
from domain.people import MemberEnrolled, MemberNotEnrolled
from domain.playing import OpenGame, PlayGame, RevealGame, StartGame
from domain.rewards import RewardGranted
from domain.types import Money
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import DAY, HOUR, MEMBER, campaign

SEED = "07" * 32
VALUE = "drand quicknet 19283746: 5f2e"
EURO = Money(amount=100, currency="EUR")
MUG = Prize(name="Mug", chance=300_000, pieces=2, cost=EURO)
PEN = Prize(name="Pen", chance=200_000, pieces=1_000)
STARTED = GameStarted(game_id="wheel", public_value=VALUE)
PLAY = PlayGame(game_id="wheel", member_id="m1")


def opening(kind: type[Any] = OpenGame, **more: Any) -> Any:
    """The wheel, as it is asked for or as it was opened."""
    said = {
        "game_id": "wheel", "name": "Wheel", "campaign_id": "c1", "prizes": (MUG, PEN),
        "starts": NOON - HOUR, "ends": NOON + DAY, "commitment": commitment_of(SEED),
        "seed": SEED, "public_source": "drand quicknet 19283746",
    }  # fmt: skip
    return kind(**{**said, **more})


class Fair(Scenario):
    """A history in memory whose decisions are told the seed, as the store does."""

    def _subject(self, command: Command) -> dict[str, Any]:
        if isinstance(command, PlayGame | RevealGame):
            return {"seed": SEED}
        return super()._subject(command)


def fair(*events: Event) -> Fair:
    """Two members and a campaign, and what was told of the game."""
    scenario = Fair()
    for event in (MEMBER, MemberEnrolled(member_id="m2"), campaign(), *events):
        scenario._record(event, time=NOON - HOUR)
    return scenario


def test_a_play_is_what_seed_value_and_number_give() -> None:
    """Whoever plays, and under whatever command."""
    scenario = fair(opening(GameOpened), STARTED)
    for number in range(1, 31):
        played, *granted = scenario.when(PlayGame(game_id="wheel", member_id=f"m{number % 2 + 1}"))
        assert (played.number, played.drawn) == (number, drawn(SEED, VALUE, number))
        assert bool(granted) == (played.prize is not None)
        for one in granted:
            assert isinstance(one, RewardGranted)
            assert (one.reward_id, one.name) == (played.reward_id, played.prize)
            assert one.cost == (EURO if one.name == "Mug" else None)


def test_no_prize_is_won_more_often_than_there_are_pieces() -> None:
    """Whoever would win one more wins nothing."""
    scenario = fair(opening(GameOpened), STARTED)
    plays = [scenario.when(PLAY)[0] for _ in range(60)]
    won = Counter(play.prize for play in plays)
    assert won["Mug"] == 2
    mugs = [play for play in plays if play.drawn < MUG.chance]
    assert len(mugs) > 2
    assert [play.prize for play in mugs] == ["Mug", "Mug", *([None] * (len(mugs) - 2))]
    assert won["Pen"] == sum(300_000 <= play.drawn < 500_000 for play in plays)


def test_draws_are_spread_evenly() -> None:
    """Of 20,000 draws each tenth holds 2,000, give or take five standard deviations (212)."""
    tenths = Counter(drawn(SEED, VALUE, n) * 10 // CHANCES for n in range(20_000))
    assert set(tenths) == set(range(10))
    assert all(abs(count - 2_000) < 212 for count in tenths.values())


def test_another_public_value_gives_other_draws() -> None:
    """So who made the seed could not choose one that loses."""
    both = [[drawn(SEED, value, n) for n in range(50)] for value in (VALUE, VALUE + "0")]
    assert not set(both[0]) & set(both[1])


@pytest.mark.parametrize(
    "number, name", [(0, "Mug"), (299_999, "Mug"), (300_000, "Pen"), (500_000, None)]
)
def test_the_table_says_what_a_number_wins(number: int, name: str | None) -> None:
    """The first prize has the lowest numbers."""
    prize = would_win((MUG, PEN), number)
    assert (prize and prize.name) == name


@pytest.mark.parametrize(
    "events, command, refusal",
    [
        ((), PLAY, GameNotOpened),
        ((opening(GameOpened),), PLAY, GameNotRunning),
        ((opening(GameOpened, starts=NOON + HOUR), STARTED), PLAY, GameNotRunning),
        ((opening(GameOpened, ends=NOON), STARTED), PLAY, GameNotRunning),
        (
            (opening(GameOpened), STARTED),
            PlayGame(game_id="wheel", member_id="nobody"),
            MemberNotEnrolled,
        ),
        ((opening(GameOpened),), opening(), GameAlreadyOpened),
        ((), opening(campaign_id="c2"), CampaignNotPlanned),
        ((), opening(ends=NOON - HOUR), GameTermsContradict),
        ((), opening(prizes=(MUG, MUG)), GameTermsContradict),
        (
            (),
            opening(prizes=(MUG, Prize(name="Pen", chance=700_001, pieces=1))),
            GameTermsContradict,
        ),
        ((), StartGame(game_id="wheel", public_value=VALUE), GameNotOpened),
        (
            (opening(GameOpened), STARTED),
            StartGame(game_id="wheel", public_value="another"),
            GameAlreadyStarted,
        ),
        ((opening(GameOpened), STARTED), RevealGame(game_id="wheel"), GameIsNotOver),
        (
            (opening(GameOpened, ends=NOON, commitment="0" * 64),),
            RevealGame(game_id="wheel"),
            GameTermsContradict,
        ),
    ],
)
def test_what_would_not_be_fair_is_refused(
    events: tuple[Event, ...], command: Command, refusal: type[FilrougeError]
) -> None:
    """Each rule by an error of its own."""
    scenario = fair(*events)
    with pytest.raises(refusal):
        scenario.when(command)


def test_a_member_plays_as_often_as_the_game_allows() -> None:
    """Once a day, by the ledger's clock: nobody plays yesterday."""
    limit = MemberLimit(rewards=1, period="day")
    scenario = fair(opening(GameOpened, member_limit=limit), STARTED)
    scenario.when(PLAY)
    with pytest.raises(PlaysLimitReached):
        scenario.when(PlayGame(game_id="wheel", member_id="m1", time=NOON - DAY))
    scenario.when(PlayGame(game_id="wheel", member_id="m2"))
    scenario.now = NOON + 13 * HOUR
    scenario.when(PLAY)


def test_the_seed_is_revealed_once_and_ends_the_game() -> None:
    """After that nobody plays, whatever the clock says."""
    scenario = fair(opening(GameOpened, ends=NOON), STARTED)
    [revealed] = scenario.when(RevealGame(game_id="wheel"))
    assert revealed.seed == SEED
    with pytest.raises(GameIsNotOver):
        scenario.when(RevealGame(game_id="wheel"))


def test_without_the_seed_nobody_plays() -> None:
    """Its key may be gone; then nothing is drawn from anything else."""
    scenario = fair(opening(GameOpened), STARTED)
    decision = slice_for(PLAY, "c1", seed=None)
    with pytest.raises(GameNotRunning):
        scenario._decide(decision)
