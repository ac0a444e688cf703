"""What a member's tier is said to be, at any instant, whatever came late or was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.event import Event
from domain.lot_parts import LotDebit
from domain.people import MemberEnrolled, MembershipEnded, VisitorIdentified
from domain.points import PointsClawedBack, PointsEarned
from domain.programmes import ProgrammeAmended, ProgrammeOpened
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.terms import CurrencyTerms
from domain.tier_schemes import Benefit, Tier, TierScheme
from projections.explaining import explain
from projections.known import PastReader
from projections.rebuild import rebuild
from projections.selection import NOW, Selection, When
from projections.tiers import TIERS, MemberTier, MemberTiers, tiers
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.explained_sums import Walk, names_of

SPEND: Final = TierScheme(
    measure="spend", currency="EUR", period="year", grace_days=30,
    tiers=(
        Tier(tier="member", threshold=0),
        Tier(tier="silver", name="Silver", threshold=10_000),
        Tier(tier="gold", threshold=30_000, benefits=(Benefit(benefit="lounge", text="Sit"),)),
    ),
)  # fmt: skip
POINTS: Final = TierScheme(
    measure="points", points_currency="status", period="quarter", soft_landing=True,
    tiers=(Tier(tier="bronze", threshold=50), Tier(tier="gold", threshold=200)),
)  # fmt: skip
OLD: Final = -400
"""Days before the first day of spring of 2026 on which programmes begin: in January 2025."""


def opened(programme: str, scheme: TierScheme) -> ProgrammeOpened:
    """A programme with tiers."""
    currencies = (
        CurrencyTerms(points_currency="stars"),
        CurrencyTerms(points_currency="status", spendable=False),
    )
    return ProgrammeOpened(
        programme=programme, name=programme, time_zone="Europe/Paris", currencies=currencies,
        tiers=scheme,
    )  # fmt: skip


def account(name: str, programme: str, *holders: str, unit: str = "stars") -> AccountOpened:
    """An account."""
    return AccountOpened(
        account_id=name, programme=programme, points_currency=unit, holders=holders,
        spendable=unit != "status",
    )  # fmt: skip


def bought(id_: str, net: int, **who: Any) -> PurchaseRecorded:
    """A purchase."""
    return PurchaseRecorded(purchase_id=id_, currency="EUR", net=net, **who)


def earned(lot: str, points: int, account_id: str, **more: Any) -> PointsEarned:
    """An award."""
    return PointsEarned(
        account_id=account_id, lot_id=lot, points=points, origin="engagement",
        available_from=SPRING, **more,
    )  # fmt: skip


def look(brand: Brand, day: float, when: When = NOW, member: str = "m") -> MemberTiers:
    """A member's tiers on a day, folded from the log."""
    log = brand.ledger.log
    reader = PastReader(log, brand.ledger.pool, Selection.of(log, when))
    found = tiers(reader, member, SPRING + day * DAY)
    assert found is not None
    return found


def in_club(brand: Brand, day: float, when: When = NOW, member: str = "m") -> MemberTier:
    """Where a member stands in the one programme."""
    [found] = look(brand, day, when, member).programmes
    return found


def started(brand: Brand, scheme: TierScheme = SPEND) -> None:
    """A programme of last year, with a member."""
    brand.tell(opened("club", scheme), day=OLD)
    brand.tell(MemberEnrolled(member_id="m"), account("a", "club", "m"), day=OLD + 10)


def changes(found: MemberTier) -> list[tuple[str, str | None, str]]:
    """The history, by day."""
    return [(f"{one.at:%Y-%m-%d}", one.tier, one.why) for one in found.history]


