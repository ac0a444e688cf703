"""Campaign returns: whom a campaign reached, what it cost, and what the brand paid for twice."""

from typing import Any

import pytest

from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.contact import Contact
from domain.engagement import ShareRecorded, VisitRecorded
from domain.event import Event
from domain.invitations import InvitationOpened, InvitationSent
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MembershipEnded, VisitorIdentified
from domain.points import PointsClawedBack, PointsEarned
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.rewards import RewardGranted, RewardRedeemed, RewardWithdrawn
from domain.spending import CostRecorded, ImpressionsReported
from domain.types import Money
from projections import campaign_returns
from projections.campaign_activity import Cost, Seen
from projections.campaign_figures import Figure, nearest
from projections.campaign_returns import CAMPAIGN_RETURNS, Outcome, People, Returns, Revenue
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.movements import earned, taken

PLAN = CampaignPlanned(
    campaign_id="c1", name="Spring", starts=SPRING, ends=SPRING + 20 * DAY, currency="EUR"
)


def eur(amount: int) -> Money:
    """An amount in cents."""
    return Money(amount=amount, currency="EUR")


def returns_of(brand: Brand, campaign_id: str = "c1") -> Returns:
    """The returns of a campaign as of now."""
    with brand.reader(CAMPAIGN_RETURNS) as reader:
        found = campaign_returns.returns(reader, campaign_id)
    assert found is not None
    return found


def figure(found: Returns, name: str) -> Figure:
    """The one figure of this name."""
    [figure] = [one for one in found.figures if one.name == name]
    return figure


def participated(who: str, origin: str | None = None, number: int = 0) -> ParticipationRecorded:
    """Somebody took part; ``v...`` is a visitor, everybody else a member."""
    return ParticipationRecorded(
        participation_id=f"p-{who}-{number}",
        member_id=None if who.startswith("v") else who,
        visitor_id=who if who.startswith("v") else None,
        campaign_id="c1",
        activation_id="a1",
        contact=Contact(origin=origin) if origin else None,
    )


def bought(who: str, number: int, net: int, currency: str = "EUR") -> PurchaseRecorded:
    """A member bought something."""
    return PurchaseRecorded(
        purchase_id=f"k-{who}-{number}", member_id=who, net=net, currency=currency
    )


def allowed(who: str, channel: str = "email") -> Event:
    """A member may be written to."""
    return ConsentGranted(member_id=who, purpose="marketing", channel=channel)


def test_the_audience_is_new_known_or_bought_again(brand: Brand) -> None:
    """Who was a member before it began, who was paid for, and who could have been written to."""
    brand.tell(PLAN, day=-60)
    for who in ("known", "mute", "left", "withdrew", "organic", "late"):
        brand.tell(MemberEnrolled(member_id=who), day=-50)
    brand.tell(*(allowed(who) for who in ("known", "left", "withdrew", "organic")), day=-40)
    brand.tell(allowed("mute", "facebook"), day=-40)
    brand.tell(ConsentWithdrawn(member_id="withdrew", purpose="marketing"), day=-1)
    brand.tell(allowed("late"), day=1)
    brand.tell(MembershipEnded(member_id="left"), day=-10)
    brand.tell(MemberEnrolled(member_id="new", campaign_id="c1"), allowed("new"), day=2)
    brand.tell(MemberEnrolled(member_id="absent", campaign_id="c1"), day=2)
    for who in ("known", "mute", "left", "withdrew", "late", "new"):
        brand.tell(participated(who, "paid"), participated(who, "owned", 1), day=3)
    brand.tell(participated("organic", "owned"), participated("v1"), participated("v2"), day=4)
    brand.tell(participated("early", "paid"), day=-5)
    brand.tell(VisitorIdentified(visitor_id="v2", member_id="known"), day=5)
    brand.tell(CostRecorded(campaign_id="c1", kind="media", cost=eur(1_000)))
    brand.tell(CostRecorded(campaign_id="c1", kind="agency", cost=eur(500)))
    found = returns_of(brand)
    assert found.people == People(
        participants=8,  # six who were paid for, one who was not, and one visitor
        participations=15,
        disqualified=1,
        members=7,
        known=5,
        new=1,
        paid_origin=6,
        re_bought=1,
        enrolments=2,
        new_customers=0,
    )
    known, again = figure(found, "known_audience"), figure(found, "re_bought_audience")
    assert (known.numerator, known.denominator) == (5, 8)
    assert (again.numerator, again.denominator) == (1, 6)
    wasted = figure(found, "re_bought_cost")
    assert (wasted.numerator, wasted.denominator, wasted.amount) == (1_000, 6, 167)
    assert wasted.currency == "EUR"
    each = figure(found, "cost_per_participant")
    assert (each.numerator, each.denominator, each.amount) == (1_500, 8, 188)
    assert figure(found, "cost_per_enrolment").amount == 750
    assert figure(found, "cost_per_new_customer").amount is None


