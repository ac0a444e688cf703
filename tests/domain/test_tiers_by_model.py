"""Generated histories give the tiers of a naive model; FILROUGE_TEST_TIERS says how many."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.envelope import Envelope
from domain.event import Event
from domain.lot_parts import LotDebit
from domain.member_tiers import standing
from domain.people import MemberEnrolled
from domain.points import PointsAdjusted, PointsClawedBack, PointsEarned
from domain.programmes import Terms
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.terms import CurrencyTerms
from domain.tier_counts import AccountCount, Counts, MemberCount
from domain.tier_schemes import GRACE_DAYS_MAX, Tier, TierScheme
from tests.domain.naive_tiers import Model, Version

HISTORIES: Final = int(os.environ.get("FILROUGE_TEST_TIERS", "60"))
PARIS: Final = ZoneInfo("Europe/Paris")
FIRST: Final = datetime(2024, 1, 15)  # noqa: DTZ001 - as the clock on the wall shows it
DAYS: Final = 800
SPAN: Final = st.integers(0, DAYS)
AMOUNTS: Final = st.sampled_from([20, 50, 90, 150, 400])
PERIODS: Final = st.sampled_from(["month", "quarter", "year", "membership_year"])
NAMES: Final = st.sampled_from(["member", "visitor", "own", "house", "other"])
"""Whom a purchase names: the member, a visitor who is the member, the member's account, that of a
household, or somebody else with the household's card."""


def local(day: int, hour: int = 12) -> datetime:
    """An instant as the clock on the wall shows it."""
    return FIRST + timedelta(days=day, hours=hour)


def aware(at: datetime) -> datetime:
    """The same instant as an event says it."""
    return at.replace(tzinfo=PARIS)


@st.composite
def schemes(draw: Any) -> dict[str, Any]:
    """A scheme, plain."""
    period = draw(PERIODS)
    least = draw(st.sampled_from([0, 30]))
    return {
        "period": period,
        "unit": draw(st.sampled_from(["EUR", "status", "stars"])),
        "tiers": (("base", least), ("silver", 100), ("gold", draw(st.sampled_from([150, 300])))),
        "soft": draw(st.booleans()),
        "grace": draw(st.integers(0, 40)) % (GRACE_DAYS_MAX[period] + 1),
    }


ACTS: Final = st.one_of(
    st.tuples(st.just("buy"), SPAN, AMOUNTS, NAMES),
    st.tuples(st.just("buy"), SPAN, AMOUNTS, NAMES),
    st.tuples(st.just("earn"), SPAN, AMOUNTS, st.sampled_from(["own", "house", "plain"])),
    st.tuples(st.just("earn"), SPAN, AMOUNTS, st.sampled_from(["own", "house", "plain"])),
    st.tuples(st.just("back"), SPAN, AMOUNTS, st.integers(0, 20)),
    st.tuples(st.just("adjust"), SPAN, AMOUNTS, st.just("own")),
)


