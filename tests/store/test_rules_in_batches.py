"""Rules under the lock: known when they are needed, whoever published them, and whenever."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.accounts import AccountOpened
from domain.decision import Command
from domain.engagement import VisitRecorded
from domain.ledger import OpenLedger
from domain.people import EnrolMember, MemberEnrolled
from domain.points import PointsClawedBack, PointsEarned
from domain.publishing import AmendRule, PublishRule, RetireRule
from domain.purchases import PurchaseRecorded
from domain.rule_terms import RuleLimits, RuleTerms
from domain.rules import RuleAmended, RulePublished
from domain.voids import VoidEvent
from store.database import Database
from store.ledger import Ledger, NewEvent, Verdict
from store.reply import Reply
from tests.store.test_boundary import held_up

VERSIONED = (RulePublished, RuleAmended)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def terms(**more: Any) -> RuleTerms:
    """Ten stars for each purchase."""
    defaults: dict[str, Any] = {
        "programme": "club", "points_currency": "stars", "trigger": "purchase.recorded",
        "kind": "per_event", "points": "10", "valid_from": datetime(2020, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return RuleTerms(**{**defaults, **more})


class Shop:
    """Somebody who asks and reports, under ids of their own."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.n = 0

    def do(self, command: Command) -> Verdict:
        """Decide a command."""
        self.n += 1
        return self.ledger.decide(command, command_id=f"{id(self)}-{self.n}", actor="t").result()

    def report(self, *events: Any, admin: bool = False) -> list[int]:
        """Record what happened, all in one request; answer where it stands."""
        new = []
        for event in events:
            self.n += 1
            new.append(NewEvent(event, f"{id(self)}-{self.n}", "/till", NOON))
        outcomes = self.ledger.observe(new, actor="t", admin=admin).result()
        assert not [one.error for one in outcomes if one.error]
        return [one.position or 0 for one in outcomes]

    def awards(self) -> Counter[int]:
        """Points by the position of what they were given for."""
        found: Counter[int] = Counter()
        for one in self.ledger.log.read():
            if isinstance(one.event, PointsEarned):
                found[one.envelope.cause or 0] += one.event.points
        return found


def bought(n: int, member: str = "m1") -> PurchaseRecorded:
    """A purchase."""
    return PurchaseRecorded(purchase_id=f"p{n}", member_id=member, net=1_000, currency="EUR")


PEOPLE = (
    MemberEnrolled(member_id="m1"),
    AccountOpened(account_id="a1", programme="club", points_currency="stars", holders=("m1",)),
)


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """A member with an account."""
    made = Shop(ledger)
    made.report(*PEOPLE, admin=True)
    return made


def test_a_rule_gives_from_the_next_event_on(shop: Shop) -> None:
    """In the process that published it, and in another one that never heard of it."""
    [before] = shop.report(bought(1))
    shop.do(PublishRule(rule_id="r", terms=terms()))
    [after] = shop.report(bought(2))
    assert shop.awards() == {after: 10}
    assert before < after


def test_another_writer_knows_the_rules_too(shop: Shop, installation: Database) -> None:
    """What it read before is not what holds: under the lock it learns of the rule."""
    other = Shop(installation.open("test"))
    [first] = other.report(bought(1))
    shop.do(PublishRule(rule_id="r", terms=terms(limits=RuleLimits(awards=2))))
    positions = other.report(bought(2), bought(3), bought(4))
    assert shop.awards() == dict.fromkeys(positions[:2], 10)
    shop.do(RetireRule(rule_id="r", time=NOON))
    other.report(bought(5))
    assert shop.awards() == dict.fromkeys(positions[:2], 10)
    assert first not in shop.awards()
    other.ledger.close()


def test_a_rule_that_is_brought_in_holds_for_what_comes_behind_it(shop: Shop) -> None:
    """In one request: the events before it earn nothing, those behind it do."""
    rule = RulePublished(rule_id="r", terms=terms())
    before, _, after = shop.report(bought(1), rule, bought(2), admin=True)
    assert shop.awards() == {after: 10}
    assert before not in shop.awards()


