"""What the tests of draws agree on: a draw in a game, and how it goes on step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from domain.activations import Prize
from domain.commitments import CloseDraw, CommitDraw, NamedRound
from domain.contest_rules import PublishContestRules
from domain.drand import QUICKNET
from domain.draw_opening import OpenDraw
from domain.drawing import DrawWinners, RecordDrawValue
from domain.draws import PublicResult
from domain.event import Event
from tests.domain.crowd import DAY, added, planned, played
from tests.domain.moments import NOON
from tests.domain.naive_draws import Json, numbered
from tests.domain.scenario import Scenario

DIGEST = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
"""SHA-256 of an empty document."""
CLOSES = NOON
DUE = NOON + timedelta(hours=1)
ROUND = QUICKNET.first_due(DUE)
SIGNATURE = sha256(b"a round").hexdigest() + "ab" * 16
"""48 bytes, as quicknet's are."""
BIKE = Prize(name="A bike", quantity=1, value=50_000, currency="EUR")
MUG = Prize(name="A mug", quantity=2, value=500, currency="EUR")


def game(*prizes: Prize, after: Sequence[Event] = (), **terms: Any) -> Scenario:
    """A game with published rules and an open draw, a day before the draw closes."""
    scenario = Scenario(now=NOON - DAY)
    for event in after:
        scenario.happens(event)
    for event in (planned(), added()):
        scenario.happens(event)
    scenario.when(rules(*prizes))
    scenario.when(opening(**terms))
    return scenario


def rules(*prizes: Prize, **more: Any) -> PublishContestRules:
    """The rules of the game: two kinds of prizes, if no others are named."""
    fields: dict[str, Any] = {
        "activation_id": "n1", "rules_version": 1, "digest": DIGEST, "language": "fr",
        "jurisdiction": "FR", "prizes": prizes or (BIKE, MUG),
    }  # fmt: skip
    return PublishContestRules(**{**fields, **more})


def opening(**more: Any) -> OpenDraw:
    """The draw among those who play."""
    fields: dict[str, Any] = {
        "draw_id": "d1", "activation_id": "n1", "campaign_id": "c1", "rules_version": 1,
        "opens": NOON - 5 * DAY, "closes": CLOSES, "reserves": 2,
    }  # fmt: skip
    return OpenDraw(**{**fields, **more})


def close(scenario: Scenario, at: datetime = CLOSES) -> None:
    """Close it at its last instant."""
    scenario.now = at
    scenario.when(CloseDraw(draw_id="d1"))


def commit(scenario: Scenario) -> Any:
    """Commit to the round of an hour later."""
    named = NamedRound(chain_hash=QUICKNET.hash, round=ROUND)
    return scenario.when(CommitDraw(draw_id="d1", drand=named))[0]


def value(scenario: Scenario, signature: str = SIGNATURE) -> Any:
    """Record the value once it is due."""
    scenario.now = DUE + timedelta(minutes=1)
    return scenario.when(RecordDrawValue(draw_id="d1", signature=signature))[0]


def draw(scenario: Scenario) -> list[Any]:
    """Draw the winners."""
    return scenario.when(DrawWinners(draw_id="d1"))


def lottery(due: datetime = DUE) -> PublicResult:
    """A public result that is no drand round."""
    return PublicResult(name="Loto, 1 March 2026", form="numbers ascending, by dashes", due=due)


def full(players: int = 9, **terms: Any) -> Scenario:
    """A draw in which so many members play once, closed."""
    scenario = game(**terms)
    for n in range(players):
        scenario.happens(played(f"p{n}", member_id=f"m{n}"))
    close(scenario)
    return scenario


def json_log(scenario: Scenario) -> list[tuple[int, Json]]:
    """The log as somebody else would read it."""
    return numbered([one.entry for one in scenario.log])
