"""Whose rows an event changes: what is read from its fields is what its tags say."""

import pytest

from domain.contact import Contact
from domain.engagement import VisitRecorded
from domain.envelope import Envelope, Recorded
from domain.event import Event, tags_of
from domain.ledger import EventVoided
from domain.lot_parts import LotDebit, TransferredLot
from domain.points import PointsEarned, PointsRedeemed, PointsTransferred
from projections.owners import ids_reader, kind_of
from tests.domain.moments import NOON

EVENTS = (
    PointsEarned(
        account_id="a1", lot_id="l1", points=5, origin="purchase", available_from=NOON,
        member_id="m1", purchase_id="p1",
    ),
    PointsEarned(account_id="a1", lot_id="l1", points=5, origin="purchase", available_from=NOON),
    PointsRedeemed(
        account_id="a1", points=2, lots=(LotDebit(lot_id="l1", points=2),), reward_id="r1",
        reason="mug", member_id="m1",
        causes=("purchase:p1", "member:m2", "member:m1", "memberx:m3"),
    ),
    PointsTransferred(
        account_id="a1", to_account_id="a2", points=2, reason="gift",
        lots=(TransferredLot(lot_id="l1", points=2, available_from=NOON, origin="purchase"),),
    ),
    VisitRecorded(contact=Contact(visitor_id="v1"), place="web"),
    EventVoided(position=2, tags=("member:m1", "position:2", "purchase:p1"), reason="wrong"),
)  # fmt: skip
ENVELOPE = Envelope(
    position=1, id="1", source="/s", type="t", time=NOON, recorded_at=NOON, actor="k1"
)
KINDS = (
    "account",
    "batch",
    "lot",
    "member",
    "memberx",
    "position",
    "purchase",
    "reward",
    "visitor",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type_name)
def test_ids_of_a_kind_are_those_of_its_tags(event: Event, kind: str) -> None:
    """Whole tags, as the causes of points are, count as those that a field says of itself."""
    tags = tags_of(event)
    fact = Recorded(ENVELOPE, event, tags, b"")
    said = [tag.partition(":")[2] for tag in tags if kind_of(tag) == kind]
    assert list(ids_reader(type(event), kind)(fact)) == said
