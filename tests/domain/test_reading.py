"""Reading many entries at once: what comes out is what reading each of them alone gives."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from domain import event as kernel
from domain.contact import Contact
from domain.engagement import VisitRecorded
from domain.envelope import Envelope, decode_entry
from domain.event import Decided, Event, event_classes, event_type
from domain.ledger import EventVoided
from domain.lot_parts import TransferredLot
from domain.points import PointsEarned, PointsTransferred
from domain.reading import (
    EntryReader,
    Facts,
    Read,
    SketchReader,
    as_read,
    as_sketched,
    believed,
    sketched,
)
from domain.types import MemberID, Points
from tests.domain.moments import NOON

EARNED = PointsEarned(
    account_id="a1", lot_id="l1", points=5, origin="purchase", available_from=NOON, member_id="m1"
)
MOVED = PointsTransferred(
    account_id="a1",
    to_account_id="a2",
    points=2,
    lots=(TransferredLot(lot_id="l1", points=2, available_from=NOON, origin="purchase"),),
    reason="gift",
)
VISIT = VisitRecorded(contact=Contact(visitor_id="v1"), place="web")
ENVELOPE = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "time": NOON,
    "recordedat": NOON + timedelta(seconds=1),
    "actor": "k1",
}
VOIDED = EventVoided(position=2, tags=("member:m1", "position:2"), reason="wrong")


def entry_of(event: Event, **more: str) -> bytes:
    """An entry with this event in it."""
    return msgspec.json.encode({**ENVELOPE, "type": event.type_name, **more, "data": event})


def read_entries(*rows: tuple[int, bytes]) -> list[Read]:
    """Read entries as those of a page are read."""
    positions, entries = zip(*rows, strict=True)
    return EntryReader([*event_classes(), "medal.won.v1"]).read(positions, b",".join(entries))


@pytest.mark.parametrize("event", [EARNED, MOVED, VISIT, VOIDED], ids=lambda one: one.type_name)
@pytest.mark.parametrize("more", [{}, {"cause": "41", "batch": "b1"}], ids=("bare", "caused"))
def test_it_reads_what_reading_one_alone_reads(event: Event, more: dict[str, str]) -> None:
    """The envelope, the values of the event, and its tags."""
    entry = entry_of(event, **more)
    alone = decode_entry(entry, 42)
    (other, read) = read_entries((7, entry_of(VISIT)), (42, entry))
    assert other.envelope.position == 7
    for name in Envelope.__struct_fields__:
        assert getattr(read.envelope, name) == getattr(alone.envelope, name), name
    assert msgspec.json.encode(read.event) == msgspec.json.encode(alone.event)
    assert isinstance(read.event, type(event))
    assert read.event.type_name == event.type_name
    assert read.tags == alone.tags


@pytest.mark.parametrize("event", [EARNED, MOVED, VISIT, VOIDED], ids=lambda one: one.type_name)
def test_a_sketch_says_whose_an_event_is_and_when_it_was(event: Event) -> None:
    """Its place, time, batch and tags, and by either class it is found."""
    entry = entry_of(event, batch="b1")
    alone = decode_entry(entry, 42)
    opaque = msgspec.json.encode({**ENVELOPE, "type": event.type_name, "data_base64": b"{}"})
    (sketch,) = SketchReader([event.type_name]).read([41, 42], opaque + b"," + entry)
    for name in ("position", "time", "batch"):
        assert getattr(sketch.envelope, name) == getattr(alone.envelope, name), name
    assert sketch.tags == alone.tags
    assert type(sketch.event) in as_sketched({type(event): None})
    assert set(sketch.event.__struct_fields__) < set(event.__struct_fields__)


def test_every_event_can_be_sketched() -> None:
    """The sketch has the names and defaults of the fields that it has."""
    for name, cls in event_classes().items():
        whole = {one.name: one for one in msgspec.structs.fields(cls)}
        for one in msgspec.structs.fields(sketched(cls)):
            assert one.encode_name == whole[one.name].encode_name, name
            assert one.required == whole[one.name].required, name
        assert set(as_sketched({cls: name})) == {cls, believed(cls), sketched(cls)}


def test_what_cannot_be_read_is_left_out() -> None:
    """Opaque bytes under a name that the ledger knows."""
    opaque = msgspec.json.encode({**ENVELOPE, "type": "points.earned.v1", "data_base64": b"{}"})
    found = read_entries((1, opaque), (2, entry_of(EARNED)), (3, opaque))
    assert [one.envelope.position for one in found] == [2]


def test_nothing_is_read_of_nothing() -> None:
    """No entries of the names, and no names."""
    assert EntryReader(["points.earned.v1"]).read([], b"") == []
    assert EntryReader([]).read([], b"") == []


def test_facts_are_found_by_class_in_order() -> None:
    """Those of some classes, in the order of their positions, whichever class they are read as."""
    found = read_entries((1, entry_of(VISIT)), (2, entry_of(EARNED)), (3, entry_of(VISIT)))
    alone = decode_entry(entry_of(VISIT), 4)
    facts = Facts([*found, alone])
    positions = [one.envelope.position for one in facts.of(as_read({VisitRecorded: None}))]
    assert positions == [1, 3, 4]
    assert [one.envelope.position for one in facts] == [1, 2, 3, 4]


def test_an_older_version_is_read_as_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the newer one is declared after the older one was read."""
    monkeypatch.setattr(kernel, "_known", dict(kernel._known))
    monkeypatch.setattr(kernel, "_classes", dict(kernel._classes))

    @event_type("medal.won.v1")
    class Older(Decided, frozen=True, kw_only=True):
        member_id: MemberID
        points: Points

    entry = entry_of(Older(member_id="m1", points=3))
    assert read_entries((1, entry))[0].event.type_name == "medal.won.v1"

    @event_type("medal.won.v2", replaces=Older, upcast=lambda data: {**data, "colour": "gold"})
    class Newer(Decided, frozen=True, kw_only=True):
        member_id: MemberID
        points: Points
        colour: str

    (read,) = read_entries((1, entry))
    assert read.envelope.type == "medal.won.v1"
    assert read.event == Newer(member_id="m1", points=3, colour="gold")


def test_every_event_can_be_believed() -> None:
    """The believed class has the same fields, names and defaults, and is found by either class."""
    for name, cls in event_classes().items():
        fields = [msgspec.structs.fields(one) for one in (cls, believed(cls))]
        what = [[(one.name, one.encode_name, one.required) for one in some] for some in fields]
        assert what[0] == what[1], name
        assert believed(cls).__struct_config__.forbid_unknown_fields, name
        msgspec.json.Decoder(believed(cls))
        assert as_read({cls: name}) == {cls: name, believed(cls): name}


def test_a_value_of_another_type_is_an_error() -> None:
    """What is believed are patterns and limits, not what kind of thing a value is."""
    with pytest.raises(msgspec.ValidationError):
        read_entries((1, entry_of(EARNED).replace(b'"points":5', b'"points":"5"')))


def test_threads_that_ask_at_once_have_the_same_class() -> None:
    """What one of them decodes, the handlers of another have to find."""
    classes = [
        msgspec.defstruct(f"S{n}", [(f"f{k}", Annotated[int, Meta(ge=k)]) for k in range(30)])
        for n in range(20)
    ]
    threads = 8
    barrier = threading.Barrier(threads)

    def ask(_: int) -> list[type]:
        barrier.wait()
        return [believed(one) for one in classes]

    with ThreadPoolExecutor(threads) as pool:
        first, *others = pool.map(ask, range(threads))
    assert all(found == first for found in others)
