"""The reward catalogue: who gets an item, for what, while there is some; and keeping one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.accounts import AccountOpened, NotHolder
from domain.budgets import RewardBudgetExceeded
from domain.catalogue import (
    AmendItem,
    DelistItem,
    ItemAlreadyListed,
    ItemDelisted,
    ItemIsDelisted,
    ItemListed,
    ItemNotListed,
    ListItem,
)
from domain.choosing import (
    AccountCountsOtherPoints,
    ItemNotOffered,
    PayerMissing,
    PaymentDiffers,
    RedeemItem,
)
from domain.codes import CodePool, CodeRejected, CodeSupplied, OutOfCodes
from domain.decision import Command
from domain.errors import FilrougeError
from domain.event import Event
from domain.expressions import ExpressionInvalid
from domain.granting import (
    RedeemReward,
    RewardAlreadyGranted,
    RewardAlreadyRedeemed,
    RewardNeverValid,
    RewardNotValid,
    WithdrawReward,
)
from domain.item_terms import (
    Discount,
    ItemTerms,
    ItemTermsContradict,
    MemberLimit,
    NotEligible,
)
from domain.keeping import (
    ConfirmItem,
    ReleaseItem,
    ReserveItem,
    RewardNotReserved,
    RewardReservationLapsed,
    RewardReservationNeverHolds,
)
from domain.movements import NotEnoughPoints
from domain.people import MemberEnrolled, MemberNotEnrolled
from domain.points import PointsRedeemed, PointsReserved
from domain.programmes import ProgrammeOpened
from domain.rewards import RewardGranted, RewardReserved, RewardWithdrawn
from domain.stock import (
    ItemStock,
    MemberLimitReached,
    OutOfStock,
    RemoveStock,
    StockSupplied,
    SupplyStock,
)
from domain.terms import CurrencyTerms
from domain.tier_schemes import Tier, TierScheme
from domain.types import Money
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario
from tests.domain.shop import ACCOUNT, DAY, HOUR, MEMBER, campaign, earned, states, void, where

SECOND = MemberEnrolled(member_id="m2")
PRICE = {"points": 30, "programme": "club", "points_currency": "stars"}
FIVE = Money(amount=500, currency="EUR")


def terms(**more: Any) -> ItemTerms:
    """The terms of a mug, unless more is said."""
    return ItemTerms(**{"name": "Mug", "kind": "gift", **more})


def listed(**more: Any) -> ItemListed:
    """The mug in the catalogue."""
    return ItemListed(item_id="mug", terms=terms(**more))


def supplied(code: str, **more: Any) -> CodeSupplied:
    """A code for it, as it comes from the vault."""
    sealed = f"sealed|code.supplied.v1|code|voucher:{code}|AAAA"
    return CodeSupplied(item_id="mug", voucher_id=code, code=sealed, **more)


def redeem(member_id: str = "m1", **more: Any) -> RedeemItem:
    """Somebody wants the mug."""
    return RedeemItem(item_id="mug", member_id=member_id, **more)


def paid(**more: Any) -> RedeemItem:
    """The account pays for it."""
    return redeem(account_id="a1", **more)


def house(*events: Event, points: int = 100) -> Scenario:
    """Two members, an account with points, and some history."""
    scenario = Scenario()
    credit = [earned("l1", points)] if points else []
    for event in (MEMBER, SECOND, ACCOUNT, *credit, *events):
        scenario._record(event, time=NOON - HOUR)
    return scenario


def left(scenario: Scenario) -> int:
    """How many mugs anybody can have."""
    stock: ItemStock = scenario.view(ItemStock("item:mug"))
    return stock.left(scenario.now)


def test_an_item_is_listed_amended_and_delisted_with_versions() -> None:
    """Each version says everything anew, and nothing follows the end."""
    scenario = Scenario()
    [first] = scenario.when(ListItem(item_id="mug", terms=terms()))
    with pytest.raises(ItemAlreadyListed):
        scenario.when(ListItem(item_id="mug", terms=terms()))
    [second] = scenario.when(AmendItem(item_id="mug", terms=terms(stocked=True)))
    assert (first.version, second.version) == (1, 2)
    scenario.when(DelistItem(item_id="mug"))
    for command in (
        AmendItem(item_id="mug", terms=terms()),
        DelistItem(item_id="mug"),
        SupplyStock(item_id="mug", pieces=1),
    ):
        with pytest.raises(ItemIsDelisted):
            scenario.when(command)


@pytest.mark.parametrize(
    "more, place",
    [
        ({"valid_from": NOON, "valid_until": NOON}, "valid_until"),
        ({"points": 5}, "points"),
        ({"points_currency": "stars"}, "points"),
        ({"points": 5, "points_currency": "stars"}, "programme"),
        ({"eligibility": "member.tier == 'gold'"}, "programme"),
        ({"kind": "voucher"}, "coded"),
        ({"kind": "discount"}, "discount"),
        ({"discount": Discount(basis_points=100)}, "discount"),
        ({"kind": "discount", "discount": Discount()}, "discount"),
        (
            {
                "kind": "discount",
                "discount": Discount(amount=FIVE, minimum=Money(amount=1, currency="CHF")),
            },
            "discount.minimum",
        ),
        ({"campaign_id": "c1"}, "cost"),
    ],
)
def test_terms_that_contradict_each_other_are_refused(more: dict[str, Any], place: str) -> None:
    """The answer says which field."""
    scenario = Scenario()
    scenario._record(campaign())
    with pytest.raises(ItemTermsContradict, match=rf"^{place}: "):
        scenario.when(ListItem(terms=terms(**more)))


def test_a_condition_that_says_nothing_is_refused_with_its_place() -> None:
    """Before anybody asks for the item."""
    with pytest.raises(ExpressionInvalid, match=r"member\.tears"):
        Scenario().when(ListItem(terms=terms(eligibility="member.tears == 'gold'")))


def test_an_item_is_paid_for_and_granted_in_one_decision() -> None:
    """Points, a piece and the reward; all name each other."""
    scenario = house(listed(stocked=True, value=FIVE, reward_days=30, **PRICE))
    scenario.when(SupplyStock(item_id="mug", pieces=2))
    points, granted = scenario.when(paid())
    assert isinstance(points, PointsRedeemed)
    assert isinstance(granted, RewardGranted)
    assert (points.points, points.reward_id) == (30, granted.reward_id)
    assert (granted.taken_from, granted.item_version, granted.points) == ("mug", 1, 30)
    assert granted.valid_until == NOON + timedelta(days=30)
    assert states(scenario).spent == 30
    assert left(scenario) == 1
    with pytest.raises(RewardAlreadyGranted):
        scenario.when(paid(reward_id=granted.reward_id))


def test_stock_is_not_promised_twice_and_comes_back_with_a_withdrawal() -> None:
    """The second has to wait until the first gives theirs back."""
    scenario = house(listed(stocked=True), StockSupplied(item_id="mug", pieces=1))
    [granted] = scenario.when(redeem())
    with pytest.raises(OutOfStock):
        scenario.when(redeem("m2"))
    with pytest.raises(OutOfStock):
        scenario.when(RemoveStock(item_id="mug", pieces=1, reason="broken"))
    scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="returned"))
    scenario.when(redeem("m2"))
    assert left(scenario) == 0


def test_a_void_of_a_grant_brings_its_piece_back() -> None:
    """What counts as never recorded took nothing."""
    scenario = house(listed(stocked=True), StockSupplied(item_id="mug", pieces=1))
    scenario.when(redeem())
    scenario.when(void(where(scenario, RewardGranted)))
    assert left(scenario) == 1


def test_a_refund_gives_each_lot_its_points_back() -> None:
    """With their expiry, because the redemption counts as never recorded."""
    scenario = house(listed(**PRICE), points=0)
    for lot in ("x", "y"):
        scenario._record(earned(lot, 20), time=NOON - HOUR)
    granted = scenario.when(paid())[-1]
    assert states(scenario).spendable == 10
    scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="returned", refund=True))
    assert states(scenario).spendable == 40
    assert states(scenario).spent == 0


def test_a_refund_of_what_was_kept_before_leaves_nothing_reserved() -> None:
    """The reservation that paid held the points again, now that its redemption is voided."""
    scenario = house(listed(**PRICE))
    before = states(scenario)
    kept = scenario.when(keep(account_id="a1"))[-1]
    scenario.when(ConfirmItem(reward_id=kept.reward_id))
    scenario.when(WithdrawReward(reward_id=kept.reward_id, reason="returned", refund=True))
    assert states(scenario) == before


def test_without_a_refund_the_points_stay_spent() -> None:
    """Withdrawn for a reason that is the member's own."""
    scenario = house(listed(**PRICE))
    granted = scenario.when(paid())[-1]
    scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="misused"))
    assert states(scenario).spent == 30


