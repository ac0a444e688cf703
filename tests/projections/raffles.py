"""Random events of draws, in no sensible order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from domain.activations import Prize
from domain.draws import (
    DrawCancelled,
    DrawClosed,
    DrawCommitted,
    DrawDrawn,
    DrawEntered,
    DrawEntryPassedOver,
    DrawMemberExcluded,
    DrawOpened,
    DrawPlaced,
    DrawValueRecorded,
    PublicResult,
)
from domain.event import Event
from domain.prizes import (
    DrawPrizeClaimed,
    DrawPrizeForfeited,
    DrawPrizePassedOn,
    DrawWinnerNotified,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HASH = "ab" * 32


class RandomRaffles:
    """Two draws of which anything is said."""

    def __init__(self, seed: int) -> None:
        self._any = Random(seed + 7)  # noqa: S311 - a test's history, and nothing secret

    def one(self) -> Event:
        """Any event of a draw."""
        pick, number = self._any.choice, self._any.randrange
        draw_id, member, place = pick(("d1", "d2")), f"m{number(8)}", 1 + number(4)
        due = NOON + timedelta(hours=number(9))
        event: Event = pick(
            (
                DrawOpened(
                    draw_id=draw_id, activation_id="a1", campaign_id="c1", rules_version=1,
                    rules_digest="A" * 43, prizes=(Prize(name="A bike"),), opens=NOON, closes=due,
                    participation_tickets=1,
                ),
                DrawEntered(
                    draw_id=draw_id, entry_id=f"e{number(99)}", member_id=member,
                    activation_id="a1", campaign_id="c1", route="post",
                ),
                DrawMemberExcluded(draw_id=draw_id, member_id=member, reason="staff"),
                DrawClosed(draw_id=draw_id, activation_id="a1", campaign_id="c1"),
                DrawCommitted(
                    draw_id=draw_id, campaign_id="c1", closed_position=3, entries=number(9),
                    tickets=number(9), root=HASH, algorithm="filrouge-draw-1", due=due,
                    result=PublicResult(name="Loto", form="dashes", due=due),
                ),
                DrawValueRecorded(
                    draw_id=draw_id, campaign_id="c1", randomness=HASH, result=f"1-{number(50)}"
                ),
                DrawDrawn(
                    draw_id=draw_id, campaign_id="c1", value_position=9, winners=1, reserves=3,
                    passed_over=number(5),
                ),
                DrawPlaced(
                    draw_id=draw_id, member_id=member, place=place, entry=f"entry:e{number(99)}",
                    rank=place, prize=pick((None, 1)), reward_id=pick((None, "w1")),
                ),
                DrawEntryPassedOver(
                    draw_id=draw_id, member_id=member, entry="entry:e1", rank=1, reason="left"
                ),
                DrawWinnerNotified(
                    draw_id=draw_id, member_id=member, place=place, channel="email",
                    claim_until=pick((None, due)),
                ),
                DrawPrizeClaimed(
                    draw_id=draw_id, member_id=member, place=place, reward_id="w1"
                ),
                DrawPrizeForfeited(
                    draw_id=draw_id, member_id=member, place=place, reason="declined"
                ),
                DrawPrizePassedOn(
                    draw_id=draw_id, member_id=member, place=place, prize=1, forfeited_place=1,
                    reward_id="w2",
                ),
                DrawCancelled(draw_id=draw_id, campaign_id="c1", reason="storm"),
            )
        )  # fmt: skip
        return event