def test_a_tier_says_what_is_missing_and_until_when(brand: Brand) -> None:
    """Without anything having run: at each instant it is what the purchases by then make it."""
    started(brand)
    brand.tell(bought("p1", 12_000, member_id="m"), day=-200)
    brand.tell(bought("p2", 20_000, account_id="a"), day=-100)
    first = in_club(brand, -150)
    assert (first.tier, first.name, first.amount) == ("silver", "Silver", 12_000)
    assert first.next is not None
    assert (first.next.tier, first.next.threshold, first.next.missing) == ("gold", 30_000, 18_000)
    now = in_club(brand, 0)
    assert (now.tier, now.next, now.amount) == ("gold", None, 0)
    assert [one.benefit for one in now.benefits] == ["lounge"]
    assert now.since == SPRING - 100 * DAY
    assert now.held_until == datetime.fromisoformat("2027-01-31T00:00+01:00")
    assert now.keeping is not None
    assert (now.keeping.missing, now.keeping.before) == (30_000, now.held_until)
    assert changes(in_club(brand, 800)) == [
        ("2025-02-04", "member", "reached"), ("2025-08-13", "silver", "reached"),
        ("2025-11-21", "gold", "reached"), ("2027-01-31", "member", "lost"),
    ]  # fmt: skip
    assert in_club(brand, 800).held_until is None


def test_what_comes_late_or_is_taken_back_counts_at_its_time(brand: Brand) -> None:
    """As of and as known at any instant; a return counts in the period in which it comes."""
    started(brand)
    brand.tell(bought("p1", 12_000, member_id="m"), day=10)
    first = brand.ledger.log.entry(brand.ledger.log.head().position)
    assert first is not None
    late = brand.tell(bought("p0", 20_000, member_id="m"), day=5)
    known = brand.ledger.log.entry(late)
    assert known is not None
    then = known.envelope.recorded_at
    assert changes(in_club(brand, 20))[-2:] == [
        ("2026-03-06", "silver", "reached"), ("2026-03-11", "gold", "reached"),
    ]  # fmt: skip
    assert in_club(brand, 20, When(known_at=then)).tier == "silver"
    assert in_club(brand, 20, When(as_of=SPRING + 7 * DAY)).tier == "silver"
    back = PurchaseReturned(return_id="r", purchase_id="p0", currency="EUR", net=20_000)
    brand.tell(back, day=15)
    returned = in_club(brand, 20)
    assert (returned.tier, returned.amount) == ("gold", 12_000)
    assert returned.held_until == datetime.fromisoformat("2027-01-31T00:00+01:00")
    assert changes(in_club(brand, 400))[-1] == ("2027-01-31", "silver", "lost")
    brand.void(late)
    assert in_club(brand, 20).tier == "silver"
    assert in_club(brand, 20, When(known_at=then + timedelta(microseconds=1))).tier == "gold"


def test_points_count_for_who_held_the_account(brand: Brand) -> None:
    """A household shares them, from joining it on; what was clawed back counts no more."""
    brand.tell(opened("club", POINTS), day=OLD)
    brand.tell(
        MemberEnrolled(member_id="m"), MemberEnrolled(member_id="n"),
        account("h", "club", "n", unit="status"), account("s", "club", "m"), day=OLD,
    )  # fmt: skip
    brand.tell(earned("l1", 150, "h"), day=0)
    brand.tell(earned("plain", 900, "s"), earned("other", 60, "s", qualifying=True), day=1)
    brand.tell(HolderAdded(account_id="h", member_id="m"), day=2)
    brand.tell(earned("l2", 60, "h"), day=3)
    brand.tell(
        PointsClawedBack(account_id="h", points=15, lots=(LotDebit(lot_id="l1", points=15),)), day=4
    )
    brand.tell(HolderRemoved(account_id="h", member_id="m"), day=5)
    brand.tell(earned("l3", 500, "h"), day=6)
    mine, theirs = in_club(brand, 7), in_club(brand, 7, member="n")
    assert (mine.tier, mine.amount) == ("bronze", 60)
    assert (theirs.tier, theirs.amount) == ("gold", 695)
    assert changes(in_club(brand, 365, member="n")) == [
        ("2026-03-01", "bronze", "reached"), ("2026-03-04", "gold", "reached"),
        ("2026-07-01", "bronze", "lost"), ("2026-10-01", None, "lost"),
    ]  # fmt: skip


