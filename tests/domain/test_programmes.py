"""Programmes: their terms by the time at which they hold, and what they make of a new lot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from domain.accounts import OpenAccount
from domain.adjustments import AdjustPoints
from domain.ledger import UnknownTimeZone
from domain.lot_terms import LotNeverActive
from domain.lots import AccountLots
from domain.movements import PointsNotSpendable, TransferPoints
from domain.programmes import (
    AmendProgramme,
    NotOfThisProgramme,
    ProgrammeAlreadyOpened,
    ProgrammeNotOpened,
    ProgrammeOpened,
)
from domain.redemptions import RedeemPoints, ReservePoints
from domain.terms import CurrencyTerms, ExpiryPolicy, PointsPrice, TermsContradict, expires_at
from domain.tier_schemes import Tier, TierScheme
from tests.domain.club import (
    AFTER_STAY,
    AFTER_TWO_DAYS,
    ROLLING,
    amending,
    club,
    opening,
    stars,
)
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, award, void, where

GOLD = Tier(tier="gold", threshold=100)
BY_STARS = TierScheme(measure="points", points_currency="stars", period="year", tiers=(GOLD,))


def when(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "expiry, earned, expired",
    [
        (ExpiryPolicy(kind="rolling", months=1), "2026-01-31T10:00Z", "2026-02-28T11:00+01:00"),
        (ExpiryPolicy(kind="rolling", months=1), "2028-01-31T10:00Z", "2028-02-29T11:00+01:00"),
        # A clock time stays when summer time begins.
        (ExpiryPolicy(kind="rolling", months=1), "2026-03-01T11:00Z", "2026-04-01T12:00+02:00"),
        (ExpiryPolicy(kind="rolling", days=3), "2026-01-01T10:00Z", "2026-01-04T11:00+01:00"),
        (ExpiryPolicy(kind="end_of_month"), "2026-03-31T20:00Z", "2026-04-01T00:00+02:00"),
        # It is April in Paris.
        (ExpiryPolicy(kind="end_of_month"), "2026-03-31T22:30Z", "2026-05-01T00:00+02:00"),
        (
            ExpiryPolicy(kind="end_of_month", months=12),
            "2026-02-15T10:00Z",
            "2027-03-01T00:00+01:00",
        ),
        (ExpiryPolicy(kind="end_of_quarter"), "2026-05-15T10:00Z", "2026-07-01T00:00+02:00"),
        (
            ExpiryPolicy(kind="end_of_quarter", months=2),
            "2026-05-15T10:00Z",
            "2026-10-01T00:00+02:00",
        ),
        (ExpiryPolicy(kind="end_of_year"), "2026-05-15T10:00Z", "2027-01-01T00:00+01:00"),
        (ExpiryPolicy(kind="end_of_year"), "2026-12-31T23:00Z", "2028-01-01T00:00+01:00"),
    ],
)
def test_expiry_is_counted_in_the_programmes_time_zone(
    expiry: ExpiryPolicy, earned: str, expired: str
) -> None:
    """Rolling by the clock, or at the end of a month, quarter or year."""
    assert expires_at(expiry, when(earned), "Europe/Paris") == when(expired)


def test_a_programme_has_the_ledgers_time_zone_unless_it_names_one() -> None:
    """Points of a month end at the end of the ledger's month."""
    scenario = Scenario()
    [opened] = scenario.when(opening())
    assert opened.time_zone == "Europe/Paris"
    other = msgspec.structs.replace(opening(), programme="abroad", time_zone="Asia/Tokyo")
    [abroad] = scenario.when(other)
    assert abroad.time_zone == "Asia/Tokyo"


def test_a_new_lot_has_the_terms_of_its_programme() -> None:
    """Expiry, activation, inactivity, and what a return takes."""
    scenario = club(expiry=ROLLING, activation=AFTER_TWO_DAYS, inactive_days=30)
    [earned] = scenario.when(award(reason="x"))
    assert earned.available_from == NOON + 2 * DAY
    assert earned.expires_at == NOON + 10 * DAY
    assert (earned.inactive_days, earned.never_owed, earned.awaits) == (30, True, None)


def test_what_an_award_says_itself_holds() -> None:
    """A rule or a person may give points that last longer, or at once."""
    scenario = club(expiry=ROLLING, activation=AFTER_STAY)
    [earned] = scenario.when(award(reason="x", available_from=NOON, expires_at=NOON + 99 * DAY))
    assert (earned.available_from, earned.expires_at) == (NOON, NOON + 99 * DAY)
    assert earned.awaits is None


def test_a_correction_expires_like_other_points_and_can_be_spent_at_once() -> None:
    """What pends after a purchase need not pend after a mistake of ours."""
    scenario = club(expiry=ROLLING, activation=AFTER_TWO_DAYS, inactive_days=30)
    [credit] = scenario.when(
        AdjustPoints(account_id="a1", direction="credit", points=5, reason="sorry")
    )
    assert (credit.available_from, credit.expires_at) == (NOON, NOON + 10 * DAY)
    assert credit.inactive_days == 30


def test_without_a_programme_everything_is_as_ever() -> None:
    """An account may name a programme that nobody opened."""
    scenario = Scenario().given(ACCOUNT)
    [earned] = scenario.when(award(reason="x"))
    assert (earned.available_from, earned.expires_at, earned.never_owed) == (NOON, None, False)
    scenario.when(RedeemPoints(account_id="a1", points=10))


