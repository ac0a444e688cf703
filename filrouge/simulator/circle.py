"""What members do for each other and for the brand: shares, friends brought, questions answered."""

from __future__ import annotations

from typing import Final

from domain.contact import Contact
from domain.engagement import (
    AnswerAccepted,
    ContributionPosted,
    ContributionViewed,
    ShareRecorded,
    VisitRecorded,
)
from domain.referrals import ReferralCodeIssued, ReferralMade, ReferralVoided
from filrouge.simulator import loyalty
from filrouge.simulator.brand import ARTICLES, PROGRAMME
from filrouge.simulator.people import FAKE_RING, Kind, Person
from filrouge.simulator.plan import ALWAYS_ON
from filrouge.simulator.state import ENDED, HAS_CODE, Asked, Day, State, friend_email

SOURCE: Final = "social"
COMMUNITY: Final = "community"
REFERS_SHARE: Final = 0.24
COMES_SHARE: Final = 0.45
"""Friends who are named and then enrol."""
WAITS_DAYS: Final = 60
"""A friend who has not bought by then is free to be named by somebody else."""
ANSWER_POINTS: Final = 30
CHANNELS: Final = ("instagram", "facebook", "messenger", "x", "app")


def push(state: State, day: Day) -> float:
    """How much more often than usual members share and refer today."""
    return max((campaign.idea.push for campaign in state.plan.running(day.number)), default=1.0)


def share(state: State, day: Day, person: Person, at: float, campaign_id: str | None) -> None:
    """A member passes something on; some follow it, and a friend may be brought."""
    dice, number = day.dice, person.number
    campaign_id = campaign_id or ALWAYS_ON
    serial = state.next_number("s")
    share_id = state.id_of("s", serial)
    parent = state.parent_shares[number]
    channel = dice.pick(CHANNELS)
    day.add(
        ShareRecorded(
            share_id=share_id,
            member_id=state.member(number),
            campaign_id=campaign_id,
            content_id=f"{campaign_id}.{dice.between(1, 6)}",
            contact=Contact(channel=channel, origin="shared"),
            parent_share_id=state.id_of("s", parent) if parent else None,
        ),
        SOURCE,
        at,
    )
    for _ in range(dice.count(2.2 if person.kind is Kind.SUPERFAN else 1.1)):
        state.later(day.number + dice.between(1, 3), _follow, share_id, campaign_id, channel)
    if dice.happens(min(0.9, REFERS_SHARE * push(state, day))):
        _refer(state, day, number, serial, at + 90, campaign_id)


def _follow(state: State, day: Day, share_id: str, campaign_id: str, channel: str) -> None:
    """Somebody follows a share to the brand."""
    visit = VisitRecorded(
        visitor_id=state.new_id("n"),
        campaign_id=campaign_id,
        contact=Contact(channel=channel, origin="shared", share_id=share_id),
        place="web",
        landing="partage",
    )
    day.add(visit, "web-shop", day.waking_hours())


def _refer(state: State, day: Day, number: int, serial: int, at: float, campaign_id: str) -> None:
    """An advocate names a friend, who may come within days."""
    dice = day.dice
    referral_id = _name_friend(
        state, day, number, friend_email(serial), at, campaign_id, state.people.device(number)
    )
    if dice.happens(COMES_SHARE):
        when = day.number + dice.between(1, 10)
        state.later(when, _come, referral_id, number, serial)


def _name_friend(
    state: State, day: Day, number: int, email: str, at: float, campaign_id: str, device: str
) -> str:
    code = state.id_of("code", number)
    member_id = state.member(number)
    if not state.has(number, HAS_CODE):
        state.set(number, HAS_CODE)
        issued = ReferralCodeIssued(member_id=member_id, code=code, programme=PROGRAMME)
        day.add(issued, loyalty.SOURCE, at - 30)
    referral_id = state.new_id("f")
    made = ReferralMade(
        referral_id=referral_id,
        advocate_id=member_id,
        code=code,
        programme=PROGRAMME,
        campaign_id=campaign_id,
        prospect=email,
        prospect_kind="email",
        contact=Contact(channel="web", origin="shared", device=device),
    )
    day.add(made, SOURCE, at)
    return referral_id


