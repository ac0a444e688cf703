"""Profiles: one page for a member's whole history, and nothing in it that was voided."""

from datetime import timedelta
from typing import Any

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.contact import Contact
from domain.engagement import AnswerAccepted, ContributionPosted, ShareRecorded, VisitRecorded
from domain.identities import IdentityReleased, MemberIdentified
from domain.invitations import InvitationOpened, InvitationSent
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.people import MemberEnrolled, MembershipEnded, ProfileUpdated, VisitorIdentified
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from projections import profiles
from projections.profile_rows import Enrolment
from projections.profiles import PROFILES, Advocacy, Advocate, CampaignPart, Profile
from projections.purchases import Spend
from tests.projections.brand import DAY, SPRING, Brand


def profile_of(brand: Brand, member_id: str) -> Profile:
    """The profile of a member as of now."""
    with brand.reader(PROFILES) as reader:
        found = profiles.member(reader, member_id)
    assert found is not None
    return found


def participated(number: int, campaign_id: str = "c1", **who: Any) -> ParticipationRecorded:
    """A participation in a campaign."""
    return ParticipationRecorded(
        participation_id=f"p{number}",
        campaign_id=campaign_id,
        activation_id="a1",
        **(who or {"member_id": "m1"}),
    )


def bought(number: int, net: int, currency: str = "EUR", **who: Any) -> PurchaseRecorded:
    """A purchase."""
    return PurchaseRecorded(
        purchase_id=f"k{number}", net=net, currency=currency, **(who or {"member_id": "m1"})
    )


def test_nobody_has_no_profile(brand: Brand) -> None:
    """Somebody of whom no event speaks is not there; somebody not enrolled is, and not enrolled."""
    brand.tell(participated(1))
    with brand.reader(PROFILES) as reader:
        assert profiles.member(reader, "m2") is None
    assert profile_of(brand, "m1").enrolment is None


def test_who_a_member_is(brand: Brand) -> None:
    """Enrolment, identities and attributes; personal ones stay sealed until the edge."""
    brand.tell(MemberEnrolled(member_id="m1", campaign_id="c1", country="FR", age_band="25-34"))
    for value in ("anne@example.org", "old@example.org"):
        brand.tell(MemberIdentified(member_id="m1", kind="email", value=value, exclusive=True))
    vault = brand.ledger.vault
    old, new = (vault.find("identity", "email", f"{one}@example.org") for one in ("old", "anne"))
    brand.tell(IdentityReleased(member_id="m1", identity_id=old, reason="given up"), day=1)
    brand.tell(ProfileUpdated(member_id="m1", personal={"name": "Anne"}, plain={"size": 38}), day=5)
    brand.tell(ProfileUpdated(member_id="m1", plain={"size": 36, "fan": True}), day=2)
    brand.tell(ProfileUpdated(member_id="m1", plain={"fan": True}, removed=("gone",)), day=3)
    brand.tell(ProfileUpdated(member_id="m1", plain={"gone": 1}, removed=("fan",)), day=4)
    brand.tell(ProfileUpdated(member_id="m1", removed=("gone",)), day=6)
    found = profile_of(brand, "m1")
    assert found.enrolment == Enrolment(SPRING, "c1", "FR", age_band="25-34")
    assert [one.identity_id for one in found.identities] == [new]
    assert vault.open(found.identities[0].value) == "anne@example.org"
    assert found.attributes.keys() == {"name", "size"}
    assert found.attributes["size"] == 38
    assert vault.open(str(found.attributes["name"])) == "Anne"


def test_consents_are_those_of_now(brand: Brand) -> None:
    """What was said last, and not what was recorded last."""
    brand.tell(ConsentWithdrawn(member_id="m1", purpose="marketing", channel="sms"), day=5)
    brand.tell(ConsentGranted(member_id="m1", purpose="marketing", channel="sms"), day=1)
    brand.tell(
        ConsentGranted(
            member_id="m1", purpose="marketing", channel="email", double_opt_in="pending"
        ),
        day=2,
    )
    found = profile_of(brand, "m1").consents
    assert [(one.channel, one.granted, one.holds) for one in found] == [
        ("email", True, False),
        ("sms", False, False),
    ]


def test_what_a_member_did(brand: Brand) -> None:
    """Everything is counted over the whole history, and being written to is no contact."""
    sent = InvitationSent(invitation_id="i1", member_id="m1", campaign_id="c1")
    opened = InvitationOpened(invitation_id="i1", member_id="m1", campaign_id="c1")
    brand.tell(sent, day=-9)
    brand.tell(opened, opened, day=-8)
    brand.tell(participated(1), participated(2), participated(3, "c2"), day=3)
    disqualification = ParticipationDisqualified(
        participation_id="p2", member_id="m1", campaign_id="c1", activation_id="a1", reason="rules"
    )
    brand.tell(disqualification, day=4)
    brand.tell(ShareRecorded(share_id="s1", member_id="m1"), day=-2)
    brand.tell(VisitRecorded(member_id="m1", place="store"), day=7)
    brand.tell(ContributionPosted(contribution_id="a1", member_id="m1", kind="answer"), day=5)
    brand.tell(AnswerAccepted(contribution_id="a1", member_id="m1", accepter_id="m2"), day=8)
    brand.tell(AnswerAccepted(contribution_id="a2", member_id="m2", accepter_id="m1"), day=8)
    found = profile_of(brand, "m1")
    assert (found.invitations_sent, found.invitations_opened) == (1, 2)
    assert (found.participations, found.disqualified) == (2, 1)
    at = SPRING + 3 * DAY
    assert found.campaigns == (CampaignPart("c1", 1, at, at), CampaignPart("c2", 1, at, at))
    assert (found.shares, found.visits, found.contributions) == (1, 1, 1)
    assert found.accepted_answers == 1
    assert (found.first_contact, found.last_contact) == (SPRING - 2 * DAY, SPRING + 7 * DAY)


