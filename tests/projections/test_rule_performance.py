"""Rule performance: what SQL over the entries says of every rule, version and campaign."""

from __future__ import annotations

from random import Random

from domain.points import PointsClawedBack, PointsEarned
from domain.types import Money
from projections.known import PastReader
from projections.rule_performance import RULE_PERFORMANCE, performance, performances
from projections.selection import Selection, When
from tests.projections.brand import SPRING, Brand
from tests.projections.movements import earned, taken

AWARDS = """
, earned AS (
    SELECT entry->'data' AS data, (entry->>'cause') AS cause FROM log
    WHERE entry->>'type' = 'points.earned.v1' AND entry->'data'->>'rule_id' IS NOT NULL
), back AS (
    SELECT lot->>'lot_id' AS lot, sum((lot->>'points')::int) AS points,
        sum((entry->'data'->'cost'->>'amount')::int) AS cost
    FROM log, jsonb_array_elements(entry->'data'->'lots') AS lot
    WHERE entry->>'type' = 'points.clawed_back.v1' GROUP BY 1
), sold AS (
    SELECT DISTINCT data->>'rule_id' AS rule, (data->>'rule_version')::int AS version,
        data->>'account_id' AS account, coalesce(data->>'campaign_id', '-') AS campaign,
        data->>'purchase_id' AS purchase, (data->'price'->>'amount')::int AS net
    FROM earned WHERE data ? 'price'
), asked AS (SELECT %s AS rule, %s::int AS version)
SELECT count(*), count(DISTINCT data->>'member_id'), sum((data->>'points')::int),
    coalesce(sum(back.points), 0)::int,
    coalesce(sum((data->'cost'->>'amount')::int), 0)::int - coalesce(sum(back.cost), 0)::int,
    (SELECT count(*) FROM sold WHERE sold.rule = asked.rule
        AND sold.version = coalesce(asked.version, sold.version)),
    (SELECT coalesce(sum(net), 0)::int FROM sold WHERE sold.rule = asked.rule
        AND sold.version = coalesce(asked.version, sold.version))
FROM earned LEFT JOIN back ON back.lot = data->>'lot_id', asked
WHERE data->>'rule_id' = asked.rule
    AND (data->>'rule_version')::int = coalesce(asked.version, (data->>'rule_version')::int)
GROUP BY asked.rule, asked.version
"""
"""Awards, members, points, clawed back, cost, purchases and what was paid for them."""


def told(brand: Brand) -> None:
    """Awards of three rules in two versions, some of which came back, some of which are voided."""
    random = Random(3)  # noqa: S311 - a test's history, and nothing secret
    given: list[tuple[PointsEarned, int]] = []
    for n in range(60):
        number = random.randrange(4)
        bought = random.random() < 0.6
        purchase = {
            "purchase_id": f"p{n // 3}",
            "price": Money(amount=1_000 + n // 3, currency="EUR"),
        }
        award = earned(
            f"l{n}", random.randint(1, 90), f"a{number}",
            member_id=None if number == 3 else f"m{number}", rule_id=f"r{n % 3}",
            rule_version=random.randint(1, 2), campaign_id=random.choice((None, "c1")),
            cost=Money(amount=random.randint(1, 50), currency="EUR"),
            **(purchase if bought else {}),
        )  # fmt: skip
        given.append((award, brand.tell(award, day=n)))
    for award, _ in given[::5]:
        back = {award.lot_id: award.points // 2 + 1}
        cost = Money(amount=1, currency="EUR")
        brand.tell(taken(PointsClawedBack, back, award.account_id, cost=cost), day=70)
    for _, position in given[2::7]:
        brand.void(position)


def test_every_rule_and_version_is_what_the_entries_say(brand: Brand) -> None:
    """However the awards came, and less what was voided."""
    told(brand)
    with brand.reader(RULE_PERFORMANCE) as reader:
        found = performances(reader).rules
        assert [one.points for one in found] == sorted((o.points for o in found), reverse=True)
        assert {one.rule_id for one in found} == {"r0", "r1", "r2"}
        for rule in found:
            assert performance(reader, rule.rule_id) == rule
            parts = [(rule, None), *((version, version.version) for version in rule.versions)]
            for one, version in parts:
                said = (
                    one.awards, one.members, one.points, one.clawed_back, one.costs["EUR"],
                    one.purchases, one.revenue["EUR"],
                )  # fmt: skip
                assert [said] == brand.entries(AWARDS, rule.rule_id, version)
            assert sum(one.points for one in rule.campaigns) == rule.points
            assert {one.campaign_id for one in rule.campaigns} == {"-", "c1"}
        assert performance(reader, "r") is None


def test_what_a_rule_gave_is_had_as_of_any_day(brand: Brand) -> None:
    """And what is clawed back on an account that the points were given away to is no rule's."""
    brand.tell(earned("l1", 10, rule_id="r1", rule_version=1, member_id="m1"), day=0)
    brand.tell(earned("l2", 5, rule_id="r1", rule_version=2, member_id="m1"), day=9)
    brand.tell(taken(PointsClawedBack, {"l1": 10}, "a2"), day=9)
    ledger = brand.ledger
    then = Selection.of(ledger.log, When(as_of=SPRING.replace(day=5)))
    rule = performance(PastReader(ledger.log, ledger.pool, then), "r1")
    assert rule is not None
    assert (rule.awards, rule.members, rule.points, rule.events) == (1, 1, 10, 0)
    with brand.reader(RULE_PERFORMANCE) as reader:
        now = performance(reader, "r1")
    assert now is not None
    assert (now.awards, now.members, now.points, now.clawed_back) == (2, 1, 15, 0)
    assert [one.version for one in now.versions] == [2, 1]
