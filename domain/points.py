"""The movements of points: each credit makes a lot, and each debit names the lots that paid it."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.event import Decided, event_type
from domain.lot_parts import Causes, Debits, LinesPoints, LotDebit, Origin, TransferredLots
from domain.terms import Days
from domain.types import (
    ID,
    LIST_LENGTH_MAX,
    AccountID,
    AdjustmentID,
    CampaignID,
    ContributionID,
    Instant,
    LotID,
    MemberID,
    Money,
    OrderID,
    ParticipationID,
    Points,
    ProgrammeID,
    PurchaseID,
    ReferralID,
    ReservationID,
    ReturnID,
    RewardID,
    ShareID,
    Text,
    Version,
)


@event_type("points.earned.v1")
class PointsEarned(Decided, frozen=True, kw_only=True):
    """An award: a new lot of points on an account, for one stated cause.

    The envelope's ``cause`` is the position of the event that the points were given for.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    lot_id: LotID
    points: Points
    origin: Origin
    qualifying: bool = False
    """Whether the points count towards a tier."""
    campaign_id: CampaignID | None = None
    rule_id: ID | None = None
    rule_version: Version | None = None
    reason: Text | None = None
    participation_id: ParticipationID | None = None
    purchase_id: PurchaseID | None = None
    order_id: OrderID | None = None
    """The order of the purchase, so that a return that names only the order finds the award."""
    referral_id: ReferralID | None = None
    share_id: ShareID | None = None
    contribution_id: ContributionID | None = None
    available_from: Instant
    """From this instant on the points can be spent."""
    expires_at: Instant | None = None
    """From this instant on they can not. None: never."""
    cost: Money | None = None
    """What the award is expected to cost the brand; counted against the campaign's budget."""
    awaits: ID | None = None
    """What has to happen before the points can be spent, whatever ``available_from`` says:
    ``points.activated`` says that it did. None: nothing has to."""
    inactive_days: Days | None = None
    """The points also expire when so many whole days (UTC) pass on the account without points
    earned, redeemed or given away."""
    never_owed: bool = False
    """When they are taken back, what was spent of them by then is left alone."""
    price: Money | None = None
    """What was paid for the purchase that they were given with, less tax: a part of it belongs to
    them until they are redeemed (IFRS 15)."""
    lines: LinesPoints = ()
    """How many points each line of the purchase earned, so that a return of lines takes back
    theirs. Empty: they are the whole purchase's."""
    programme: ProgrammeID | None = None
    """The programme whose rule gave it; none: it was not given by a rule."""


@event_type("points.activated.v1")
class PointsActivated(Decided, frozen=True, kw_only=True):
    """Pending points can be spent from here on.

    What was awaited happened, or the lots' instant came: that needs no event, and where one says
    it, it is for accounting and changes no balance.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lots: Debits
    """What was left of each lot."""
    available_from: Instant
    """From this instant on the points can be spent, as far as the lot's own instant has come."""
    awaited: ID | None = None
    """What happened. None: time passed."""
    reason: Text | None = None


@event_type("points.reserved.v1")
class PointsReserved(Decided, frozen=True, kw_only=True):
    """Points are held for a redemption to come, and nothing else can spend them meanwhile."""

    account_id: AccountID
    member_id: MemberID | None = None
    reservation_id: ReservationID
    points: Points
    lots: Debits
    until: Instant | None = None
    """The hold lapses at this instant by itself. None: it stands until it is released."""
    reward_id: RewardID | None = None
    campaign_id: CampaignID | None = None
    reason: Text | None = None


@event_type("points.released.v1")
class PointsReleased(Decided, frozen=True, kw_only=True):
    """A reservation, or what was left of it, was given up: its points are free again."""

    account_id: AccountID
    member_id: MemberID | None = None
    reservation_id: ReservationID
    points: Points
    lots: Debits
    reason: Text | None = None
    lapsed: bool = False
    """The reservation's own instant freed the points, as every balance showed already: this books
    it."""


