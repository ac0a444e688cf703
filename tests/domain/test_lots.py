"""The arithmetic of lots, over random histories, against a model that counts single points.

The model is in ``naive.py`` and shares no code with what it checks.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.adjustments import AdjustPoints
from domain.awards import AwardPoints
from domain.causes import UnknownCause
from domain.decision import Command, replay
from domain.errors import FilrougeError
from domain.expiring import ActivatePoints, BookDuePoints, NothingAwaitsThis, NothingIsDue
from domain.journal import Books, post
from domain.lot import Lot
from domain.lot_terms import LotNeverActive
from domain.lots import AccountLots, Movement
from domain.movements import (
    CancelPoints,
    NotEnoughPoints,
    TransferPoints,
)
from domain.points import PointsEarned
from domain.redemptions import (
    RedeemPoints,
    ReleaseReservation,
    ReservationLapsed,
    ReservationNotHeld,
    ReservePoints,
)
from domain.terms import ActivationPolicy, ExpiryPolicy
from domain.voids import AlreadyVoided, VoidEvent, VoidIsFinal
from tests.domain.club import opening
from tests.domain.moments import NOON
from tests.domain.naive import Naive
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, OTHER, purchase, returned, states

Hours = st.integers(-6, 12).map(lambda hours: NOON + timedelta(hours=hours))
SomePoints = st.integers(1, 40)
Accounts = st.sampled_from(["a1", "a2"])
OTHERS = {"a1": "a2", "a2": "a1"}
INSTANTS = [NOON + timedelta(hours=hours) for hours in range(-7, 14, 3)]
PROGRAMMES = st.sampled_from(
    [
        None,
        {},
        {"owes": True, "expiry": ExpiryPolicy(kind="rolling", days=1)},
        {"inactive_days": 1, "owes": True},
        {"inactive_days": 2, "activation": ActivationPolicy(awaits="stay")},
        {"expiry": ExpiryPolicy(kind="end_of_month"), "activation": ActivationPolicy(days=2)},
    ]
)
EXAMPLES = int(os.environ.get("FILROUGE_TEST_EXAMPLES", "60"))
"""How many histories are tried; a thousand and more by hand."""


class Book:
    """An account in the books."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.lots: dict[str, Lot] = {}
        self.active_days: list[int] = []
        self.begun: dict[str, bool] = {}


def booked(scenario: Scenario, account_id: str) -> Books:
    """What all events posted on an account, one after another as they were recorded."""
    book, balance = Book(account_id), Books()
    for recorded in scenario.standing():
        event = recorded.event
        if isinstance(event, Movement) and f"account:{account_id}" in recorded.tags:
            posted = post(book, event, recorded.envelope)
            assert sum(posted) == 0
            balance = balance.plus(posted)
    return balance