def test_codes_are_given_one_after_another_and_never_again() -> None:
    """Not even when the reward was withdrawn or voided: somebody has seen the code."""
    codes = [supplied(f"v{n}") for n in range(3)]
    scenario = house(listed(kind="voucher", coded=True), *codes)
    [first] = scenario.when(redeem())
    assert (first.voucher_id, first.code, first.voucher_shared) == ("v0", codes[0].code, False)
    scenario.when(WithdrawReward(reward_id=first.reward_id, reason="mistake"))
    [second] = scenario.when(redeem())
    scenario.when(void(where(scenario, RewardGranted)))
    [third] = scenario.when(redeem("m2"))
    assert [second.voucher_id, third.voucher_id] == ["v1", "v2"]
    with pytest.raises(OutOfCodes):
        scenario.when(redeem())


def test_a_shared_code_is_given_as_often_as_it_may_be() -> None:
    """And once more for each that was withdrawn."""
    scenario = house(listed(kind="voucher", coded=True), supplied("v", grants_max=2))
    granted = [scenario.when(redeem(member))[0] for member in ("m1", "m2")]
    assert {one.voucher_id for one in granted} == {"v"}
    assert all(one.voucher_shared for one in granted)
    with pytest.raises(OutOfCodes):
        scenario.when(redeem())
    scenario.when(WithdrawReward(reward_id=granted[0].reward_id, reason="mistake"))
    scenario.when(redeem())


