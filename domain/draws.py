"""Draws: a prize draw step by step, from its terms to the places that its entries won.

The closing fixes the entries, and a value that was named before it existed decides by arithmetic.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.activations import PRIZES_MAX, Prize
from domain.decision import View, on
from domain.drand import DrandRound, Hash, Signature
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, Event, event_type
from domain.types import (
    ID_LENGTH_MAX,
    ID_PATTERN,
    ActivationID,
    Block,
    CampaignID,
    Digest,
    DrawEntryID,
    DrawID,
    Instant,
    MemberID,
    Name,
    Position,
    PurchaseID,
    RewardID,
    Text,
    Version,
    Word,
)

TICKETS_MAX: Final = 1_000
"""Tickets of one entry."""
MEMBER_TICKETS_MAX: Final = 10**6
POINTS_PER_TICKET_MAX: Final = 10**6
PLACES_MAX: Final = 1_000
"""Prizes and reserves of one draw: each is an event of the same decision."""
PASSED_OVER_SAID_MAX: Final = 1_000
LISTED_MAX: Final = 10**7
"""Entries, and tickets, of the list of one draw."""

Tickets = Annotated[int, Meta(ge=1, le=TICKETS_MAX)]
TicketsOrNone = Annotated[int, Meta(ge=0, le=TICKETS_MAX)]
MemberTickets = Annotated[int, Meta(ge=1, le=MEMBER_TICKETS_MAX)]
PointsPerTicket = Annotated[int, Meta(ge=1, le=POINTS_PER_TICKET_MAX)]
Place = Annotated[int, Meta(ge=1, le=PLACES_MAX)]
Reserves = Annotated[int, Meta(ge=0, le=PLACES_MAX)]
Listed = Annotated[int, Meta(ge=0, le=LISTED_MAX)]
PrizeNumber = Annotated[int, Meta(ge=1, le=PRIZES_MAX)]
EntryName = Annotated[str, Meta(pattern=ID_PATTERN, max_length=ID_LENGTH_MAX + 16)]
"""An entry in the list: ``participation:<id>``, ``referral:<id>``, ``points:<member id>``, or
``entry:<id>``."""
Algorithm = Literal["filrouge-draw-1"]
PassedOver = Literal["taken_back", "excluded", "erased", "left"]
"""The entry was voided or disqualified; its member was excluded from the draw, was erased, or left
the brand."""


class PublicResult(Block, frozen=True, kw_only=True):
    """A public result to come that is no drand round: the numbers of a lottery."""

    name: Name
    """Which one, so that anybody finds it: ``EuroMillions, Friday 4 December 2026``."""
    form: Text
    """How the result is written as text, exactly: it is hashed."""
    due: Instant
    """When it is made public, as its organiser says."""


@event_type("draw.opened.v1")
class DrawOpened(Decided, frozen=True, kw_only=True):
    """A draw takes entries by these terms. Its prizes are those of the published rules."""

    draw_id: DrawID
    activation_id: ActivationID
    campaign_id: CampaignID
    name: Name | None = None
    rules_version: Version
    rules_digest: Digest
    """SHA-256 of the rules document, in base64url."""
    prizes: Annotated[tuple[Prize, ...], Meta(max_length=PRIZES_MAX)]
    """What is won, the first prize first."""
    opens: Instant
    closes: Instant
    """What happened from ``opens`` on and before ``closes`` is an entry."""
    participation_tickets: TicketsOrNone
    """Tickets of each participation in the activation that was not disqualified."""
    referral_tickets: TicketsOrNone = 0
    """Tickets of each qualified referral of the campaign, for its advocate."""
    points_per_ticket: PointsPerTicket | None = None
    """A member has a ticket for so many points earned in the campaign; none: points are no tickets.
    At most ``TICKETS_MAX`` tickets."""
    tickets_per_member_max: MemberTickets | None = None
    """A member's tickets beyond are left out, the latest recorded first; none: no limit."""
    prizes_per_member_max: Place = 1
    reserves: Reserves = 0
    """Places behind the winners that are kept for prizes that are forfeited."""


@event_type("draw.entered.v1")
class DrawEntered(Decided, frozen=True, kw_only=True):
    """A member entered a draw by another way than an event that counts: by post, by a ticket."""

    draw_id: DrawID
    entry_id: DrawEntryID
    member_id: MemberID
    activation_id: ActivationID
    campaign_id: CampaignID
    tickets: Tickets = 1
    route: Word
    """free, post, ticket, goodwill, ..."""
    purchase_id: PurchaseID | None = None
    reason: Text | None = None


@event_type("draw.member_excluded.v1")
class DrawMemberExcluded(Decided, frozen=True, kw_only=True):
    """A member wins nothing in this draw: the rules do not admit them."""

    draw_id: DrawID
    member_id: MemberID
    reason: Text


@event_type("draw.closed.v1")
class DrawClosed(Decided, frozen=True, kw_only=True):
    """The draw takes no more entries. What stands in the log before this position is its list."""

    draw_id: DrawID
    activation_id: ActivationID
    campaign_id: CampaignID


