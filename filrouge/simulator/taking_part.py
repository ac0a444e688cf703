"""Members take part in campaigns: by whom they were brought, how often, and what they win."""

from __future__ import annotations

from typing import Final

from domain.contact import Contact
from domain.engagement import VisitRecorded
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from filrouge.simulator import circle, loyalty, mailing
from filrouge.simulator.people import Kind, Person
from filrouge.simulator.plan import Activation, Campaign
from filrouge.simulator.shopping import member_buys
from filrouge.simulator.state import AWAY, ENDED, Day, State

SOURCE: Final = "social"
PASSERS_BY: Final = 1.1
"""Visitors who take part and never enrol, for each member who enrols on the same day."""
WINS_SHARE: Final = 0.02
ONCE_TOO_OFTEN_SHARE: Final = 0.015
TOO_LATE_SHARE: Final = 0.006
BUYS_SHARE: Final = 0.2
AWAY_SHARE: Final = 0.12
"""How likely those who drifted away are to take part again, beside the others of their kind."""
FAKE_REPEATS_MAX: Final = 3
"""How often a fake account comes again before it is left."""
DAYS_TO_NEXT_ENTRY: Final = {"day": 1, "week": 7, "campaign": 2, "month": 31}
_NUMBER: Final = 0xFFFF_FFFF


def gather(state: State, day: Day, campaign: Campaign) -> None:
    """When a campaign begins, it is settled which members will take part, and on which day."""
    length = campaign.last - campaign.first + 1
    for number in range(state.enrolled):
        if state.has(number, ENDED):
            continue
        person = state.people.at(number)
        likely = person.manner.takes_part
        if state.has(number, AWAY):
            likely *= AWAY_SHARE if person.comes_back else 0.0
        elif mailing.invited(state, campaign, number):
            likely = min(0.95, likely * 1.3)
        if day.dice.happens(likely):
            # Most come in the first half.
            offset = int(length * day.dice.random() * (0.4 + 0.6 * day.dice.random()))
            state.enter(campaign.first + offset, campaign.number, number)


def take_part(state: State, day: Day, entry: int) -> None:
    """A member takes part, for the first time or again."""
    count, campaign = entry >> 48, state.plan.campaigns[entry >> 32 & 0xFFFF]
    person = state.people.at(entry & _NUMBER)
    if state.has(person.number, ENDED):
        return
    dice, at = day.dice, day.waking_hours()
    contact = _brought_by(state, day, person, campaign)
    first, *others = campaign.activations
    _enter(state, day, person, campaign, first, contact, at)
    if others and not count and dice.happens(0.3):
        _enter(state, day, person, campaign, others[0], contact, at + 120)
    _come_again(state, day, person, campaign, count)
    if count:
        return
    if dice.happens(0.5 * person.manner.shares * campaign.idea.push):
        circle.share(state, day, person, at + 300, campaign.campaign_id)
    if state.has(person.number, AWAY):
        state.set(person.number, AWAY, on=False)
        state.call(day.number + dice.between(2, 20), person.number)
    elif person.manner.buys and dice.happens(BUYS_SHARE):
        state.later(day.number + dice.between(1, 10), _buy, person.number)


def _buy(state: State, day: Day, number: int) -> None:
    if not state.has(number, ENDED):
        member_buys(state, day, state.people.at(number))


def _brought_by(state: State, day: Day, person: Person, campaign: Campaign) -> Contact:
    """Through which door a member came who was known before: it was paid for all too often."""
    dice, device = day.dice, state.people.device(person.number)
    written_to = mailing.invited(state, campaign, person.number)
    if dice.happens(0.55 if written_to else 0.15):
        return Contact(
            channel="e-mail" if written_to else "app", medium="owned", origin="owned", device=device
        )
    if dice.happens(0.25 + 0.35 * campaign.idea.paid):
        return paid_contact(state, day, campaign, device)
    return Contact(channel="web", medium="organic", origin="earned", device=device)


def paid_contact(state: State, day: Day, campaign: Campaign, device: str | None = None) -> Contact:
    """Somebody came because media were paid for it."""
    channel = day.dice.pick(campaign.idea.channels)
    return Contact(
        channel=channel,
        source=channel,
        medium="paid-social",
        origin="paid",
        creative_id=f"{campaign.idea.slug}-{day.dice.between(1, 4)}",
        click_id=state.new_id("click"),
        device=device,
    )