class Points(RuleBasedStateMachine):
    """Two accounts, and everything that can happen to their points, early, late and voided."""

    def __init__(self) -> None:
        super().__init__()
        self.scenario = Scenario(now=NOON)
        self.number = 0
        self.bought: set[str] = set()
        self.reverted = False
        """Something was voided or clawed back, so that points may be owed."""

    @initialize(terms=PROGRAMMES, stride=st.sampled_from([1, 9, 14]), seed=st.integers(0, 99))
    def open_accounts(self, terms: dict[str, Any] | None, stride: int, seed: int) -> None:
        """Both accounts count the same points, by terms or without; time passes in strides."""
        self.stride, self.seed = stride, seed
        if terms is not None:
            self.scenario.when(opening(**terms))
        self.scenario.happens(ACCOUNT)
        self.scenario.happens(OTHER)
        self.begun = len(self.scenario.log)

    def at(self, instant: datetime) -> datetime:
        """The same instant, so many times further away from noon."""
        return NOON + (instant - NOON) * self.stride

    def attempt(self, command: Command, *allowed: type[FilrougeError]) -> list[Any]:
        """Ask for something; a refusal by one of these rules is an answer too."""
        try:
            return self.scenario.when(command)
        except allowed:
            return []

    @rule(
        account=Accounts,
        points=SomePoints,
        begins=Hours,
        hours=st.integers(0, 9),
        which=st.integers(0, 4),
    )
    def award(self, account: str, points: int, begins: datetime, hours: int, which: int) -> None:
        """A lot, for ever or for some hours, for one of the purchases or for goodwill."""
        begins = self.at(begins)
        self.number += 1
        ends = begins + timedelta(hours=hours) if hours else None
        purchase_id = f"p{which}" if f"p{which}" in self.bought else None
        self.attempt(
            AwardPoints(
                account_id=account, points=points, time=begins, expires_at=ends,
                purchase_id=purchase_id, reason="gift",
            ),
            UnknownCause,
            LotNeverActive,
        )  # fmt: skip

    @rule(account=Accounts, points=SomePoints, credit=st.booleans())
    def adjust(self, account: str, points: int, credit: bool) -> None:  # noqa: FBT001 - drawn
        """By hand, up or down."""
        direction: Any = "credit" if credit else "debit"
        self.attempt(
            AdjustPoints(account_id=account, direction=direction, points=points, reason="x"),
            NotEnoughPoints,
            LotNeverActive,
        )

    @rule(account=Accounts, points=SomePoints, at=Hours)
    def redeem(self, account: str, points: int, at: datetime) -> None:
        """It succeeds exactly when the model has as much to spend, and drains lots in order."""
        at = self.at(at)
        naive = Naive(self.scenario, account, at)
        counts, active = naive.count()
        enough = points <= max(0, counts["active"] - counts["owed"])
        events = self.attempt(
            RedeemPoints(account_id=account, points=points, time=at), NotEnoughPoints
        )
        assert bool(events) == enough
        for event in events:
            self.check_order(naive, active, {lot.lot_id: lot.points for lot in event.lots})

    @staticmethod
    def check_order(naive: Naive, active: dict[str, int], drawn: dict[str, int]) -> None:
        """No lot is drawn while a point is left in one that expires before it."""
        for lot_id, points in drawn.items():
            assert points <= active[lot_id]
            for other, offered in active.items():
                if drawn.get(other, 0) < offered and other != lot_id:
                    mine, theirs = naive.end_of(lot_id), naive.end_of(other)
                    if theirs is not None:
                        assert mine is not None
                        assert mine <= theirs

    @rule(account=Accounts, points=SomePoints, at=Hours, hold=st.integers(0, 3), until=Hours)
    def reserve(self, account: str, points: int, at: datetime, hold: int, until: datetime) -> None:
        """With or without an end."""
        at, until = self.at(at), self.at(until)
        self.attempt(
            ReservePoints(
                account_id=account, points=points, time=at,
                reservation_id=f"h{hold}-{self.number}",
                until=until if hold and until > at else None,
            ),
            FilrougeError,
        )  # fmt: skip

    @rule(account=Accounts, hold=st.integers(0, 3), back=st.integers(0, 3), at=Hours)
    def release(self, account: str, hold: int, back: int, at: datetime) -> None:
        """Give a hold up."""
        at = self.at(at)
        self.attempt(
            ReleaseReservation(
                account_id=account, reservation_id=f"h{hold}-{self.number - back}", time=at
            ),
            ReservationNotHeld,
        )

    @rule(account=Accounts, hold=st.integers(0, 3), back=st.integers(0, 3), at=Hours)
    def redeem_held(self, account: str, hold: int, back: int, at: datetime) -> None:
        """Spend what a hold keeps; never more than the account has."""
        at = self.at(at)
        counts, _ = Naive(self.scenario, account, at).count()
        events = self.attempt(
            RedeemPoints(
                account_id=account, reservation_id=f"h{hold}-{self.number - back}", time=at
            ),
            ReservationNotHeld,
            ReservationLapsed,
            NotEnoughPoints,
        )
        if events:
            net = counts["active"] + counts["reserved"] - counts["owed"]
            assert sum(event.points for event in events) <= max(0, net)

    @rule(account=Accounts, points=SomePoints, at=Hours)
    def cancel(self, account: str, points: int, at: datetime) -> None:
        """Take away."""
        at = self.at(at)
        self.attempt(
            CancelPoints(account_id=account, points=points, reason="x", time=at), NotEnoughPoints
        )

    @rule(account=Accounts, points=SomePoints, at=Hours)
    def transfer(self, account: str, points: int, at: datetime) -> None:
        """Give to the other account."""
        at = self.at(at)
        counts, _ = Naive(self.scenario, account, at).count()
        events = self.attempt(
            TransferPoints(
                account_id=account, to_account_id=OTHERS[account], points=points, time=at
            ),
            NotEnoughPoints,
        )
        assert bool(events) == (points <= max(0, counts["active"] - counts["owed"]))

    @rule(account=Accounts, at=Hours)
    def stay(self, account: str, at: datetime) -> None:
        """What some points await happens."""
        self.attempt(
            ActivatePoints(account_id=account, awaited="stay", time=self.at(at)),
            NothingAwaitsThis,
        )

    @rule(account=Accounts, at=Hours)
    def book(self, account: str, at: datetime) -> None:
        """Book what is due, at any time: nothing changes, and it is booked once."""
        before = [states(self.scenario, account, self.at(when)) for when in INSTANTS]
        command = BookDuePoints(account_id=account, time=self.at(at))
        if self.attempt(command, NothingIsDue):
            assert not self.attempt(command, NothingIsDue)
        after = [states(self.scenario, account, self.at(when)) for when in INSTANTS]
        assert after == before

    @rule(which=st.integers(0, 2), net=st.integers(1, 30))
    def buy(self, which: int, net: int) -> None:
        """What some of the awards are for."""
        self.bought.add(f"p{which}")
        self.scenario.happens(purchase(net, purchase_id=f"p{which}"))

    @rule(which=st.integers(0, 2), net=st.integers(1, 30))
    def bring_back(self, which: int, net: int) -> None:
        """All or some of a purchase."""
        self.number += 1
        self.reverted = True
        self.scenario.happens(returned(net, f"r{self.number}", purchase_id=f"p{which}"))

    @precondition(lambda self: len(self.scenario.log) > self.begun)
    @rule(which=st.integers(0, 10**6))
    def void(self, which: int) -> None:
        """Anything but the accounts."""
        self.reverted = True
        position = self.begun + 1 + which % (len(self.scenario.log) - self.begun)
        self.attempt(VoidEvent(position=position, reason="x"), AlreadyVoided, VoidIsFinal)

    @invariant()
    def every_point_is_somewhere(self) -> None:
        """The states are what the model counts, at every instant, and they add up exactly."""
        for account in OTHERS:
            for at in map(self.at, INSTANTS):
                found = states(self.scenario, account, at)
                counts, _ = Naive(self.scenario, account, at).count()
                assert found._asdict() == {name: counts[name] for name in found._fields}
                assert found.issued + found.owed == sum(found[2:])
                assert min(found[1:]) >= 0
                assert found.spendable == max(0, counts["active"] - counts["owed"])

    @invariant()
    def transfers_neither_make_nor_lose_points(self) -> None:
        """Both accounts together were issued what was credited."""
        credited = sum(
            getattr(recorded.event, "points", 0)
            for recorded in self.scenario.standing()
            if isinstance(recorded.event, PointsEarned)
            or getattr(recorded.event, "direction", None) == "credit"
        )
        assert sum(states(self.scenario, account).issued for account in OTHERS) == credited

    @invariant()
    def no_lot_is_spent_twice(self) -> None:
        """Without voids and clawbacks nothing is ever owed once every hold has lapsed."""
        if not self.reverted:
            after = NOON + timedelta(days=90)
            assert all(states(self.scenario, account, after).owed == 0 for account in OTHERS)

    @invariant()
    def the_books_balance(self) -> None:
        """What each event posts sums to zero, and the books hold what the states say."""
        for account in OTHERS:
            books = booked(self.scenario, account)
            found = states(self.scenario, account, NOON + timedelta(days=90))
            assert sum(books) == 0
            assert -books.issued == found.issued
            assert books.spent == found.spent
            assert books.cancelled == found.cancelled
            assert min(books[2:]) >= 0

    def close_the_books(self) -> None:
        """Once all that is due is booked, the books and the states are the same."""
        after = NOON + timedelta(days=90)
        for account in OTHERS:
            self.attempt(BookDuePoints(account_id=account, time=after), NothingIsDue)
            found, books = states(self.scenario, account, after), booked(self.scenario, account)
            assert books == Books(
                -found.issued, -found.owed, found.pending, found.active, *found[4:]
            )

    def teardown(self) -> None:
        """In whichever order movements are recorded, the states are the same at any instant."""
        if not hasattr(self, "begun"):
            return
        self.close_the_books()
        history = self.scenario.standing()
        some = history[self.begun :]
        Random(self.seed).shuffle(some)  # noqa: S311 - a test's history, and nothing secret
        shuffled = [*history[: self.begun], *some]
        for account in OTHERS:
            there: AccountLots = replay(AccountLots(f"account:{account}"), shuffled)
            for at in map(self.at, INSTANTS):
                assert there.at(at) == states(self.scenario, account, at)


TestPoints = Points.TestCase
TestPoints.settings = settings(max_examples=EXAMPLES, stateful_step_count=40)
