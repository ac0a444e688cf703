"""How people become members, how they are recognised, what they allow, and how they leave."""

from __future__ import annotations

from typing import Final

from domain.accounts import AccountOpened, HolderAdded
from domain.contact import Contact
from domain.engagement import VisitRecorded
from domain.identities import IdentityReleased, MemberIdentified
from domain.participations import ParticipationRecorded
from domain.people import (
    MemberEnrolled,
    MembershipEnded,
    ProfileUpdated,
    VisitorIdentified,
)
from filrouge.simulator import allowing, circle, taking_part
from filrouge.simulator.brand import POINTS_CURRENCY, PROGRAMME, WEB
from filrouge.simulator.people import HOUSEHOLD_REACH, Kind, Person
from filrouge.simulator.plan import ALWAYS_ON, Campaign
from filrouge.simulator.state import EMAIL_ALLOWED, ENDED, MOVED, Day, State

SOURCE: Final = "crm"
WEB_SOURCE: Final = "web-shop"
PHONE_SHARE: Final = 0.35
PROFILE_SHARE: Final = 0.3


def welcome(state: State, day: Day, number: int) -> None:
    """A member enrols: in a campaign, by a friend, in a shop or on the site."""
    person = state.people.at(number)
    at = day.open_hours()
    fake = person.kind is Kind.FAKE
    friend = None if fake or not state.came_by_friend else state.came_by_friend.popleft()
    campaign = _campaign_of(state, day, fake=fake)
    if friend is not None:
        referral_id, advocate, share = friend
        state.referred[number] = (referral_id, advocate)
        state.parent_shares[number] = share
        circle.wait_for_purchase(state, day, number)
    contact, visitor = _way_in(state, day, person, campaign, friend)
    campaign_id = campaign.campaign_id if campaign else ALWAYS_ON
    if visitor is not None:
        _visit_first(state, day, person, visitor, campaign, contact, at)
    state.enrolled = number + 1
    member_id = state.member(number)
    joined = MemberEnrolled(
        member_id=member_id,
        campaign_id=campaign_id,
        contact=contact,
        age_band=state.people.age_band(number),
        country=person.store.country,
        language=person.store.language,
    )
    day.add(joined, SOURCE, at)
    _open_account(state, day, person, at + 1)
    _identify(state, day, person, contact, at + 2)
    if visitor is not None:
        seen = VisitorIdentified(visitor_id=visitor, member_id=member_id, campaign_id=campaign_id)
        day.add(seen, SOURCE, at + 5)
    allowing.ask(state, day, number, campaign_id, at + 6)
    if fake:
        circle.refer_oneself(state, day, number, at + 30)
    _first_occasion(state, day, person, friend is not None)


def _campaign_of(state: State, day: Day, *, fake: bool) -> Campaign | None:
    running = state.plan.running(day.number)
    if not running or not (fake or day.dice.happens(0.78)):
        return None
    return max(running, key=lambda campaign: campaign.idea.enrols * day.dice.random())


def _way_in(
    state: State,
    day: Day,
    person: Person,
    campaign: Campaign | None,
    friend: tuple[str, int, int] | None,
) -> tuple[Contact, str | None]:
    """Through which door the member came, and as which visitor, if they were seen before."""
    dice = day.dice
    if friend is not None:
        channel, share = "instagram" if dice.happens(0.4) else "web", state.id_of("s", friend[2])
        return Contact(channel=channel, origin="shared", share_id=share), state.new_id("n")
    if campaign is None:
        if dice.happens(0.6):
            staff = f"staff-{dice.between(1, 9)}"
            store_id = person.store.store_id
            return Contact(channel="store", origin="owned", store_id=store_id, staff_id=staff), None
        return Contact(channel="web", origin="owned", medium="organic"), state.new_id("n")
    if dice.happens(campaign.idea.paid):
        return taking_part.paid_contact(state, day, campaign), state.new_id("n")
    origin = "earned" if dice.happens(0.5) else "owned"
    return Contact(channel="web", origin=origin, medium="organic"), state.new_id("n")


