"""Rules that know the tier: decided under the lock, by what was known, and the same as is read."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest

from domain.accounts import AccountOpened, HolderAdded, OpenAccount
from domain.decision import Command
from domain.event import Event
from domain.people import MemberEnrolled, VisitorIdentified
from domain.points import PointsEarned
from domain.programmes import OpenProgramme
from domain.publishing import PublishRule
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.rule_terms import Multiplier, RuleTerms
from domain.terms import CurrencyTerms
from domain.tier_schemes import Tier, TierScheme
from domain.voids import VoidEvent
from projections.known import PastReader
from projections.selection import NOW, Selection
from projections.tiers import tiers
from store.database import Database
from store.explaining import judged, previewed
from store.ledger import Ledger, NewEvent, Verdict

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLERS: Final = 64
SPEND: Final = TierScheme(
    measure="spend", currency="EUR", period="month",
    tiers=(Tier(tier="silver", threshold=2_000), Tier(tier="gold", threshold=5_000)),
)  # fmt: skip
POINTS: Final = TierScheme(
    measure="points", points_currency="status", period="year",
    tiers=(Tier(tier="gold", threshold=320),),
)  # fmt: skip
BY_TIER: Final = "member.tier == 'gold' ? 3 : (member.tier == 'silver' ? 2 : 1)"


class Club:
    """A programme whose rules look at the tier."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._told = 0
        self._lock = threading.Lock()

    def id(self) -> str:
        """An id of its own."""
        with self._lock:
            self._told += 1
            return f"{id(self)}-{self._told}"

    def do(self, command: Command) -> Verdict:
        """Decide a command."""
        return self.ledger.decide(command, command_id=self.id(), actor="t").result()

    def report(self, *events: Event, time: datetime = NOON, admin: bool = False) -> list[int]:
        """Record what happened, all in one request; answer where it stands."""
        new = [NewEvent(event, self.id(), "/till", time) for event in events]
        outcomes = self.ledger.observe(new, actor="t", admin=admin).result()
        assert not [one.error for one in outcomes if one.error]
        return [one.position or 0 for one in outcomes]

    def open(self, scheme: TierScheme, programme: str = "club") -> None:
        """Open a programme with tiers."""
        currencies = (
            CurrencyTerms(points_currency="stars"),
            CurrencyTerms(points_currency="status", spendable=False),
        )
        self.do(
            OpenProgramme(
                programme=programme, name="Club", currencies=currencies, tiers=scheme, time=BEGIN
            )
        )

    def rule(self, rule_id: str, **more: Any) -> None:
        """Publish a rule for purchases."""
        terms: dict[str, Any] = {
            "programme": "club", "points_currency": "stars", "trigger": "purchase.recorded",
            "kind": "per_event", "points": "10", "valid_from": BEGIN, **more,
        }  # fmt: skip
        self.do(PublishRule(rule_id=rule_id, terms=RuleTerms(**terms)))

    def member(self, name: str = "m", programme: str = "club", unit: str = "stars") -> None:
        """Enrol somebody with an account."""
        account = AccountOpened(
            account_id=f"{name}-{programme}-{unit}", programme=programme, points_currency=unit,
            holders=(name,), spendable=unit != "status",
        )  # fmt: skip
        self.report(MemberEnrolled(member_id=name), account, time=BEGIN, admin=True)

    def awards(self, rule_id: str) -> dict[int, int]:
        """Points that a rule gave, by the position of what they were given for."""
        return {
            one.envelope.cause or 0: one.event.points
            for one in self.ledger.log.read()
            if isinstance(one.event, PointsEarned) and one.event.rule_id == rule_id
        }


@pytest.fixture
def club(ledger: Ledger) -> Club:
    """A programme with tiers by what is spent in a month."""
    made = Club(ledger)
    made.open(SPEND)
    return made


def bought(id_: str, net: int, **who: Any) -> PurchaseRecorded:
    """A purchase."""
    return PurchaseRecorded(purchase_id=id_, currency="EUR", net=net, **(who or {"member_id": "m"}))