def test_a_code_that_was_supplied_before_is_given_once() -> None:
    """Supplied again, for whatever item, it is recorded and rejected."""
    scenario = house(listed(kind="voucher", coded=True))
    assert scenario.happens(supplied("v1")) == []
    [rejected] = scenario.happens(supplied("v1", grants_max=7))
    assert isinstance(rejected, CodeRejected)
    pool: CodePool = scenario.view(CodePool("item:mug"))
    assert pool.left == 1
    scenario.when(redeem())
    [rejected] = scenario.happens(supplied("v1"))
    with pytest.raises(OutOfCodes):
        scenario.when(redeem("m2"))


def test_a_reward_is_used_as_often_as_it_says() -> None:
    """A pass for three visits; once used it is not withdrawn."""
    scenario = house(listed(kind="experience", uses_max=3, reward_until=NOON + DAY))
    [granted] = scenario.when(redeem())
    use = RedeemReward(reward_id=granted.reward_id)
    with pytest.raises(RewardNotValid):
        scenario.when(RedeemReward(reward_id=granted.reward_id, time=NOON + DAY))
    [used] = scenario.when(use)
    assert used.taken_from == "mug"
    with pytest.raises(RewardAlreadyRedeemed):
        scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="late"))
    scenario.when(use)
    scenario.when(use)
    with pytest.raises(RewardAlreadyRedeemed):
        scenario.when(use)


def test_a_member_has_an_item_as_often_as_it_allows() -> None:
    """Per calendar period, of the instants at which they asked for it."""
    limit = MemberLimit(rewards=1, period="month")
    scenario = house(listed(member_limit=limit))
    [granted] = scenario.when(redeem())
    with pytest.raises(MemberLimitReached):
        scenario.when(redeem())
    scenario.when(redeem("m2"))
    scenario.when(redeem(time=NOON - 31 * DAY))
    scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="mistake"))
    scenario.when(redeem())


