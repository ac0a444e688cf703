"""Events: explicit names, tags from types, versions that are read as the newest."""

from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from domain import event as kernel
from domain.contact import Contact
from domain.envelope import decode_entry, event_parts, stamp
from domain.errors import InvalidEvent
from domain.event import (
    Decided,
    Event,
    Observation,
    event_classes,
    event_type,
    known,
    stored_names,
    tags_of,
    validated,
)
from domain.ledger import ControlTotalReported, EventVoided
from domain.lot_parts import TransferredLot
from domain.personal import Personal
from domain.points import PointsTransferred
from domain.types import Block, CampaignID, Instant, MemberID, Points
from tests.domain.moments import NOON


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event types of a test are forgotten after it."""
    monkeypatch.setattr(kernel, "_known", dict(kernel._known))
    monkeypatch.setattr(kernel, "_classes", dict(kernel._classes))


def entry_of(event: Event) -> bytes:
    """An entry with this event in it."""
    parts = event_parts(id="1", source="/s", event=event, time=NOON, actor="a")
    return stamp(NOON).join(parts)


class TestNames:
    @pytest.mark.parametrize("name", ["points", "points.earned", "Points.earned.v1", "a.b.v0"])
    def test_a_name_says_noun_verb_and_version(self, name: str) -> None:
        """Anything else is an error at import."""
        with pytest.raises(TypeError, match="stored name"):
            event_type(name)

    def test_a_name_is_given_once(self) -> None:
        """Two classes cannot share a stored name."""

        class Second(Observation, frozen=True):
            pass

        with pytest.raises(TypeError, match="already"):
            event_type("ledger.opened.v1")(Second)

    def test_an_event_is_observed_or_decided(self) -> None:
        """A class that is neither is an error at import."""

        class Neither(Event, frozen=True):
            pass

        with pytest.raises(TypeError, match="neither"):
            event_type("thing.happened.v1")(Neither)

    def test_every_event_is_frozen_named_and_explained(self) -> None:
        """What auditors read is there for every event and every class is immutable."""
        for name, cls in event_classes().items():
            assert cls.type_name == name
            assert cls.__struct_config__.frozen, name
            assert cls.__doc__, name
            assert cls.__struct_config__.forbid_unknown_fields, name


class TestTags:
    def test_tags_come_from_the_types_of_fields(self) -> None:
        """Identifiers are tags, also inside a block and in a tuple; missing ones are not."""

        @event_type("thing.seen.v1")
        class ThingSeen(Observation, frozen=True, kw_only=True):
            member_id: MemberID
            others: tuple[MemberID, ...] = ()
            campaign_id: CampaignID | None = None
            contact: Contact | None = None

        assert tags_of(ThingSeen(member_id="a")) == ("member:a",)
        event = ThingSeen(member_id="a", others=("b", "a"), contact=Contact(share_id="s"))
        assert {"member:a", "member:b", "share:s"} == set(tags_of(event))

    def test_a_void_repeats_the_tags_of_what_it_voids(self) -> None:
        """Whoever looks for the voided event finds the void."""
        void = EventVoided(position=3, tags=("member:a", "campaign:c"), reason="wrong")
        assert tags_of(void) == ("member:a", "campaign:c")

    def test_tags_are_stable(self) -> None:
        """Which fields are tags is part of an event's version."""
        assert (
            tags_of(
                ControlTotalReported(feed="till", business_date="2026-03-01", count=1, store_id="s")
            )
            == ()
        )


class TestValidation:
    def test_a_constructed_event_is_checked_before_it_is_recorded(self) -> None:
        """Constructors check nothing; recording does."""
        wrong: Any = ControlTotalReported(feed="till", business_date="2026-03-01", count=-1)
        with pytest.raises(InvalidEvent, match="count"):
            validated(wrong)

    @pytest.mark.parametrize("year", ["1969", "2200", "0001", "9999"])
    def test_instants_inside_an_event_are_bounded(self, year: str) -> None:
        """A date that no projection could work with does not enter."""

        @event_type("thing.planned.v1")
        class ThingPlanned(Observation, frozen=True, kw_only=True):
            ends: Instant

        event = msgspec.json.decode(f'{{"ends":"{year}-06-01T00:00:00Z"}}', type=ThingPlanned)
        with pytest.raises(InvalidEvent, match="ends"):
            validated(event)