def test_revenue_is_what_participants_bought_in_the_window(brand: Brand) -> None:
    """From the start to 30 days after the end, by currency, less what came back of it."""
    brand.tell(PLAN, day=-60)
    brand.tell(bought("old", 0, 111), day=-0.5)
    brand.tell(participated("old"), participated("m1"), participated("m2"), day=1)
    brand.tell(bought("m1", 1, 1_000), bought("m1", 2, 70, "CHF"), day=0)
    brand.tell(bought("old", 1, 500), bought("nobody", 1, 9_999), day=49)
    brand.tell(bought("m2", 1, 10_000), day=50)
    brand.tell(
        PurchaseReturned(return_id="r1", purchase_id="k-m1-1", net=400, currency="EUR"), day=90
    )
    brand.tell(
        PurchaseReturned(return_id="r2", purchase_id="k-m2-1", net=10_000, currency="EUR"), day=51
    )
    found = returns_of(brand)
    assert (found.revenue_from, found.revenue_until) == (SPRING, SPRING + 50 * DAY)
    assert found.participant_revenue == (
        Revenue("CHF", 1, 70, 0, buyers=1),
        Revenue("EUR", 2, 1_500, 400, buyers=2),
    )
    assert found.people.new_customers == 1  # m1; old bought before, and m2 only afterwards


def test_changing_the_plan_changes_every_figure(brand: Brand) -> None:
    """Who was known, and what lies in the window, follows the dates that hold now."""
    brand.tell(PLAN, day=-60)
    brand.tell(MemberEnrolled(member_id="m1"), day=-5)
    brand.tell(participated("m1"), day=1)
    brand.tell(bought("m1", 1, 1_000), day=45)
    found = returns_of(brand)
    assert (found.people.known, found.people.new) == (1, 0)
    assert found.participant_revenue == (Revenue("EUR", 1, 1_000, 0, buyers=1),)
    amended = brand.tell(CampaignAmended(campaign_id="c1", starts=SPRING - 10 * DAY), day=2)
    closed = brand.tell(CampaignClosed(campaign_id="c1"), day=3)
    found = returns_of(brand)
    assert (found.people.known, found.people.new) == (0, 1)
    assert found.revenue_until == SPRING + 33 * DAY
    assert found.participant_revenue == ()
    brand.void(amended)
    brand.void(closed)
    found = returns_of(brand)
    assert (found.people.known, found.people.new) == (1, 0)
    assert found.participant_revenue == (Revenue("EUR", 1, 1_000, 0, buyers=1),)
    brand.tell(CampaignAmended(campaign_id="c1", clear=("ends",)), day=4)
    assert returns_of(brand).revenue_until is None


def test_costs_are_kept_apart_by_kind_status_and_currency(brand: Brand) -> None:
    """Labour is hours x rate where both are given; a credit note takes off; nothing is mixed."""
    rate = Money(amount=5_000, currency="EUR")
    costs: list[tuple[str, Any, Money, dict[str, Any]]] = [
        ("media", "committed", eur(900), {}),
        ("media", "actual", eur(1_000), {}),
        ("media", "credit_note", eur(150), {}),
        ("media", "actual", Money(amount=70, currency="CHF"), {}),
        ("labour", "actual", eur(1), {"labour_minutes": 100, "hourly_rate": rate}),
        ("labour", "accrued", eur(40), {"labour_minutes": 100}),
    ]
    for kind, status, cost, more in costs:
        brand.tell(CostRecorded(campaign_id="c1", kind=kind, status=status, cost=cost, **more))
    brand.tell(participated("m1"))
    found = returns_of(brand)
    assert found.costs == (
        Cost("labour", "EUR", accrued=40, actual=8_333),
        Cost("media", "CHF", actual=70),
        Cost("media", "EUR", committed=900, actual=1_000, credit_note=150),
    )
    assert found.full_cost == {"CHF": 70, "EUR": 9_183}
    each = [one for one in found.figures if one.name == "cost_per_participant"]
    assert [(one.currency, one.amount) for one in each] == [("CHF", 70), ("EUR", 9_183)]


def test_what_was_promised_counts_as_cost_until_its_cost_is_recorded(brand: Brand) -> None:
    """Rewards and points at their expected cost, less what was taken back."""
    award: PointsEarned = earned("l1", 100, campaign_id="c1", cost=eur(80))
    brand.tell(award, earned("l2", 50, "a2", campaign_id="c1", cost=eur(40)))
    brand.tell(taken(PointsClawedBack, {"l1": 30}, campaign_id="c1", cost=eur(24)))
    for number, cost in enumerate((500, 300, 200)):
        brand.tell(
            RewardGranted(reward_id=f"w{number}", member_id="m1", campaign_id="c1", cost=eur(cost))
        )
    brand.tell(RewardRedeemed(reward_id="w0", member_id="m1", cost=eur(450)))
    brand.tell(RewardWithdrawn(reward_id="w1", member_id="m1", reason="mistake"))
    found = returns_of(brand)
    promised = found.promised
    assert (promised.awards, promised.points, promised.points_clawed_back) == (2, 150, 30)
    assert (promised.rewards_granted, promised.rewards_redeemed) == (3, 1)
    assert promised.rewards_withdrawn == 1
    assert (promised.points_cost, promised.rewards_cost) == ({"EUR": 96}, {"EUR": 650})
    assert found.full_cost == {"EUR": 746}
    brand.tell(CostRecorded(campaign_id="c1", kind="reward", cost=eur(700)))
    assert returns_of(brand).full_cost == {"EUR": 700}


