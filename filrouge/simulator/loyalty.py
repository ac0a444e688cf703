"""Points: awards that make lots, redemptions that name them, and what expires unspent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, NamedTuple

from domain.lot_parts import LotDebit
from domain.points import (
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReleased,
    PointsReserved,
)
from domain.rewards import RewardGranted, RewardRedeemed, RewardWithdrawn
from domain.terms import BASIS_POINTS
from domain.types import Money
from filrouge.simulator.brand import CURRENCY, Store, midnight_of, month_start
from filrouge.simulator.lots import Lot
from filrouge.simulator.state import ENDED, Day, State

SOURCE: Final = "loyalty"
PENDING_DAYS: Final = 14
"""Points for a purchase can be spent when it can no longer be brought back for free."""
LASTING_MONTHS: Final = 12
VOUCHER_POINTS: Final = 1_000
VOUCHER_CENTS: Final = 1_000
VOUCHER_COST_CENTS: Final = 520
"""What a voucher of ten euros costs the brand, at its margin."""
EXPECTED_REDEMPTION: Final = 7_500
"""The share of the points that the brand expects to be spent, in basis points."""
VOUCHER_DAYS: Final = 60
PRIZE_CENTS: Final = 3_200
PRIZE_COST_CENTS: Final = 950
RULES: Final = {
    "purchase": "five-points-per-euro",
    "participation": "taking-part",
    "referral": "a-friend-brought",
    "contribution": "an-answer-accepted",
}


class Voucher(NamedTuple):
    """What points bought, to be used in a purchase."""

    reward_id: str
    cents: int
    cost: int


def cost_of(points: int) -> Money:
    """What an award is expected to cost: 0.52 cents a point, of which three quarters are spent."""
    spent = points * VOUCHER_COST_CENTS * EXPECTED_REDEMPTION
    return Money(amount=spent // (BASIS_POINTS * VOUCHER_POINTS), currency=CURRENCY)


def earn(
    state: State,
    day: Day,
    number: int | None,
    points: int,
    rule: str,
    at: float,
    *,
    place: Store,
    account_id: str | None = None,
    till: str | None = None,
    kept: int | None = None,
    **cause: Any,
) -> int:
    """Award points to a member's account, or to an anonymous card.

    ``kept`` is what of it nobody will take back. Return the number of the lot on the account, or
    0 if it will never be spent.
    """
    head = None if number is None else state.people.head(number)
    account = account_id or state.id_of("a", head or 0)
    serial = state.next_number("card lot") if head is None else state.lots.next_serial(head)
    available = day.number + (PENDING_DAYS if rule == "purchase" else 1)
    month = day.month + LASTING_MONTHS + 1
    kept = points if kept is None else kept
    held = head is not None and state.lots.add(head, Lot(month, available, serial, kept))
    day.add(
        PointsEarned(
            account_id=account,
            member_id=None if number is None else state.member(number),
            lot_id=_lot_id(account, serial),
            points=points,
            origin="purchase" if rule == "purchase" else "engagement",
            qualifying=rule == "purchase",
            rule_id=RULES[rule],
            rule_version=1 if day.number < state.plan.days // 2 else 2,
            available_from=midnight_of(state.plan.date_of(available)),
            expires_at=month_start(month),
            cost=cost_of(points),
            **cause,
        ),
        SOURCE,
        at,
        place,
        till,
    )
    return serial if held else 0


def redeem(state: State, day: Day, number: int, at: float, place: Store) -> Voucher | None:
    """Spend points for a voucher before a purchase, if there are enough and the member cares to."""
    head = state.people.head(number)
    if head in day.redeemed:
        return None
    active = state.lots.active(head, day.number, day.month) - state.owed.get(head, 0)
    if active < VOUCHER_POINTS or not day.dice.happens(0.55):
        return None
    day.redeemed.add(head)
    count = min(active // VOUCHER_POINTS, 1 + day.dice.happens(0.35))
    reserves = day.dice.happens(0.25)
    gives_up = reserves and day.dice.happens(0.2)
    whose: dict[str, Any] = {
        "account_id": state.id_of("a", head),
        "member_id": state.member(number),
    }
    points = count * VOUCHER_POINTS
    reservation: dict[str, Any] = {"reservation_id": state.new_id("h")} if reserves else {}
    before = state.lots.snapshot(head)
    lots = _debits(whose["account_id"], state.lots.spend(head, points, day.number, day.month))
    if reserves:
        until = day.time(at, place) + timedelta(hours=1)
        held = PointsReserved(points=points, lots=lots, until=until, **whose, **reservation)
        day.add(held, SOURCE, at - 1_500, place)
    if gives_up:
        state.lots.restore(head, before)
        back = PointsReleased(
            points=points, lots=lots, reason="basket left", **whose, **reservation
        )
        day.add(back, SOURCE, at - 300, place)
        return None
    voucher = Voucher(state.new_id("w"), count * VOUCHER_CENTS, count * VOUCHER_COST_CENTS)
    spent = PointsRedeemed(
        points=points,
        lots=lots,
        reward_id=voucher.reward_id,
        reason="voucher",
        **whose,
        **reservation,
    )
    day.add(spent, SOURCE, at - 300, place)
    _grant_voucher(state, day, voucher, whose, at - 299, place)
    return voucher


def use(
    state: State, day: Day, number: int, voucher: Voucher, at: float, place: Store, **sale: Any
) -> None:
    """The member uses a voucher in a purchase."""
    till = sale.pop("till", None)
    day.add(
        RewardRedeemed(
            reward_id=voucher.reward_id,
            member_id=state.member(number),
            account_id=state.account(number),
            cost=Money(amount=voucher.cost, currency=CURRENCY),
            **sale,
        ),
        SOURCE,
        at,
        place,
        till,
    )


def _lot_id(account_id: str, serial: int) -> str:
    return f"{account_id}.{serial:05d}"


def _debits(account_id: str, taken: list[tuple[int, int]]) -> tuple[LotDebit, ...]:
    return tuple(
        LotDebit(lot_id=_lot_id(account_id, serial), points=points) for serial, points in taken
    )


def _grant_voucher(
    state: State, day: Day, voucher: Voucher, whose: dict[str, Any], at: float, place: Store
) -> None:
    # Its cost was counted when its points were awarded.
    day.add(
        RewardGranted(
            reward_id=voucher.reward_id,
            kind="coupon",
            item_id=f"voucher-{voucher.cents // 100}",
            name=f"Bon de {voucher.cents // 100} euros",
            code=voucher.reward_id[-8:].upper(),
            value=Money(amount=voucher.cents, currency=CURRENCY),
            valid_from=day.time(at, place),
            valid_until=midnight_of(state.plan.date_of(day.number + VOUCHER_DAYS)),
            **whose,
        ),
        SOURCE,
        at,
        place,
    )


def win(
    state: State, day: Day, number: int, campaign_id: str, participation_id: str, at: float
) -> None:
    """A prize goes to a participant, as long as the campaign's reward budget holds."""
    if not promise(state, campaign_id, PRIZE_COST_CENTS):
        return
    reward_id = state.new_id("w")
    day.add(
        RewardGranted(
            reward_id=reward_id,
            member_id=state.member(number),
            campaign_id=campaign_id,
            kind="prize",
            item_id="prize-box",
            name="Coffret fil rouge",
            value=Money(amount=PRIZE_CENTS, currency=CURRENCY),
            cost=Money(amount=PRIZE_COST_CENTS, currency=CURRENCY),
            participation_id=participation_id,
        ),
        "campaign-desk",
        at,
    )
    when = day.number + day.dice.between(3, 20)
    state.later(when, _collect, number, campaign_id, reward_id, day.dice.happens(0.05))


