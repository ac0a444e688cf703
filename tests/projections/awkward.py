"""A history in which figures easily go wrong: told twice, in parts, too early, and taken back."""

from __future__ import annotations

from typing import Any, Final

from domain.accounts import AccountOpened
from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.contact import Contact
from domain.engagement import AnswerAccepted, ContributionPosted, ShareRecorded, VisitRecorded
from domain.event import Event
from domain.invitations import InvitationClicked, InvitationOpened, InvitationSent
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, VisitorIdentified
from domain.points import PointsClawedBack
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.rewards import RewardGranted, RewardRedeemed, RewardWithdrawn
from domain.spending import CostRecorded, ImpressionsReported
from domain.types import Money
from domain.voids import VoidBatch, VoidEvent
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.movements import earned, taken

MEMBERS: Final = {
    "anna": -40,
    "bert": -30,
    "cleo": -20,
    "dora": -10,
    "gina": 0,
    "emil": 2,
    "fay": 6,
}
"""When each was enrolled, in days after the first day of spring, when campaigns begin."""


def eur(amount: int, currency: str = "EUR") -> Money:
    """An amount in minor units."""
    return Money(amount=amount, currency=currency)


class Awkward:
    """Tells such a history to a ledger, with voids that its own decisions make."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.tell = brand.tell
        self._voids = 0

    def all(self) -> None:
        """Everything."""
        self.plans()
        self.people()
        self.engagement()
        self.participations()
        self.purchases()
        self.spending()
        self.promises()

    def void(self, position: int) -> None:
        """Take one event back, with what followed from it."""
        self._decide(VoidEvent(position=position, reason="wrong"))

    def _decide(self, command: Any) -> None:
        self._voids += 1
        ledger = self.brand.ledger
        ledger.decide(command, command_id=f"void-{self._voids}", actor="test").result()

    def plans(self) -> None:
        """Dates that change, that are taken away, and that nobody ever said."""
        plan: dict[str, Any] = {"starts": SPRING, "ends": SPRING + 20 * DAY, "currency": "EUR"}
        for name in ("moved", "open", "closed", "kept"):
            self.tell(CampaignPlanned(campaign_id=name, name=name, **plan), day=-60)
        self.tell(CampaignAmended(campaign_id="moved", starts=SPRING - 15 * DAY), day=-59)
        self.tell(CampaignAmended(campaign_id="moved", ends=SPRING + 25 * DAY), day=-58)
        self.tell(CampaignAmended(campaign_id="open", clear=("ends",)), day=-58)
        self.tell(CampaignClosed(campaign_id="closed"), day=5)
        self.void(self.tell(CampaignAmended(campaign_id="kept", starts=SPRING - 50 * DAY)))
        self.void(self.tell(CampaignClosed(campaign_id="kept"), day=3))

    def people(self) -> None:
        """Consents that replace each other, members who leave, visitors who are known late."""
        for who, day in MEMBERS.items():
            campaign_id = "open" if day > 0 else None
            self.tell(MemberEnrolled(member_id=who, campaign_id=campaign_id), day=day)
        self.tell(MemberEnrolled(member_id="hugo", campaign_id="open"), day=3)  # never takes part
        for who in MEMBERS:
            self.tell(AccountOpened(account_id=f"of-{who}", **_POINTS, holders=(who,)))
        self.tell(AccountOpened(account_id="of-both", **_POINTS, holders=("anna", "bert")))
        self.tell(_yes("anna", "e-mail"), day=-39)
        self.tell(_yes("bert", double_opt_in="pending"), _yes("bert", "facebook"), day=-29)
        self.tell(_yes("bert", "e-mail", purpose="profiling"), day=-28)
        self.tell(_yes("cleo", "sms"), day=-19)
        self.tell(ConsentWithdrawn(member_id="cleo", purpose="marketing"), day=-12)
        self.tell(_yes("cleo", "phone"), day=-15)  # recorded last, said before
        self.tell(_yes("dora"), day=-9)
        self.tell(ConsentWithdrawn(member_id="dora", purpose="marketing", channel="e-mail"), day=-8)
        taken_back = ConsentWithdrawn(member_id="anna", purpose="marketing")
        self.void(self.tell(taken_back, day=-5))
        self.tell(MembershipEnded(member_id="dora"), day=10)
        self.tell(MembershipEnded(member_id="bert"), day=-2)
        self.void(self.tell(MembershipEnded(member_id="anna"), day=-3))
        erased = MemberErased(
            member_id="cleo", destroyed=("subject-key",), irrecoverable_at=SPRING + 60 * DAY
        )
        self.tell(erased, day=30)
        self.void(self.tell(_identified("v1", "bert"), day=1))
        self.tell(_identified("v1", "emil"), day=4)
        self.tell(_identified("v2", "fay"), day=9)
        self.tell(_identified("v2", "anna"), day=8)  # recorded later, and it was earlier

    def engagement(self) -> None:
        """Invitations that only later say their campaign; referrals in every state."""
        told: dict[str, Any] = {"invitation_id": "i1", "member_id": "anna"}
        self.tell(InvitationSent(**told), InvitationOpened(**told))
        self.tell(InvitationOpened(**told, campaign_id="moved", opened_by="machine"))
        self.tell(InvitationClicked(**told, opened_by="human"), InvitationOpened(**told))
        wrong = InvitationSent(invitation_id="i2", member_id="bert", campaign_id="moved")
        self.void(self.tell(wrong))
        self.tell(VisitRecorded(visitor_id="v1", campaign_id="moved"), day=-70)
        self.tell(VisitRecorded(contact=Contact(visitor_id="v2"), campaign_id="nobody-planned"))
        self.tell(VisitRecorded(visitor_id="v3", member_id="dora"), VisitRecorded(visitor_id="v3"))
        self.tell(ShareRecorded(share_id="s1", visitor_id="v2", campaign_id="moved"))
        self.tell(ContributionPosted(contribution_id="q", member_id="anna", kind="question"))
        answer: dict[str, Any] = {"contribution_id": "r", "member_id": "fay", "kind": "answer"}
        self.tell(ContributionPosted(**answer, campaign_id="moved"))
        solved = {"contribution_id": "r", "question_id": "q", "accepter_id": "anna"}
        self.tell(AnswerAccepted(member_id="fay", **solved), AnswerAccepted(**solved))
        by: dict[str, Any] = {"advocate_id": "anna", "programme": "friends"}
        for number in range(5):
            named: dict[str, Any] = {"prospect": f"{number}@example.org"} if number % 2 else {}
            made = ReferralMade(referral_id=f"f{number}", campaign_id="moved", **by, **named)
            first = self.tell(made, day=1)
        for number, who in enumerate(("emil", "fay", "fay", "dora")):
            qualified = ReferralQualified(referral_id=f"f{number}", referee_id=who, **by)
            last = self.tell(qualified, day=7)
        self.tell(ReferralVoided(referral_id="f1", referee_id="fay", reason="false", **by))
        self.void(last)
        self.void(first)

    def participations(self) -> None:
        """Out of time, by visitors, told twice, voided; paid for and not."""
        for campaign_id in ("moved", "open", "closed", "kept", "nobody-planned"):
            for who in (*MEMBERS, "v1", "v2", "v3"):
                for number, (day, origin) in enumerate([(4, "paid"), (7, "owned"), (-1, "paid")]):
                    last = self.tell(_part(campaign_id, who, number, origin), day=day)
            self.void(last)
        self.tell(_part("moved", "anna", 0, "owned"), day=12)  # told twice
        self.tell(_part("kept", "v5", 0, "paid"), day=-1)  # counts for nothing, nor is it paid
        self.tell(_part("kept", "v5", 1, "owned"), day=1)
        self.tell(_part("kept", "v4", 0, "paid"), day=3, batch="b1")
        self._decide(VoidBatch(batch_id="b1", reason="wrong file"))
        self.tell(_part("kept", "v4", 0, "owned"), day=3)

    def purchases(self) -> None:
        """In parts, in two currencies, by accounts and visitors; returns early, late and lost."""
        self.tell(_back("back-0", "p-anna", 30), day=2)  # before what is brought back
        for day, who in enumerate(MEMBERS):
            self.tell(_sale(f"p-{who}", 1_000 + day, member_id=who), day=10 * day - 10)
            self.tell(_sale(f"chf-{who}", 70 + day, "CHF", account_id=f"of-{who}"), day=10 * day)
        self.tell(_sale("p-anna", 9_999, member_id="anna"), day=3)  # told twice
        long: dict[str, Any] = {"member_id": "bert", "parts": 2}
        self.tell(_sale("long", 0, part=2, **long), _sale("long", 80, **long), day=4)
        self.tell(_sale("both", 4_000, account_id="of-both"), day=4)
        self.tell(_sale("nobody", 5_000), day=4)
        self.tell(_sale("visited", 600, visitor_id="v2", order_reference="O-1"), day=-80)
        self.tell(_sale("came", 300, contact=Contact(visitor_id="v1")), day=5)
        self.tell(_sale("unknown", 200, visitor_id="v3"), day=5)
        self.tell(_sale("card", 150, visitor_id="v3", account_id="of-emil"), day=5)
        for number, (purchase, net) in enumerate(_RETURNED):
            self.tell(_back(f"back-{purchase}-{number}", purchase, net), day=60)
        order: dict[str, Any] = {"return_id": "by-order", "order_reference": "O-1"}
        self.tell(PurchaseReturned(**order, net=100, currency="EUR"), day=61)
        self.tell(_back("lost", "never-sold", 10), _back("francs", "p-bert", 10, "CHF"), day=61)
        self.void(self.tell(_sale("p-void", 50_000, member_id="anna"), day=-90))
        self.void(self.tell(_back("not-back", "p-bert", 500), day=62))
        stale = self.tell(_sale("stale", 900, member_id="fay"), day=14)
        self.tell(_sale("stale", 800, member_id="fay"), day=14)
        self.tell(_back("stale-back", "stale", 90), day=15)
        self.brand.void(stale)  # by a system that leaves the match as it is
        self.tell(_sale("by-hugo", 60, member_id="hugo"), day=8)
        sold = self.tell(_sale("again", 7_000, member_id="fay"), day=15, batch="b2")
        self.tell(_back("again-back", "again", 700), day=16)
        self._decide(VoidBatch(batch_id="b2", reason="wrong file"))
        assert self.tell(_sale("again", 70, member_id="fay"), day=15) > sold

    def spending(self) -> None:
        """Hours that do not come out even, credit notes, francs; reports that measure nothing."""
        rate: dict[str, Any] = {"hourly_rate": eur(4_999, "CHF"), "labour_minutes": 30}
        self.tell(_cost("labour", 1, **rate), _cost("labour", 700, labour_minutes=50))
        for status in ("committed", "accrued", "actual", "credit_note"):
            self.tell(_cost("media", 1_234, status=status), _cost("media", 999))
        self.tell(_cost("media", 55, currency="CHF"), _cost("reward", 5, campaign_id="open"))
        self.tell(CostRecorded(kind="media", cost=eur(10**6)))
        self.void(self.tell(_cost("media", 77_777)))
        seen: dict[str, Any] = {"campaign_id": "moved", "channel": "web"}
        self.tell(
            ImpressionsReported(stage="served", count=900, invalid_count=90, **seen),
            ImpressionsReported(stage="served", count=50, **seen),
            ImpressionsReported(stage="viewable", count=8, invalid_count=0, **seen),
        )

    def promises(self) -> None:
        """Points and rewards that were promised, used and taken back."""
        for campaign_id in ("moved", "open"):
            lot, cost = f"lot-{campaign_id}", eur(80)
            award = earned(lot, 100, "of-anna", campaign_id=campaign_id, cost=cost)
            self.tell(award)
            back = {"campaign_id": campaign_id, "cost": eur(24)}
            self.tell(taken(PointsClawedBack, {lot: 30}, "of-anna", **back))
            for number, cost in enumerate((eur(500), eur(300), eur(200, "CHF"))):
                reward: dict[str, Any] = {
                    "reward_id": f"{campaign_id}-{number}", "member_id": "anna",
                }  # fmt: skip
                self.tell(RewardGranted(**reward, campaign_id=campaign_id, cost=cost))
                if number == 0:
                    self.tell(RewardRedeemed(**reward, cost=eur(450)))
                if number == 1:
                    self.tell(RewardWithdrawn(**reward, reason="mistake"))


_POINTS: Final[dict[str, Any]] = {"programme": "friends", "points_currency": "points"}
_RETURNED: Final = (
    ("p-anna", 100), ("p-anna", 2_000), ("came", 20), ("unknown", 30), ("card", 40), ("both", 50),
)  # fmt: skip


def _yes(
    who: str, channel: str | None = None, purpose: str = "marketing", **more: Any
) -> ConsentGranted:
    return ConsentGranted(member_id=who, purpose=purpose, channel=channel, **more)


def _identified(visitor_id: str, member_id: str) -> VisitorIdentified:
    return VisitorIdentified(visitor_id=visitor_id, member_id=member_id)


def _part(campaign_id: str, who: str, number: int, origin: str) -> ParticipationRecorded:
    return ParticipationRecorded(
        participation_id=f"t-{campaign_id}-{who}-{number}",
        member_id=who if who in MEMBERS else None,
        visitor_id=None if who in MEMBERS else who,
        campaign_id=campaign_id,
        activation_id=f"{campaign_id}-game",
        contact=Contact(origin=origin),
    )


def _sale(purchase_id: str, net: int, currency: str = "EUR", **more: Any) -> PurchaseRecorded:
    return PurchaseRecorded(purchase_id=purchase_id, net=net, currency=currency, **more)


def _back(return_id: str, purchase_id: str, net: int, currency: str = "EUR") -> Event:
    return PurchaseReturned(
        return_id=return_id, purchase_id=purchase_id, net=net, currency=currency
    )


def _cost(kind: str, amount: int, campaign_id: str = "moved", **more: Any) -> CostRecorded:
    money = eur(amount, more.pop("currency", "EUR"))
    return CostRecorded(campaign_id=campaign_id, kind=kind, cost=money, **more)