class Told:
    """The same history as events, and as plain lists of what counts."""

    def __init__(self, acts: list[Any], joined: int, shares: tuple[int, int]) -> None:
        self.member = MemberCount("m")
        self.visitor = MemberCount("v")
        self.accounts = {"own": AccountCount("own"), "house": AccountCount("house")}
        self.plain: list[tuple[datetime, int, str, int]] = []
        self.position = 0
        self.shares = shares
        self._tell(MemberEnrolled(member_id="m"), local(joined, 6))
        self._tell(
            AccountOpened(
                account_id="own", programme="club", points_currency="status", holders=("m",),
                spendable=False,
            ),
            local(joined, 6),
        )  # fmt: skip
        house = AccountOpened(
            account_id="house", programme="club", points_currency="stars", holders=("n",)
        )
        self._tell(house, local(0, 6))
        self._tell(HolderAdded(account_id="house", member_id="m"), local(shares[0], 6))
        self._tell(HolderRemoved(account_id="house", member_id="m"), local(shares[1], 6))
        self._made: list[Any] = []
        for act in acts:
            self._act(*act)

    def counted(self) -> dict[str, list[tuple[datetime, int]]]:
        """By unit, in order."""
        found: dict[str, list[tuple[datetime, int]]] = {}
        for at, _, unit, amount in sorted(self.plain):
            found.setdefault(unit, []).append((at, amount))
        return found

    def _shared(self, day: int) -> bool:
        return self.shares[0] <= day < self.shares[1]

    def _tell(self, event: Event, at: datetime) -> None:
        """Let everything take an event in that it names."""
        self.position += 1
        envelope = Envelope(
            position=self.position, id=str(self.position), source="/t", type=event.type_name,
            time=aware(at), recorded_at=datetime.now(UTC), actor="t",
        )  # fmt: skip
        named: Any = event
        if getattr(named, "member_id", None) == "m" or "m" in getattr(named, "holders", ()):
            if not isinstance(event, PointsEarned | HolderRemoved):
                self.member.take(named, envelope)
        elif getattr(named, "visitor_id", None) == "v":
            self.visitor.take(named, envelope)
        account = getattr(named, "account_id", None)
        if account is not None:
            self.accounts[account].take(named, envelope)

    def _act(self, what: str, day: int, amount: int, which: Any) -> None:
        match what:
            case "buy":
                self._buy(day, amount, which)
            case "earn":
                self._earn(day, amount, which)
            case "adjust":
                lot, n = f"l{self.position}", self.position + 1
                event = PointsAdjusted(
                    account_id="own", direction="credit", points=amount, lot_id=lot, reason="x"
                )
                self._tell(event, local(day))
                self.plain.append((local(day), n, "status", amount))
            case _ if self._made:
                self._take_back(day, amount, self._made[which % len(self._made)])

    def _buy(self, day: int, amount: int, name: str) -> None:
        names: dict[str, Any] = {
            "member": {"member_id": "m", "account_id": "house"},
            "visitor": {"visitor_id": "v"},
            "own": {"account_id": "own", "visitor_id": "x"},
            "house": {"account_id": "house", "visitor_id": "v"},
            "other": {"account_id": "house", "member_id": "n"},
        }[name]
        id_ = f"p{self.position}"
        event = PurchaseRecorded(purchase_id=id_, currency="EUR", net=amount, **names)
        self._tell(event, local(day))
        counts = name in {"member", "visitor", "own"} or (name == "house" and self._shared(day))
        if counts:
            self.plain.append((local(day), self.position, "EUR", amount))
        self._made.append(("EUR" if counts else None, day, amount, names, id_, self.position))

    def _earn(self, day: int, amount: int, which: str) -> None:
        account = "own" if which == "own" else "house"
        lot = f"l{self.position}"
        event = PointsEarned(
            account_id=account, lot_id=lot, points=amount, origin="engagement",
            qualifying=which == "house", available_from=aware(local(day)), member_id="n",
        )  # fmt: skip
        self._tell(event, local(day))
        unit = "status" if which == "own" else "stars"
        counts = which == "own" or (which == "house" and self._shared(day))
        if counts:
            self.plain.append((local(day), self.position, unit, amount))
        self._made.append((unit if counts else None, day, amount, account, lot, self.position))

    def _take_back(self, day: int, amount: int, made: Any) -> None:
        unit, since, most, of, id_, position = made
        taken = min(amount, most)
        if isinstance(of, str):
            lots = (LotDebit(lot_id=id_, points=taken),)
            event: Event = PointsClawedBack(account_id=of, points=taken, lots=lots)
        else:
            event = ReturnMatched(
                return_id=f"r{self.position}", purchase_id=id_, currency="EUR", net=taken,
                purchase_position=position, purchase_time=aware(local(since)), **of,
            )  # fmt: skip
        self._tell(event, local(day))
        if unit is not None:
            self.plain.append((local(max(day, since)), self.position, unit, -taken))