def test_spend_is_by_currency_with_returns_taken_off(brand: Brand) -> None:
    """A return of what was voided takes nothing off, and a purchase told twice counts once."""
    brand.tell(bought(1, 1_000), bought(2, 500), bought(3, 300, "CHF"), day=2)
    wrong = brand.tell(bought(4, 9_000), day=1)
    brand.tell(bought(1, 1_000), day=3)
    for number, net in ((1, 400), (4, 9_000)):
        brand.tell(
            PurchaseReturned(
                return_id=f"r{number}", purchase_id=f"k{number}", net=net, currency="EUR"
            ),
            day=9,
        )
    brand.void(wrong)
    found = profile_of(brand, "m1")
    assert found.spend == (Spend("CHF", 1, 300), Spend("EUR", 2, 1_500, 400))
    assert found.spend[1].revenue == 1_100
    assert found.first_purchase == SPRING + 2 * DAY
    with brand.reader(PROFILES) as reader:
        assert profiles.totals(reader).spend == found.spend


def test_what_an_unknown_visitor_did_becomes_the_members(brand: Brand) -> None:
    """From the beginning, as soon as the visitor is known; and what the member's account bought."""
    brand.tell(participated(1, visitor_id="v1"), VisitRecorded(visitor_id="v1"), day=1)
    brand.tell(VisitRecorded(contact=Contact(visitor_id="v1"), place="web"), day=2)
    account = AccountOpened(
        account_id="a1", programme="club", points_currency="stars", holders=("m1",)
    )
    brand.tell(account, MemberEnrolled(member_id="m1"), day=3)
    brand.tell(bought(1, 700, account_id="a1"), day=4)
    brand.tell(VisitorIdentified(visitor_id="v1", member_id="m1"), day=5)
    found = profile_of(brand, "m1")
    assert (found.participations, found.visits) == (1, 2)
    assert found.first_contact == SPRING + DAY
    assert found.spend == (Spend("EUR", 1, 700),)


def test_what_a_household_buys_is_nobodys_alone(brand: Brand) -> None:
    """A purchase that names only an account with two holders is not counted for either."""
    household = AccountOpened(
        account_id="a1", programme="club", points_currency="stars", holders=("m1", "m2")
    )
    brand.tell(household, bought(1, 700, account_id="a1"))
    assert profile_of(brand, "m1").spend == profile_of(brand, "m2").spend == ()


def test_accounts_are_those_held_now(brand: Brand) -> None:
    """In the order in which the member got them."""
    for name in ("a2", "a1", "a3"):
        brand.tell(AccountOpened(account_id=name, programme="club", points_currency="stars"))
        brand.tell(HolderAdded(account_id=name, member_id="m1"))
    brand.tell(HolderRemoved(account_id="a1", member_id="m1"))
    assert profile_of(brand, "m1").accounts == ("a2", "a3")


def test_advocates_are_ranked_by_what_holds(brand: Brand) -> None:
    """A referral that was voided counts no more, and a referee's profile says who brought them."""
    for number, advocate in enumerate(("m1", "m1", "m1", "m2", "m3")):
        named: dict[str, Any] = (
            {"prospect": f"{number}@example.org", "prospect_kind": "email"} if number else {}
        )
        brand.tell(
            ReferralMade(
                referral_id=f"r{number}", advocate_id=advocate, programme="friends", **named
            )
        )
    for number, advocate in enumerate(("m1", "m1", "m1", "m2")):
        brand.tell(
            ReferralQualified(
                referral_id=f"r{number}",
                advocate_id=advocate,
                referee_id=f"n{number // 2}",
                programme="friends",
            )
        )
    brand.tell(
        ReferralVoided(
            referral_id="r2", advocate_id="m1", referee_id="n1", programme="friends", reason="false"
        )
    )
    first = Advocacy(2, 3, 2, 1, 1)
    assert profile_of(brand, "m1").advocacy == first
    assert profile_of(brand, "n0").referred_by == ("m1",)
    assert profile_of(brand, "n1").referred_by == ("m2",)
    with brand.reader(PROFILES) as reader:
        second = Advocate("m2", Advocacy(1, 1, 1, 0, 1))
        assert profiles.top_advocates(reader, 10) == (Advocate("m1", first), second)
        assert profiles.top_advocates(reader, 1) == (Advocate("m1", first),)


def test_totals_are_over_all_members(brand: Brand) -> None:
    """Who enrolled, who left, and what they bought."""
    brand.tell(*(MemberEnrolled(member_id=f"m{number}") for number in range(3)))
    brand.tell(MembershipEnded(member_id="m1"), day=1)
    brand.tell(bought(1, 100), bought(2, 50, member_id="m2"))
    with brand.reader(PROFILES) as reader:
        found = profiles.totals(reader)
        assert profiles.members(reader, ["m1", "m9"]).keys() == {"m1"}
    assert (found.enrolled, found.ended) == (3, 1)
    assert found.spend == (Spend("EUR", 2, 150),)
    assert profile_of(brand, "m1").ended_at == SPRING + timedelta(days=1)
