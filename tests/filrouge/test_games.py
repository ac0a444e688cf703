"""``filrouge games``: a game from its publication to its proof, and games that were not fair."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.instant_wins import (
    GameIsNotOver,
    GamePlayed,
    GameRevealed,
    GameStarted,
    Prize,
    commitment_of,
    drawn,
)
from domain.people import EnrolMember
from domain.planning import PlanCampaign
from domain.playing import OpenGame, PlayGame, RevealGame, StartGame
from filrouge.game_check import check_game
from store.ledger import Ledger, NewEvent
from tests.filrouge.conftest import Filrouge

SEED = "a5" * 32
VALUE = "EuroMillions 2026-11-27: 4 8 15 16 23 42"
Told = list[tuple[int, str, dict[str, Any]]]
GAME = """
game_id = "wheel"
name = "The wheel"
campaign_id = "spring"
starts = {starts}
ends = {ends}
public_source = "EuroMillions of 27 November 2026"
member_limit = {{ rewards = 1, period = "day" }}

[[prizes]]
name = "Mug"
chance = 400000
pieces = 5
"""


def planned(ledger: Ledger) -> None:
    """A campaign that pays."""
    plan = PlanCampaign(
        campaign_id="spring", name="Spring", starts=datetime(2026, 1, 1, tzinfo=UTC),
        currency="EUR",
    )  # fmt: skip
    ledger.decide(plan, command_id="plan", actor="t").result()


def opening(game_id: str, ends: datetime) -> OpenGame:
    """A game whose seed the test knows."""
    return OpenGame(
        game_id=game_id, name="Wheel", campaign_id="spring", seed=SEED,
        prizes=(Prize(name="Mug", chance=400_000, pieces=5),),
        starts=datetime.now(UTC) - timedelta(hours=1), ends=ends,
        commitment=commitment_of(SEED), public_source="EuroMillions",
    )  # fmt: skip


def test_a_game_is_published_with_its_commitment(
    ledger: Ledger, filrouge: Filrouge, tmp_path: Path
) -> None:
    """The seed is made and sealed, and neither shown nor in the log; a second time is refused."""
    planned(ledger)
    now = datetime.now(UTC).replace(microsecond=0)
    file = tmp_path / "game.toml"
    game = GAME.format(starts=now.isoformat(), ends=(now + timedelta(1)).isoformat())
    file.write_text(game)
    said = filrouge("games", "open", file, "--json").json
    assert said["public_source"] == "EuroMillions of 27 November 2026"
    opened = ledger.log.entry(said["position"])
    assert opened is not None
    event: Any = opened.event
    assert event.commitment == said["commitment"]
    assert event.seed.startswith("sealed|game.opened.v1|seed|game:wheel|")
    filrouge("games", "open", file, code=1)
    file.write_text(game.replace("chance = 400000", "chance = 0"))
    assert "chance" in filrouge("games", "open", file, "--json", code=2).error["message"]


def test_a_game_is_played_and_proven(ledger: Ledger, filrouge: Filrouge) -> None:
    """Every play is recomputed from the entries alone; the prizes are those that were granted."""
    planned(ledger)
    now = datetime.now(UTC)
    asked = 0

    def do(command: Any) -> Any:
        nonlocal asked
        asked += 1
        return ledger.decide(command, command_id=f"c{asked}", actor="t").result().events[0].event

    do(opening("wheel", now + timedelta(hours=1)))
    do(StartGame(game_id="wheel", public_value=VALUE))
    members = [do(EnrolMember()).member_id for _ in range(4)]
    plays = [do(PlayGame(game_id="wheel", member_id=members[n % 4])) for n in range(40)]
    assert [play.drawn for play in plays] == [drawn(SEED, VALUE, n) for n in range(1, 41)]
    early = filrouge("games", "verify", "wheel", "--json").json
    assert (early["plays"], early["faults"], early["revealed"]) == (40, [], False)
    with pytest.raises(GameIsNotOver):
        do(RevealGame(game_id="wheel"))
    over = GameRevealed(game_id="wheel", seed=SEED)
    ledger.observe([NewEvent(over, "over", "/x", now)], actor="t", admin=True).result()
    found = filrouge("games", "verify", "wheel", "--json").json
    assert found == {"plays": 40, "won": {"Mug": 5}, "faults": [], "revealed": True}
    assert Counter(play.prize for play in plays)["Mug"] == 5
    # Somebody with the rights of an administrator adds a play that wins.
    forged = GamePlayed(
        game_id="wheel", member_id=members[0], campaign_id="spring", number=41, drawn=1
    )
    ledger.observe([NewEvent(forged, "x", "/x", now)], actor="t", admin=True).result()
    refused = filrouge("games", "verify", "wheel", "--json", code=1).error
    assert refused["error"] == "game-differs"
    assert "drew 1, and had to draw" in refused["message"]


def test_the_seed_that_is_revealed_is_the_one_that_was_sealed(ledger: Ledger) -> None:
    """Nobody has to remember it: the vault opens it when the game is over, and not before."""
    planned(ledger)
    opened = opening("short", datetime.now(UTC) + timedelta(milliseconds=50))
    ledger.decide(opened, command_id="open", actor="t").result()
    revealed: Any = None
    while revealed is None:
        try:
            reply = ledger.decide(RevealGame(game_id="short"), command_id="reveal", actor="t")
            revealed = reply.result().events[0].event
        except GameIsNotOver:
            assert datetime.now(UTC) < opened.ends + timedelta(minutes=1)
    assert revealed.seed == SEED


def told(plays: int = 12) -> Told:
    """The events of a fair game."""
    prizes = [{"name": "Mug", "chance": 500_000, "pieces": 2}]
    found: Told = [
        (1, "game.opened.v1", {"prizes": prizes, "commitment": commitment_of(SEED)}),
        (2, "game.started.v1", {"public_value": VALUE}),
    ]
    left = 2
    for number in range(1, plays + 1):
        play: dict[str, Any] = {"number": number, "drawn": drawn(SEED, VALUE, number)}
        if play["drawn"] < 500_000 and left:
            play["prize"], left = "Mug", left - 1
        found.append((number + 2, "game.played.v1", play))
    return [*found, (plays + 3, "game.revealed.v1", {"seed": SEED})]


def test_a_fair_game_has_no_faults() -> None:
    """As it is told."""
    checked = check_game(told())
    assert (checked.plays, checked.won, checked.faults) == (12, {"Mug": 2}, [])


@pytest.mark.parametrize(
    "place, changes",
    [
        (0, {"commitment": "0" * 64}),
        (0, {"prizes": [{"name": "Mug", "chance": 1, "pieces": 2}]}),
        (1, {"public_value": "another"}),
        (5, {"drawn": 3}),
        (5, {"number": 9}),
        (14, {"seed": "b7" * 32}),
    ],
)
def test_a_game_that_was_not_fair_shows(place: int, changes: dict[str, Any]) -> None:
    """Whatever was changed."""
    events = told()
    position, kind, data = events[place]
    events[place] = position, kind, {**json.loads(json.dumps(data)), **changes}
    assert check_game(events).faults


def test_a_play_that_is_missing_or_too_early_shows() -> None:
    """The numbers of plays have no gap, and the public value comes first."""
    events = told()
    assert check_game(events[:6] + events[7:]).faults
    started = (30, GameStarted.type_name, {"public_value": VALUE})
    assert check_game([events[0], *events[2:], started]).faults
    voided: Told = [(31, "event.voided.v1", {"position": 5})]
    assert check_game(events + voided).faults