def test_a_condition_says_for_whom_it_is() -> None:
    """It sees what rules see of a member."""
    scenario = house(listed(eligibility="member.country == 'FR'"))
    scenario._record(MemberEnrolled(member_id="m3", country="FR"))
    with pytest.raises(NotEligible, match=r"member\.country == 'FR'"):
        scenario.when(redeem())
    scenario.when(redeem("m3"))


def test_a_condition_may_ask_for_a_tier() -> None:
    """The member's in the item's programme at the instant, from what counted by then."""
    tiers = TierScheme(
        measure="points", points_currency="stars", period="year",
        tiers=(Tier(tier="blue", threshold=0), Tier(tier="gold", threshold=50)),
    )  # fmt: skip
    club = ProgrammeOpened(
        programme="club", name="Club", time_zone="Europe/Paris", tiers=tiers,
        currencies=(CurrencyTerms(points_currency="stars"),),
    )  # fmt: skip
    item = listed(eligibility="member.tier == 'gold'", programme="club")
    scenario = house(item, points=0)
    opened = AccountOpened(
        account_id="a9", programme="club", points_currency="stars", holders=("m1",)
    )
    for event in (club, opened, earned("x", 49, account_id="a9", qualifying=True)):
        scenario._record(event, time=NOON - HOUR)
    with pytest.raises(NotEligible):
        scenario.when(redeem())
    scenario._record(earned("y", 1, account_id="a9", qualifying=True), time=NOON - HOUR)
    scenario.when(redeem())
    with pytest.raises(NotEligible):
        scenario.when(redeem("m2"))


def test_a_campaign_pays_up_to_its_budget() -> None:
    """Its reward budget covers one cost of two."""
    scenario = house(campaign(reward_budget=700), listed(campaign_id="c1", cost=FIVE))
    [granted] = scenario.when(redeem())
    assert granted.campaign_id == "c1"
    with pytest.raises(RewardBudgetExceeded):
        scenario.when(redeem("m2"))


def test_a_price_in_money_is_paid_exactly() -> None:
    """What was paid elsewhere is stated, and is the price."""
    scenario = house(listed(money=FIVE, **PRICE))
    for wrong in (None, Money(amount=499, currency="EUR"), Money(amount=500, currency="CHF")):
        with pytest.raises(PaymentDiffers):
            scenario.when(paid(paid=wrong))
    granted = scenario.when(paid(paid=FIVE, payment_id="till-7.1"))[-1]
    assert (granted.paid, granted.payment_id) == (FIVE, "till-7.1")


@pytest.mark.parametrize(
    "events, command, refusal",
    [
        ((), redeem(), ItemNotListed),
        ((listed(), ItemDelisted(item_id="mug")), redeem(), ItemIsDelisted),
        ((listed(valid_from=NOON + HOUR),), redeem(), ItemNotOffered),
        ((listed(valid_until=NOON),), redeem(), ItemNotOffered),
        ((listed(),), redeem("nobody"), MemberNotEnrolled),
        ((listed(stocked=True),), redeem(), OutOfStock),
        ((listed(coded=True),), redeem(), OutOfCodes),
        ((listed(**PRICE),), redeem(), PayerMissing),
        ((listed(**{**PRICE, "points": 101}),), paid(), NotEnoughPoints),
        ((listed(**{**PRICE, "points_currency": "miles"}),), paid(), AccountCountsOtherPoints),
        (
            (
                listed(**PRICE),
                AccountOpened(
                    account_id="a9", programme="club", points_currency="stars", holders=("m2",)
                ),
            ),
            redeem(account_id="a9"),
            NotHolder,
        ),
        ((listed(reward_until=NOON),), redeem(), RewardNeverValid),
        ((), SupplyStock(item_id="mug", pieces=1), ItemNotListed),
        ((), ConfirmItem(reward_id="w1"), RewardNotReserved),
        ((), ReleaseItem(reward_id="w1"), RewardNotReserved),
        (
            (listed(),),
            ReserveItem(item_id="mug", member_id="m1", until=NOON),
            RewardReservationNeverHolds,
        ),
        (
            (listed(),),
            ReserveItem(item_id="mug", member_id="m1", until=NOON + 91 * DAY),
            RewardReservationNeverHolds,
        ),
    ],
)
def test_what_cannot_be_had_is_refused(
    events: tuple[Event, ...], command: Command, refusal: type[FilrougeError]
) -> None:
    """Each rule by an error of its own, and nothing is recorded."""
    scenario = house(*events)
    before = len(scenario.log)
    with pytest.raises(refusal):
        scenario.when(command)
    assert len(scenario.log) == before


