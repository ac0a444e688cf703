"""Cohorts: points by vintage, origin and campaign, and a programme's terms applied to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from domain.breakage import ClosedVintage, Estimate, redemption_estimate
from domain.liability import (
    Cohort,
    Costing,
    Deferred,
    allocated_micros,
    deferred_micros,
    nearest,
    provided_micros,
    stand_alone_micros,
)
from domain.programmes import Terms, in_force
from domain.terms import BASIS_POINTS, CurrencyTerms, months_later

UNKNOWN: Final = "-"
"""Stands for what no event says: a programme, vintage, origin or campaign."""
Kind = Literal["contract_liability", "cost_provision"]
CONTRACT: Final[Kind] = "contract_liability"
PROVISION: Final[Kind] = "cost_provision"
Basis = Literal["stated", "closed_vintages", "none"]
PURCHASE: Final = "purchase"


class CellKey(NamedTuple):
    """What the lots of a cohort have in common."""

    points_currency: str
    vintage: str
    origin: str
    campaign: str

    @property
    def kind(self) -> Kind:
        """Whether they are a contract liability or a provision."""
        return CONTRACT if self.origin == PURCHASE else PROVISION


class Points(NamedTuple):
    """The points of a cohort as the tables hold them."""

    cohort: Cohort
    priced: Mapping[str, int]
    """Awarded with a purchase whose price is known, by its currency."""
    ended_in: str
    """The last month in which any of them ended; empty: none has."""


class Account(NamedTuple):
    """What the books of a programme need: points of one kind, in one currency of money."""

    points_currency: str
    kind: Kind
    currency: str
    """ISO 4217; empty: the programme does not say what these points are worth, or cost."""


class Assumptions(NamedTuple):
    """What is taken to become of the points that are outstanding."""

    basis: Basis
    costing: Costing
    estimate: Estimate | None

    @property
    def redemption(self) -> int:
        """The share that is expected to be redeemed, in basis points."""
        return self.costing.redemption


class Valued(NamedTuple):
    """The cohorts of one account, with what their points stand for."""

    assumptions: Assumptions
    cohorts: Mapping[CellKey, Deferred]
    closed: tuple[ClosedVintage, ...]

    def micros(self, kind: Kind, key: CellKey, redemption: int | None = None) -> int:
        """The amount of one cohort, as assumed or at another expected redemption."""
        share = self.assumptions.redemption if redemption is None else redemption
        one = self.cohorts[key]
        if kind == CONTRACT:
            return deferred_micros(one.cohort, one.allocated, share)
        return provided_micros(one.cohort, self.assumptions.costing.cost, share)


Prices = Mapping[tuple[str, str, str], int]
"""What was paid for purchases that earned, less tax, by points currency, vintage and currency."""


def vintage_of(earned_at: datetime | None) -> str:
    """The month of an award, on its own calendar: ``2026-03``."""
    return UNKNOWN if earned_at is None else f"{earned_at:%Y-%m}"


def begins(vintage: str, zone: ZoneInfo) -> datetime:
    """The first instant of a vintage, in the programme's time zone."""
    return datetime(int(vintage[:4]), int(vintage[5:]), 1, tzinfo=zone)


