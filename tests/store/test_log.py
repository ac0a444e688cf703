"""The log: contiguous, append-only, found by types, tags and both times, in both directions."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest

from domain.ledger import ControlTotalReported, OpenLedger
from store.database import Database
from store.ledger import Ledger, NewEvent
from store.log import PAGE_EVENTS
from store.query import Query, QueryItem
from store.windows import Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOTALS = "control_total.reported.v1"


def total(n: int, *, source: str = "/till", time: datetime = NOON) -> NewEvent:
    """A small observation, different for every n."""
    event = ControlTotalReported(feed="till", business_date="2026-03-01", count=n)
    return NewEvent(event, f"total-{n}", source, time)


def observe(ledger: Ledger, *events: NewEvent, batch: str | None = None) -> list[int]:
    """Record events and return their positions."""
    outcomes = ledger.observe(list(events), actor="tester", batch=batch).result()
    assert not [outcome.error for outcome in outcomes if outcome.error]
    return [outcome.position for outcome in outcomes if outcome.position is not None]


def test_positions_have_no_gap(ledger: Ledger) -> None:
    """16 threads record, some of it refused: positions are 1, 2, 3, ... all the same."""

    def record(k: int) -> None:
        for n in range(20):
            wrong = total(n)._replace(id="not allowed@all")
            ledger.observe([total(1000 * k + n), wrong], actor="tester").result()

    threads = [threading.Thread(target=record, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions = [recorded.envelope.position for recorded in ledger.log.read()]
    assert list(range(1, 1 + 16 * 20 + 1)) == positions
    assert ledger.log.head().position == positions[-1]


def test_recorded_times_never_run_backwards(ledger: Ledger) -> None:
    """The ledger's clock is PostgreSQL's, in the order of the positions."""
    for n in range(30):
        observe(ledger, total(n))
    times = [recorded.envelope.recorded_at for recorded in ledger.log.read()]
    assert sorted(times) == times


@pytest.mark.parametrize("table", ["entries", "tags", "origins", "types"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_change(
    ledger: Ledger, database: str, table: str, change: str
) -> None:
    """Neither the ledger's role nor the owner can change or remove what was recorded."""
    observe(ledger, total(1))
    column = {"entries": "position", "tags": "position", "origins": "position", "types": "id"}
    statement = change.format(table, column[table], column[table])
    with ledger.connect() as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute(statement)
    with (
        psycopg.connect(database, options="-c search_path=ledger_test") as owner,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        owner.execute(statement)


def test_the_head_never_goes_back(ledger: Ledger) -> None:
    """The one row that may change only moves forward."""
    with ledger.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE head SET position = 0")


def test_a_role_sees_no_other_ledger(
    ledger: Ledger, installation: Database, opening: OpenLedger
) -> None:
    """A ledger's connection cannot read another ledger, nor any vault."""
    other = installation.create("other", msgspec.structs.replace(opening, ledger_id="l_other"))
    other.close()
    for table in ("ledger_other.entries", "vault_test.subject_keys", "vault_other.digests"):
        with ledger.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT FROM {table}")


def test_reading_by_tags_and_types(ledger: Ledger) -> None:
    """Items are alternatives; inside one, a type is one of several and every tag is needed."""
    first = observe(ledger, total(1), total(2), batch="monday")
    second = observe(ledger, total(3), batch="tuesday")
    read = ledger.log.read

    def found(*items: QueryItem) -> list[int]:
        return [recorded.envelope.position for recorded in read(Query(items))]

    assert first == found(QueryItem(tags=("batch:monday",)))
    assert first + second == found(QueryItem((TOTALS,)))
    assert first + second == found(
        QueryItem(tags=("batch:tuesday",)), QueryItem((TOTALS,), ("batch:monday",))
    )
    assert found(QueryItem(tags=("batch:monday", "batch:tuesday"))) == []
    assert found(QueryItem(("ledger.opened.v1",), ("batch:monday",))) == []
    assert found(QueryItem(("never.recorded.v1",))) == []
    assert found(QueryItem(tags=("ledger:l_test",))) == [1]


def test_reading_pages_in_both_directions(ledger: Ledger) -> None:
    """More than a page, forward and backward, with and without a limit, by tag and without."""
    count = 2 * PAGE_EVENTS + 3
    observe(ledger, *(total(n) for n in range(count)), batch="large")
    everything = list(range(2, count + 2))
    for query in (Query(), Query((QueryItem(tags=("batch:large",)),))):

        def found(query: Query = query, **how: object) -> list[int]:
            return [r.envelope.position for r in ledger.log.read(query, after=1, **how)]  # type: ignore[arg-type]

        assert everything == found()
        assert everything[::-1] == found(backward=True)
        assert everything[: PAGE_EVENTS + 1] == found(limit=PAGE_EVENTS + 1)
        assert everything[:-4:-1] == found(backward=True, limit=3)
        assert everything[:7] == found(until=everything[6])
        assert found(limit=0) == []


def test_reading_by_time_and_by_recorded_time(ledger: Ledger) -> None:
    """Windows are half open; one is when it happened, the other when the ledger learned it."""
    hours = [total(n, time=NOON + timedelta(hours=n)) for n in range(6)]
    positions = [observe(ledger, new)[0] for new in reversed(hours)][::-1]
    window = Query(time_from=NOON + timedelta(hours=1), time_until=NOON + timedelta(hours=3))
    assert sorted(positions[1:3]) == [r.envelope.position for r in ledger.log.read(window)]
    tagged = window._replace(items=(QueryItem((TOTALS,)),))
    assert sorted(positions[1:3]) == [r.envelope.position for r in ledger.log.read(tagged)]
    learned = ledger.log.entry(4)
    assert learned is not None
    before = Query(recorded_until=learned.envelope.recorded_at)
    after = Query(recorded_from=learned.envelope.recorded_at)
    assert [r.envelope.position for r in ledger.log.read(before)] == [1, 2, 3]
    assert [r.envelope.position for r in ledger.log.read(after)] == [4, 5, 6, 7]


def test_a_window_may_reach_beyond_the_head(ledger: Ledger) -> None:
    """Who asks for more than there is has what there is, also by recorded time."""
    observe(ledger, total(1))
    learned = Query(recorded_from=NOON - timedelta(days=9_000))
    assert [r.envelope.position for r in ledger.log.read(learned, until=100)] == [1, 2]
    assert ledger.log.position_at(datetime.now(UTC) + timedelta(days=1), until=100) == 2


def test_a_type_that_is_named_twice_is_read_once(ledger: Ledger) -> None:
    """An event comes once, however often the query names its type or its tag."""
    positions = observe(ledger, total(1), total(2), batch="b1")
    for types in ((TOTALS, TOTALS), (TOTALS,)):
        query = Query((QueryItem(types, ("batch:b1", "batch:b1")),))
        assert positions == [r.envelope.position for r in ledger.log.read(query)]
        assert positions[::-1] == [
            r.envelope.position for r in ledger.log.read(query, backward=True)
        ]


def test_raw_pages_give_the_exact_bytes(ledger: Ledger) -> None:
    """Pages of bytes cover a range, and are what single reads give."""
    observe(ledger, *(total(n) for n in range(10)))
    pages = list(ledger.log.pages(2, 9, size=3))
    assert [len(page) for page in pages] == [3, 3, 1]
    for position, entry in (row for page in pages for row in page):
        recorded = ledger.log.entry(position)
        assert recorded is not None
        assert recorded.entry == bytes(entry)


def test_windows_hold_what_reading_one_by_one_finds(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Along the log, of rare types, and by tag: the same entries, joined by the server."""
    monkeypatch.setattr("store.windows.TAGGED_EVENTS", 2)
    head = observe(ledger, *(total(n) for n in range(7)), batch="b1")[-1]
    expected = {one.envelope.position: one.entry for one in ledger.log.read()}

    def entries(windows: Iterator[Window]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for window in windows:
            assert not window.positions or window.positions[-1] <= window.end
            ends.append(window.end)
            raw = msgspec.json.decode(b"[%b]" % window.joined, type=list[msgspec.Raw])
            found |= dict(zip(window.positions, map(bytes, raw), strict=True))
        return found

    ends: list[int] = []
    opened = {1: expected[1]}
    both = ("ledger.opened.v1", TOTALS, "never.seen.v1")
    assert entries(ledger.log.windows(0, head, both, size=3)) == expected
    assert ends == [3, 6, head]
    ends.clear()
    assert entries(ledger.log.rare_windows(0, head, both, size=3)) == expected
    assert ends == [3, 6, head]
    ends.clear()
    assert entries(ledger.log.rare_windows(0, head, both[:1], size=3)) == opened
    assert ends == [head]
    assert entries(ledger.log.rare_windows(1, head, both[:1], size=3)) == {}
    by_tag = {position: entry for position, entry in expected.items() if 1 < position < head}
    assert entries(ledger.log.tagged_windows({"batch:b1"}, until=head - 1)) == by_tag
    assert entries(ledger.log.tagged_windows({"batch:b1"}, until=head, types=both[:1])) == {}
    assert entries(ledger.log.tagged_windows(set(), until=head)) == {}


def test_following_waits_and_goes_on(ledger: Ledger) -> None:
    """A follower has what was there, waits, and has what comes."""
    stop = threading.Event()
    following = ledger.log.follow(Query((QueryItem((TOTALS,)),)), stop=stop)
    observe(ledger, total(1))
    assert next(following).envelope.position == 2
    timer = threading.Timer(0.1, observe, (ledger, total(2)))
    timer.start()
    assert next(following).envelope.position == 3
    timer.join()
    stop.set()
    assert list(following) == []
