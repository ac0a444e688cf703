"""What simulated awards stand for, beside the recorded ones: by the formulae of liability."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from domain.accounts import AccountOpened
from domain.cohorts import UNKNOWN, CellKey, Kind, Points, valued, vintage_of
from domain.event import stored_names
from domain.liability import MICROS, Cohort, nearest
from domain.points import PointsClawedBack, PointsEarned
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.types import Money
from store.explaining import History
from store.log import Log
from store.query import Query, QueryItem

NOWHERE: Final = (UNKNOWN, UNKNOWN)
Place = tuple[str, str]
"""A programme and a points currency."""


class SimulatedLiability(msgspec.Struct, frozen=True, kw_only=True):
    """What the awards of a window stand for when they are given, in minor units of one currency.

    Less what was clawed back of them, and before anything of them is redeemed.
    """

    programme: str
    points_currency: str
    kind: Kind
    """contract_liability: the part of the prices paid that belongs to points (IFRS 15), of lots
    earned by purchases; cost_provision: the expected cost of the others."""
    currency: str
    recorded: int
    simulated: int


class Given(msgspec.Struct):
    """One lot as it was given, and what came back of it."""

    account_id: str
    vintage: str
    origin: str
    campaign: str
    points: int
    purchase: str
    price: Money | None
    clawed_back: int = 0


class GivenLots:
    """The lots of the recorded awards of a window, or of the simulated ones."""

    def __init__(self) -> None:
        self._lots: dict[str, Given] = {}

    def accounts(self) -> set[str]:
        """The accounts that they were given to."""
        return {lot.account_id for lot in self._lots.values()}

    def count(
        self, event: PointsEarned | PointsClawedBack, at: datetime | None, *, stands: bool
    ) -> None:
        """Take in an award and when it was, or one that counts no more, or a clawback."""
        if isinstance(event, PointsClawedBack):
            for debit in event.lots:
                if debit.lot_id in self._lots:
                    self._lots[debit.lot_id].clawed_back += debit.points
        elif not stands:
            self._lots.pop(event.lot_id, None)
        else:
            self._lots[event.lot_id] = Given(
                event.account_id, vintage_of(at), event.origin, event.campaign_id or UNKNOWN,
                event.points, event.purchase_id or event.lot_id, event.price,
            )  # fmt: skip

    def amounts(
        self, places: Mapping[str, Place], terms: ProgrammeTerms, at: datetime
    ) -> dict[tuple[str, str, Kind, str], int]:
        """What they stand for, by programme, points currency, kind and currency, in micros."""
        cells: defaultdict[str, dict[CellKey, Points]] = defaultdict(dict)
        prices: defaultdict[str, Counter[tuple[str, str, str]]] = defaultdict(Counter)
        paid: set[tuple[str, str]] = set()
        for lot in self._lots.values():
            programme, points_currency = places.get(lot.account_id, NOWHERE)
            key = CellKey(points_currency, lot.vintage, lot.origin, lot.campaign)
            before = cells[programme].get(key, Points(Cohort(), {}, ""))
            cells[programme][key] = _with(before, lot)
            purchase = lot.account_id, lot.purchase
            if lot.price is not None and purchase not in paid:
                paid.add(purchase)
                where = points_currency, lot.vintage, lot.price.currency
                prices[programme][where] += lot.price.amount
        found: defaultdict[tuple[str, str, Kind, str], int] = defaultdict(int)
        for programme, points in cells.items():
            versions = terms.versions.get(programme, [])
            for account, of in valued(versions, points, prices[programme], at).items():
                whole = sum(of.micros(account.kind, key) for key in of.cohorts)
                if account.currency:
                    found[programme, *account] += whole
        return dict(found)


def _with(points: Points, lot: Given) -> Points:
    cohort, priced = points.cohort, dict(points.priced)
    if lot.price is not None:
        priced[lot.price.currency] = priced.get(lot.price.currency, 0) + lot.points
    cohort = cohort._replace(
        awarded=cohort.awarded + lot.points,
        clawed_back=cohort.clawed_back + lot.clawed_back,
        outstanding=cohort.outstanding + lot.points - lot.clawed_back,
    )
    return points._replace(cohort=cohort, priced=priced)


def liability_of(
    log: Log, until: int, recorded: GivenLots, simulated: GivenLots
) -> list[SimulatedLiability]:
    """The recorded and the simulated awards side by side, by the terms known at a position."""
    last = log.entry(until)
    accounts = recorded.accounts() | simulated.accounts()
    if last is None or not accounts:
        return []
    terms = History(log, until).view(ProgrammeTerms(EVERY_PROGRAMME))
    assert isinstance(terms, ProgrammeTerms)
    if not terms.versions:
        return []
    places = _places(log, until, accounts)
    ours, theirs = (
        lots.amounts(places, terms, last.envelope.recorded_at) for lots in (recorded, simulated)
    )
    return [
        SimulatedLiability(
            programme=key[0], points_currency=key[1], kind=key[2], currency=key[3],
            recorded=nearest(ours.get(key, 0), MICROS),
            simulated=nearest(theirs.get(key, 0), MICROS),
        )
        for key in sorted(ours.keys() | theirs.keys())
    ]  # fmt: skip


def _places(log: Log, until: int, accounts: set[str]) -> dict[str, Place]:
    """The programme and points currency of accounts, in one pass over all that were opened."""
    query = Query((QueryItem(types=tuple(stored_names(AccountOpened))),))
    voids = log.voids(until)
    return {
        one.event.account_id: (one.event.programme, one.event.points_currency)
        for one in log.read(query, until=until)
        if isinstance(one.event, AccountOpened)
        and one.event.account_id in accounts
        and not voids.hides(one.envelope)
    }