def terms_of(version: Version) -> Terms:
    """The same scheme, in a programme's terms."""
    spend = version.unit == "EUR"
    scheme = TierScheme(
        measure="spend" if spend else "points",
        currency="EUR" if spend else None,
        points_currency=None if spend else version.unit,
        period=version.period,  # type: ignore[arg-type] # one of them
        tiers=tuple(Tier(tier=name, threshold=least) for name, least in version.tiers),
        soft_landing=version.soft,
        grace_days=version.grace,
    )
    return Terms(
        programme="club", since=aware(version.since), name="Club", time_zone="Europe/Paris",
        currencies=(CurrencyTerms(points_currency="stars"),),
        tiers=scheme if version.tiers else None,
    )  # fmt: skip


def plain_steps(steps: list[tuple[datetime, str | None]]) -> list[tuple[datetime, str | None]]:
    """What changed at each instant, however many steps that took."""
    last: list[tuple[datetime, str | None]] = list(dict(steps).items())
    before = [None, *(tier for _, tier in last)]
    return [one for one, was in zip(last, before, strict=False) if one[1] != was]


@settings(max_examples=HISTORIES, deadline=None)
@given(
    acts=st.lists(ACTS, max_size=14),
    first=schemes(),
    second=st.none() | schemes() | st.just({}),
    changes=st.integers(30, 700),
    joined=st.integers(-400, 300),
    shares=st.tuples(st.integers(0, 300), st.integers(301, DAYS)),
    until=st.integers(200, 1_500),
)
def test_tiers_are_those_of_the_model(
    acts: list[Any], first: Any, second: Any, changes: int, joined: int, shares: tuple[int, int],
    until: int,
) -> None:  # fmt: skip
    """Whatever counted, in whatever order it was told, and whenever the scheme changed."""
    versions = [Version(local(10, 9), **first)]
    if second is not None:
        none: dict[str, Any] = {"period": "year", "unit": "EUR", "tiers": (), "soft": False}
        versions.append(Version(local(changes, 9), **({**none, "grace": 0, **second})))
    told = Told(acts, joined, shares)
    model = Model(versions, told.counted(), local(joined, 6)).run(local(until, 13))
    counts = Counts("m", [told.member, told.visitor], told.accounts)
    found = standing([terms_of(one) for one in versions], counts, aware(local(until, 13)))
    assert found is not None
    assert found.tier == model.tier
    steps = [(one.at.astimezone(PARIS).replace(tzinfo=None), one.tier) for one in found.steps]
    assert plain_steps(steps) == plain_steps(model.steps)
    if model.version is None or not model.version.tiers:
        return
    assert found.amount == model.amount(local(until, 13))
    held, needed = found.held_until(), found.to_keep()
    assert (held is None) == (needed is None)
    if held is not None and needed is not None:
        assert loses_at(model, local(until, 13)) == held.replace(tzinfo=None)
        missing, before = needed
        assert before <= held
        if missing:
            told.plain.append((local(until), 10**6, model.version.unit, missing - 1))
            nearly = Model(versions, told.counted(), local(joined, 6)).run(local(until, 13))
            assert loses_at(nearly, local(until, 13)) == held.replace(tzinfo=None)
            told.plain.append((local(until), 10**6 + 1, model.version.unit, 1))
            kept = Model(versions, told.counted(), local(joined, 6)).run(local(until, 13))
            assert kept.tier == found.tier
            assert loses_at(kept, local(until, 13)) > held.replace(tzinfo=None)


def loses_at(model: Model, since: datetime) -> datetime:
    """When it falls if nothing more counts: its own way on, from a year to the next."""
    versions = [one for one in model.versions if one.since <= since]
    counted = {
        unit: [(at, amount) for at, amount in some if at <= since]
        for unit, some in model.counted.items()
    }
    years = 1
    while True:
        later = Model(versions, counted, model.joined)
        later.run(since + timedelta(days=370 * years))
        fallen = [at for at, _ in later.steps if at > since]
        if fallen:
            return fallen[0]
        years += 1