def test_a_late_award_has_the_terms_of_its_time() -> None:
    """What was done last month is rewarded as it would have been then, and before it, as ever."""
    scenario = club(expiry=ROLLING)
    scenario.when(amending())
    [now] = scenario.when(award(reason="x"))
    [late] = scenario.when(award(reason="x", time=NOON - DAY))
    [ancient] = scenario.when(award(reason="x", time=NOON - 401 * DAY))
    assert now.expires_at is None
    assert late.expires_at == NOON + 9 * DAY
    assert ancient.expires_at is None


def test_an_amendment_that_is_recorded_late_holds_from_its_time() -> None:
    """In whichever order they become known, versions are in the order of time."""
    scenario = club()
    scenario.when(amending(expiry=ROLLING, inactive_days=7))
    scenario.when(msgspec.structs.replace(amending(inactive_days=3), time=NOON - DAY))
    days = [
        scenario.when(award(reason="x", time=NOON - days * DAY))[0].inactive_days
        for days in (0, 0.5, 2)
    ]
    assert days == [7, 3, None]


def test_what_is_voided_never_held() -> None:
    """A programme that was opened by mistake leaves the terms that there were without it."""
    scenario = club(expiry=ROLLING)
    scenario.when(void(where(scenario, ProgrammeOpened)))
    [earned] = scenario.when(award(reason="x"))
    assert earned.expires_at is None


def test_status_points_are_not_for_spending() -> None:
    """They count towards a tier; only a correction takes them."""
    scenario = Scenario()
    scenario.when(opening(spendable=False))
    for account in ("s1", "s2"):
        scenario.when(OpenAccount(account_id=account, programme="club", points_currency="stars"))
    scenario.when(msgspec.structs.replace(award(reason="x"), account_id="s1"))
    for command in (
        RedeemPoints(account_id="s1", points=1),
        ReservePoints(account_id="s1", points=1),
        TransferPoints(account_id="s1", to_account_id="s2", points=1),
    ):
        with pytest.raises(PointsNotSpendable):
            scenario.when(command)
    scenario.when(AdjustPoints(account_id="s1", direction="debit", points=1, reason="wrong"))
    assert scenario.view(AccountLots("account:s1")).at(NOON).active == 99


def test_an_account_counts_a_currency_that_its_programme_has() -> None:
    """A misspelt currency would be an account that nothing ever speaks of."""
    scenario = club()
    with pytest.raises(NotOfThisProgramme) as refused:
        scenario.when(OpenAccount(programme="club", points_currency="star"))
    assert refused.value.context["points_currencies"] == ["stars"]
    scenario.when(OpenAccount(programme="elsewhere", points_currency="star"))


def _scheme(**changes: Any) -> TierScheme:
    return msgspec.structs.replace(BY_STARS, **changes)


@pytest.mark.parametrize(
    "currencies, tiers, said",
    [
        ((stars(), stars()), None, "named twice"),
        ((stars(expiry=ExpiryPolicy(kind="rolling")),), None, "after how many"),
        (
            (stars(spendable=False, cost=PointsPrice(amount=1, currency="EUR", points=1)),),
            None,
            "no value",
        ),
        ((stars(),), _scheme(points_currency="miles"), "stars"),
        ((stars(),), _scheme(tiers=(GOLD, GOLD)), "higher threshold"),
        (
            (stars(),),
            _scheme(tiers=(GOLD, Tier(tier="gold", threshold=200))),
            "one id",
        ),
        ((stars(),), _scheme(measure="spend"), "one currency"),
        ((stars(),), _scheme(period="month", grace_days=28), "at most 27"),
    ],
)
def test_terms_that_contradict_each_other_are_refused(
    currencies: tuple[CurrencyTerms, ...], tiers: TierScheme | None, said: str
) -> None:
    """The answer says which, when a programme is opened and when it is amended."""
    new = msgspec.structs.replace(opening(), currencies=currencies, tiers=tiers)
    with pytest.raises(TermsContradict, match=said):
        Scenario().when(new)
    with pytest.raises(TermsContradict, match=said):
        club().when(AmendProgramme(programme="club", currencies=currencies, tiers=tiers))


def test_an_amendment_may_not_take_away_what_the_tiers_count() -> None:
    """Tiers that are not named stay, and have to fit what else changes."""
    scenario = Scenario()
    scenario.when(msgspec.structs.replace(opening(), tiers=BY_STARS))
    scenario.when(AmendProgramme(programme="club", name="The Old Club"))
    scenario.when(AmendProgramme(programme="club", clear=("tiers",)))
    miles = CurrencyTerms(points_currency="miles")
    scenario.when(
        AmendProgramme(
            programme="club", currencies=(miles,), tiers=_scheme(points_currency="miles")
        )
    )


def test_refusals() -> None:
    """Each rule has one that it refuses."""
    scenario = club()
    with pytest.raises(ProgrammeAlreadyOpened):
        scenario.when(opening())
    with pytest.raises(ProgrammeNotOpened):
        scenario.when(AmendProgramme(programme="other"))
    with pytest.raises(ProgrammeNotOpened):
        scenario.when(AmendProgramme(programme="club", time=datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(UnknownTimeZone):
        scenario.when(msgspec.structs.replace(opening(), programme="x", time_zone="Mars/Olympus"))


def test_points_that_pend_beyond_their_month_end_with_the_next_one() -> None:
    """A policy makes no lot that nobody could spend; a person who asks for one is told."""
    scenario = club(expiry=ExpiryPolicy(kind="end_of_month"), activation=AFTER_TWO_DAYS)
    last = when("2026-03-31T20:00Z")
    scenario.now = last
    [earned] = scenario.when(award(reason="x"))
    assert earned.expires_at == when("2026-05-01T00:00+02:00")
    with pytest.raises(LotNeverActive):
        scenario.when(award(reason="x", expires_at=last + DAY))
