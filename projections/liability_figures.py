"""The figures of liability: by vintage and campaign, from one instant to another, back-tested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from domain.breakage import back_test
from domain.clawbacks import apportioned
from domain.cohorts import Account, Basis, CellKey, Kind, Valued
from domain.liability import (
    MICROS,
    Cohort,
    nearest,
)
from projections.liability_cohorts import valued
from projections.reader import Reader

VINTAGES_SHOWN_MAX: Final = 600
"""The newest months of one account."""
CAMPAIGNS_SHOWN_MAX: Final = 1_000
"""The campaigns of one account with the largest amounts."""


class Cohorts(msgspec.Struct, frozen=True, kw_only=True):
    """Points that were given, and what became of them.

    awarded - clawed_back = redeemed + expired + cancelled + outstanding.
    """

    awarded: int
    clawed_back: int
    redeemed: int
    """Less what is owed: points that were spent and clawed back later."""
    expired: int
    """As far as it is booked: ``filrouge tick`` books it."""
    cancelled: int
    outstanding: int
    """Pending, in wallets and reserved."""
    amount: int
    """The liability or provision for them, in minor units."""


class VintageFigures(Cohorts, frozen=True, kw_only=True):
    """One vintage. Of a closed one the redemption is known; of an open one it is expected."""

    vintage: str
    """The month of the awards, ``2026-03``; a hyphen: the events do not say it."""
    closed: bool
    """The month is over, and no point is outstanding."""
    redemption: int | None
    """Basis points of awarded - clawed back, redeemed in the end; breakage is the rest of 10,000.
    Null: nothing of it stands."""
    redemption_low: int | None
    redemption_high: int | None
    """The 95 % interval from closed vintages, within what is still possible for this one; of a
    closed one, what is known. Null: there are too few closed vintages."""


class CampaignFigures(Cohorts, frozen=True, kw_only=True):
    """The points of one campaign, of all vintages."""

    campaign_id: str
    """A hyphen: they were given by none."""


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of the points is taken to be redeemed in the end, and by what."""

    basis: Basis
    """stated: by the programme's ``expected_redemption``; closed_vintages: as those were; none:
    neither is known, so no breakage is expected."""
    expected: int
    """Basis points."""
    low: int | None
    high: int | None
    """The 95 % prediction interval of one vintage, from the closed ones, in basis points. Null:
    there are fewer than three."""
    closed_vintages: int


class LiabilityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The points of one kind: what they stand for, and by which vintage and campaign."""

    kind: Kind
    """contract_liability: of lots earned by purchases (IFRS 15); cost_provision: of the others."""
    points_currency: str
    currency: str | None
    """Null: the programme says no value (or cost) of such points, and the amounts are 0."""
    amount: int
    """In minor units; the sum of all vintages, and of all campaigns."""
    amount_low: int | None
    amount_high: int | None
    """The amount if open vintages are redeemed as little, or as much, as the interval says."""
    redemption: Redemption
    vintages: tuple[VintageFigures, ...]
    """Oldest first; the newest ``VINTAGES_SHOWN_MAX``."""
    campaigns: tuple[CampaignFigures, ...]
    """Largest amount first; ``CAMPAIGNS_SHOWN_MAX`` of them."""


class ProgrammeLiability(msgspec.Struct, frozen=True, kw_only=True):
    """What the points of a programme stand for at an instant."""

    programme: str
    at: datetime
    """The instant whose terms are applied."""
    liabilities: tuple[LiabilityFigures, ...]


def liability(
    reader: Reader, programme: str, at: datetime, campaign: str | None = None
) -> ProgrammeLiability | None:
    """The liability and the provision of a programme, of one campaign or of everything."""
    accounts = valued(reader, programme, at)
    if accounts is None:
        return None
    return ProgrammeLiability(
        programme=programme,
        at=at,
        liabilities=tuple(_figures(account, of, campaign) for account, of in accounts.items()),
    )


def _figures(account: Account, of: Valued, campaign: str | None) -> LiabilityFigures:
    keys = [key for key in of.cohorts if campaign is None or key.campaign == campaign]
    assumed, kind = of.assumptions, account.kind
    estimate = assumed.estimate

    def whole(redemption: int | None) -> int:
        return nearest(sum(of.micros(kind, key, redemption) for key in keys), MICROS)

    amount = whole(None)
    low, high = (None, None) if estimate is None else (estimate.low, estimate.high)
    vintages = _grouped(of, kind, keys, amount, lambda key: key.vintage)
    campaigns = _grouped(of, kind, keys, amount, lambda key: key.campaign)
    closed = {one.vintage for one in of.closed}
    shown = [_vintage(name, *one, of, closed=name in closed) for name, one in vintages.items()]
    largest = sorted(campaigns.items(), key=lambda item: (-item[1][1], item[0]))
    return LiabilityFigures(
        kind=kind,
        points_currency=account.points_currency,
        currency=account.currency or None,
        amount=amount,
        amount_low=None if low is None else whole(low),
        amount_high=None if high is None else whole(high),
        redemption=Redemption(
            basis=assumed.basis, expected=assumed.redemption, low=low, high=high,
            closed_vintages=len(of.closed),
        ),
        vintages=tuple(shown[-VINTAGES_SHOWN_MAX:]),
        campaigns=tuple(
            CampaignFigures(campaign_id=name, **_points(cohort), amount=mine)
            for name, (cohort, mine) in largest[:CAMPAIGNS_SHOWN_MAX]
        ),
    )  # fmt: skip


def _grouped(
    of: Valued, kind: Kind, keys: Iterable[CellKey], amount: int, by: Callable[[CellKey], str]
) -> dict[str, tuple[Cohort, int]]:
    """Cohorts added up by a part of their keys, with amounts that sum to the whole."""
    groups: defaultdict[str, list[CellKey]] = defaultdict(list)
    for key in keys:
        groups[by(key)].append(key)
    names = sorted(groups)
    micros = [sum(of.micros(kind, key) for key in groups[name]) for name in names]
    return {
        name: (added(of.cohorts[key].cohort for key in groups[name]), mine)
        for name, mine in zip(names, apportioned(amount, micros), strict=True)
    }


def added(cohorts: Iterable[Cohort]) -> Cohort:
    """Several cohorts as one."""
    return Cohort(*map(sum, zip(*cohorts, strict=True)))


def _points(cohort: Cohort) -> dict[str, int]:
    return cohort._asdict()


def _vintage(name: str, cohort: Cohort, amount: int, of: Valued, *, closed: bool) -> VintageFigures:
    estimate, standing = of.assumptions.estimate, cohort.standing

    def possible(share: int) -> int:
        """An expected share, within what can still become of these points."""
        most = cohort.redeemed + cohort.outstanding
        points = max(cohort.redeemed * 10_000, min(share * standing, most * 10_000))
        return nearest(points, standing)

    known = possible(0) if closed and standing else None
    shares: tuple[int | None, ...] = (known, known, known)
    if known is None and standing:
        bounds = (None, None) if estimate is None else (estimate.low, estimate.high)
        shares = tuple(
            None if share is None else possible(share)
            for share in (of.assumptions.redemption, *bounds)
        )
    return VintageFigures(
        vintage=name, closed=closed, **_points(cohort), amount=amount,
        redemption=shares[0], redemption_low=shares[1], redemption_high=shares[2],
    )  # fmt: skip


class TestedVintage(msgspec.Struct, frozen=True, kw_only=True):
    """A closed vintage as it would have been estimated when its month ended; in basis points."""

    vintage: str
    closed_vintages: int
    """Closed by then: what the estimate would have been made from."""
    expected: int
    low: int
    high: int
    redemption: int
    """What was really redeemed."""
    inside: bool
    """Whether that lies in the interval."""


class BackTest(msgspec.Struct, frozen=True, kw_only=True):
    """How the estimates of breakage would have done, had they been made at the time."""

    kind: Kind
    points_currency: str
    vintages: tuple[TestedVintage, ...]
    """Closed vintages for which there were enough closed ones before, oldest first."""
    inside: int
    """How many of them lie in their interval; about 95 of 100 should."""
    error: int | None
    """The mean of expected - redeemed, in basis points: above 0, too much was expected. Null:
    there is no vintage."""


class BackTests(msgspec.Struct, frozen=True, kw_only=True):
    """The back-test of each kind of points of a programme."""

    programme: str
    at: datetime
    tests: tuple[BackTest, ...]


def back_tests(reader: Reader, programme: str, at: datetime) -> BackTests | None:
    """The estimates of a programme's breakage against what really was redeemed."""
    accounts = valued(reader, programme, at)
    if accounts is None:
        return None
    closed = {(one.kind, one.points_currency): of.closed for one, of in accounts.items()}
    tests = []
    for (kind, points_currency), vintages in closed.items():
        tested = back_test(vintages)
        errors = [one.estimate.redemption - one.redemption for one in tested]
        tests.append(
            BackTest(
                kind=kind,
                points_currency=points_currency,
                vintages=tuple(
                    TestedVintage(
                        vintage=one.vintage, closed_vintages=one.estimate.vintages,
                        expected=one.estimate.redemption, low=one.estimate.low,
                        high=one.estimate.high, redemption=one.redemption, inside=one.inside,
                    )
                    for one in tested
                ),
                inside=sum(one.inside for one in tested),
                error=nearest(sum(errors), len(errors)) if errors else None,
            )
        )  # fmt: skip
    return BackTests(programme=programme, at=at, tests=tuple(tests))
