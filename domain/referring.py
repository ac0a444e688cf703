"""Referring: the decisions that issue codes, and qualify and void referrals."""

from __future__ import annotations

from domain.campaigns import CampaignPlan
from domain.clawbacks import Consequences, all_clawed_back
from domain.decision import Command, Slice
from domain.errors import RuleError
from domain.people import Membership
from domain.referrals import (
    CodeOwner,
    RefereeHistory,
    ReferralCodeIssued,
    ReferralQualified,
    ReferralState,
    voided,
)
from domain.types import ID, CampaignID, MemberID, ReferralCode, ReferralID, Text


class CodeTaken(RuleError):
    """This referral code was issued before: choose another one, or leave it out to be given one."""


class ReferralAlreadyQualified(RuleError):
    """This referral is qualified already."""


class SelfReferral(RuleError):
    """Nobody refers themselves: the referee is the advocate."""


class RefereeAlreadyReferred(RuleError):
    """The referee came by another referral of this programme; void that one if it was false."""


class RefereeIsCustomer(RuleError):
    """The referee had bought before the referral was made: a customer cannot be referred."""


class IssueReferralCode(Command, frozen=True, kw_only=True):
    """Give a member a code for friends. Without one, a code is made up. Never put a name in it."""

    member_id: MemberID
    code: ReferralCode | None = None
    programme: ID | None = None
    campaign_id: CampaignID | None = None


class IssuingCode(Slice, decides=IssueReferralCode, reads=(Membership, CodeOwner, CampaignPlan)):
    """A code belongs to one member for ever."""

    def __init__(self, command: IssueReferralCode, command_id: str) -> None:
        super().__init__(command, command_id)
        self.code = command.code or self.mint("r")
        self.membership = self.view(Membership, f"member:{command.member_id}")
        self.owner = self.view(CodeOwner, f"code:{self.code}")
        campaign = command.campaign_id
        self.plan = self.view(CampaignPlan, f"campaign:{campaign}") if campaign else None

    def execute(self) -> None:
        """Issue it, unless it was issued."""
        command: IssueReferralCode = self.command
        self.membership.require()
        if self.plan is not None:
            self.plan.require()
        if self.owner.member_id is not None:
            raise CodeTaken(code=self.code)
        self.trigger(
            ReferralCodeIssued(
                member_id=command.member_id,
                code=self.code,
                programme=command.programme,
                campaign_id=command.campaign_id,
            )
        )


class QualifyReferral(Command, frozen=True, kw_only=True):
    """State that a referral passed its checks, and which member it brought."""

    referral_id: ReferralID
    referee_id: MemberID
    reason: Text | None = None


class Qualification(
    Slice, decides=QualifyReferral, reads=(ReferralState, RefereeHistory, Membership)
):
    """At most one qualified referral per referee and programme, never of oneself or a customer.

    A customer is a referee with a purchase, recorded by now, that happened before the referral
    was made.
    """

    def __init__(self, command: QualifyReferral, command_id: str) -> None:
        super().__init__(command, command_id)
        self.referral = self.view(ReferralState, f"referral:{command.referral_id}")
        self.referee = self.view(RefereeHistory, f"member:{command.referee_id}")
        self.membership = self.view(Membership, f"member:{command.referee_id}")

    def execute(self) -> None:
        """Qualify it, unless it is void or the referee is not new."""
        command: QualifyReferral = self.command
        made = self.referral.require()
        self.membership.require()
        context = {"referral_id": command.referral_id, "referee_id": command.referee_id}
        if self.referral.qualified is not None:
            raise ReferralAlreadyQualified(**context)
        if made.advocate_id == command.referee_id:
            raise SelfReferral(**context)
        if made.programme in self.referee.qualified:
            raise RefereeAlreadyReferred(
                qualified=self.referee.qualified[made.programme], **context
            )
        first = self.referee.first_purchase_at
        if first is not None and first < self.referral.made_at:
            raise RefereeIsCustomer(first_purchase_at=first, **context)
        self.trigger(
            ReferralQualified(
                referral_id=command.referral_id,
                advocate_id=made.advocate_id,
                referee_id=command.referee_id,
                programme=made.programme,
                campaign_id=made.campaign_id,
                reason=command.reason,
            )
        )


class VoidReferral(Command, frozen=True, kw_only=True):
    """State that a referral was false. What it earned is taken back with it."""

    referral_id: ReferralID
    reason: Text
    approved_by: ID | None = None
    """Who agreed that the points are taken back, where policy asks for two people."""


class VoidingReferral(Slice, decides=VoidReferral, reads=(ReferralState, Consequences)):
    """A referral is voided once; its referee is free to be referred again."""

    def __init__(self, command: VoidReferral, command_id: str) -> None:
        super().__init__(command, command_id)
        tag = f"referral:{command.referral_id}"
        self.referral = self.view(ReferralState, tag)
        self.consequences = self.view(Consequences, tag)

    def execute(self) -> None:
        """Void it, and claw back what is left of each award, or let it be owed."""
        command: VoidReferral = self.command
        made, qualified = self.referral.require(), self.referral.qualified
        referee_id = None if qualified is None else qualified.referee_id
        self.trigger(voided(made, referee_id, command.reason))
        for clawback, cause in all_clawed_back(
            self.consequences,
            self.consequences.parts.values(),
            reason=command.reason,
            approved_by=command.approved_by,
        ):
            self.trigger(clawback, cause=cause)