def _visit_first(
    state: State,
    day: Day,
    person: Person,
    visitor: str,
    campaign: Campaign | None,
    contact: Contact,
    at: float,
) -> None:
    """What an unknown visitor does before the brand knows who it is."""
    visit = VisitRecorded(
        visitor_id=visitor,
        campaign_id=campaign.campaign_id if campaign else None,
        contact=contact,
        place="web",
        landing=campaign.idea.slug if campaign else "accueil",
    )
    day.add(visit, WEB_SOURCE, at - 200)
    if campaign is None:
        return
    played = day.dice.pick(campaign.activations)
    part = ParticipationRecorded(
        participation_id=state.new_id("t"),
        visitor_id=visitor,
        campaign_id=campaign.campaign_id,
        activation_id=played.activation_id,
        contact=_with_device(contact, state.people.device(person.number)),
        outcome="lost" if played.game.kind in ("game", "contest", "quiz") else "finished",
        rules_version=1,
    )
    day.add(part, "social", at - 60)


def _with_device(contact: Contact, device: str) -> Contact:
    return Contact(
        channel=contact.channel,
        source=contact.source,
        medium=contact.medium,
        origin=contact.origin,
        creative_id=contact.creative_id,
        click_id=contact.click_id,
        share_id=contact.share_id,
        device=device,
    )


def _open_account(state: State, day: Day, person: Person, at: float) -> None:
    """A member gets an account, or shares the household's."""
    member_id, account_id = state.member(person.number), state.account(person.number)
    if person.head == person.number:
        opened = AccountOpened(
            account_id=account_id,
            programme=PROGRAMME,
            points_currency=POINTS_CURRENCY,
            holders=(member_id,),
        )
        day.add(opened, SOURCE, at)
    else:
        day.add(HolderAdded(account_id=account_id, member_id=member_id), SOURCE, at)


def _identify(state: State, day: Day, person: Person, contact: Contact, at: float) -> None:
    """By which keys the member is recognised: the e-mail first, a household's is nobody's alone."""
    number, dice = person.number, day.dice
    alone = not _in_household(state, person)
    keys = [("email", state.email(person.head), alone, "link")]
    if contact.channel == "store":
        keys.append(("loyalty_card", f"2790{number:09d}", True, "card-shown"))
    elif contact.channel in ("instagram", "messenger", "facebook") and dice.happens(0.7):
        keys.append(
            (contact.channel, state.id_of(f"{contact.channel}-user", number), True, "login")
        )
    if dice.happens(PHONE_SHARE):
        keys.append(("phone", state.people.phone(number), True, "sms"))
    for kind, value, exclusive, verified in keys:
        identified = MemberIdentified(
            member_id=state.member(number),
            kind=kind,
            exclusive=exclusive,
            value=value,
            verified=verified,
        )
        day.add(identified, SOURCE, at)
    if dice.happens(PROFILE_SHARE):
        first, last = state.people.name(number)
        profile = ProfileUpdated(
            member_id=state.member(number),
            personal={"first_name": first, "last_name": last},
            plain={"favourite_store": person.store.store_id},
        )
        day.add(profile, SOURCE, at + 1)


def _in_household(state: State, person: Person) -> bool:
    """Whether others share, or will share, this member's account and e-mail."""
    if person.head != person.number:
        return True
    followers = range(person.number + 1, min(person.number + 1 + HOUSEHOLD_REACH, state.members))
    return any(state.people.head(follower) == person.number for follower in followers)


def _first_occasion(state: State, day: Day, person: Person, referred: bool) -> None:  # noqa: FBT001
    """When the member is next seen. Who came by a friend buys soon, as friends do."""
    if person.kind is Kind.FAKE:
        return
    mean = min(person.manner.days_between, 20.0) if referred else person.manner.days_between / 2
    state.call(day.number + 1 + int(day.dice.wait(mean)), person.number)


def move(state: State, day: Day, person: Person, at: float) -> None:
    """A member changes the e-mail address: one identity is released, another takes its place."""
    number = person.number
    if state.has(number, MOVED) or _in_household(state, person):
        return
    state.set(number, MOVED)
    member_id = state.member(number)
    old, new = state.email(number), state.email(number, moves=1)
    released = IdentityReleased(
        member_id=member_id, kind="email", value=old, reason="the member has another address"
    )
    day.add(released, SOURCE, at, WEB)
    known = MemberIdentified(
        member_id=member_id, kind="email", exclusive=True, value=new, verified="link"
    )
    day.add(known, SOURCE, at + 30, WEB)


def leave(state: State, day: Day, person: Person, at: float) -> None:
    """A member ends the membership. Households stay, so that nobody else loses the account."""
    if _in_household(state, person):
        return
    if state.has(person.number, EMAIL_ALLOWED):
        allowing.withdraw_email(state, day, person.number, at - 60)
    state.set(person.number, ENDED)
    member_id = state.member(person.number)
    day.add(MembershipEnded(member_id=member_id, reason="asked"), SOURCE, at)
