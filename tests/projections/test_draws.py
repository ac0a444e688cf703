"""The draws' projection says what the events of a draw say, now and at any position of the past."""

from __future__ import annotations

import json
from typing import Any

from domain.draw_entering import EnterDraw
from domain.forfeits import ForfeitPrize
from domain.prizes import ClaimPrize, NotifyWinner
from projections.draws import DRAWS, draw as draw_of, page
from projections.known import PastReader
from projections.selection import Selection, When
from store.ledger import Ledger, NewEvent
from tests.domain.crowd import DAY, enrolled, played
from tests.domain.raffle import close, commit, draw, game, value
from tests.domain.scenario import Scenario
from tests.projections.brand import Brand


def story() -> Scenario:
    """A draw from its opening until the bike has gone to a reserve, who has claimed it."""
    scenario = game()
    scenario.happens(enrolled("m0"))
    for n in range(8):
        scenario.happens(played(f"p{n}", member_id=f"m{n}"))
    scenario.when(EnterDraw(draw_id="d1", member_id="m0", route="post"))
    close(scenario)
    commit(scenario)
    value(scenario)
    draw(scenario)
    until = scenario.now + 7 * DAY
    told = NotifyWinner(draw_id="d1", place=2, channel="email", claim_until=until)
    scenario.when(told)
    scenario.when(ForfeitPrize(draw_id="d1", place=1, reason="unreachable"))
    scenario.when(ClaimPrize(draw_id="d1", place=4))
    return scenario


def recorded(ledger: Ledger, scenario: Scenario) -> None:
    """Bring the same events into a ledger."""
    new = [
        NewEvent(one.event, one.envelope.id, "/tests", one.envelope.time)
        for one in scenario.log
        if one.event is not None
    ]
    ledger.observe(new, actor="t", admin=True).result()


def by_hand(log: list[Any]) -> list[tuple[int, str, str]]:
    """Place, member and state by the log's JSON."""
    places: dict[int, list[Any]] = {}
    for entry in log:
        data, kind = entry["data"], entry["type"].split(".")[1]
        if kind == "placed":
            state = "won" if "prize" in data else "reserve"
            places[data["place"]] = [data["member_id"], state]
        for name, state in STATES.items():
            if kind == name:
                places[data["place"]][1] = state
    return [(place, *said) for place, said in sorted(places.items())]


STATES = {
    "winner_notified": "notified", "prize_claimed": "claimed", "prize_forfeited": "forfeited",
    "prize_passed_on": "won",
}  # fmt: skip


def test_a_draw_shows_each_place_and_what_became_of_it(brand: Brand) -> None:
    """As the log's own JSON has it, with what was committed to."""
    scenario = story()
    recorded(brand.ledger, scenario)
    with brand.reader(DRAWS) as reader:
        found = draw_of(reader, "d1")
        assert [one.draw_id for one in page(reader, None, 5)] == ["d1"]
        assert page(reader, "d1", 5) == []
        assert draw_of(reader, "d2") is None
    assert found is not None
    log = [json.loads(one.entry) for one in scenario.log]
    assert [(p.place, p.member_id, p.state) for p in found.places] == by_hand(log)
    [committed] = [e["data"] for e in log if e["type"] == "draw.committed.v1"]
    assert found.commitment is not None
    assert (found.commitment.root, found.commitment.entries) == (committed["root"], 9)
    assert (found.step, found.entered) == ("drawn", 1)
    assert [p.prize for p in found.places] == [1, 2, 2, 1, None]


def test_a_draw_is_shown_as_it_was_at_any_position(brand: Brand) -> None:
    """Step after step, by the same fold over a part of the log."""
    recorded(brand.ledger, story())
    steps: list[str | None] = []
    ledger = brand.ledger
    for position in range(1, ledger.log.head().position + 1):
        selection = Selection.of(ledger.log, When(), until=position)
        found = draw_of(PastReader(ledger.log, ledger.pool, selection), "d1")
        if found is not None and (not steps or steps[-1] != found.step):
            steps.append(found.step)
    assert steps == ["opened", "closed", "committed", "value_recorded", "drawn"]
