"""A club's points as a naive model has them: every lot by itself, from the entries' JSON alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from domain.accounts import AccountOpened
from domain.lot_parts import LotDebit, TransferredLot
from domain.points import (
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsTransferred,
)
from domain.programmes import ProgrammeAmended, ProgrammeOpened
from domain.terms import CurrencyTerms, PointsPrice
from domain.types import Money
from tests.projections.brand import DAY, SPRING, Brand

ACCOUNTS = ("a1", "a2", "a3")
LASTS_DAYS = 60
VALUE = PointsPrice(amount=12, currency="EUR", points=10)
COST = PointsPrice(amount=1, currency="EUR", points=2)


def stars(**terms: Any) -> CurrencyTerms:
    """The terms of the club's stars."""
    return CurrencyTerms(points_currency="stars", **terms)


def opened(**terms: Any) -> tuple[Any, ...]:
    """The club and its three accounts."""
    club = ProgrammeOpened(
        programme="club", name="Club", time_zone="UTC", currencies=(stars(**terms),)
    )
    accounts = (
        AccountOpened(account_id=one, programme="club", points_currency="stars") for one in ACCOUNTS
    )
    return (club, *accounts)


def amended(**terms: Any) -> ProgrammeAmended:
    """Other terms of the stars."""
    return ProgrammeAmended(programme="club", currencies=(stars(**terms),))


class Till:
    """A sensible history by a seed: nobody spends what is not there."""

    def __init__(self, brand: Brand, seed: int) -> None:
        self.brand = brand
        self._random = Random(seed)  # noqa: S311 - a test's history, and nothing secret
        self._count = 0
        self._left: Counter[tuple[str, str]] = Counter()
        self._lots: dict[str, dict[str, Any]] = {}
        self._awards: dict[str, int] = {}
        """The positions of awards of which nothing was taken."""
        self._debits: list[int] = []

    def voidable(self) -> list[int]:
        """What can be taken back without leaving something that has nowhere to come from."""
        return sorted([*self._awards.values(), *self._debits])

    def day(self, day: int) -> None:
        """Everything of one day; what ends that day is booked first."""
        for (account, lot), left in list(self._left.items()):
            if left and self._lots[lot]["ends"] == day:
                self._take(PointsExpired, account, lot, left, day, lapsed=True)
        for _ in range(2):
            self._one(day)

    def _one(self, day: int) -> None:
        random = self._random
        held = sorted(key for key, left in self._left.items() if left)
        what = random.random()
        if what < 0.4 or not held:
            self._award(day)
            return
        account, lot = random.choice(held)
        points = random.randint(1, self._left[account, lot])
        if what < 0.7:
            self._take(PointsRedeemed, account, lot, points, day)
        elif what < 0.8:
            self._take(PointsClawedBack, account, lot, points, day)
        elif what < 0.85:
            self._take(PointsCancelled, account, lot, points, day, reason="by hand")
        elif what < 0.95:
            self._transfer(account, lot, points, day)
        else:
            # What they were given for came back when they had been spent: they are owed.
            self._take(PointsRedeemed, account, lot, points, day)
            left = self._left[account, lot]
            self._take(PointsClawedBack, account, lot, points, day)
            self._left[account, lot] = max(0, left - points)

    def _award(self, day: int) -> None:
        random = self._random
        self._count += 1
        account, bought = random.choice(ACCOUNTS), random.random() < 0.6
        net = random.randint(500, 20_000)
        given: dict[str, Any] = {"origin": random.choice(("engagement", "goodwill"))}
        if bought:
            price = None if random.random() < 0.1 else Money(amount=net, currency="EUR")
            given = {"origin": "purchase", "purchase_id": f"p{self._count}", "price": price}
        campaigns = random.sample((None, "c1", "c2"), random.randint(1, 2) if bought else 1)
        for campaign in campaigns:
            lot = f"l{self._count}.{campaign}"
            points = random.randint(1, 300)
            self._lots[lot] = {"ends": day + LASTS_DAYS, "at": day, "campaign": campaign, **given}
            self._left[account, lot] += points
            self._awards[lot] = self.brand.tell(
                PointsEarned(
                    account_id=account, lot_id=lot, points=points, campaign_id=campaign,
                    available_from=SPRING, expires_at=SPRING + (day + LASTS_DAYS) * DAY, **given,
                ),
                day=day,
            )  # fmt: skip

    def _transfer(self, account: str, lot: str, points: int, day: int) -> None:
        other = self._random.choice([one for one in ACCOUNTS if one != account])
        said = self._lots[lot]
        moved = TransferredLot(
            lot_id=lot, points=points, available_from=SPRING, origin=said["origin"],
            expires_at=SPRING + said["ends"] * DAY, earned_at=SPRING + said["at"] * DAY,
            campaign=said["campaign"],
        )  # fmt: skip
        self._left[account, lot] -= points
        self._left[other, lot] += points
        event = PointsTransferred(
            account_id=account, to_account_id=other, points=points, lots=(moved,)
        )
        self._awards.pop(lot, None)
        self.brand.tell(event, day=day)

    def _take(self, kind: type, account: str, lot: str, points: int, day: int, **m: Any) -> None:
        self._left[account, lot] -= points
        self._awards.pop(lot, None)
        debits = (LotDebit(lot_id=lot, points=points),)
        event = kind(account_id=account, points=points, lots=debits, **m)
        self._debits.append(self.brand.tell(event, day=day))