@event_type("points.redeemed.v1")
class PointsRedeemed(Decided, frozen=True, kw_only=True):
    """Points were spent. The lots say which earlier awards paid for it."""

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lots: Debits
    reservation_id: ReservationID | None = None
    """The reservation that held these points, if one did."""
    causes: Causes = ()
    """Of lots that are never owed: tags of what they were given for."""
    reward_id: RewardID | None = None
    campaign_id: CampaignID | None = None
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("points.cancelled.v1")
class PointsCancelled(Decided, frozen=True, kw_only=True):
    """Unspent points were taken away by somebody, for a stated reason."""

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lots: Debits
    causes: Causes = ()
    reason: Text
    approved_by: ID | None = None


@event_type("points.expired.v1")
class PointsExpired(Decided, frozen=True, kw_only=True):
    """Points that were not spent in time are gone.

    Expiry follows from each lot's instant and needs no event; this one states it where another
    system, or a brand's policy, decided it, or where accounting wants it (``lapsed``).
    """

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lots: Debits
    causes: Causes = ()
    reason: Text | None = None
    lapsed: bool = False
    """The lots' own instants took the points, as every balance showed already: this books it."""


@event_type("points.transferred.v1")
class PointsTransferred(Decided, frozen=True, kw_only=True):
    """Points went from one account to another. Each lot keeps its instants and its origin."""

    account_id: AccountID
    """The account that gives."""
    to_account_id: AccountID
    """The account that receives."""
    member_id: MemberID | None = None
    points: Points
    lots: TransferredLots
    causes: Causes = ()
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("points.adjusted.v1")
class PointsAdjusted(Decided, frozen=True, kw_only=True):
    """Somebody corrected an account by hand: a credit makes a lot, a debit names lots."""

    account_id: AccountID
    member_id: MemberID | None = None
    direction: Literal["credit", "debit"]
    points: Points
    lot_id: LotID | None = None
    """Credit only: the new lot. Its origin is goodwill."""
    available_from: Instant | None = None
    expires_at: Instant | None = None
    inactive_days: Days | None = None
    """Credit only: as of points that are earned."""
    lots: Annotated[tuple[LotDebit, ...], Meta(max_length=LIST_LENGTH_MAX)] = ()
    """Debit only: the lots that pay."""
    causes: Causes = ()
    reason: Text
    approved_by: ID | None = None
    adjustment_id: AdjustmentID | None = None
    """The proposal that somebody else has approved; its position is the cause."""


@event_type("points.clawed_back.v1")
class PointsClawedBack(Decided, frozen=True, kw_only=True):
    """Points were taken back because what they were given for was returned, voided or found false.

    What had already been spent is owed; of an award that says ``never_owed`` it is not taken. The
    envelope's ``cause`` is the position of the return, of
    the disqualification, or of the voided event.
    """

    account_id: AccountID
    member_id: MemberID | None = None
    points: Points
    lots: Debits
    campaign_id: CampaignID | None = None
    """The campaign that had given the points: they are free in its budget again."""
    cost: Money | None = None
    """The part of the award's expected cost that is free in the budget again."""
    participation_id: ParticipationID | None = None
    purchase_id: PurchaseID | None = None
    order_id: OrderID | None = None
    return_id: ReturnID | None = None
    referral_id: ReferralID | None = None
    share_id: ShareID | None = None
    contribution_id: ContributionID | None = None
    reason: Text | None = None
    approved_by: ID | None = None
    programme: ProgrammeID | None = None
    """The programme whose rule had given the points: they are free in its limit again."""


_CAUSES: Final = ("participation:", "purchase:", "order:", "referral:", "share:", "contribution:")
_causes: Final = attrgetter(*(f"{kind[:-1]}_id" for kind in _CAUSES))


def cause_tags(event: PointsEarned) -> tuple[str, ...]:
    """The tags that lead from an award's cause to everything that becomes of its lot.

    A purchase is also found by its order. Goodwill has no cause: the lot stands for itself.
    """
    ids = zip(_CAUSES, _causes(event), strict=True)
    return tuple([prefix + id_ for prefix, id_ in ids if id_ is not None]) or lot_tags(event.lot_id)


def lot_tags(lot_id: str) -> tuple[str, ...]:
    """The tag of a lot that was credited for no cause but itself."""
    return (f"lot:{lot_id}",)