def test_a_benefit_holds_right_after_the_upgrade_in_the_same_batch(club: Club) -> None:
    """The purchase that brings the tier earns as before; the next one in its request more."""
    club.member()
    club.rule("spend")
    club.rule(
        "gold", kind="multiplier", points=None, condition="member.tier == 'gold'",
        multiplier=Multiplier(numerator=2),
    )  # fmt: skip
    positions = club.report(bought("p1", 4_000), bought("p2", 1_000), bought("p3", 100))
    assert club.awards("spend") == dict.fromkeys(positions, 10)
    assert club.awards("gold") == {positions[2]: 10}
    recorded = club.ledger.log.entry(positions[1])
    assert recorded is not None
    found = judged(club.ledger.log, recorded, known=positions[-1])
    assert {one.rule_id: one.reason for one in found.findings} == {
        "spend": "awarded", "gold": "condition",
    }  # fmt: skip
    head = club.ledger.log.head().position
    preview = previewed(
        club.ledger.log, bought("p4", 1), until=head, time=NOON + timedelta(days=1), now=NOON
    )
    assert preview.points == 20


def test_a_late_event_is_judged_by_the_tier_of_its_time(club: Club) -> None:
    """As it is known by now; and what was taken back since brings no tier."""
    club.member()
    club.rule("tier", points=BY_TIER)
    [first] = club.report(bought("p1", 6_000))
    early, after, later = (
        club.report(bought(f"t{days}", 1), time=NOON + timedelta(days=days))[0]
        for days in (-1, 1, 70)
    )
    club.do(VoidEvent(position=first, reason="wrong"))
    [voided] = club.report(bought("p2", 1), time=NOON + timedelta(days=2))
    awards = club.awards("tier")
    assert [awards[one] for one in (first, early, after, later, voided)] == [1, 1, 3, 1, 1]


def test_a_card_alone_has_the_tier_of_its_only_holder(club: Club) -> None:
    """Of a household nobody knows who it was; a card of nobody, or an unknown person, has none."""
    club.member()
    club.rule("tier", points=BY_TIER)
    shared = AccountOpened(
        account_id="shared", programme="club", points_currency="stars", holders=("m", "n")
    )
    card = AccountOpened(account_id="card", programme="club", points_currency="stars")
    club.report(shared, card, time=BEGIN, admin=True)
    club.report(bought("p1", 6_000), bought("p2", 7_000, account_id="card"))
    alone, household, anonymous = club.report(
        bought("p3", 1, account_id="m-club-stars"), bought("p4", 1, account_id="shared"),
        bought("p5", 1, account_id="card"),
    )  # fmt: skip
    club.report(HolderAdded(account_id="card", member_id="n"), time=BEGIN, admin=True)
    [given] = club.report(bought("p6", 1, account_id="card"))
    awards = club.awards("tier")
    assert [awards[one] for one in (alone, household, anonymous, given)] == [3, 1, 1, 3]


def test_what_a_visitor_bought_lifts_the_member(club: Club) -> None:
    """Once it is known who the visitor was, and not whoever claimed it later."""
    club.member()
    club.member("n")
    club.rule("tier", points=BY_TIER)
    club.report(bought("p1", 6_000, visitor_id="v"))
    [before] = club.report(bought("p2", 1))
    club.report(VisitorIdentified(visitor_id="v", member_id="m"))
    club.report(VisitorIdentified(visitor_id="v", member_id="n"), time=NOON + timedelta(hours=1))
    after, other = club.report(
        bought("p3", 1), bought("p4", 1, member_id="n"), time=NOON + timedelta(hours=2)
    )
    awards = club.awards("tier")
    assert [awards[one] for one in (before, after, other)] == [1, 3, 1]


def test_each_rule_sees_the_tier_of_its_programme(club: Club) -> None:
    """Two programmes, two tiers, at one purchase."""
    thresholds = (Tier(tier="silver", threshold=100),)
    club.open(msgspec.structs.replace(SPEND, tiers=thresholds), "other")
    club.member()
    club.member(programme="other")
    club.rule("here", points=BY_TIER)
    club.rule("there", points=BY_TIER, programme="other")
    club.report(bought("p1", 6_000))
    [second] = club.report(bought("p2", 1))
    assert (club.awards("here")[second], club.awards("there")[second]) == (3, 2)