def _collect(
    state: State,
    day: Day,
    number: int,
    campaign_id: str,
    reward_id: str,
    refused: bool,  # noqa: FBT001
) -> None:
    """A winner collects the prize; now and then it is never collected, and taken back."""
    whose: dict[str, Any] = {
        "reward_id": reward_id,
        "member_id": state.member(number),
        "campaign_id": campaign_id,
    }
    cost = Money(amount=PRIZE_COST_CENTS, currency=CURRENCY)
    at = day.open_hours()
    if refused:
        promise(state, campaign_id, -PRIZE_COST_CENTS)
        day.add(RewardWithdrawn(cost=cost, reason="never collected", **whose), "campaign-desk", at)
    else:
        store = state.people.at(number).store
        used = RewardRedeemed(store_id=store.store_id, cost=cost, **whose)
        day.add(used, "campaign-desk", at, store)


def promise(state: State, campaign_id: str, cents: int) -> bool:
    """Count a cost against a campaign's reward budget; False, counting nothing, if it is over."""
    budget = state.reward_budgets.get(campaign_id)
    if budget is not None and state.reward_cents[campaign_id] + cents > budget:
        return False
    state.reward_cents[campaign_id] += cents
    return True


def expire(state: State, day: Day) -> None:
    """On the first of a month, state which points are gone; here only those of a few lots each."""
    for head in range(state.enrolled):
        gone = state.lots.expire(head, day.month)
        if gone and not state.has(head, ENDED):
            account_id = state.id_of("a", head)
            points = sum(part for _, part in gone)
            lots = _debits(account_id, gone)
            day.add(
                PointsExpired(account_id=account_id, points=points, lots=lots),
                SOURCE,
                3_600 + head % 900,
            )
