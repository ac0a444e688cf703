"""The cohorts of a programme as the tables hold them, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from domain import cohorts
from domain.cohorts import Account, CellKey, Points, Valued
from domain.liability import Cohort
from projections.liability import ENDED, PRICED, LiabilityCells, LiabilityPrices
from projections.programmes import versions_of
from projections.reader import Reader


def points_of(reader: Reader, programme: str) -> dict[CellKey, Points]:
    """The points of a programme by cohort."""
    rows = reader.select(
        "SELECT key, row FROM {cells} WHERE starts_with(key, %s) ORDER BY key",
        {"cells": LiabilityCells},
        [f"{programme}/"],
    )
    return {CellKey(*key.split("/")[1:]): _points(amounts) for key, amounts in rows}


def _points(amounts: Mapping[str, int]) -> Points:
    def of(*names: str) -> int:
        return sum(amounts.get(name, 0) for name in names)

    def named(prefix: str) -> dict[str, int]:
        return {k.removeprefix(prefix): n for k, n in amounts.items() if k.startswith(prefix)}

    cohort = Cohort(
        awarded=of("awarded"),
        clawed_back=of("clawed_back"),
        # What was clawed back after it had been spent is redeemed no more: it is owed.
        redeemed=max(0, of("spent") - of("owed")),
        expired=of("expired"),
        cancelled=of("cancelled"),
        outstanding=of("pending", "wallets", "reserved"),
    )
    return Points(cohort, named(PRICED), max(named(ENDED), default=""))


def prices_of(reader: Reader, programme: str) -> dict[tuple[str, str, str], int]:
    """What was paid for purchases that earned, by points currency, vintage and currency."""
    rows = reader.select(
        "SELECT key, row FROM {prices} WHERE starts_with(key, %s) ORDER BY key",
        {"prices": LiabilityPrices},
        [f"{programme}/"],
    )
    found = {}
    for key, amounts in rows:
        _, points_currency, vintage, currency = key.split("/")
        found[points_currency, vintage, currency] = amounts.get("net", 0)
    return found


def valued(reader: Reader, programme: str, at: datetime) -> dict[Account, Valued] | None:
    """Everything that the points of a programme stand for at an instant; None: nobody knows it."""
    versions, points = versions_of(reader, programme), points_of(reader, programme)
    if not versions and not points:
        return None
    return cohorts.valued(versions, points, prices_of(reader, programme), at)
