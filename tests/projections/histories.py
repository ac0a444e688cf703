"""Random histories with everything that makes folding hard: late, voided, identified, merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned
from domain.engagement import VisitRecorded
from domain.event import Event
from domain.ledger import BatchVoided, EventVoided
from domain.lot_parts import TransferredLot
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MembersMerged, VisitorIdentified
from domain.points import PointsEarned, PointsTransferred
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralQualified
from domain.spending import CostRecorded
from domain.types import Money
from store.ledger import Ledger, NewEvent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CAMPAIGNS = ("c1", "c2", "c3")
BATCHES = (*(f"b{number}" for number in range(12)), None, None, None)


def record(ledger: Ledger, events: list[NewEvent], batch: str | None = None) -> list[int]:
    """Record events of any kind; returns their positions."""
    outcomes = ledger.observe(events, actor="test", batch=batch, admin=True).result()
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert not errors, errors
    return [outcome.position for outcome in outcomes if outcome.position is not None]


class History:
    """Makes events by a seed. People, purchases and campaigns are few, so that they collide."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a test's history, and nothing secret
        self._count = 0
        self._voided: set[str | None] = set()

    def new(self, event: Event, at: datetime | None = None) -> NewEvent:
        """Give an event an identity and a time, in order or late."""
        self._count += 1
        return NewEvent(event, f"e{self._count}", "/test", at or self._instant())

    def _instant(self) -> datetime:
        return BEGIN + timedelta(hours=self._random.randrange(24 * 90))

    def _id(self, prefix: str, count: int) -> str:
        return f"{prefix}{self._random.randrange(count)}"

    def _person(self) -> dict[str, Any]:
        which = self._random.random()
        if which < 0.4:
            return {"member_id": self._id("m", 8)}
        if which < 0.9:
            return {"visitor_id": self._id("v", 8)}
        return {"member_id": self._id("m", 8), "visitor_id": self._id("v", 8)}

    def event(self, head: int) -> Event:
        """One more event; voids concern any position up to the head, perhaps twice."""
        random = self._random
        makers: dict[Callable[[], Event], float] = {
            self._visit: 5,
            self._participation: 5,
            self._purchase: 4,
            self._return: 2,
            self._points: 3,
            self._campaign: 2,
            self._identification: 2,
            self._merge: 0.3,
            lambda: self._void(head): 2 if head > 1 else 0,
        }
        maker = random.choices(list(makers), list(makers.values()))[0]
        return maker()

    def _visit(self) -> Event:
        if self._random.random() < 0.2:
            return MemberEnrolled(member_id=self._id("m", 8))
        return VisitRecorded(campaign_id=self._random.choice(CAMPAIGNS), **self._person())

    def _participation(self) -> Event:
        if self._random.random() < 0.1:
            return ReferralQualified(
                referral_id=self._id("r", 5),
                advocate_id=self._id("m", 8),
                referee_id=self._id("m", 8),
                programme="main",
            )
        self._count += 1
        return ParticipationRecorded(
            participation_id=f"p{self._count}",
            campaign_id=self._random.choice(CAMPAIGNS),
            activation_id="a1",
            **self._person(),
        )

    def _purchase(self) -> Event:
        return PurchaseRecorded(
            purchase_id=self._id("k", 20),
            currency="EUR",
            net=self._random.randrange(100),
            **self._person(),
        )

    def _return(self) -> Event:
        self._count += 1
        return PurchaseReturned(
            return_id=f"r{self._count}",
            purchase_id=self._id("k", 20),
            currency="EUR",
            net=self._random.randrange(100),
        )

    def _points(self) -> Event:
        points = self._random.randrange(1, 50)
        if self._random.random() < 0.6:
            return PointsEarned(
                account_id=self._id("a", 4),
                lot_id=self._id("lot", 1000),
                points=points,
                origin="purchase",
                available_from=BEGIN,
            )
        lot = TransferredLot(lot_id="lot1", points=points, available_from=BEGIN, origin="purchase")
        accounts = self._random.sample(range(4), 2)
        return PointsTransferred(
            account_id=f"a{accounts[0]}",
            to_account_id=f"a{accounts[1]}",
            points=points,
            lots=(lot,),
        )

    def _campaign(self) -> Event:
        campaign = self._random.choice(CAMPAIGNS)
        starts = self._instant()
        dates: dict[str, Any] = {"starts": starts, "ends": starts + timedelta(days=30)}
        which = self._random.random()
        if which < 0.3:
            return CampaignPlanned(campaign_id=campaign, name="X", currency="EUR", **dates)
        if which < 0.6:
            return CampaignAmended(campaign_id=campaign, **dates)
        if which < 0.7:
            return CampaignClosed(campaign_id=campaign)
        cost = Money(amount=self._random.randrange(1000), currency="EUR")
        return CostRecorded(campaign_id=campaign, kind="media", cost=cost)

    def _identification(self) -> Event:
        return VisitorIdentified(visitor_id=self._id("v", 8), member_id=self._id("m", 8))

    def _merge(self) -> Event:
        root, merged = self._random.sample(range(8), 2)
        return MembersMerged(member_id=f"m{root}", merged_id=f"m{merged}", reason="same person")

    def _void(self, head: int) -> Event:
        if self._random.random() < 0.15:
            batch = self._id("b", 12)
            self._voided.add(batch)
            return BatchVoided(batch_id=batch, reason="wrong")
        return EventVoided(position=self._random.randrange(2, head + 1), reason="wrong")

    def record_all(self, ledger: Ledger, count: int) -> int:
        """Record about this many events; returns the head."""
        return list(self.record(ledger, count))[-1]

    def record(self, ledger: Ledger, count: int) -> Iterator[int]:
        """Record about this many events, a few at a time; yields the head after each few."""
        head = ledger.log.head().position
        end = head + count
        while head < end:
            few = self._random.randrange(1, 12)
            events = [self.new(self.event(head)) for _ in range(few)]
            batch = self._random.choice(BATCHES)
            # The ledger takes nothing under a batch that was voided.
            batch = None if batch in self._voided else batch
            head = max(record(ledger, events, batch), default=head)
            yield head
