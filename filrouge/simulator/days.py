"""The history, day after day: everything that happens, in the order in which it happens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from domain.ledger import ControlTotalReported
from filrouge.simulator import allowing, circle, desk, joining, loyalty, shopping, taking_part
from filrouge.simulator.brand import CURRENCY, MONTH_TRAFFIC, WEB
from filrouge.simulator.people import Kind, Person
from filrouge.simulator.state import AWAY, EMAIL_ALLOWED, ENDED, Day, State

CONTRIBUTES = 0.05
MOVES = 0.012
LEAVES = 0.006
ALLOWS_AFTER_ALL = 0.04
DRIFTS_AWAY = 0.02
"""What the chance is, on one occasion, that a member does so."""


def days_of(state: State) -> Iterator[Day]:
    """Every day with what happens on it, sorted by the instant at which it does."""
    for number in range(state.plan.days):
        day = state.day(number)
        _live(state, day)
        day.happenings.sort(key=lambda happening: happening.instant)
        yield day


def _live(state: State, day: Day) -> None:
    """Everything that happens on one day; who does it comes before what follows from it."""
    desk.work(state, day)
    if day.date.day == 1:
        loyalty.expire(state, day)
        circle.count_views(state, day)
    for action, values in state.due(day.number):
        action(state, day, *values)
    for entry in state.entries(day.number):
        taking_part.take_part(state, day, entry)
    for number in state.called(day.number):
        _occasion(state, day, number)
    for number in state.plan.enrolling(day.number):
        joining.welcome(state, day, number)
    for campaign in state.plan.running(day.number):
        taking_part.passers_by(state, day, campaign)
    shopping.strangers_buy(state, day)
    _close_tills(state, day)


def _occasion(state: State, day: Day, number: int) -> None:
    """A member is active: buys, shares, helps others, or changes how the brand may reach them."""
    if state.has(number, ENDED):
        return
    person, dice = state.people.at(number), day.dice
    manner = person.manner
    state.set(number, AWAY, on=False)
    if dice.happens(manner.buys):
        shopping.member_buys(state, day, person)
    at = day.waking_hours()
    if dice.happens(min(0.9, manner.shares * circle.push(state, day) ** 0.5)):
        circle.share(state, day, person, at, _campaign_now(state, day))
    if dice.happens(CONTRIBUTES * (4 if person.kind is Kind.SUPERFAN else 1)):
        circle.contribute(state, day, person, day.waking_hours())
    if dice.happens(MOVES):
        joining.move(state, day, person, at + 200)
    if not state.has(number, EMAIL_ALLOWED) and dice.happens(ALLOWS_AFTER_ALL):
        allowing.grant_email(state, day, number, at + 300)
    if dice.happens(LEAVES) and person.kind is not Kind.SUPERFAN:
        joining.leave(state, day, person, 85_000)
        return
    _come_again(state, day, person)


def _campaign_now(state: State, day: Day) -> str | None:
    running = state.plan.running(day.number)
    return day.dice.pick(running).campaign_id if running else None


def _come_again(state: State, day: Day, person: Person) -> None:
    """When a member is active next, unless they drift away; some of those come back much later."""
    dice = day.dice
    since = day.number - bisect_left(state.plan.enrolled, person.number + 1)
    drifts = person.kind is Kind.DRIFTER and since > person.lifetime_days
    if drifts or (person.kind is not Kind.SUPERFAN and dice.happens(DRIFTS_AWAY)):
        state.set(person.number, AWAY)
        if person.comes_back:
            state.call(day.number + 160 + int(dice.wait(150)), person.number)
        return
    traffic = MONTH_TRAFFIC[day.date.month - 1]
    gap = 1 + int(dice.wait(person.manner.days_between) / traffic)
    state.call(day.number + gap, person.number)


def _close_tills(state: State, day: Day) -> None:
    """In the evening each shop says what should have arrived from it today."""
    for store in (*state.stores, WEB):
        count, gross, net = day.tickets[store.store_id]
        if count:
            total = ControlTotalReported(
                feed=shopping.source_of(store),
                store_id=store.store_id,
                business_date=day.date.isoformat(),
                count=count,
                gross=gross,
                net=net,
                currency=CURRENCY,
            )
            day.add(total, "head-office", 85_200)
