"""The writer: recorded once, decided together, refused alone, and durable when acknowledged."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import psycopg
import pytest

from domain.awards import AwardPoints
from domain.custom import CustomRecorded
from domain.envelope import stored_attributes
from domain.errors import ContentDiffers, InvalidEvent, NotPermitted
from domain.ledger import (
    ControlTotalReported,
    LedgerAlreadyOpened,
    LedgerOpened,
    OpenLedger,
)
from store.database import Database
from store.errors import StoreClosed, StoreUnavailable
from store.ledger import Ledger, NewEvent, Outcome

DAY = "2026-03-01"
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def total(n: int, count: int | None = None, **changes: Any) -> NewEvent:
    """A small observation with the identity n."""
    event = ControlTotalReported(
        feed="till", business_date="2026-03-01", count=n if count is None else count
    )
    return NewEvent(event, f"total-{n}", "/till", NOON)._replace(**changes)


def record(ledger: Ledger, *events: NewEvent) -> list[Outcome]:
    """Record events and wait until they are durable."""
    return ledger.observe(list(events), actor="tester").result()


def test_an_entry_is_a_cloudevent_with_the_callers_own_time(ledger: Ledger) -> None:
    """The envelope is CloudEvents 1.0; the time keeps its offset; the recorded time is ours."""
    record(ledger, total(7))
    recorded = ledger.log.entry(2)
    assert recorded is not None
    entry = msgspec.json.decode(recorded.entry)
    assert entry.pop("time") == "2026-03-01T12:00:00+01:00"
    assert datetime.now(UTC) - datetime.fromisoformat(entry.pop("recordedat")) < timedelta(hours=1)
    assert entry == {
        "specversion": "1.0",
        "id": "total-7",
        "source": "/till",
        "type": "control_total.reported.v1",
        "actor": "tester",
        "data": {"feed": "till", "business_date": "2026-03-01", "count": 7},
    }


def test_the_same_again_has_the_first_position(ledger: Ledger) -> None:
    """Sent twice, by another key, in another file or in one batch: recorded once."""
    assert [Outcome(2), Outcome(2, duplicate=True)] == record(ledger, total(1), total(1))
    assert [Outcome(2, duplicate=True)] == record(ledger, total(1))
    again = ledger.observe([total(1)], actor="somebody-else", batch="file-2").result()
    assert [Outcome(2, duplicate=True)] == again
    assert ledger.log.head().position == 2


def test_the_same_id_from_another_source_is_another_event(ledger: Ledger) -> None:
    """An id is unique in its source only."""
    assert [o.position for o in record(ledger, total(1), total(1, source="/till/2"))] == [2, 3]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"time": NOON + timedelta(seconds=1)}, "time"),
        ({"event": ControlTotalReported(feed="till", business_date=DAY, count=9)}, "count"),
        ({"event": ControlTotalReported(feed="x", business_date=DAY, count=1)}, "feed"),
    ],
)
def test_another_content_under_the_same_id_is_refused(
    ledger: Ledger, change: dict[str, Any], field: str
) -> None:
    """The first stays, and the answer names what differs; also inside one batch."""
    together = record(ledger, total(1), total(1, **change))
    apart = record(ledger, total(1, **change))
    for outcome in (together[1], apart[0]):
        assert isinstance(outcome.error, ContentDiffers)
        assert field in str(outcome.error)
        assert outcome.position is None
    assert ledger.log.head().position == 2


def test_a_refused_event_does_not_take_others_with_it(ledger: Ledger) -> None:
    """Each event of a request is answered on its own."""
    bad_count = ControlTotalReported(feed="till", business_date="2026-03-01", count=-1)
    outcomes = record(
        ledger,
        total(1),
        total(2, event=bad_count),
        total(3, id="a@b.example"),
        total(4, time=datetime(1, 1, 1, tzinfo=UTC)),
        total(5, time=datetime.now(UTC) + timedelta(hours=25)),
        total(6, time=datetime(2026, 3, 1, 12)),  # noqa: DTZ001 - that is the mistake
        total(7),
    )
    assert [outcome.position for outcome in outcomes] == [2, None, None, None, None, None, 3]
    for outcome in outcomes[1:-1]:
        assert isinstance(outcome.error, InvalidEvent)


def test_nul_and_too_much_text_are_refused(ledger: Ledger) -> None:
    """Nothing enters that a text column could not store or that a leaf could not hold."""
    nul = LedgerOpened(ledger_id="x", name="a\0b", time_zone="UTC", currency="EUR")
    literal = LedgerOpened(ledger_id="x", name=r"a\u0000b", time_zone="UTC", currency="EUR")
    new = [total(1, event=nul), total(2, event=literal)]
    outcomes = ledger.observe(new, actor="tester", admin=True).result()
    assert isinstance(outcomes[0].error, InvalidEvent)
    assert "NUL" in str(outcomes[0].error)
    assert outcomes[1].position == 2


def test_decided_events_are_not_reported_from_outside(ledger: Ledger) -> None:
    """Only an administrator brings in what another system has decided."""
    decided = LedgerOpened(ledger_id="x", name="X", time_zone="UTC", currency="EUR")
    [outcome] = record(ledger, total(1, event=decided))
    assert isinstance(outcome.error, NotPermitted)


def test_a_command_is_decided_once(ledger: Ledger, opening: OpenLedger) -> None:
    """The same id and command: the first verdict. Another command under that id: refused."""
    again = ledger.decide(opening, command_id="open-l_test", actor="tester").result()
    assert again.duplicate
    assert [recorded.envelope.position for recorded in again.events] == [1]
    other = msgspec.structs.replace(opening, name="Another")
    with pytest.raises(ContentDiffers):
        ledger.decide(other, command_id="open-l_test", actor="tester").result()
    with pytest.raises(LedgerAlreadyOpened):
        ledger.decide(opening, command_id="open-2", actor="tester").result()


def test_sixteen_threads_open_one_ledger_once(installation: Database, opening: OpenLedger) -> None:
    """A ledger is opened once, however many try at the same moment."""
    ledger = installation._make("race")
    results: list[object] = []

    def attempt(n: int) -> None:
        try:
            results.append(ledger.decide(opening, command_id=f"c{n}", actor="t").result().position)
        except LedgerAlreadyOpened as error:
            results.append(type(error))

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert [result for result in results if isinstance(result, int)] == [1]
    assert results.count(LedgerAlreadyOpened) == 15


def test_another_ledger_id_opens_nothing(ledger: Ledger, opening: OpenLedger) -> None:
    """The opening is position 1 and there is no other, whatever ledger it speaks of."""
    other = msgspec.structs.replace(opening, ledger_id="l_other")
    with pytest.raises(LedgerAlreadyOpened):
        ledger.decide(other, command_id="open-l_other", actor="tester").result()
    assert ledger.log.head().position == 1


def test_text_that_is_not_unicode_is_refused_alone(ledger: Ledger) -> None:
    """Half of a surrogate pair has no bytes: a refusal of that event, and the others go in."""
    half = NewEvent(CustomRecorded(kind="k", attributes={"a": "\ud800"}), "k1", "/app", NOON)
    refused, taken = record(ledger, half, total(1))
    assert isinstance(refused.error, InvalidEvent)
    assert "ud800" not in str(refused.error)
    assert taken == Outcome(2)
    command = AwardPoints(account_id="a1", points=1, reason="\ud800")
    with pytest.raises(InvalidEvent):
        ledger.decide(command, command_id="c1", actor="tester")


def test_an_identifier_ends_where_it_ends(ledger: Ledger) -> None:
    """No line break hides behind an id: it would be another one that looks the same."""
    [outcome] = record(
        ledger, NewEvent(CustomRecorded(kind="k", member_id="m1\n"), "k1", "/", NOON)
    )
    assert isinstance(outcome.error, InvalidEvent)


def test_two_writers_take_turns(ledger: Ledger, installation: Database) -> None:
    """Two writers on one ledger (as two processes have) record everything once, in one order."""
    other = installation.open("test")
    futures = [
        writer.observe([total(n), total(n + 500)], actor="tester")
        for n in range(200)
        for writer in (ledger, other)
    ]
    outcomes = [outcome for future in futures for outcome in future.result()]
    other.close()
    assert sum(not outcome.duplicate for outcome in outcomes) == 400
    assert list(range(2, 402)) == sorted({outcome.position or 0 for outcome in outcomes})


def test_a_lost_connection_is_told_and_overcome(ledger: Ledger, database: str) -> None:
    """When the database goes away, callers are told to send it again, and then it works."""
    record(ledger, total(1))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(StoreUnavailable):
        record(ledger, total(2))
    assert [Outcome(3), Outcome(2, duplicate=True)] == record(ledger, total(2), total(1))


def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    """What comes after the close is refused, not lost in a queue."""
    ledger.observe([total(1)], actor="tester")
    ledger.vault  # noqa: B018 - opened before the pool is gone
    ledger.close()
    with pytest.raises(StoreClosed):
        ledger.observe([total(2)], actor="tester")


def test_the_first_event_of_a_command_carries_its_digest(ledger: Ledger) -> None:
    """What tells a repeated command from another one stands in the entry."""
    first = ledger.log.entry(1)
    assert first is not None
    assert stored_attributes(first.entry).command is not None
