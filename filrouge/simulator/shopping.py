"""Purchases by members, by visitors and by nobody known, and what comes back of them."""

from __future__ import annotations

from typing import Any, Final

from domain.accounts import AccountOpened
from domain.contact import Contact
from domain.engagement import ServiceContactRecorded
from domain.purchases import PurchaseLine, PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralQualified
from domain.returned_lines import returned_share
from domain.types import Money
from filrouge.simulator import loyalty
from filrouge.simulator.baskets import Basket, basket, brought_back, summed, tenders
from filrouge.simulator.brand import (
    CURRENCY,
    MONTH_TRAFFIC,
    POINTS_CURRENCY,
    PROGRAMME,
    WEB,
    Store,
    is_sales,
)
from filrouge.simulator.chance import Dice
from filrouge.simulator.people import Kind, Person
from filrouge.simulator.state import BOUGHT, ENDED, Day, State

WEB_SOURCE: Final = "web-shop"
RETURNED_SHARE: Final = 0.07
RETURNED_ONLINE_SHARE: Final = 0.13
SERVICE_SHARE: Final = 0.03
REFERRAL_POINTS: Final = 500
WELCOME_POINTS: Final = 250
STRANGERS_PER_MEMBER: Final = 0.8
"""Shoppers in a year who are no members, beside all members that there will be."""
STRANGER_PURCHASES: Final = 1.45
STRANGER_BASKET: Final = 0.75
RETURN_REASONS: Final = ("taille", "couleur", "défaut", "cadeau", "changement d'avis")


def source_of(place: Store) -> str:
    """The system that reports the sales of a place."""
    return WEB_SOURCE if place is WEB else f"till:{place.store_id}"


def member_buys(state: State, day: Day, person: Person, at: float | None = None) -> None:
    """A member buys: online or in the shop nearby, with a voucher when there are points for one."""
    dice = day.dice
    place = WEB if dice.happens(person.online) else person.store
    at = at or (day.waking_hours() if place is WEB else day.open_hours())
    till = None if place is WEB else place.store_id
    voucher = loyalty.redeem(state, day, person.number, at, place)
    receipt = basket(dice, person.manner.basket, place.tax_percent, sales=is_sales(day.date))
    purchase_id = state.new_id("p")
    referral = state.referred.get(person.number)
    whose = {"member_id": state.member(person.number), "account_id": state.account(person.number)}
    codes = (state.id_of("code", referral[1]),) if referral else ()
    cents = voucher.cents if voucher else 0
    sold = _sale(state, day, receipt, place, purchase_id, voucher=cents, codes=codes, **whose)
    day.add(sold, source_of(place), at, place, till)
    returned, late = _returned(dice, place), dice.happens(0.1)
    lines = _coming_back(dice, receipt, late=late) if returned else ()
    # What will be taken back is not spent, unless it is spent before anybody can know.
    back = returned_share(receipt.points, summed(lines).net, receipt.net)
    serial = loyalty.earn(
        state, day, person.number, receipt.points, "purchase", at + 2,
        place=place, till=till, kept=receipt.points if late else receipt.points - back,
        purchase_id=purchase_id, price=Money(amount=receipt.net, currency=CURRENCY),
    )  # fmt: skip
    if voucher:
        sale = {"purchase_id": purchase_id, "till": till, "store_id": place.store_id}
        loyalty.use(state, day, person.number, voucher, at + 1, place, **sale)
    if referral:
        _qualify(state, day, person.number, at + 5, place, till)
    state.set(person.number, BOUGHT)
    if returned:
        when = day.number + (dice.between(15, 27) if late else dice.between(6, 13))
        taken = (state.people.head(person.number), serial, receipt.points) if late else None
        state.later(when, _bring_back, place, sold, lines, taken)
    if dice.happens(SERVICE_SHARE):
        when = day.number + dice.between(1, 5)
        state.later(when, _ask_service, person.number)


