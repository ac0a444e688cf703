"""Drawing: what is fixed when, and who wins, with what is refused by every rule."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from domain.commitments import (
    CancelDraw,
    ChainDiffers,
    ChainUnknown,
    CloseDraw,
    CommitDraw,
    DrawAlreadyCommitted,
    DrawIsDue,
    DrawNotClosed,
    DrawStillOpen,
    NamedRound,
    RandomSourceUnclear,
    ValueTooSoon,
)
from domain.disqualification import DisqualifyParticipation
from domain.drand import MAINNET, QUICKNET
from domain.draw_entering import (
    ExcludeFromDraw,
)
from domain.drawing import (
    DrawNotCommitted,
    DrawWinners,
    RandomnessDiffers,
    RecordDrawValue,
    ValueAlreadyRecorded,
    ValueDoesNotFit,
    ValueMissing,
    ValueNotDue,
)
from domain.draws import (
    STEPS,
    DrawAlreadyDrawn,
    DrawDrawn,
    DrawEntryPassedOver,
    DrawIsCancelled,
    DrawNotOpened,
    DrawPlaced,
)
from domain.people import MemberErased, MembershipEnded
from domain.rewards import RewardGranted
from domain.voids import OWN_EVENTS, NotVoidable, VoidEvent
from tests.domain.crowd import DAY, played
from tests.domain.moments import NOON
from tests.domain.naive_draws import listed, root, winners
from tests.domain.raffle import (
    CLOSES,
    DUE,
    ROUND,
    SIGNATURE,
    close,
    commit,
    draw,
    full,
    game,
    json_log,
    lottery,
    value,
)
from tests.domain.scenario import Scenario

ROUND_NAMED = NamedRound(chain_hash=QUICKNET.hash, round=ROUND)
COMMIT = CommitDraw(draw_id="d1", drand=ROUND_NAMED)


class TestCommitting:
    def test_the_root_is_what_anybody_computes(self) -> None:
        """From the log's JSON, with a tree of its own."""
        scenario = full()
        committed = commit(scenario)
        log = json_log(scenario)
        lines = listed(log, log[3][1]["data"], committed.closed_position)
        assert [line[0] for line in lines] == [f"participation:p{n}" for n in range(9)]
        assert (committed.root, committed.entries) == (root(lines), 9)
        assert committed.due == QUICKNET.due(ROUND)

    def test_what_is_recorded_after_the_closing_is_no_entry(self) -> None:
        """However early it says that it happened."""
        scenario = full()
        scenario.happens(played("late", member_id="m1"), at=CLOSES - DAY)
        assert commit(scenario).entries == 9

    def test_it_is_closed_when_its_time_has_come(self) -> None:
        """Before, somebody could still enter."""
        with pytest.raises(DrawStillOpen):
            game().when(CloseDraw(draw_id="d1"))

    def test_the_list_is_fixed_first(self) -> None:
        """A commitment to a list that still grows would be none."""
        with pytest.raises(DrawNotClosed):
            game().when(COMMIT)

    def test_it_is_done_once(self) -> None:
        """Who could name another value later would choose."""
        scenario = full()
        commit(scenario)
        with pytest.raises(DrawAlreadyCommitted):
            scenario.when(COMMIT)

    @pytest.mark.parametrize(
        "named, error",
        [
            ({}, RandomSourceUnclear),
            ({"drand": ROUND_NAMED, "result": lottery()}, RandomSourceUnclear),
            ({"drand": NamedRound(chain_hash="ab" * 32, round=1)}, ChainUnknown),
            (
                {"drand": NamedRound(chain_hash=QUICKNET.hash, round=1, chain=MAINNET)},
                ChainDiffers,
            ),
            ({"result": lottery(CLOSES + timedelta(seconds=59))}, ValueTooSoon),
            ({"drand": NamedRound(chain_hash=QUICKNET.hash, round=1)}, ValueTooSoon),
        ],
    )
    def test_the_value_is_one_and_to_come(
        self, named: dict[str, Any], error: type[Exception]
    ) -> None:
        """Named so that anybody finds it, before anybody knows it."""
        with pytest.raises(error):
            full().when(CommitDraw(draw_id="d1", **named))

    def test_it_is_cancelled_before_the_value_is_due(self) -> None:
        """And never because of who would win."""
        scenario = full()
        scenario.when(CancelDraw(draw_id="d1", reason="storm"))
        with pytest.raises(DrawIsCancelled):
            scenario.when(COMMIT)
        scenario = full()
        commit(scenario)
        scenario.now = DUE + timedelta(seconds=3)
        with pytest.raises(DrawIsDue):
            scenario.when(CancelDraw(draw_id="d1", reason="hm"))


