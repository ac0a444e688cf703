"""Awards: an explicit number of points for one stated cause, within the campaign's budget."""

from __future__ import annotations

from domain.accounts import AccountState
from domain.budgets import Promises, check_budget
from domain.campaigns import CampaignPlan
from domain.causes import CAUSE_VIEWS, PurchaseCause, StatedCause, read_causes, stated_causes
from domain.decision import Command, Slice
from domain.early_returns import taken_back_of
from domain.errors import RuleError
from domain.lot_parts import LinesPoints, Origin
from domain.lot_terms import LotNeverActive, lot_terms  # noqa: F401 - may refuse it
from domain.points import PointsEarned
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.types import (
    ID,
    AccountID,
    CampaignID,
    ContributionID,
    Instant,
    MemberID,
    Money,
    ParticipationID,
    Points,
    PurchaseID,
    ReferralID,
    ShareID,
    Text,
    Version,
)


class OneCauseOnly(RuleError):
    """Points are given for one thing: name one cause, or only a reason when it is goodwill."""


class LinesDoNotAddUp(RuleError):
    """What the lines of a purchase earned adds up to the points of the award, and each is there."""


class AwardPoints(Command, frozen=True, kw_only=True):
    """Give points for one stated cause, or for goodwill with a reason; they make a new lot.

    A purchase that came back, all or some, earns what is left of it: the award is made, and the
    share of the returns is clawed back at once.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    qualifying: bool = False
    campaign_id: CampaignID | None = None
    """Its budget pays: the points count in it, and the cost if one is stated."""
    rule_id: ID | None = None
    rule_version: Version | None = None
    reason: Text | None = None
    participation_id: ParticipationID | None = None
    purchase_id: PurchaseID | None = None
    referral_id: ReferralID | None = None
    share_id: ShareID | None = None
    contribution_id: ContributionID | None = None
    available_from: Instant | None = None
    """When it is not given: as the programme says, else at once."""
    expires_at: Instant | None = None
    """When it is not given: as the programme says, else never."""
    cost: Money | None = None
    lines: LinesPoints = ()
    """Of a purchase: how many points each of its lines earned, so that a return of lines takes
    back theirs."""


class Awarding(
    Slice,
    decides=AwardPoints,
    reads=(AccountState, ProgrammeTerms, CampaignPlan, Promises, *CAUSE_VIEWS.values()),
):
    """Points are given for a cause that stands, and never beyond the campaign's budget."""

    def __init__(self, command: AwardPoints, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountState, f"account:{command.account_id}")
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)
        read_causes(self, command)
        self.plan: CampaignPlan | None = None
        if command.campaign_id is not None:
            self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")
            self.promises = self.view(Promises, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Make the lot, if its cause stands and the budget covers it."""
        command: AwardPoints = self.command
        self.account.require()
        stated = list(stated_causes(self))
        if len(stated) > 1 or not (stated or command.reason):
            raise OneCauseOnly(causes=[cause.field for cause in stated])
        cause = stated[0] if stated else None
        position = cause.view.require() if cause else None
        if self.plan is not None:
            check_budget(self.plan, self.promises, points=command.points, cost=command.cost)
        self._check_lines(cause)
        award = self._award(cause)
        self.trigger(award, cause=position)
        if cause and isinstance(cause.view, PurchaseCause):
            for clawback, matched in taken_back_of(award, cause.view):
                self.trigger(clawback, cause=matched)

    def _check_lines(self, cause: StatedCause | None) -> None:
        command: AwardPoints = self.command
        if not command.lines:
            return
        of_purchase = cause and isinstance(cause.view, PurchaseCause)
        lines = [one.line for one in command.lines]
        points = sum(one.points for one in command.lines)
        if not of_purchase or points != command.points or len(set(lines)) < len(lines):
            raise LinesDoNotAddUp(points=command.points, of_lines=points)

    def _award(self, cause: StatedCause | None) -> PointsEarned:
        command: AwardPoints = self.command
        origin: Origin = "engagement" if cause else "goodwill"
        order_id, price = None, None
        if cause and isinstance(cause.view, PurchaseCause):
            purchase = cause.view.purchase.event
            origin, order_id = "purchase", purchase.order_id
            price = Money(amount=purchase.net, currency=purchase.currency)
        account = self.account
        lot = lot_terms(
            self.programmes.at(account.programme, self.time),
            account.points_currency,
            self.time,
            available_from=command.available_from,
            expires_at=command.expires_at,
        )
        return PointsEarned(
            account_id=command.account_id,
            member_id=command.member_id,
            lot_id=self.mint("lot"),
            points=command.points,
            origin=origin,
            qualifying=command.qualifying,
            campaign_id=command.campaign_id,
            rule_id=command.rule_id,
            rule_version=command.rule_version,
            reason=command.reason,
            participation_id=command.participation_id,
            purchase_id=command.purchase_id,
            order_id=order_id,
            referral_id=command.referral_id,
            share_id=command.share_id,
            contribution_id=command.contribution_id,
            available_from=lot.available_from,
            expires_at=lot.expires_at,
            cost=command.cost,
            awaits=lot.awaits,
            inactive_days=lot.inactive_days,
            never_owed=lot.never_owed,
            price=price,
            lines=command.lines,
        )