def strangers_buy(state: State, day: Day) -> None:
    """People buy who are no members: visitors, cards without a name, nobody known."""
    crowd = max(12, round(state.members * STRANGERS_PER_MEMBER))
    traffic = MONTH_TRAFFIC[day.date.month - 1]
    # Each stays for a year, so a part of the crowd is renewed every day.
    start = day.number * crowd // 365
    for number in range(start + crowd, (day.number + 1) * crowd // 365 + crowd):
        _arrive(state, day, number)
    if day.number == 0:
        for number in range(crowd):
            _arrive(state, day, number)
    for _ in range(day.dice.count(crowd * STRANGER_PURCHASES / 365 * traffic)):
        _stranger_buys(state, day, start + int(day.dice.random() * crowd))


def _has_card(state: State, number: int) -> bool:
    return state.chance("anonymous card", number) < 0.12  # noqa: PLR2004 - their share


def _arrive(state: State, day: Day, number: int) -> None:
    if _has_card(state, number):
        card = AccountOpened(
            account_id=state.id_of("card", number),
            programme=PROGRAMME,
            points_currency=POINTS_CURRENCY,
        )
        day.add(card, loyalty.SOURCE, 28_800 + number % 3_600)


def _stranger_buys(state: State, day: Day, number: int) -> None:
    dice = day.dice
    card = _has_card(state, number)
    store = state.stores[int(dice.random() ** 2 * len(state.stores))]
    place = WEB if not card and dice.happens(0.45) else store
    at = day.waking_hours() if place is WEB else day.open_hours()
    till = None if place is WEB else place.store_id
    receipt = basket(dice, STRANGER_BASKET, place.tax_percent, sales=is_sales(day.date))
    whose: dict[str, Any] = {}
    if card:
        whose = {"account_id": state.id_of("card", number)}
    elif place is WEB:
        whose = {"visitor_id": state.id_of("v", number)}
    purchase_id = state.new_id("p")
    sold = _sale(state, day, receipt, place, purchase_id, **whose)
    day.add(sold, source_of(place), at, place, till)
    if card:
        loyalty.earn(
            state, day, None, receipt.points, "purchase", at + 2,
            place=place, till=till, purchase_id=purchase_id,
            price=Money(amount=receipt.net, currency=CURRENCY), **whose,
        )  # fmt: skip
    if _returned(dice, place):
        when = day.number + dice.between(6, 13)
        state.later(when, _bring_back, place, sold, brought_back(dice, receipt.lines), None)


def _sale(
    state: State,
    day: Day,
    receipt: Basket,
    place: Store,
    purchase_id: str,
    *,
    voucher: int = 0,
    **more: Any,
) -> PurchaseRecorded:
    sold = day.tickets[place.store_id]
    sold[0] += 1
    sold[1] += receipt.gross
    sold[2] += receipt.net
    online = place is WEB
    return PurchaseRecorded(
        purchase_id=purchase_id,
        order_reference=f"W{state.next_number('order'):08d}" if online else None,
        store_id=place.store_id,
        till_id=None if online else f"till-{day.dice.between(1, 2)}",
        business_date=day.date.isoformat(),
        contact=Contact(channel="web", language=place.language) if online else None,
        currency=CURRENCY,
        gross=receipt.gross,
        discount=receipt.discount or None,
        net=receipt.net,
        tax=receipt.tax,
        lines=receipt.lines,
        tenders=tenders(receipt.paid, voucher, day.dice),
        **more,
    )


def _coming_back(dice: Dice, receipt: Basket, *, late: bool) -> tuple[PurchaseLine, ...]:
    """Which lines will come back: after a fortnight, when points may be spent, all of them."""
    return receipt.lines if late else brought_back(dice, receipt.lines)


def _returned(dice: Dice, place: Store) -> bool:
    return dice.happens(RETURNED_ONLINE_SHARE if place is WEB else RETURNED_SHARE)


def _bring_back(
    state: State,
    day: Day,
    place: Store,
    sold: PurchaseRecorded,
    lines: tuple[PurchaseLine, ...],
    taken: tuple[int, int, int] | None,
) -> None:
    """Goods of an earlier purchase come back; the ledger takes back their points."""
    if taken is not None and taken[1]:
        account, serial, points = taken
        state.owed[account] += points - state.lots.take_back(account, serial)
    back = summed(lines)
    # Half of the parcels of visitors have only the order's number in them.
    by_order = sold.order_reference is not None and not sold.member_id and day.dice.happens(0.5)
    day.add(
        PurchaseReturned(
            return_id=state.new_id("r"),
            purchase_id=None if by_order else sold.purchase_id,
            order_reference=sold.order_reference if by_order else None,
            member_id=sold.member_id,
            account_id=sold.account_id,
            store_id=place.store_id,
            business_date=day.date.isoformat(),
            currency=CURRENCY,
            gross=back.gross,
            net=back.net,
            tax=back.tax,
            lines=lines,
            reason=day.dice.pick(RETURN_REASONS),
        ),
        source_of(place),
        day.waking_hours() if place is WEB else day.open_hours(),
        place,
    )


def _qualify(
    state: State, day: Day, number: int, at: float, place: Store, till: str | None
) -> None:
    """The first purchase of a referee qualifies the referral, and both earn for it."""
    referral_id, advocate = state.referred.pop(number)
    day.add(
        ReferralQualified(
            referral_id=referral_id,
            advocate_id=state.member(advocate),
            referee_id=state.member(number),
            programme=PROGRAMME,
            reason="first purchase",
        ),
        loyalty.SOURCE,
        at,
        place,
        till,
    )
    for who, points in ((advocate, REFERRAL_POINTS), (number, WELCOME_POINTS)):
        if not state.has(who, ENDED) and state.people.kind(who) is not Kind.FAKE:
            loyalty.earn(
                state, day, who, points, "referral", at + 2,
                place=place, till=till, referral_id=referral_id,
            )  # fmt: skip


def _ask_service(state: State, day: Day, number: int) -> None:
    dice = day.dice
    phone = dice.happens(0.4)
    day.add(
        ServiceContactRecorded(
            member_id=state.member(number),
            contact=Contact(
                channel="phone" if phone else "messenger", staff_id=f"staff-{dice.between(1, 9)}"
            ),
            reason=dice.pick(("delivery", "size", "return", "points")),
            cost=Money(amount=690 if phone else 310, currency=CURRENCY),
            resolved=dice.happens(0.86),
            response_seconds=dice.between(20, 900 if phone else 14_400),
        ),
        "service-desk",
        day.open_hours(),
    )