def test_invitations_by_outcome(brand: Brand) -> None:
    """An invitation that is opened three times is one opened invitation, and three events."""

    def told(kind: type, number: int, **more: object) -> Event:
        made: Event = kind(invitation_id=f"i{number}", member_id="m1", campaign_id="c1", **more)
        return made

    brand.tell(*(told(InvitationSent, number) for number in range(4)))
    brand.tell(*(told(InvitationOpened, 0, opened_by="human") for _ in range(2)))
    brand.tell(told(InvitationOpened, 0, opened_by="machine"))
    brand.tell(InvitationOpened(invitation_id="i1", member_id="m1"))
    assert returns_of(brand).invitations == (
        Outcome("opened", 2, 4),
        Outcome("opened_human", 1, 2),
        Outcome("opened_machine", 1, 1),
        Outcome("opened_unknown", 1, 1),
        Outcome("sent", 4, 4),
    )


def test_visibility_by_stage(brand: Brand) -> None:
    """Reports add up by stage and channel, and what was not measured is not counted as clean."""
    reports: list[tuple[Any, int, int | None]] = [
        ("announced", 1_000, None),
        ("served", 400, 40),
        ("served", 300, None),
        ("viewable", 200, 0),
    ]
    for stage, count, invalid in reports:
        brand.tell(
            ImpressionsReported(
                campaign_id="c1", channel="web", stage=stage, count=count, invalid_count=invalid
            )
        )
    assert returns_of(brand).visibility == (
        Seen("announced", "web", 1_000),
        Seen("served", "web", 700, 40, 400),
        Seen("viewable", "web", 200, 0, 200),
    )


def test_what_people_did_around_it(brand: Brand) -> None:
    """Shares, visits and referrals; one that was voided is not a qualified one."""
    brand.tell(
        ShareRecorded(share_id="s1", member_id="m1", campaign_id="c1"),
        ShareRecorded(share_id="s2", campaign_id="c1", parent_share_id="s1"),
        VisitRecorded(visitor_id="v1", campaign_id="c1"),
    )
    ids: dict[str, Any] = {"advocate_id": "m1", "programme": "friends"}
    for number in range(3):
        named: dict[str, Any] = {"prospect": f"{number}@example.org"} if number else {}
        brand.tell(ReferralMade(referral_id=f"r{number}", campaign_id="c1", **ids, **named))
    for number in (0, 1):
        brand.tell(ReferralQualified(referral_id=f"r{number}", referee_id=f"n{number}", **ids))
    brand.tell(ReferralVoided(referral_id="r1", referee_id="n1", reason="false", **ids))
    found = returns_of(brand).engagement
    assert (found.shares, found.visits) == (2, 1)
    assert (found.friend_invitations, found.referrals_made) == (2, 3)
    assert (found.referrals_qualified, found.referrals_voided) == (1, 1)


def test_campaigns_are_listed_when_they_are_planned(brand: Brand) -> None:
    """By id, in pages; one that was only spoken of has returns, and no place in the list."""
    for name in ("c2", "c1", "c3"):
        brand.tell(
            CampaignPlanned(campaign_id=name, name=name.upper(), starts=SPRING, currency="EUR")
        )
    brand.tell(VisitRecorded(visitor_id="v1", campaign_id="c0"))
    with brand.reader(CAMPAIGN_RETURNS) as reader:
        first = campaign_returns.page(reader, None, 2)
        rest = campaign_returns.page(reader, first[-1].campaign_id, 2)
        assert campaign_returns.returns(reader, "nothing") is None
        spoken_of = campaign_returns.returns(reader, "c0")
    assert [plan.campaign_id for plan in first + rest] == ["c1", "c2", "c3"]
    assert first[0].name == "C1"
    assert spoken_of is not None
    assert spoken_of.campaign.starts is None


@pytest.mark.parametrize(
    "numerator, denominator, expected",
    [(1, 2, 1), (-1, 2, -1), (1, 3, 0), (2, 3, 1), (-150, 100, -2), (7, 0, None), (0, 5, 0)],
)
def test_amounts_are_rounded_to_the_nearest_unit(
    numerator: int, denominator: int, expected: int | None
) -> None:
    """Halves away from zero; what has no denominator has no figure."""
    assert nearest(numerator, denominator) == expected
