"""What was bought, what was brought back, and which return belongs to which purchase."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta

from domain.contact import Contact
from domain.decision import View, on
from domain.envelope import Envelope
from domain.event import Decided, Observation, event_type
from domain.personal import Personal, digested
from domain.types import (
    ID,
    LIST_LENGTH_MAX,
    AccountID,
    Amount,
    Block,
    CampaignID,
    Currency,
    Date,
    Instant,
    MemberID,
    Name,
    OrderID,
    Points,
    Position,
    PurchaseID,
    Quantity,
    ReferralCode,
    ReturnID,
    Text,
    VisitorID,
    Word,
)

PartNumber = Annotated[int, Meta(ge=1, le=10_000)]
LineNumber = Annotated[int, Meta(ge=0, le=10**6)]


class PurchaseLine(Block, frozen=True, kw_only=True):
    """One line of a receipt or of a return. Amounts are for the whole line, not for one piece."""

    line: LineNumber | None = None
    sku: Name | None = None
    category: Name | None = None
    quantity: Quantity = 1
    """Whole pieces, or whole ``unit`` where there is one."""
    unit: Word | None = None
    """What the quantity counts when it is not pieces: g, ml, minute, ..."""
    gross: Amount | None = None
    """Price before discounts, tax included."""
    discount: Amount | None = None
    """What was taken off, tax included."""
    discount_cause: Name | None = None
    """Why: a promotion, a coupon, a reward."""
    net: Amount | None = None
    """What the customer paid, less tax: gross - discount - tax."""
    tax: Amount | None = None
    unit_cost: Amount | None = None
    """What one piece cost the brand."""


class Tender(Block, frozen=True, kw_only=True):
    """One of the ways in which a purchase was paid."""

    kind: Word
    """cash, card, voucher, gift_card, points, ..."""
    amount: Amount
    points: Points | None = None


Lines = Annotated[tuple[PurchaseLine, ...], Meta(max_length=LIST_LENGTH_MAX)]
Tenders = Annotated[tuple[Tender, ...], Meta(max_length=100)]
Codes = Annotated[tuple[ReferralCode, ...], Meta(max_length=100)]


@event_type("purchase.recorded.v1")
class PurchaseRecorded(Observation, frozen=True, kw_only=True):
    """Somebody bought something: a member, an account, a visitor, or nobody known.

    For the whole purchase, gross - discount = net + tax. A purchase that is over the size limit of
    an entry continues in numbered parts with the same ``purchase_id``: the totals, tenders and
    codes stand on part 1 only, the other parts bring lines and have a ``net`` of 0.
    """

    purchase_id: PurchaseID
    order_reference: Personal["purchase_id"] | None = None
    """The shop's own number of the order or receipt."""
    order_id: Annotated[OrderID | None, digested("order", "order_reference")] = None
    """The random id that stands for the order reference."""
    member_id: MemberID | None = None
    account_id: AccountID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID | None = None
    """The campaign that the source says it belongs to; attribution is computed elsewhere."""
    contact: Contact | None = None
    store_id: ID | None = None
    till_id: ID | None = None
    business_date: Date | None = None
    """The day in the shop's books, which may end after midnight."""
    currency: Currency
    gross: Amount | None = None
    """Price of everything before discounts, tax included."""
    discount: Amount | None = None
    """What was taken off in all, tax included."""
    net: Amount
    """What the customer paid, by whatever tender, less tax: gross - discount - tax."""
    tax: Amount | None = None
    lines: Lines = ()
    tenders: Tenders = ()
    codes: Codes = ()
    """Codes that the customer used: referral codes, coupons."""
    staff_purchase: bool = False
    part: PartNumber = 1
    parts: PartNumber = 1


@event_type("purchase.returned.v1")
class PurchaseReturned(Observation, frozen=True, kw_only=True):
    """Goods came back, all or some. Recorded whether or not its purchase is known.

    Amounts are what was given back for this return, with the meanings they have in a purchase.
    """

    return_id: ReturnID
    purchase_id: PurchaseID | None = None
    order_reference: Personal["return_id"] | None = None
    order_id: Annotated[OrderID | None, digested("order", "order_reference")] = None
    """The same random id as in the purchase with the same order reference."""
    member_id: MemberID | None = None
    account_id: AccountID | None = None
    store_id: ID | None = None
    till_id: ID | None = None
    business_date: Date | None = None
    currency: Currency
    gross: Amount | None = None
    net: Amount
    """What the customer was given back, less tax."""
    tax: Amount | None = None
    lines: Lines = ()
    reason: Text | None = None


@event_type("return.matched.v1")
class ReturnMatched(Decided, frozen=True, kw_only=True):
    """A return was found to belong to a purchase of this ledger; its cause is the return.

    Revenue is purchases less *matched* returns: a return of something that was never counted
    takes nothing away. It stands under the purchase's member, account and campaign.
    """

    return_id: ReturnID
    purchase_id: PurchaseID
    order_id: OrderID | None = None
    member_id: MemberID | None = None
    account_id: AccountID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID | None = None
    purchase_position: Position
    """Where the purchase stands in the log."""
    purchase_time: Instant
    """When the purchase happened: the window in which its revenue was counted."""
    currency: Currency
    gross: Amount | None = None
    net: Amount
    """What was given back for this return, less tax."""
    tax: Amount | None = None


class Bought(NamedTuple):
    """A purchase as it stands in the log."""

    position: int
    time: datetime
    event: PurchaseRecorded


class Returned(NamedTuple):
    """A return as it stands in the log."""

    position: int
    time: datetime
    event: PurchaseReturned


class Matched(NamedTuple):
    """A return that was found to belong to a purchase, as it stands in the log."""

    position: int
    cause: int | None
    """Where the return stands."""
    event: ReturnMatched


class PurchaseState(View):
    """Purchases, and what came back of them. Tag: ``purchase:<id>`` or ``order:<id>``.

    The first report of a purchase or a return counts, and a later one with the same id does not.
    """

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.bought: dict[str, Bought] = {}
        self.returned: dict[str, Returned] = {}
        self.matched: dict[str, Matched] = {}
        """By return."""

    @on(PurchaseRecorded)
    def _bought(self, event: PurchaseRecorded, envelope: Envelope) -> None:
        if event.part == 1:
            bought = Bought(envelope.position, envelope.time, event)
            self.bought.setdefault(event.purchase_id, bought)

    @on(PurchaseReturned)
    def _returned(self, event: PurchaseReturned, envelope: Envelope) -> None:
        returned = Returned(envelope.position, envelope.time, event)
        self.returned.setdefault(event.return_id, returned)

    @on(ReturnMatched)
    def _matched(self, event: ReturnMatched, envelope: Envelope) -> None:
        self.matched[event.return_id] = Matched(envelope.position, envelope.cause, event)

    def matches_of(self, bought: Bought) -> list[Matched]:
        """The returns of one purchase, in the order in which they were matched."""
        return [m for m in self.matched.values() if m.event.purchase_position == bought.position]

    def net_returned(self, bought: Bought) -> int:
        """What was given back of one purchase by now, less tax, in minor units."""
        return sum(matched.event.net for matched in self.matches_of(bought))