def test_a_rule_holds_for_what_waited_behind_it(shop: Shop, database: str) -> None:
    """Published and asked for in one batch: what was made when there was no rule earns by it."""
    with held_up(shop.ledger, database):
        replies: list[Reply[Any]] = [
            shop.ledger.observe([NewEvent(bought(1), "b1", "/till", NOON)], actor="t"),
            shop.ledger.decide(PublishRule(rule_id="r", terms=terms()), command_id="p", actor="t"),
            shop.ledger.observe([NewEvent(bought(2), "b2", "/till", NOON)], actor="t"),
            shop.ledger.decide(RetireRule(rule_id="r", time=NOON), command_id="q", actor="t"),
            shop.ledger.observe([NewEvent(bought(3), "b3", "/till", NOON)], actor="t"),
        ]
    for one in replies:
        one.result()
    bought_at = [one.envelope for one in shop.ledger.log.read() if one.envelope.source == "/till"]
    assert len({one.recorded_at for one in bought_at[-3:]}) == 1, "more than one batch"
    assert shop.awards() == {bought_at[-2].position: 10}


def test_what_a_command_decides_earns_as_well(shop: Shop) -> None:
    """A visit of the member does, and an enrolment: its member has no account, so nothing."""
    shop.do(PublishRule(rule_id="hello", terms=terms(trigger="member.enrolled")))
    shop.do(PublishRule(rule_id="come", terms=terms(trigger="visit.recorded")))
    shop.do(EnrolMember())
    [visit] = shop.report(VisitRecorded(member_id="m1"))
    assert shop.awards() == {visit: 10}


def test_a_command_sent_again_earns_nothing_again(shop: Shop) -> None:
    """It has the first verdict, and the award stands once."""
    from domain.accounts import OpenAccount  # noqa: PLC0415 - only here

    shop.do(PublishRule(rule_id="open", terms=terms(trigger="account.opened")))
    command = OpenAccount(account_id="a2", programme="club", points_currency="stars")
    first, second = (
        shop.ledger.decide(command, command_id="same", actor="t").result() for _ in range(2)
    )
    assert second.duplicate
    assert first.position == second.position
    assert shop.awards() == {first.position: 10}


def test_a_voided_visit_gives_its_points_back(shop: Shop) -> None:
    """It leads to what it earned, though the award names no cause but the event."""
    shop.do(PublishRule(rule_id="come", terms=terms(trigger="visit.recorded")))
    [visit] = shop.report(VisitRecorded(member_id="m1"))
    verdict = shop.do(VoidEvent(position=visit, reason="wrong"))
    taken = [one.event for one in verdict.events if isinstance(one.event, PointsClawedBack)]
    assert [(one.account_id, one.points) for one in taken] == [("a1", 10)]


def test_a_voided_rule_gives_nothing_more(shop: Shop) -> None:
    """The book is folded again without it."""
    position = shop.do(PublishRule(rule_id="r", terms=terms())).position
    [earned] = shop.report(bought(1))
    shop.do(VoidEvent(position=position, reason="wrong"))
    shop.report(bought(2))
    assert shop.awards() == {earned: 10}


def versions(verdict: Verdict) -> list[int]:
    """The numbers of the versions that a decision made."""
    return [one.event.version for one in verdict.events if isinstance(one.event, VERSIONED)]


def test_the_number_of_a_voided_version_is_not_used_again(
    shop: Shop, installation: Database
) -> None:
    """An award that names it speaks of that version for ever, whoever asks, whatever was voided."""
    first = shop.do(PublishRule(rule_id="r", terms=terms()))
    second = shop.do(AmendRule(rule_id="r", terms=terms(points="20")))
    assert versions(first) + versions(second) == [1, 2]
    shop.do(VoidEvent(position=second.position, reason="wrong"))
    third = shop.do(AmendRule(rule_id="r", terms=terms(points="30")))
    assert versions(third) == [3]
    shop.do(VoidEvent(position=third.position, reason="wrong"))
    shop.do(VoidEvent(position=first.position, reason="wrong"))
    other = Shop(installation.open("test"))
    assert versions(other.do(PublishRule(rule_id="r", terms=terms()))) == [4]
    assert versions(shop.do(AmendRule(rule_id="r", terms=terms()))) == [5]
    assert versions(shop.do(PublishRule(rule_id="another", terms=terms()))) == [1]
    other.ledger.close()


def test_a_ledger_without_rules_asks_for_nothing_more(ledger: Ledger, opening: OpenLedger) -> None:
    """Nothing is kept, and nothing follows."""
    shop = Shop(ledger)
    shop.report(*PEOPLE, *(bought(n) for n in range(20)), admin=True)
    assert shop.awards() == {}
    assert ledger._writer.rules.rules == {}
    assert opening.currency == "EUR"