def passers_by(state: State, day: Day, campaign: Campaign) -> None:
    """Visitors play and are gone: they never enrol."""
    joining = state.plan.enrolling(day.number)
    for _ in range(day.dice.count(PASSERS_BY * len(joining) / len(state.plan.running(day.number)))):
        paid = day.dice.happens(campaign.idea.paid)
        other = Contact(channel="web", medium="organic", origin="earned")
        contact = paid_contact(state, day, campaign) if paid else other
        visitor, at = state.new_id("n"), day.waking_hours()
        visit = VisitRecorded(
            visitor_id=visitor,
            campaign_id=campaign.campaign_id,
            contact=contact,
            place="web",
            landing=campaign.idea.slug,
        )
        day.add(visit, "web-shop", at)
        played = campaign.activations[0]
        part = ParticipationRecorded(
            participation_id=state.new_id("t"),
            visitor_id=visitor,
            campaign_id=campaign.campaign_id,
            activation_id=played.activation_id,
            contact=contact,
            outcome="lost" if played.game.kind in ("game", "contest", "quiz") else "finished",
            rules_version=1,
        )
        day.add(part, SOURCE, at + 90)


def _enter(
    state: State,
    day: Day,
    person: Person,
    campaign: Campaign,
    played: Activation,
    contact: Contact,
    at: float,
) -> None:
    dice, number, game = day.dice, person.number, played.game
    wins = game.kind in ("game", "contest", "quiz") and dice.happens(WINS_SHARE)
    fake = person.kind is Kind.FAKE
    participation_id = _record(
        state, day, number, campaign, played, contact, at, wins=wins and not fake
    )
    if fake:
        state.later(day.number + 1, _disqualify, number, campaign, played, participation_id)
        return
    if loyalty.promise(state, campaign.campaign_id, loyalty.cost_of(game.points).amount):
        loyalty.earn(
            state, day, number, game.points, "participation", at + 2, place=person.store,
            campaign_id=campaign.campaign_id, participation_id=participation_id,
        )  # fmt: skip
    if wins:
        loyalty.win(state, day, number, campaign.campaign_id, participation_id, at + 4)
    if game.entries_max == 1 and dice.happens(ONCE_TOO_OFTEN_SHARE):
        # Once too often: the ledger records it, and disqualifies it.
        _record(state, day, number, campaign, played, contact, at + 420, wins=False)


def _record(
    state: State,
    day: Day,
    number: int,
    campaign: Campaign,
    played: Activation,
    contact: Contact,
    at: float,
    *,
    wins: bool,
) -> str:
    participation_id = state.new_id("t")
    outcome = "won" if wins else "lost"
    if played.game.kind not in ("game", "contest", "quiz"):
        outcome = "finished"
    part = ParticipationRecorded(
        participation_id=participation_id,
        member_id=state.member(number),
        campaign_id=campaign.campaign_id,
        activation_id=played.activation_id,
        contact=contact,
        outcome=outcome,
        rules_version=1,
    )
    day.add(part, SOURCE, at)
    return participation_id


def _come_again(state: State, day: Day, person: Person, campaign: Campaign, count: int) -> None:
    """Whoever may take part again does so often; a few try when it is over."""
    game = campaign.activations[0].game
    again = game.entries_period != "campaign" or count + 1 < (game.entries_max or 1)
    if person.kind is Kind.FAKE:
        again = again and count < FAKE_REPEATS_MAX
    when = day.number + DAYS_TO_NEXT_ENTRY[game.entries_period] + int(day.dice.wait(2.0))
    if again and when <= campaign.last and day.dice.happens(0.3 + 0.6 * person.manner.takes_part):
        state.enter(when, (count + 1) << 16 | campaign.number, person.number)
    elif day.dice.happens(TOO_LATE_SHARE):
        state.later(campaign.last + 1, _too_late, person.number, campaign)


def _too_late(state: State, day: Day, number: int, campaign: Campaign) -> None:
    """Somebody plays on an old page when the campaign is over; the ledger disqualifies it."""
    if state.has(number, ENDED):
        return
    device = state.people.device(number)
    contact = Contact(channel="web", medium="organic", origin="earned", device=device)
    _record(
        state,
        day,
        number,
        campaign,
        campaign.activations[0],
        contact,
        day.waking_hours(),
        wins=False,
    )


def _disqualify(
    state: State,
    day: Day,
    number: int,
    campaign: Campaign,
    played: Activation,
    participation_id: str,
) -> None:
    """The fraud desk finds several accounts on one device."""
    found = ParticipationDisqualified(
        participation_id=participation_id,
        member_id=state.member(number),
        campaign_id=campaign.campaign_id,
        activation_id=played.activation_id,
        reason="duplicate_device",
    )
    day.add(found, "campaign-desk", day.open_hours())