class TestVersions:
    def make(self, *, tags_change: bool = False) -> tuple[type[Event], type[Event]]:
        """Two versions of one event."""

        @event_type("prize.won.v1")
        class PrizeWonOld(Decided, frozen=True, kw_only=True):
            member_id: MemberID
            points: Points

        def upcast(data: dict[str, Any]) -> dict[str, Any]:
            member = "other" if tags_change else data["member_id"]
            return {"member_id": member, "points": data["points"], "reason": "unknown"}

        @event_type("prize.won.v2", replaces=PrizeWonOld, upcast=upcast)
        class PrizeWon(Decided, frozen=True, kw_only=True):
            member_id: MemberID
            points: Points
            reason: str

        return PrizeWonOld, PrizeWon

    def test_an_old_version_is_read_as_the_new_one(self) -> None:
        """Decoding upcasts; the stored name stays what it was, and selectors take it in."""
        old, new = self.make()
        entry = entry_of(old(member_id="m", points=5))
        recorded = decode_entry(entry, 9)
        assert new(member_id="m", points=5, reason="unknown") == recorded.event
        assert recorded.envelope.type == "prize.won.v1"
        assert stored_names(new) == ("prize.won.v2", "prize.won.v1")
        assert recorded.tags == ("member:m",)

    def test_a_chain_of_versions_is_read_as_the_newest(self) -> None:
        """v1 goes through v2 to v3."""
        old, middle = self.make()

        @event_type(
            "prize.won.v3", replaces=middle, upcast=lambda data: {**data, "approved_by": "system"}
        )
        class PrizeWon3(Decided, frozen=True, kw_only=True):
            member_id: MemberID
            points: Points
            reason: str
            approved_by: str

        for older in (
            old(member_id="m", points=5),
            middle(member_id="m", points=5, reason="unknown"),
        ):
            expected = PrizeWon3(member_id="m", points=5, reason="unknown", approved_by="system")
            assert expected == decode_entry(entry_of(older), 1).event
        assert {"prize.won.v3"} == {n for n in event_classes() if n.startswith("prize.")}

    def test_an_upcast_may_not_change_tags(self) -> None:
        """Tags were indexed when the old version was recorded."""
        old, _ = self.make(tags_change=True)
        with pytest.raises(TypeError, match="changes tags"):
            decode_entry(entry_of(old(member_id="m", points=5)), 1)

    def test_an_unknown_type_is_read_without_its_event(self) -> None:
        """A newer version's event does not break a reader: it has an envelope and no event."""
        assert known("thing.unknown.v1") is None
        entry = entry_of(EventVoided(position=1, reason="x")).replace(
            b"event.voided.v1", b"event.unheard.v9"
        )
        recorded = decode_entry(entry, 1)
        assert recorded.event is None
        assert recorded.envelope.type == "event.unheard.v9"


class TestBlocksInLists:
    """What an event says in a list of blocks is looked at like all the rest."""

    def test_their_times_are_checked(self) -> None:
        """No instant hides in a list from the bounds that hold for all others."""
        moved = TransferredLot(
            lot_id="l1", points=1, origin="goodwill",
            available_from=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        )  # fmt: skip
        with pytest.raises(InvalidEvent, match=r"^lots\.0\.available_from: "):
            validated(
                PointsTransferred(account_id="a1", to_account_id="a2", points=1, lots=(moved,))
            )

    def test_personal_values_in_them_are_an_error(self) -> None:
        """Nothing seals a value there, so such an event cannot be declared."""

        class Guest(Block, frozen=True, kw_only=True):
            member_id: MemberID
            email: Personal["member_id"]  # noqa: F821 - the name of a field

        class Party(Decided, frozen=True, kw_only=True):
            guests: tuple[Guest, ...]

        with pytest.raises(TypeError, match="no value is sealed"):
            event_type("party.given.v1")(Party)
