"""A batch that is read and written in parts while it is decided: what is seen, and what fails."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent

from domain.awards import AwardPoints
from domain.custom import CustomRecorded
from domain.engagement import VisitRecorded
from domain.errors import InvalidEvent
from domain.movements import NotEnoughPoints
from domain.participations import Entries, ParticipationRecorded
from domain.points import PointsEarned
from domain.redemptions import RedeemPoints
from domain.rule_terms import RuleLimits
from domain.rules import RulePublished
from store.batch import SEND_AFTER_SECONDS, pause
from store.database import Database
from store.errors import StoreUnavailable
from store.ledger import Ledger, NewEvent
from store.round_trip import Ask, Pipeline, Sent
from store.rows import origin_key
from store.silence import LOOK_SECONDS
from tests.store.test_boundary import NOON, held_up
from tests.store.test_rules_in_batches import PEOPLE, Shop, bought, terms


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent, while the first that a batch accepts is sent at once."""
    monkeypatch.setattr("store.batch.SEND_AFTER_SECONDS", -1.0)
    names: list[str] = []
    send = Pipeline.send

    def noted(self: Pipeline, *asked: Ask) -> Sent:
        names.extend(ask.statement for ask in asked)
        return send(self, *asked)

    monkeypatch.setattr(Pipeline, "send", noted)
    return names


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is a part of its own."""
    monkeypatch.setattr("store.writer.PART_REQUESTS", 1)


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """A member with an account."""
    made = Shop(ledger)
    made.report(*PEOPLE, admin=True)
    return made


def test_a_batch_is_written_in_parts_and_committed_once(shop: Shop, sent: list[str]) -> None:
    """All parts carry one instant, each position is taken once, and the head is behind the last."""
    before = shop.ledger.log.head().position
    sent.clear()
    positions = shop.report(*[bought(n) for n in range(100)])
    assert positions == list(range(before + 1, before + 101))
    assert sent.count("write") > 1
    assert sent.count("COMMIT") == 1
    stored = [one.envelope for one in shop.ledger.log.read(after=before)]
    assert [one.position for one in stored] == positions
    assert len({one.recorded_at for one in stored}) == 1
    assert shop.ledger.log.head().position == positions[-1]


def test_a_long_batch_is_sent_in_few_parts_and_the_last_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is not sent when all is decided has to be waited for; and each part costs."""
    monkeypatch.setattr("store.batch.SEND_AFTER_SECONDS", SEND_AFTER_SECONDS)
    decided, parts = SEND_AFTER_SECONDS, 0
    while decided < 0.1:
        assert min(decided, 0.0015) <= pause(decided) <= max(0.0015, decided / 4)
        decided, parts = decided + pause(decided), parts + 1
    assert parts < 20


