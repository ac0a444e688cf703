"""Every rule of the domain, with sixteen threads trying to break it at the same moment.

What holds is read back from the log's own JSON, not from the code that decided it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.activations import AddActivation
from domain.adjustments import AdjustPoints
from domain.awards import AwardPoints
from domain.decision import Command
from domain.errors import FilrougeError
from domain.granting import GrantReward
from domain.identities import IdentifyMember, IdentityBelongsToAnother
from domain.movements import TransferPoints
from domain.participations import ParticipationRecorded
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.redemptions import RedeemPoints, ReservePoints
from domain.referrals import ReferralMade
from domain.referring import (
    QualifyReferral,
    RefereeAlreadyReferred,
    RefereeIsCustomer,
    SelfReferral,
)
from domain.voids import VoidEvent
from store.ledger import Ledger
from tests.store.racers import START, THREADS, Racers


@pytest.fixture
def racers(ledger: Ledger) -> Racers:
    """Sixteen threads on an open ledger."""
    return Racers(ledger)


def test_an_exclusive_identity_belongs_to_one_member(racers: Racers) -> None:
    """Sixteen members claim one e-mail address: one has it."""
    members = [racers.member() for _ in range(THREADS)]
    outcomes = racers.race(
        lambda n: racers.do(
            IdentifyMember(
                member_id=members[n], kind="email", value="Ada@Example.org", exclusive=True
            )
        )
    )
    assert {"ok": 1, IdentityBelongsToAnother.__name__: THREADS - 1} == outcomes
    assert len(racers.events("member.identified.v1")) == 1


def test_an_activations_limit_holds(racers: Racers) -> None:
    """One member enters a game with three entries a day sixteen times: thirteen do not count."""
    campaign, member = racers.campaign(), racers.member()
    racers.do(
        AddActivation(
            activation_id="game", campaign_id=campaign, kind="game", entries_max=3,
            entries_period="day",
        )
    )  # fmt: skip
    racers.race(
        lambda n: racers.see(
            ParticipationRecorded(
                participation_id=f"p{n}", member_id=member, campaign_id=campaign,
                activation_id="game",
            ),
            START + timedelta(hours=n),
        )
    )  # fmt: skip
    assert len(racers.events("participation.recorded.v1")) == THREADS
    disqualified = racers.events("participation.disqualified.v1")
    assert Counter(event["reason"] for event in disqualified) == {"limit": THREADS - 3}


def test_a_referee_is_qualified_once_in_a_programme(racers: Racers) -> None:
    """Sixteen advocates claim the same referee: one of them brought her."""
    referee = racers.member()
    for n in range(THREADS):
        racers.see(
            ReferralMade(referral_id=f"r{n}", advocate_id=racers.member(), programme="friends")
        )
    outcomes = racers.race(
        lambda n: racers.do(QualifyReferral(referral_id=f"r{n}", referee_id=referee))
    )
    assert {"ok": 1, RefereeAlreadyReferred.__name__: THREADS - 1} == outcomes
    assert len(racers.events("referral.qualified.v1")) == 1


def test_nobody_refers_themselves_or_a_customer(racers: Racers) -> None:
    """Neither oneself, nor somebody who had bought before."""
    advocate, customer = racers.member(), racers.member()
    racers.see(purchase("before", 1_000, member_id=customer), START - timedelta(days=3))
    for n in range(THREADS):
        racers.see(ReferralMade(referral_id=f"r{n}", advocate_id=advocate, programme="friends"))
    referees = [advocate, customer]
    outcomes = racers.race(
        lambda n: racers.do(QualifyReferral(referral_id=f"r{n}", referee_id=referees[n % 2]))
    )
    expected = {SelfReferral.__name__: THREADS // 2, RefereeIsCustomer.__name__: THREADS // 2}
    assert expected == outcomes
    assert racers.events("referral.qualified.v1") == []


def test_an_account_is_never_overdrawn_and_no_lot_is_spent_twice(racers: Racers) -> None:
    """Redemptions, reservations, transfers and adjustments race for 100 points."""
    account, other = racers.account(100), racers.account()
    ways: list[Callable[[], Command]] = [
        lambda: RedeemPoints(account_id=account, points=7),
        lambda: ReservePoints(account_id=account, points=7),
        lambda: TransferPoints(account_id=account, to_account_id=other, points=7),
        lambda: AdjustPoints(account_id=account, direction="debit", points=7, reason="check"),
    ]
    outcomes = racers.race(lambda n: racers.do(ways[n % 4]()), rounds=2)
    assert outcomes["ok"] == 100 // 7
    assert {"ok", "NotEnoughPoints"} == set(outcomes)
    credited = {event["lot_id"]: event["points"] for event in racers.events("points.earned.v1")}
    taken: Counter[str] = Counter()
    for name in ("redeemed", "reserved", "transferred", "adjusted"):
        for event in racers.events(f"points.{name}.v1"):
            taken.update({debit["lot_id"]: debit["points"] for debit in event["lots"]})
    assert taken.total() == 98
    assert all(taken[lot] <= credited[lot] for lot in taken)


def test_lots_are_consumed_first_to_expire_first(racers: Racers) -> None:
    """Whoever spends, the lot that expires first is used up before the next is touched."""
    account = racers.account()
    for days in (90, 30, 60):
        racers.do(
            AwardPoints(
                account_id=account, points=40, reason="start",
                expires_at=datetime.now(UTC) + timedelta(days=days),
            )
        )  # fmt: skip
    racers.race(lambda _: racers.do(RedeemPoints(account_id=account, points=5)))
    lots = {e["lot_id"]: e["expires_at"] for e in racers.events("points.earned.v1")}
    spent: Counter[str] = Counter()
    for event in racers.events("points.redeemed.v1"):
        spent.update({debit["lot_id"]: debit["points"] for debit in event["lots"]})
    assert [spent[lot] for lot in sorted(lots, key=lots.__getitem__)] == [40, 40, 0]


def test_a_campaigns_budget_is_never_promised_beyond(racers: Racers) -> None:
    """Awards and rewards race for a budget of 10.00: no more than that is promised."""
    campaign = racers.campaign(reward_budget=1_000, reward_budget_points=1_000)
    account, member = racers.account(), racers.member()
    cost = {"amount": 90, "currency": "EUR"}

    def attempt(n: int) -> None:
        if n % 2:
            command: Command = msgspec.convert(
                {"account_id": account, "points": 10, "reason": "x",
                 "campaign_id": campaign, "cost": cost},
                AwardPoints,
            )  # fmt: skip
        else:
            command = msgspec.convert(
                {"member_id": member, "campaign_id": campaign, "cost": cost, "value": cost,
                 "kind": "voucher"},
                GrantReward,
            )  # fmt: skip
        racers.do(command)

    outcomes = racers.race(attempt)
    assert outcomes["ok"] == 11
    assert {"ok", "RewardBudgetExceeded"} == set(outcomes)
    promised = [
        event["cost"]["amount"]
        for name in ("points.earned.v1", "reward.granted.v1")
        for event in racers.events(name)
    ]
    assert sum(promised) == 990


def purchase(purchase_id: str, net: int, **changes: Any) -> PurchaseRecorded:
    """A purchase without lines."""
    fields = {"purchase_id": purchase_id, "currency": "EUR", "gross": net, "net": net}
    return msgspec.convert({**fields, **changes}, PurchaseRecorded)


def test_a_clawback_never_exceeds_what_the_purchase_earned(racers: Racers) -> None:
    """Sixteen returns of a quarter each: all are recorded, no more than was earned goes back."""
    account, member = racers.account(), racers.member()
    racers.see(purchase("b1", 8_000, member_id=member))
    racers.do(AwardPoints(account_id=account, points=81, purchase_id="b1"))
    fields = {"purchase_id": "b1", "currency": "EUR", "gross": 2_000, "net": 2_000}
    racers.race(
        lambda n: racers.see(msgspec.convert({"return_id": f"r{n}", **fields}, PurchaseReturned))
    )
    assert len(racers.events("purchase.returned.v1")) == THREADS
    clawed = [
        debit["points"]
        for event in racers.events("points.clawed_back.v1")
        for debit in event["lots"]
    ]
    assert sum(clawed) == 81


def test_a_return_without_its_purchase_is_recorded(racers: Racers) -> None:
    """Matched or not, what came back came back."""
    fields = {"purchase_id": "nobody-knows", "currency": "EUR", "gross": 500, "net": 500}
    racers.race(
        lambda n: racers.see(msgspec.convert({"return_id": f"r{n}", **fields}, PurchaseReturned))
    )
    assert len(racers.events("purchase.returned.v1")) == THREADS
    assert racers.events("points.clawed_back.v1") == []


def test_something_is_voided_once(racers: Racers) -> None:
    """Sixteen threads void one award that is being spent: once, and what was spent is owed."""
    account, member, campaign = racers.account(), racers.member(), racers.campaign()
    racers.do(AddActivation(activation_id="quiz", campaign_id=campaign, kind="quiz"))
    position = racers.see(
        ParticipationRecorded(
            participation_id="p", member_id=member, campaign_id=campaign, activation_id="quiz"
        )
    )
    racers.do(AwardPoints(account_id=account, points=50, participation_id="p"))

    def attempt(n: int) -> None:
        if n % 2:
            racers.do(RedeemPoints(account_id=account, points=1))
        else:
            racers.do(VoidEvent(position=position, reason="a wrong file"))

    outcomes = racers.race(attempt)
    assert outcomes["AlreadyVoided"] == 7
    assert len(racers.events("event.voided.v1")) == 1
    [clawback] = racers.events("points.clawed_back.v1")
    assert sum(debit["points"] for debit in clawback["lots"]) == 50
    with pytest.raises(FilrougeError):
        racers.do(RedeemPoints(account_id=account, points=1))