def keep(until: timedelta = HOUR, **more: Any) -> ReserveItem:
    """Keep the mug for somebody."""
    said: dict[str, Any] = {"item_id": "mug", "member_id": "m1", "reward_id": "w1", **more}
    return ReserveItem(until=NOON + until, **said)


def test_what_is_kept_is_granted_by_the_terms_of_then() -> None:
    """For the points that were held, whatever the item costs by now."""
    scenario = house(listed(stocked=True, **PRICE), StockSupplied(item_id="mug", pieces=1))
    held, kept = scenario.when(keep(account_id="a1"))
    assert isinstance(held, PointsReserved)
    assert isinstance(kept, RewardReserved)
    assert states(scenario).reserved == 30
    with pytest.raises(OutOfStock):
        scenario.when(paid(member_id="m2"))
    scenario.when(AmendItem(item_id="mug", terms=terms(stocked=True, **{**PRICE, "points": 90})))
    points, granted = scenario.when(ConfirmItem(reward_id="w1"))
    assert (points.points, points.reservation_id) == (30, "w1")
    assert (granted.reward_id, granted.item_version, granted.points) == ("w1", 1, 30)
    assert (states(scenario).reserved, states(scenario).spent) == (0, 30)
    assert left(scenario) == 0
    with pytest.raises(RewardNotReserved):
        scenario.when(ConfirmItem(reward_id="w1"))


def test_what_is_given_up_is_anybodys_again() -> None:
    """The piece, and the points."""
    scenario = house(listed(stocked=True, **PRICE), StockSupplied(item_id="mug", pieces=1))
    scenario.when(keep(account_id="a1"))
    scenario.when(ReleaseItem(reward_id="w1"))
    assert left(scenario) == 1
    assert states(scenario).spendable == 100
    with pytest.raises(RewardNotReserved):
        scenario.when(ReleaseItem(reward_id="w1"))


def test_a_hold_lapses_by_itself_and_nothing_is_promised_twice() -> None:
    """From its instant on the piece is anybody's; whoever had it kept is too late."""
    scenario = house(listed(stocked=True), StockSupplied(item_id="mug", pieces=1))
    scenario.when(keep())
    scenario.now = NOON + HOUR
    scenario.when(redeem("m2"))
    for time in (None, NOON):
        with pytest.raises(RewardReservationLapsed):
            scenario.when(ConfirmItem(reward_id="w1", time=time))
    scenario.when(ReleaseItem(reward_id="w1"))
    assert left(scenario) == 0


def test_a_command_of_tomorrow_does_not_take_what_is_kept_today() -> None:
    """Whether a hold has lapsed is said by the ledger's clock, not by the command's time."""
    scenario = house(listed(coded=True), supplied("v1"))
    scenario.when(keep())
    with pytest.raises(OutOfCodes):
        scenario.when(redeem("m2", time=NOON + 2 * HOUR))
    assert scenario.when(ConfirmItem(reward_id="w1"))[-1].voucher_id == "v1"


def test_what_is_kept_counts_in_a_members_limit() -> None:
    """Until it is given up."""
    scenario = house(listed(member_limit=MemberLimit(rewards=1)))
    scenario.when(keep())
    with pytest.raises(MemberLimitReached):
        scenario.when(redeem())
    scenario.when(ReleaseItem(reward_id="w1"))
    scenario.when(redeem())


def test_a_withdrawal_says_where_it_goes_back_to() -> None:
    """To the item, and to the shared code."""
    scenario = house(listed(coded=True), supplied("v", grants_max=5))
    [granted] = scenario.when(redeem())
    [gone] = scenario.when(WithdrawReward(reward_id=granted.reward_id, reason="mistake"))
    assert isinstance(gone, RewardWithdrawn)
    assert (gone.taken_from, gone.voucher_id, gone.voucher_shared) == ("mug", "v", True)