def test_a_batch_pauses_as_long_as_that_says(
    shop: Shop, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that says 0.1 ms more each time: it is asked at the start, and by each event."""
    monkeypatch.setattr("store.batch.SEND_AFTER_SECONDS", 0.00025)
    ticks = count()
    monkeypatch.setattr("store.batch.perf_counter", lambda: next(ticks) / 10_000)
    sent.clear()
    shop.report(*[bought(n) for n in range(64)])
    due, writes = 2.5, 0
    for tick in range(1, 65):
        if tick > due:
            due, writes = tick + pause(tick / 10_000) * 10_000, writes + 1
    assert writes == 6
    assert sent.count("write") == writes + 1


def test_a_view_that_is_needed_late_has_what_was_sent_once(shop: Shop) -> None:
    """It is read from the log, where what this batch brought stands already: one may be given."""
    brought = PointsEarned(
        account_id="a1", member_id="m1", lot_id="old", points=10, origin="engagement",
        available_from=NOON, programme="club", rule_id="r",
    )  # fmt: skip
    rule = RulePublished(rule_id="r", terms=terms(limits=RuleLimits(awards=2)))
    positions = shop.report(brought, rule, bought(1), bought(2), bought(3), admin=True)
    assert shop.awards() == {0: 10, positions[2]: 10}


def test_a_repeated_command_has_the_verdict_that_was_sent(shop: Shop, database: str) -> None:
    """Asked twice in one batch, it is decided once, though its events stand in the log already."""
    award = AwardPoints(account_id="a1", points=5, reason="hello")
    with held_up(shop.ledger, database):
        first, again = [shop.ledger.decide(award, command_id="x", actor="t") for _ in range(2)]
    assert not first.result().duplicate
    assert again.result().duplicate
    assert again.result().events == first.result().events


def test_a_type_that_nobody_used_gets_its_number_meanwhile(shop: Shop, database: str) -> None:
    """Numbers of types are given through the connection on which the first part is under way."""
    new = NewEvent(CustomRecorded(kind="a"), "a", "/till", NOON)
    with held_up(shop.ledger, database):
        first = shop.ledger.observe([new], actor="t")
        second = shop.ledger.recorder.queue([DCBEvent(type="never.seen", data=b"", tags=["a:1"])])
    [outcome] = first.result()
    assert outcome.position is not None
    assert second.result() == outcome.position + 1
    stored = [one.envelope for one in shop.ledger.log.read(after=outcome.position - 1)]
    assert [one.type for one in stored] == ["custom.recorded.v1", "never.seen"]
    assert stored[0].recorded_at == stored[1].recorded_at, "more than one batch"


def test_what_cannot_be_written_is_acknowledged_to_nobody(shop: Shop, database: str) -> None:
    """PostgreSQL says it to whoever asks next; everybody in the batch is told, and none is kept."""
    bad = origin_key("/till", "bad").hex()
    refuse = f"ALTER TABLE ledger_test.origins ADD CONSTRAINT bad CHECK (key <> '{bad}')"
    award = AwardPoints(account_id="a1", points=5, reason="hello")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(refuse.encode())
        with held_up(shop.ledger, database):
            replies: list[Any] = [
                shop.ledger.decide(award, command_id="x", actor="t"),
                shop.ledger.observe([NewEvent(bought(1), "bad", "/till", NOON)], actor="t"),
                # It was decided in this batch: for its verdict what was written is read.
                shop.ledger.decide(award, command_id="x", actor="t"),
            ]
        before = shop.ledger.log.head().position
        errors = [type(reply.exception()) for reply in replies]
        assert errors == [StoreUnavailable] * len(replies)
        assert shop.ledger.log.head().position == before
        connection.execute("ALTER TABLE ledger_test.origins DROP CONSTRAINT bad")
    assert shop.report(bought(1)) == [before + 1]


def test_a_lock_that_is_not_had_meanwhile_is_not_tried_again(shop: Shop, database: str) -> None:
    """Part of the batch is written: tried again in the same transaction, it is there already."""
    new = NewEvent(CustomRecorded(kind="a"), "a", "/till", NOON)
    unseen = DCBEvent(type="never.seen", data=b"", tags=["a:1"])
    before = shop.ledger.log.head().position
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE ledger_test.types IN SHARE MODE")
        with held_up(shop.ledger, database):
            replies: list[Any] = [
                shop.ledger.observe([new], actor="t"),
                shop.ledger.recorder.queue([unseen]),
            ]
        deadline = time.monotonic() + 2.5 * LOOK_SECONDS
        while not replies[0].done() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert [type(reply.exception()) for reply in replies] == [StoreUnavailable] * 2
    assert shop.ledger.log.head().position == before + 1, "what held the writer up, and no more"
    [outcome] = shop.ledger.observe([new], actor="t").result()
    assert (outcome.position, outcome.duplicate) == (before + 2, False)


@pytest.mark.usefixtures("parts")
def test_each_part_sees_what_the_parts_before_it_decided(shop: Shop, database: str) -> None:
    """Its views were asked for before anything was decided, and hold it all the same, once."""
    shop.do(AwardPoints(account_id="a1", points=100, reason="start"))
    with held_up(shop.ledger, database):
        replies: list[Any] = [
            shop.ledger.decide(
                RedeemPoints(account_id="a1", points=n), command_id=f"{n}", actor="t"
            )
            for n in (40, 50, 20, 10, 1)
        ]
    errors = [type(reply.exception()) for reply in replies]
    assert errors == [type(None), type(None), NotEnoughPoints, type(None), NotEnoughPoints]


@pytest.mark.usefixtures("parts")
def test_what_another_process_wrote_comes_before_what_the_batch_decides(
    shop: Shop, installation: Database, database: str
) -> None:
    """A view that is kept is behind: an earlier part touches its account before it is read on."""
    other = Shop(installation.open("test"))
    shop.do(AwardPoints(account_id="a1", points=100, reason="start"))
    shop.do(RedeemPoints(account_id="a1", points=100))
    other.do(AwardPoints(account_id="a1", points=50, reason="elsewhere"))
    brought = PointsEarned(
        account_id="a1", member_id="m1", lot_id="new", points=10, origin="engagement",
        available_from=NOON, programme="club",
    )  # fmt: skip
    new = NewEvent(brought, "new", "/till", NOON)
    with held_up(shop.ledger, database):
        given = shop.ledger.observe([new], actor="t", admin=True)
        again = shop.ledger.observe([new], actor="t", admin=True)
        spent = [
            shop.ledger.decide(
                RedeemPoints(account_id="a1", points=n), command_id=f"{n}", actor="t"
            )
            for n in (60, 1)
        ]
    assert given.result()[0].error is None
    assert again.result()[0].duplicate
    assert [type(one.exception()) for one in spent] == [type(None), NotEnoughPoints]
    other.do(AwardPoints(account_id="a1", points=5, reason="again"))
    with pytest.raises(NotEnoughPoints):
        shop.do(RedeemPoints(account_id="a1", points=6))
    shop.do(RedeemPoints(account_id="a1", points=5))
    other.ledger.close()


@pytest.mark.usefixtures("parts")
def test_a_view_that_breaks_is_nobodys_refusal(
    shop: Shop, installation: Database, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks while it is loaded, whatever it says: no one in the batch can be answered."""
    shop.report(taken_part(1))
    other = installation.open("test")

    def broken(*_: object) -> None:
        message = "broken"
        raise InvalidEvent(message)

    monkeypatch.setattr(Entries, "fold", broken)
    with held_up(other, database):
        replies = [
            other.observe([NewEvent(event, f"{n}", "/till", NOON)], actor="t")
            for n, event in enumerate((VisitRecorded(member_id="m1", place="web"), taken_part(2)))
        ]
    before = other.log.head().position
    for reply in replies:
        with pytest.raises(InvalidEvent, match="broken"):
            reply.result()
    assert other.log.head().position == before
    assert [one.envelope.id for one in other.log.read()][-1] == "w1"
    other.close()


def taken_part(n: int) -> ParticipationRecorded:
    """A participation of the same member."""
    return ParticipationRecorded(
        participation_id=f"p{n}", member_id="m1", campaign_id="c", activation_id="a"
    )