def _come(state: State, day: Day, referral_id: str, advocate: int, serial: int) -> None:
    """A friend is on the way: one of those who enrol from today on."""
    del day
    state.came_by_friend.append((referral_id, advocate, serial))


def wait_for_purchase(state: State, day: Day, number: int) -> None:
    """Give a referee some weeks to buy something; after that, the referral is void."""
    state.later(day.number + WAITS_DAYS, _give_up, number)


def _give_up(state: State, day: Day, number: int) -> None:
    if number in state.referred:
        referral_id, advocate = state.referred.pop(number)
        _void(state, day, referral_id, advocate, number, "no purchase within sixty days")


def _void(
    state: State, day: Day, referral_id: str, advocate: int, referee: int | None, reason: str
) -> None:
    voided = ReferralVoided(
        referral_id=referral_id,
        advocate_id=state.member(advocate),
        referee_id=None if referee is None else state.member(referee),
        programme=PROGRAMME,
        reason=reason,
    )
    day.add(voided, "campaign-desk", day.open_hours())


def refer_oneself(state: State, day: Day, number: int, at: float) -> None:
    """A fake account: somebody names themself, or an invented friend on the same device."""
    owner = number // FAKE_RING * FAKE_RING
    while owner < number and (state.people.kind(owner) is Kind.FAKE or state.has(owner, ENDED)):
        owner += 1
    if owner == number:
        return
    own = number % 2 == 0
    email = state.email_now(owner if own else number)
    device = state.people.device(number)
    referral_id = _name_friend(state, day, owner, email, at, ALWAYS_ON, device)
    if not own:  # one's own address is seen by the ledger itself
        reason = "the advocate's own device"
        state.later(day.number + 2, _void, referral_id, owner, number, reason)


def contribute(state: State, day: Day, person: Person, at: float) -> None:
    """A member asks, answers or judges something in the community."""
    dice, number = day.dice, person.number
    answers = bool(state.questions) and dice.happens(0.55)
    asked = state.questions.popleft() if answers else None
    if asked is not None and asked.number == number:
        asked = None
    kind = "answer" if asked else ("question" if dice.happens(0.4) else "review")
    contribution_id = state.new_id("k")
    article = ARTICLES.at(dice.random())
    day.add(
        ContributionPosted(
            contribution_id=contribution_id,
            member_id=state.member(number),
            kind=kind,
            topic=article.category,
            sku=article.sku,
            rating=20 * dice.between(2, 5) if kind == "review" else None,
            parent_id=asked.contribution_id if asked else None,
        ),
        COMMUNITY,
        at,
    )
    state.contributions.append(contribution_id)
    if kind == "question":
        state.questions.append(Asked(contribution_id, number))
    elif asked is not None and dice.happens(0.6):
        state.later(day.number + dice.between(1, 4), _accept, contribution_id, number, asked)


def _accept(state: State, day: Day, contribution_id: str, number: int, asked: Asked) -> None:
    """Somebody who asked finds the answer good."""
    at = day.waking_hours()
    accepted = AnswerAccepted(
        contribution_id=contribution_id,
        member_id=state.member(number),
        question_id=asked.contribution_id,
        accepted_by="asker",
        accepter_id=state.member(asked.number),
    )
    day.add(accepted, COMMUNITY, at)
    if not state.has(number, ENDED):
        store = state.people.at(number).store
        loyalty.earn(
            state, day, number, ANSWER_POINTS, "contribution", at + 2,
            place=store, contribution_id=contribution_id,
        )  # fmt: skip


def count_views(state: State, day: Day) -> None:
    """Once a month the community reports how often its contributions were read."""
    until = day.time(0)
    for contribution_id in state.contributions:
        viewed = ContributionViewed(
            contribution_id=contribution_id, count=day.dice.count(24), period_ends=until
        )
        day.add(viewed, COMMUNITY, 7_200)