class Valuation:
    """The terms of a programme, applied to its cohorts for an instant."""

    def __init__(self, versions: list[Terms], at: datetime) -> None:
        self._versions = versions
        self._at = at
        self._zone = ZoneInfo(versions[0].time_zone if versions else "UTC")

    def spendable(self, points_currency: str) -> bool:
        """Whether anybody can redeem such points: others stand for nothing."""
        terms = self._terms(points_currency)
        return True if terms is None else terms.spendable

    def over(self, vintage: str) -> bool:
        """Whether a vintage has ended, so that nothing is added to it."""
        if vintage == UNKNOWN:
            return False
        return months_later(begins(vintage, self._zone), 1) <= self._at

    def _terms(self, points_currency: str) -> CurrencyTerms | None:
        """The terms of the instant."""
        found = in_force(self._versions, self._at)
        return None if found is None else found.of(points_currency)

    def _valuing(self, points_currency: str, vintage: str) -> CurrencyTerms | None:
        """The terms with which a vintage began; if they say no value, the first later that do.

        Points that were given before anybody opened the programme are worth what it said first.
        """
        at = self._at if vintage == UNKNOWN else begins(vintage, self._zone)
        first = in_force(self._versions, at)
        later = [one for one in self._versions if one.since > at]
        for one in [*([] if first is None else [first]), *later]:
            terms: CurrencyTerms | None = one.of(points_currency)
            if terms is not None and terms.fair_value is not None:
                return terms
        return None

    def allocated(
        self,
        points_currency: str,
        points: Mapping[CellKey, Points],
        prices: Prices,
    ) -> dict[CellKey, tuple[str, int]]:
        """The part of the prices paid that belongs to each cohort earned by purchases.

        All purchases of a vintage together, by the terms with which the vintage began: they are
        not allocated again when the terms change (IFRS 15.88). Points whose price nobody knows
        stand at their stand-alone price, which is a little more.
        """
        found: dict[CellKey, tuple[str, int]] = {}
        vintages: defaultdict[str, list[CellKey]] = defaultdict(list)
        for key in points:
            if key.kind == CONTRACT and key.points_currency == points_currency:
                vintages[key.vintage].append(key)
        for vintage, keys in vintages.items():
            terms = self._valuing(points_currency, vintage)
            if terms is None or terms.fair_value is None:
                found.update(dict.fromkeys(keys, ("", 0)))
                continue
            value, share = terms.fair_value, terms.expected_redemption
            redemption = BASIS_POINTS if share is None else share
            currency = value.currency
            priced = {key: points[key].priced.get(currency, 0) for key in keys}
            whole = sum(priced.values())
            paid = prices.get((points_currency, vintage, currency), 0)
            allocated = allocated_micros(paid, stand_alone_micros(whole, value, redemption))
            for key in keys:
                rest = points[key].cohort.awarded - priced[key]
                mine = nearest(allocated * priced[key], whole) if whole else 0
                found[key] = currency, mine + stand_alone_micros(rest, value, redemption)
        return found

    def assumptions(self, points_currency: str, closed: Iterable[ClosedVintage]) -> Assumptions:
        """What is expected to be redeemed: as the programme states, else as closed vintages say.

        With neither, all of it: breakage that nobody can estimate is not recognised (IFRS 15.B46).
        """
        terms = self._terms(points_currency)
        estimate = redemption_estimate(tuple(closed))
        basis: Basis = "none"
        redemption = BASIS_POINTS
        if terms is not None and terms.expected_redemption is not None:
            basis, redemption = "stated", terms.expected_redemption
        elif estimate is not None:
            basis, redemption = "closed_vintages", estimate.redemption
        cost = None if terms is None else terms.cost
        return Assumptions(basis, Costing(redemption, cost), estimate)

    def closed(self, points: Mapping[CellKey, Points]) -> tuple[ClosedVintage, ...]:
        """The vintages of these cohorts that have ended and of which nothing is outstanding."""
        vintages: defaultdict[str, list[Points]] = defaultdict(list)
        for key, one in points.items():
            vintages[key.vintage].append(one)
        return tuple(
            ClosedVintage(
                vintage,
                sum(one.cohort.redeemed for one in found),
                sum(one.cohort.standing for one in found),
                max(vintage, *(one.ended_in for one in found)),
            )
            for vintage, found in sorted(vintages.items())
            if self.over(vintage) and not any(one.cohort.outstanding for one in found)
        )


def valued(
    versions: list[Terms], points: Mapping[CellKey, Points], prices: Prices, at: datetime
) -> dict[Account, Valued]:
    """Everything that points of a programme stand for by its terms, for an instant."""
    by = Valuation(versions, at)
    found: dict[Account, Valued] = {}
    for points_currency in sorted({key.points_currency for key in points}):
        if not by.spendable(points_currency):
            continue
        allocated = by.allocated(points_currency, points, prices)
        for kind in (CONTRACT, PROVISION):
            mine = {
                key: one
                for key, one in points.items()
                if key.points_currency == points_currency and key.kind == kind
            }
            closed = by.closed(mine)
            assumed = by.assumptions(points_currency, closed)
            cost = assumed.costing.cost
            cohorts: defaultdict[str, dict[CellKey, Deferred]] = defaultdict(dict)
            for key, one in mine.items():
                currency, amount = allocated.get(key, ("" if cost is None else cost.currency, 0))
                cohorts[currency][key] = Deferred(one.cohort, amount)
            for currency, some in sorted(cohorts.items()):
                account = Account(points_currency, kind, currency)
                found[account] = Valued(assumed, some, closed)
    return found
