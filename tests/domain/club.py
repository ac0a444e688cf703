"""What the tests of programmes agree on: one programme of which every term can be chosen."""

from __future__ import annotations

from typing import Any

from domain.programmes import AmendProgramme, OpenProgramme
from domain.terms import ActivationPolicy, CurrencyTerms, ExpiryPolicy
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, OTHER

ROLLING = ExpiryPolicy(kind="rolling", days=10)
AFTER_TWO_DAYS = ActivationPolicy(days=2)
AFTER_STAY = ActivationPolicy(awaits="stay-completed")


def stars(**terms: Any) -> CurrencyTerms:
    """The terms of the points currency that the accounts count."""
    return CurrencyTerms(points_currency="stars", **terms)


def opening(**terms: Any) -> OpenProgramme:
    """Open the club, well before everything else."""
    return OpenProgramme(
        programme="club", name="The Club", currencies=(stars(**terms),), time=NOON - 400 * DAY
    )


def amending(**terms: Any) -> AmendProgramme:
    """Change the terms of its stars."""
    return AmendProgramme(programme="club", currencies=(stars(**terms),))


def club(**terms: Any) -> Scenario:
    """A club with these terms, and two accounts in it."""
    scenario = Scenario()
    scenario.when(opening(**terms))
    for account in (ACCOUNT, OTHER):
        scenario.happens(account)
    return scenario