def test_a_card_of_nobody_brings_what_it_earned(brand: Brand) -> None:
    """And what a visitor bought who turns out to be the member; whoever leaves has no tier."""
    brand.tell(opened("club", SPEND), account("card", "club"), day=OLD)
    brand.tell(bought("p1", 6_000, account_id="card"), day=0)
    brand.tell(bought("p2", 5_000, visitor_id="v"), day=1)
    brand.tell(HolderAdded(account_id="card", member_id="m"), day=2)
    assert in_club(brand, 3).amount == 6_000
    brand.tell(VisitorIdentified(visitor_id="v", member_id="m"), day=3)
    assert (in_club(brand, 3).amount, in_club(brand, 3).tier) == (11_000, "silver")
    brand.tell(MembershipEnded(member_id="m"), day=4)
    left = in_club(brand, 5)
    assert (left.tier, left.next, left.held_until) == (None, None, None)
    assert changes(left)[-1] == ("2026-03-05", None, "ended")


def test_amended_terms_count_from_their_time_on(brand: Brand) -> None:
    """A lower threshold lifts whoever has reached it; without tiers nobody has one."""
    started(brand)
    brand.tell(bought("p1", 9_000, member_id="m"), day=0)
    low = (Tier(tier="member", threshold=0), Tier(tier="silver", threshold=8_000))
    lower = TierScheme(measure="spend", currency="EUR", period="year", tiers=low)
    brand.tell(ProgrammeAmended(programme="club", tiers=lower), day=10)
    brand.tell(ProgrammeAmended(programme="club", name="The Club"), day=15)
    brand.tell(ProgrammeAmended(programme="club", clear=("tiers",)), day=20)
    assert in_club(brand, 5).tier == "member"
    found = in_club(brand, 16)
    assert (found.tier, found.terms_version, found.since) == ("silver", 3, SPRING + 10 * DAY)
    gone = in_club(brand, 30)
    assert (gone.tier, gone.measure, gone.terms_version) == (None, None, 4)
    assert [why for _, _, why in changes(gone)] == ["reached", "scheme", "scheme"]


class RandomClub:
    """Some members of two programmes, who buy, earn, return and lose, told in any order."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a test's history, and nothing secret

    def tell(self, brand: Brand, events: int) -> None:
        """Tell all of it."""
        brand.tell(opened("club", SPEND), opened("fans", POINTS), day=OLD)
        for n in range(6):
            name = f"m{n}"
            brand.tell(
                MemberEnrolled(member_id=name), account(f"c{n}", "club", name),
                account(f"f{n}", "fans", name, unit="status"), day=OLD + 10 * n,
            )  # fmt: skip
        made: list[tuple[int, Event]] = []
        for n in range(events):
            event = self._event(n, [one for _, one in made])
            made.append((brand.tell(event, day=self._random.randrange(OLD + 60, 0)), event))
            if n % 9 == 5:
                brand.void(self._random.choice(made)[0])

    def _event(self, n: int, made: list[Event]) -> Event:
        who, amount = self._random.randrange(6), self._random.randrange(1_000, 15_000)
        purchases = [one for one in made if isinstance(one, PurchaseRecorded)]
        lots = [one for one in made if isinstance(one, PointsEarned)]
        which = self._random.random()
        if which < 0.15 and purchases:
            of = self._random.choice(purchases)
            back = self._random.randrange(1, of.net)
            return PurchaseReturned(
                return_id=f"r{n}", purchase_id=of.purchase_id, currency="EUR", net=back
            )
        if which < 0.3 and lots:
            lot = self._random.choice(lots)
            debit = LotDebit(lot_id=lot.lot_id, points=1)
            return PointsClawedBack(account_id=lot.account_id, points=1, lots=(debit,))
        if which < 0.6:
            return earned(f"l{n}", amount // 100, f"f{who}")
        named = {"member_id": f"m{who}"} if n % 2 else {"account_id": f"c{who}"}
        return bought(f"p{n}", amount, **named)


SPENT_BY_SQL: Final = """
SELECT coalesce(sum(amount), 0)::bigint FROM (
    SELECT (entry->'data'->>'net')::bigint AS amount, (entry->>'time')::timestamptz AS time, entry
    FROM log WHERE entry->>'type' = 'purchase.recorded.v1'
    UNION ALL
    SELECT -(entry->'data'->>'net')::bigint,
        greatest((entry->>'time')::timestamptz, (entry->'data'->>'purchase_time')::timestamptz),
        entry
    FROM log WHERE entry->>'type' = 'return.matched.v1' AND entry->'data'->'purchase_position' IN (
        SELECT to_jsonb(position) FROM log WHERE entry->>'type' = 'purchase.recorded.v1')
) AS counted
WHERE %s IN (entry->'data'->>'member_id', 'm' || substr(entry->'data'->>'account_id', 2))
    AND time <= %s AND date_trunc('year', time AT TIME ZONE 'Europe/Paris')
        = date_trunc('year', %s AT TIME ZONE 'Europe/Paris')