class TestValue:
    def test_it_comes_when_it_is_due(self) -> None:
        """Not before, once, and only to a commitment."""
        scenario = full()
        given = RecordDrawValue(draw_id="d1", signature=SIGNATURE)
        with pytest.raises(DrawNotCommitted):
            scenario.when(given)
        commit(scenario)
        with pytest.raises(ValueNotDue):
            scenario.when(given)
        with pytest.raises(ValueMissing):
            draw(scenario)
        value(scenario)
        with pytest.raises(ValueAlreadyRecorded):
            scenario.when(given)

    @pytest.mark.parametrize(
        "given, error",
        [
            ({"signature": SIGNATURE * 2}, ValueDoesNotFit),
            ({"result": "1-2-3"}, ValueDoesNotFit),
            ({"signature": SIGNATURE, "result": "1-2-3"}, ValueDoesNotFit),
            ({"signature": SIGNATURE, "randomness": "00" * 32}, RandomnessDiffers),
        ],
    )
    def test_it_is_the_value_that_was_named(
        self, given: dict[str, Any], error: type[Exception]
    ) -> None:
        """A signature of the chain's form, whose hash is the randomness."""
        scenario = full()
        commit(scenario)
        scenario.now = DUE + DAY
        with pytest.raises(error):
            scenario.when(RecordDrawValue(draw_id="d1", **given))

    def test_a_lottery_decides_by_the_text_of_its_result(self) -> None:
        """Hashed as it is written."""
        scenario = full()
        scenario.when(CommitDraw(draw_id="d1", result=lottery()))
        scenario.now = DUE
        [recorded] = scenario.when(RecordDrawValue(draw_id="d1", result="3-14-15-26-49"))
        assert recorded.randomness == sha256(b"3-14-15-26-49").hexdigest()


class TestWinning:
    def test_the_winners_are_who_anybody_computes(self) -> None:
        """With hashlib alone, from the log's JSON."""
        scenario = full()
        commit(scenario)
        value(scenario)
        events = draw(scenario)
        placed = [e for e in events if isinstance(e, DrawPlaced)]
        expected, _ = winners(json_log(scenario), "d1")
        assert [(p.place, p.entry, p.member_id) for p in placed] == expected
        assert [p.prize for p in placed] == [1, 2, 2, None, None]
        with pytest.raises(DrawAlreadyDrawn):
            draw(scenario)

    def test_a_prize_is_a_reward_that_the_campaign_pays(self) -> None:
        """Of its value, for each place with a prize and for no reserve."""
        scenario = full()
        commit(scenario)
        value(scenario)
        events = draw(scenario)
        granted = [e for e in events if isinstance(e, RewardGranted)]
        assert [e.cost.amount for e in granted if e.cost] == [50_000, 500, 500]
        won = [e for e in events if isinstance(e, DrawPlaced) and e.prize]
        assert [(e.reward_id, e.member_id) for e in granted] == [
            (e.reward_id, e.member_id) for e in won
        ]

    def test_what_was_taken_back_since_is_passed_over(self) -> None:
        """Voided, disqualified, excluded, erased, left: the next in the order has the place."""
        scenario = full()
        commit(scenario)
        position = scenario.position(lambda e: getattr(e, "participation_id", "") == "p0")
        scenario.when(VoidEvent(position=position, reason="a robot"))
        scenario.when(DisqualifyParticipation(participation_id="p1", reason="rules"))
        scenario.when(ExcludeFromDraw(draw_id="d1", member_id="m2", reason="works for us"))
        erased = MemberErased(member_id="m3", destroyed=("key",), irrecoverable_at=NOON + DAY)
        scenario.happens(erased)
        scenario.happens(MembershipEnded(member_id="m4"))
        value(scenario)
        events = draw(scenario)
        passed = {
            e.entry.partition(":")[2]: e.reason
            for e in events
            if isinstance(e, DrawEntryPassedOver)
        }
        placed = [e.member_id for e in events if isinstance(e, DrawPlaced)]
        assert sorted(placed) == ["m5", "m6", "m7", "m8"]
        reasons = {
            "p0": "taken_back", "p1": "taken_back", "p2": "excluded", "p3": "erased", "p4": "left",
        }  # fmt: skip
        assert passed == reasons
        [drawn] = [e for e in events if isinstance(e, DrawDrawn)]
        assert (drawn.winners, drawn.reserves, drawn.passed_over) == (3, 1, 5)
        assert winners(json_log(scenario), "d1")[0] == [
            (e.place, e.entry, e.member_id) for e in events if isinstance(e, DrawPlaced)
        ]

    def test_what_is_taken_back_after_the_value_changes_nobody(self) -> None:
        """Who wins is settled by what the log said when the value was recorded."""
        scenario = full()
        commit(scenario)
        value(scenario)
        expected, _ = winners(json_log(scenario), "d1")
        first = expected[0][1].partition(":")[2]
        scenario.when(DisqualifyParticipation(participation_id=first, reason="rules"))
        placed = [e for e in draw(scenario) if isinstance(e, DrawPlaced)]
        assert [(p.place, p.entry, p.member_id) for p in placed] == expected

    def test_a_draw_without_entries_has_no_winner(self) -> None:
        """The root is that of the tree without leaves."""
        scenario = game()
        close(scenario)
        assert commit(scenario).root == root([])
        value(scenario)
        [drawn] = draw(scenario)
        assert (drawn.winners, drawn.reserves) == (0, 0)

    def test_nothing_of_a_draw_is_taken_back_or_brought_in(self) -> None:
        """A step done twice would be a second draw."""
        scenario = full()
        commit(scenario)
        value(scenario)
        draw(scenario)
        steps = [one for one in scenario.log if isinstance(one.event, STEPS)]
        assert {type(one.event) for one in steps} >= {DrawDrawn, DrawPlaced}
        for one in steps:
            with pytest.raises(NotVoidable):
                scenario.when(VoidEvent(position=one.envelope.position, reason="again"))
        assert set(STEPS) <= set(OWN_EVENTS)
        with pytest.raises(DrawNotOpened):
            Scenario().when(DrawWinners(draw_id="d1"))