@pytest.mark.parametrize("seed", range(2))
def test_rules_see_the_tier_that_is_read(club: Club, seed: int) -> None:
    """Whatever is bought, returned, told late, or told of a visitor, in batches of any size."""
    random = Random(seed)  # noqa: S311 - a test's history, and nothing secret
    for name in ("m", "n"):
        club.member(name)
    club.rule("tier", points=BY_TIER)
    club.report(VisitorIdentified(visitor_id="v", member_id="m"), time=BEGIN)
    whos: list[dict[str, str]] = [
        {"member_id": "m"}, {"member_id": "n"}, {"account_id": "m-club-stars"},
        {"member_id": "n", "account_id": "m-club-stars"}, {"visitor_id": "v"},
    ]  # fmt: skip
    for n in range(12):
        events: list[Event] = [
            bought(f"p{n}-{k}", random.randrange(2_500), **random.choice(whos))
            for k in range(random.randrange(1, 5))
        ]
        back = PurchaseReturned(
            return_id=f"r{n}", purchase_id=f"p{random.randrange(n + 1)}-0", currency="EUR", net=900
        )
        club.report(*events, back, time=NOON + timedelta(days=random.randrange(40)))
    log = club.ledger.log
    seen = set()
    awards = [one for one in log.read() if isinstance(one.event, PointsEarned)]
    for one in awards:
        cause = log.entry(one.envelope.cause or 0)
        assert cause is not None
        event: Any = cause.event
        selection = Selection.of(log, NOW, until=cause.envelope.position - 1)
        reader = PastReader(log, club.ledger.pool, selection)
        name = event.member_id or event.account_id[0]
        found = tiers(reader, name, cause.envelope.time)
        assert found is not None
        tier = found.programmes[0].tier
        seen.add(tier)
        assert getattr(one.event, "points", 0) == {"gold": 3, "silver": 2, None: 1}[tier]
    assert seen == {"gold", "silver", None}


def test_an_upgrade_and_what_depends_on_it_race(club: Club, installation: Database) -> None:
    """64 callers at two writers: each award goes by the points of exactly those before it."""
    club.open(POINTS, "fans")
    for unit in ("stars", "status"):
        club.member(programme="fans", unit=unit)
    club.rule("status", programme="fans", points_currency="status")
    club.rule("bonus", programme="fans", condition="member.tier == 'gold'")
    writers = [club.ledger, installation.open("test")]
    barrier = threading.Barrier(CALLERS)
    broken: list[BaseException] = []

    def call(n: int) -> None:
        try:
            barrier.wait()
            new = NewEvent(bought(f"p{n}", 100), f"race-{n}", "/till", NOON)
            [outcome] = writers[n % 2].observe([new], actor="t").result()
            assert outcome.error is None
            other = OpenAccount(account_id=f"x{n}", programme="fans", points_currency="stars")
            writers[(n + 1) % 2].decide(other, command_id=f"x{n}", actor="t").result()
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            broken.append(error)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writers[1].close()
    assert not broken, broken
    entries = [
        msgspec.json.decode(entry) | {"position": position}
        for page in club.ledger.log.pages(0, club.ledger.log.head().position)
        for position, entry in page
    ]
    purchases = [one["position"] for one in entries if one["type"] == "purchase.recorded.v1"]
    earned = [one for one in entries if one["type"] == "points.earned.v1"]
    assert len(purchases) == CALLERS
    points: dict[str, dict[int, int]] = {"status": {}, "bonus": {}}
    for one in earned:
        points[one["data"]["rule_id"]][int(one["cause"])] = one["data"]["points"]
    assert points["status"] == dict.fromkeys(purchases, 10)
    before = {at: sum(10 for earlier in purchases if earlier < at) for at in purchases}
    assert points["bonus"] == {at: 10 for at in purchases if before[at] >= 320}