"""
EARNED_BY_SQL: Final = """
SELECT coalesce(sum((entry->'data'->>'points')::bigint
    * CASE entry->>'type' WHEN 'points.earned.v1' THEN 1 ELSE -1 END), 0)::bigint
FROM log, LATERAL (SELECT coalesce(entry->'data'->>'lot_id',
        entry->'data'->'lots'->0->>'lot_id') AS lot) AS named,
    LATERAL (SELECT greatest((entry->>'time')::timestamptz, (
        SELECT max((one.entry->>'time')::timestamptz) FROM log AS one
        WHERE one.entry->>'type' = 'points.earned.v1' AND one.entry->'data'->>'lot_id' = lot)
    ) AS time) AS dated
WHERE entry->>'type' IN ('points.earned.v1', 'points.clawed_back.v1')
    AND entry->'data'->>'account_id' = %s
    AND lot IN (SELECT entry->'data'->>'lot_id' FROM log WHERE entry->>'type' = 'points.earned.v1')
    AND time <= %s AND date_trunc('quarter', time AT TIME ZONE 'Europe/Paris')
        = date_trunc('quarter', %s AT TIME ZONE 'Europe/Paris')
"""


def test_every_tier_is_explained_by_events_that_add_up(brand: Brand) -> None:
    """For all members; and what counts in the period is what SQL finds in the entries."""
    RandomClub(5).tell(brand, 90)
    rebuild(brand.ledger, [TIERS])
    at = SPRING - 70 * DAY
    walk = Walk(brand.ledger, at)
    names = names_of(brand.ledger, "tier")
    walk.all("tier", names)
    assert walk.wrong == []
    reached = set()
    for name in names:
        found = {one.programme: one for one in look(brand, -70, member=name).programmes}
        [(spent,)] = brand.entries(SPENT_BY_SQL, name, at, at)
        [(points,)] = brand.entries(EARNED_BY_SQL, f"f{name[1:]}", at, at)
        assert (found["club"].amount, found["fans"].amount) == (spent, points)
        reached |= {one.tier for one in found.values()}
    assert reached >= {"bronze", "silver", "gold"}, reached


def test_an_explanation_names_the_events_and_the_terms(brand: Brand) -> None:
    """Which purchase made it gold, under which version of the terms, and by which sum."""
    started(brand)
    first = brand.tell(bought("p1", 12_000, member_id="m"), day=1)
    second = brand.tell(bought("p2", 20_000, member_id="m"), day=2)
    log = brand.ledger.log
    reader = PastReader(log, brand.ledger.pool, Selection.of(log, NOW))
    at = (SPRING + 3 * DAY).astimezone(UTC)
    found = explain(reader, lambda rows: tiers(rows, "m", at), "programmes[club]")
    assert found is not None
    said = {one.figure.removeprefix("programmes[club]."): one for one in found.figures}
    assert said["amount"].arithmetic == "12,000 + 20,000 = 32,000"
    assert said["tier"].value == "gold"
    assert said["terms_version"].value == 1
    tier = [
        (step.position, change.value)
        for step in found.steps
        for change in step.changes
        if change.figure == "programmes[club].tier"
    ]
    assert tier[-2:] == [(first, "silver"), (second, "gold")]
    assert any("programmes[club].tier: gold" in words for words in found.words)