@event_type("draw.committed.v1")
class DrawCommitted(Decided, frozen=True, kw_only=True):
    """The list of entries is fixed by its root, and the value that decides is named, unknown yet.

    The root is the Merkle tree hash (RFC 6962) over the lines of the list. Exactly one of ``drand``
    and ``result`` names the value.
    """

    draw_id: DrawID
    campaign_id: CampaignID
    closed_position: Position
    """The position of the closing."""
    entries: Listed
    tickets: Listed
    root: Hash
    algorithm: Algorithm
    drand: DrandRound | None = None
    result: PublicResult | None = None
    due: Instant
    """When the value will exist: later than this event was recorded."""


@event_type("draw.value_recorded.v1")
class DrawValueRecorded(Decided, frozen=True, kw_only=True):
    """The value that was named exists. What was taken back before this position wins nothing."""

    draw_id: DrawID
    campaign_id: CampaignID
    randomness: Hash
    """SHA-256 of the signature, or of the result's text in UTF-8."""
    signature: Signature | None = None
    """The signature of the drand round."""
    result: Text | None = None
    """The public result, in the form that the commitment says."""


@event_type("draw.drawn.v1")
class DrawDrawn(Decided, frozen=True, kw_only=True):
    """The winners were computed. Each place, and each entry passed over, is an event behind it."""

    draw_id: DrawID
    campaign_id: CampaignID
    value_position: Position
    """Where the value was recorded: what was taken back before it is passed over."""
    winners: Reserves
    reserves: Reserves
    passed_over: Listed
    """The first ``PASSED_OVER_SAID_MAX`` of them are events of their own."""


@event_type("draw.placed.v1")
class DrawPlaced(Decided, frozen=True, kw_only=True):
    """An entry won a prize, or is a reserve for one that is forfeited."""

    draw_id: DrawID
    member_id: MemberID
    place: Place
    """1 for the first; reserves come behind the winners."""
    entry: EntryName
    rank: Annotated[int, Meta(ge=1, le=LISTED_MAX)]
    """The entry's place in the order of all entries of the list."""
    prize: PrizeNumber | None = None
    """Which prize of the draw, from 1; none: a reserve."""
    reward_id: RewardID | None = None
    """The reward that was granted for the prize."""


@event_type("draw.entry_passed_over.v1")
class DrawEntryPassedOver(Decided, frozen=True, kw_only=True):
    """An entry of the list would have had a place, but counts no more. The next one has it."""

    draw_id: DrawID
    member_id: MemberID
    entry: EntryName
    rank: Annotated[int, Meta(ge=1, le=LISTED_MAX)]
    reason: PassedOver


@event_type("draw.cancelled.v1")
class DrawCancelled(Decided, frozen=True, kw_only=True):
    """The draw does not take place. Nobody wins."""

    draw_id: DrawID
    campaign_id: CampaignID
    reason: Text


STEPS: Final[tuple[type[Event], ...]] = (
    DrawOpened, DrawClosed, DrawCommitted, DrawValueRecorded, DrawDrawn, DrawPlaced,
    DrawEntryPassedOver, DrawCancelled,
)  # fmt: skip
"""What can neither be taken back nor be brought in: a step done twice would be a second draw."""


class DrawNotOpened(RuleError):
    """No draw with this id was opened: open it first, or correct the id."""


class DrawIsClosed(RuleError):
    """The draw takes no more entries: its list is fixed."""


class DrawIsCancelled(RuleError):
    """The draw was cancelled: nobody enters it or wins in it."""


class DrawAlreadyDrawn(RuleError):
    """The winners of this draw are known already: a draw takes place once."""


class DrawState(View):
    """How far a draw is. Tag: ``draw:<id>``."""

    terms: DrawOpened | None = None
    closed_position: int | None = None
    commitment: DrawCommitted | None = None
    committed_position: int | None = None
    value: DrawValueRecorded | None = None
    value_position: int | None = None
    drawn = False
    cancelled = False

    @on(DrawOpened)
    def _(self, event: DrawOpened, envelope: Envelope) -> None:
        self.terms = event

    @on(DrawClosed)
    def _(self, event: DrawClosed, envelope: Envelope) -> None:
        self.closed_position = envelope.position

    @on(DrawCommitted)
    def _(self, event: DrawCommitted, envelope: Envelope) -> None:
        self.commitment, self.committed_position = event, envelope.position

    @on(DrawValueRecorded)
    def _(self, event: DrawValueRecorded, envelope: Envelope) -> None:
        self.value, self.value_position = event, envelope.position

    @on(DrawDrawn)
    def _(self, event: DrawDrawn, envelope: Envelope) -> None:
        self.drawn = True

    @on(DrawCancelled)
    def _(self, event: DrawCancelled, envelope: Envelope) -> None:
        self.cancelled = True

    def require(self) -> DrawOpened:
        """The terms of a draw that still takes place; refuse when there is none."""
        if self.terms is None:
            raise DrawNotOpened(draw=self.tags[0])
        if self.cancelled:
            raise DrawIsCancelled(draw=self.tags[0])
        return self.terms

    def require_open(self, time: datetime) -> DrawOpened:
        """The terms of a draw that takes an entry of this time; refuse when it does not."""
        terms = self.require()
        if self.closed_position is not None or time >= terms.closes:
            raise DrawIsClosed(draw_id=terms.draw_id, closes=terms.closes)
        return terms
