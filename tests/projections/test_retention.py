"""Retention: whose data falls due, for what, and what holds it back."""

from __future__ import annotations

from datetime import timedelta

from domain.engagement import VisitRecorded
from domain.erasures import ProspectErased
from domain.holds import LegalHoldLifted, LegalHoldPlaced, ProcessingRestricted
from domain.invitations import InvitationSent
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, VisitorIdentified
from domain.purchases import PurchaseRecorded
from domain.referrals import ReferralMade
from domain.retention import RetentionDeclared, Status
from projections.retention import RETENTION, due, periods
from tests.projections.brand import SPRING, Brand


def declared(brand: Brand, purpose: str, status: Status, days: int | None) -> None:
    """Say how long something is kept."""
    brand.tell(
        RetentionDeclared(purpose_id=purpose, status=status, days=days, justification="the law")
    )


def bought(member_id: str) -> PurchaseRecorded:
    """A purchase."""
    return PurchaseRecorded(
        purchase_id=f"p-{member_id}", member_id=member_id, currency="EUR", net=1
    )


def test_what_falls_due_for_whom(brand: Brand) -> None:
    """By the last contact; for erasure when the longest period has passed and nothing holds."""
    declared(brand, "marketing", "member", 30)
    declared(brand, "accounting", "member", 100)
    declared(brand, "accounting", "former_member", 60)
    for name in ("ann", "bob", "eve", "joe", "kim", "lea"):
        brand.tell(MemberEnrolled(member_id=name), day=0)
    brand.tell(bought("bob"), day=50)
    brand.tell(InvitationSent(invitation_id="i", member_id="ann"), day=90)  # no contact
    brand.tell(LegalHoldPlaced(member_id="eve", hold_id="case", reason="a claim"), day=1)
    brand.tell(MembershipEnded(member_id="joe"), day=10)
    brand.tell(
        MemberErased(member_id="kim", destroyed=("subject-key",), irrecoverable_at=SPRING), day=2
    )
    brand.tell(VisitRecorded(visitor_id="v1"), day=95)
    brand.tell(VisitorIdentified(visitor_id="v1", member_id="lea"), day=95)
    brand.tell(ProcessingRestricted(member_id="bob", reason="contested"), day=60)
    with brand.reader(RETENTION) as reader:
        at = SPRING + timedelta(days=101)
        found = {one.subject: one for one in due(reader, "member", at, None, 10)}
        assert {name: (one.purposes, one.erase) for name, one in found.items()} == {
            "member:ann": (("accounting", "marketing"), True),
            "member:eve": (("accounting", "marketing"), False),
            "member:bob": (("marketing",), False),
        }
        assert found["member:eve"].holds == ("case",)
        assert found["member:bob"].restricted
        assert [one.subject for one in due(reader, "member", at, ("2026-03-01", "ann"), 1)] == [
            "member:eve"
        ]
        assert [one.subject for one in due(reader, "former_member", at, None, 10)] == ["member:joe"]
        assert due(reader, "visitor", at, None, 10) == []
        assert periods(reader)["member"] == {"marketing": 30, "accounting": 100}
    brand.tell(LegalHoldLifted(member_id="eve", hold_id="case", reason="settled"), day=102)
    declared(brand, "accounting", "member", None)
    with brand.reader(RETENTION) as reader:
        found = {one.subject: one for one in due(reader, "member", at, None, 10)}
        assert {name: one.erase for name, one in found.items()} == {
            "member:ann": True, "member:eve": True, "member:bob": True,
        }  # fmt: skip


def test_visitors_and_prospects(brand: Brand) -> None:
    """Whoever became known is no visitor any more; whoever was erased is nobody."""
    declared(brand, "analytics", "visitor", 10)
    declared(brand, "referral", "prospect", 10)
    for name in ("v1", "v2"):
        brand.tell(VisitRecorded(visitor_id=name), day=0)
    brand.tell(VisitorIdentified(visitor_id="v2", member_id="ann"), day=1)
    for n in (1, 2):
        brand.tell(
            ReferralMade(
                referral_id=f"r{n}", advocate_id="ann", programme="friends", prospect=f"{n}@b.org"
            ),
            day=0,
        )
    vault = brand.ledger.vault
    first, second = (str(vault.find("prospect", f"{n}@b.org")) for n in (1, 2))
    brand.tell(
        ProspectErased(prospect_id=first, destroyed=("subject-key",), irrecoverable_at=SPRING),
        day=3,
    )
    with brand.reader(RETENTION) as reader:
        at = SPRING + timedelta(days=11)
        assert [one.subject for one in due(reader, "visitor", at, None, 10)] == ["visitor:v1"]
        assert [one.subject for one in due(reader, "prospect", at, None, 10)] == [
            f"prospect:{second}"
        ]
        assert due(reader, "prospect", at - timedelta(days=2), None, 10) == []
