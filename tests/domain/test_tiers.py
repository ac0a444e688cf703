"""Tiers: reached at once, kept for a period more, and lost by the policy of the programme."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from domain.tier_schemes import Tier, TierScheme
from domain.tiers import Climb, Counted, Rules, climb

SILVER, GOLD = Tier(tier="silver", threshold=100), Tier(tier="gold", threshold=300)


def at(text: str) -> datetime:
    """An instant, in winter time of Paris unless it says another offset."""
    return datetime.fromisoformat(text if "+" in text else f"{text}T00:00+01:00")


def walked(counted: dict[str, int], until: str, **scheme: Any) -> Climb:
    """Where somebody stands who earned so much on these days, in a programme from 2024 on."""
    terms: dict[str, Any] = {
        "measure": "spend", "currency": "EUR", "period": "year", "tiers": (SILVER, GOLD), **scheme
    }  # fmt: skip
    each = tuple(Counted(at(day), amount) for day, amount in sorted(counted.items()))
    rules = Rules(at("2024-01-01"), TierScheme(**terms), "Europe/Paris", each)
    return climb([rules], None, at(until))


def steps(found: Climb) -> list[tuple[str, str | None, str]]:
    """Its steps by day."""
    return [(f"{one.at:%Y-%m-%d}", one.tier, one.why) for one in found.steps]


def test_a_tier_is_reached_in_the_moment_of_its_threshold() -> None:
    """Not before, and one purchase may reach two."""
    assert walked({"2024-02-01": 99}, "2024-12-01").tier is None
    found = walked({"2024-02-01": 99, "2024-03-01": 1, "2024-11-01": 200}, "2024-12-01")
    assert steps(found) == [
        ("2024-03-01", "silver", "reached"), ("2024-11-01", "gold", "reached"),
    ]  # fmt: skip
    assert walked({"2024-02-01": 300}, "2024-02-01").tier == "gold"


@pytest.mark.parametrize(
    "scheme, lost",
    [
        ({}, [("2026-01-01", None, "lost")]),
        ({"soft_landing": True}, [("2026-01-01", "silver", "lost"), ("2027-01-01", None, "lost")]),
        ({"grace_days": 30}, [("2026-01-31", None, "lost")]),
    ],
)
def test_it_is_lost_by_the_policy(scheme: dict[str, Any], lost: list[Any]) -> None:
    """Kept to the end of the period after the one that reached it; then at once, or gently."""
    found = walked({"2024-05-01": 300}, "2028-06-01", **scheme)
    assert steps(found) == [("2024-05-01", "gold", "reached"), *lost]
    early = walked({"2024-05-01": 300}, "2024-06-01", **scheme)
    assert f"{early.held_until():%Y-%m-%d}" == lost[0][0]


def test_what_is_earned_in_the_grace_keeps_the_tier() -> None:
    """It still counts for the period that ended, too."""
    earned = {"2024-05-01": 300, "2025-05-01": 250}
    kept = walked({**earned, "2026-01-20": 50}, "2026-06-01", grace_days=30)
    assert steps(kept) == [("2024-05-01", "gold", "reached")]
    late = walked({**earned, "2026-02-20": 50}, "2026-06-01", grace_days=30)
    assert steps(late)[-1] == ("2026-01-31", "silver", "lost")


def test_who_confirms_a_tier_keeps_it_and_may_fall_to_what_was_reached() -> None:
    """Each period is counted by itself."""
    found = walked({"2024-05-01": 300, "2025-05-01": 300, "2026-05-01": 120}, "2027-06-01")
    assert steps(found) == [("2024-05-01", "gold", "reached"), ("2027-01-01", "silver", "lost")]


def test_periods_end_in_the_programmes_time_zone() -> None:
    """The last hour of the year in Paris counts for it, the first one for the next."""
    last = {"2024-12-31T23:59+01:00": 100}
    assert f"{walked(last, '2025-06-01').held_until():%Y}" == "2026"
    first = {"2025-01-01T00:00+01:00": 100}
    assert f"{walked(first, '2025-06-01').held_until():%Y}" == "2027"


def test_a_new_scheme_keeps_the_tier_of_the_same_id() -> None:
    """And whoever has reached a tier under it has it at once; without tiers there is none."""
    one = TierScheme(measure="spend", currency="EUR", period="year", tiers=(SILVER, GOLD))
    lower = TierScheme(
        measure="spend", currency="EUR", period="year",
        tiers=(SILVER, Tier(tier="gold", threshold=150)),
    )  # fmt: skip
    counted = (Counted(at("2024-02-01"), 160),)
    rules = [
        Rules(at("2024-01-01"), one, "Europe/Paris", counted),
        Rules(at("2024-06-01"), lower, "Europe/Paris", counted),
        Rules(at("2024-09-01"), None, "Europe/Paris", counted),
    ]
    assert steps(climb(rules, None, at("2024-12-01"))) == [
        ("2024-02-01", "silver", "reached"), ("2024-06-01", "gold", "scheme"),
        ("2024-09-01", None, "scheme"),
    ]  # fmt: skip


def test_a_membership_year_begins_with_the_enrolment() -> None:
    """Whoever has a tier without a threshold has it from then on."""
    base = Tier(tier="member", threshold=0)
    scheme = TierScheme(
        measure="spend", currency="EUR", period="membership_year", tiers=(base, SILVER)
    )
    counted = (Counted(at("2024-03-20"), 60), Counted(at("2025-03-10"), 50))
    rules = Rules(at("2024-01-01"), scheme, "Europe/Paris", counted)
    found = climb([rules], at("2024-03-15"), at("2025-06-01"))
    assert steps(found) == [
        ("2024-03-15", "member", "reached"), ("2025-03-10", "silver", "reached"),
    ]  # fmt: skip
    assert f"{found.ends:%Y-%m-%d}" == "2026-03-15"
