"""Draws by a model of their own: random histories, and the odds of every ticket."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from domain.draw_order import in_order
from domain.draws import DrawEntered, DrawEntryPassedOver, DrawMemberExcluded, DrawPlaced
from domain.entry_lists import Entry
from domain.ledger import EventVoided
from domain.lot_parts import LotDebit
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberErased, MembershipEnded
from domain.points import PointsClawedBack, PointsEarned
from domain.referrals import ReferralQualified, ReferralVoided
from store.draws import list_at, root_of
from tests.domain.crowd import DAY
from tests.domain.moments import NOON
from tests.domain.naive_draws import listed, root, winners
from tests.domain.raffle import CLOSES, close, commit, draw, game, json_log, value
from tests.domain.scenario import Scenario, ScenarioHistory

MEMBERS = 7


class Anything:
    """Random events of everything that a draw looks at, inside and outside of its dates."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a test's history, and nothing secret

    def terms(self) -> dict[str, Any]:
        """The terms of some draw."""
        pick = self.random.choice
        return {
            "participation_tickets": pick([0, 1, 1, 3]),
            "referral_tickets": pick([0, 2]),
            "points_per_ticket": pick([None, 1, 40]),
            "tickets_per_member_max": pick([None, 1, 4]),
            "prizes_per_member_max": pick([1, 1, 2, 5]),
            "reserves": pick([0, 1, 4]),
        }

    def happens(self, scenario: Scenario) -> None:
        """Record one event."""
        number, pick = self.random.randrange, self.random.choice
        who, n = f"m{number(MEMBERS)}", number(25)
        campaign, activation = f"c{1 + (n % 3 == 0)}", f"n{1 + (n % 4 == 0)}"
        referral = {"advocate_id": who, "programme": "club", "campaign_id": campaign}
        event: Any = pick(
            [
                DrawEntered(
                    draw_id=pick(["d1", "d2"]), entry_id=f"e{n}", member_id=who,
                    activation_id="n1", campaign_id="c1", tickets=1 + number(3), route="post",
                ),
                ParticipationDisqualified(
                    participation_id=f"p{n}", member_id=who, campaign_id="c1",
                    activation_id=activation, reason="rules",
                ),
                ReferralQualified(referral_id=f"r{n}", referee_id="x", **referral),
                ReferralVoided(referral_id=f"r{n}", reason="false", **referral),
                PointsEarned(
                    account_id=who, member_id=pick([who, who, None]), lot_id=f"l{number(10**6)}",
                    points=1 + number(90), origin="engagement", campaign_id=campaign,
                    available_from=NOON,
                ),
                self._taken_back(scenario),
                self._taken_back(scenario),
                *[
                    ParticipationRecorded(
                        participation_id=f"p{n}", member_id=pick([who, who, None]),
                        visitor_id="v1", campaign_id="c1", activation_id=activation,
                    )
                ] * 4,
            ]
        )  # fmt: skip
        rare = self.random.random()
        if rare < 0.03:
            event = DrawMemberExcluded(draw_id="d1", member_id=who, reason="no")
        elif rare < 0.05:
            event = MembershipEnded(member_id=who)
        elif rare < 0.07:
            event = MemberErased(member_id=who, destroyed=("key",), irrecoverable_at=NOON)
        at = CLOSES - 6 * DAY + timedelta(hours=number(7 * 24))
        scenario.given(event, at=min(at, scenario.now))
        scenario._given.clear()

    def _taken_back(self, scenario: Scenario) -> Any:
        """A void or a clawback of something, or an unrelated void."""
        one = self.random.choice(scenario.log)
        if isinstance(one.event, PointsEarned):
            points = 1 + self.random.randrange(one.event.points)
            lots = (LotDebit(lot_id=one.event.lot_id, points=points),)
            return PointsClawedBack(
                account_id="a", points=points, lots=lots, campaign_id=one.event.campaign_id
            )
        voidable = isinstance(one.event, ParticipationRecorded | ReferralQualified | DrawEntered)
        position = one.envelope.position if voidable else 10**6
        return EventVoided(position=position, reason="wrong")


@pytest.mark.parametrize("seed", range(40))
def test_any_history_gives_the_list_and_the_winners_of_the_model(seed: int) -> None:
    """The model knows only the log's JSON, hashlib, and the explanation."""
    anything = Anything(seed)
    scenario = game(**anything.terms())
    for _ in range(anything.random.randrange(80)):
        anything.happens(scenario)
    close(scenario)
    closed = len(scenario.log)
    for _ in range(anything.random.randrange(10)):
        anything.happens(scenario)
    committed = commit(scenario)
    log = json_log(scenario)
    lines = listed(log, log[3][1]["data"], closed)
    assert (committed.entries, committed.root) == (len(lines), root(lines))
    assert committed.tickets == sum(tickets for _, _, tickets in lines)
    for _ in range(anything.random.randrange(30)):
        anything.happens(scenario)
    value(scenario, sha256(str(seed).encode()).hexdigest() + "00" * 16)
    for _ in range(anything.random.randrange(10)):
        anything.happens(scenario)
    events = draw(scenario)
    placed, passed = winners(json_log(scenario), "d1")
    assert [(e.place, e.entry, e.member_id) for e in events if isinstance(e, DrawPlaced)] == placed
    assert [e.entry for e in events if isinstance(e, DrawEntryPassedOver)] == passed


def test_an_erasure_leaves_the_list_and_the_winners_as_they_are() -> None:
    """Ids are no personal data and stay; so the root is the same, whoever is erased later."""
    scenario = game()
    anything = Anything(1)
    for _ in range(60):
        anything.happens(scenario)
    close(scenario)
    closed = len(scenario.log)
    committed = commit(scenario)
    terms: Any = scenario.log[3].event
    for n in range(MEMBERS):
        scenario.happens(MemberErased(member_id=f"m{n}", destroyed=("key",), irrecoverable_at=NOON))
    again = list_at(ScenarioHistory(scenario.log), terms, closed, len(scenario.log))
    assert root_of(again.entries) == committed.root


def test_every_ticket_is_as_likely_as_any_other() -> None:
    """Chi-square over 4,000 draws of fixed seeds, at the level of one in a thousand.

    The first place falls to an entry in proportion to its tickets, and so does the second among
    those who are left.
    """
    entries = [Entry(f"entry:{n}", f"m{n}", tickets) for n, tickets in enumerate((1, 1, 2, 4))]
    first: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    draws = 4_000
    for seed in range(draws):
        order = in_order(entries, sha256(b"%d" % seed).digest(), "d1")
        first[order[0].name] += 1
        pairs[order[0].name, order[1].name] += 1
    share = {one.name: one.tickets / 8 for one in entries}
    expected = {name: draws * p for name, p in share.items()}
    assert chi_square(first, expected) < 16.27  # 3 degrees of freedom
    both = {
        (a, b): draws * share[a] * share[b] / (1 - share[a])
        for a in share for b in share if a != b
    }  # fmt: skip
    assert chi_square(pairs, both) < 31.26  # 11 degrees of freedom


def chi_square(seen: Counter[Any], expected: dict[Any, float]) -> float:
    """Pearson's statistic."""
    return sum((seen[name] - due) ** 2 / due for name, due in expected.items())