class Naive:
    """The cohorts of the log, as of an instant."""

    def __init__(self, brand: Brand, as_of: datetime | None = None) -> None:
        rows = brand.entries("SELECT entry FROM log ORDER BY position")
        self._lots: dict[str, dict[str, Any]] = {}
        self._moves: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._prices: dict[tuple[str, str], tuple[str, int]] = {}
        for (entry,) in rows:
            time = datetime.fromisoformat(entry["time"])
            if entry["type"].startswith("points.") and (as_of is None or time < as_of):
                self._take(entry["type"].split(".")[1], entry["data"], time)

    def _take(self, kind: str, data: dict[str, Any], time: datetime) -> None:
        account = data["account_id"]
        if kind == "earned":
            priced = data.get("price")
            vintage = f"{time.year:04}-{time.month:02}"
            self._lots[data["lot_id"]] = {
                "vintage": vintage, "campaign": data.get("campaign_id") or "-",
                "origin": data["origin"], "bought": data["origin"] == "purchase",
                "priced": priced is not None, "points": data["points"],
            }  # fmt: skip
            self._moves[account, data["lot_id"]]["in"] += data["points"]
            if priced is not None:
                self._prices[account, data["purchase_id"]] = vintage, priced["amount"]
            return
        for lot in data["lots"]:
            mine = self._moves[account, lot["lot_id"]]
            mine["out" if kind == "transferred" else kind] += lot["points"]
            if kind == "transferred":
                self._moves[data["to_account_id"], lot["lot_id"]]["in"] += lot["points"]

    def cohort(self, *, bought: bool, **same: str) -> Counter[str]:
        """The points of all lots with this vintage, or of this campaign, as they say it."""
        found = Counter[str]()
        for lot in self._lots.values():
            if lot["bought"] == bought and all(lot[name] == same[name] for name in same):
                found["awarded"] += lot["points"]
                found["priced"] += lot["points"] * lot["priced"]
        for (_, lot_id), moves in self._moves.items():
            lot = self._lots.get(lot_id, {})
            if lot.get("bought") != bought or any(lot[n] != same[n] for n in same):
                continue
            issued = moves["in"] - moves["out"]
            gone = moves["redeemed"] + moves["expired"] + moves["clawed_back"] + moves["cancelled"]
            found["outstanding"] += max(0, issued - gone)
            found["redeemed"] += moves["redeemed"] - max(0, gone - issued)
            for name in ("expired", "clawed_back", "cancelled"):
                found[name] += moves[name]
        return found

    def vintages(self, *, bought: bool) -> list[str]:
        """All months in which such lots were awarded."""
        return sorted({lot["vintage"] for lot in self._lots.values() if lot["bought"] == bought})

    def deferred(self, vintage: str, share: Fraction) -> Fraction:
        """The contract liability of a vintage in cents, campaign by campaign."""
        price = sum(net for month, net in self._prices.values() if month == vintage)
        whole = self.cohort(bought=True, vintage=vintage)
        stand_alone = whole["priced"] * Fraction(12, 10) * share
        allocated = price * stand_alone / (price + stand_alone) if price else Fraction(0)
        total = Fraction(0)
        for campaign in {lot["campaign"] for lot in self._lots.values()}:
            one = self.cohort(bought=True, vintage=vintage, campaign=campaign)
            if not one["awarded"]:
                continue
            mine = (one["awarded"] - one["priced"]) * Fraction(12, 10) * share
            if whole["priced"]:
                mine += allocated * one["priced"] / whole["priced"]
            kept = one["awarded"] - one["clawed_back"]
            expected = _expected(one, share)
            if expected:
                left = 1 - one["redeemed"] / expected
                total += mine * kept / one["awarded"] * left
        return total

    def provided(self, vintage: str, share: Fraction) -> Fraction:
        """The cost provision of a vintage in cents, at half a cent a point."""
        total = Fraction(0)
        for campaign, origin in {(lot["campaign"], lot["origin"]) for lot in self._lots.values()}:
            one = self.cohort(bought=False, vintage=vintage, campaign=campaign, origin=origin)
            total += (_expected(one, share) - one["redeemed"]) / 2
        return total


def _expected(one: Counter[str], share: Fraction) -> Fraction:
    kept = one["awarded"] - one["clawed_back"]
    most = one["redeemed"] + one["outstanding"]
    return max(Fraction(one["redeemed"]), min(kept * share, Fraction(most)))


def at_day(day: int) -> datetime:
    """The beginning of a day of the history."""
    return SPRING + day * DAY - timedelta(hours=1)
