"""What is read, and the position that it reflects, are of one instant."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from domain.campaigns import CampaignPlanned
from domain.engagement import VisitRecorded
from domain.participations import ParticipationRecorded
from domain.points import PointsEarned
from domain.purchases import PurchaseRecorded
from projections import builds
from projections.failures import ProjectionNotReady
from projections.reader import FoundRows, RowReader, reading
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import wait_for
from projections.tables import drop_tables
from tests.projections.brand import Brand
from tests.projections.faulty import VISITS, Visits
from tests.projections.sample import SAMPLE, Audience, Balance, Costs, Lots, Returns

WAIT_SECONDS_MAX = 60.0
SPRING = datetime(2026, 3, 1, tzinfo=UTC)


def test_rows_and_totals_can_be_read(brand: Brand) -> None:
    """By key, by owner, by SELECT; totals by key, or all."""
    earned = PointsEarned(
        account_id="a_1", lot_id="l_1", points=7, origin="purchase", available_from=SPRING
    )
    brand.tell(
        CampaignPlanned(
            campaign_id="c_1",
            name="Spring",
            currency="EUR",
            starts=SPRING,
            ends=SPRING + timedelta(days=30),
        ),
        ParticipationRecorded(
            participation_id="p_1", member_id="m_1", campaign_id="c_1", activation_id="t_1"
        ),
        PurchaseRecorded(purchase_id="k_1", member_id="m_1", currency="EUR", net=1250),
        earned,
        day=3,
    )
    head = brand.tell(earned, VisitRecorded(member_id="m_2"))
    rebuild(brand.ledger, [SAMPLE])
    with reading(brand.ledger.pool, SAMPLE) as reader:
        assert reader.position == head
        assert reader.row(Audience, "m_1").spent == [(1772625600, 1250)]
        assert reader.row(Audience, "m_3") is None
        assert set(reader.rows(Audience, ["m_1", "m_2", "m_3"])) == {"m_1", "m_2"}
        assert [row.points for row in reader.owned(Lots, "a_1").values()] == [7, 7]
        assert not reader.owned(Lots, "a")
        assert reader.total(Balance, "a_1") == {"points": 14}
        assert reader.total(Balance, "a_2") == {}
        assert reader.every_total(Costs) == {"all": {"campaigns": 1}}
        found = reader.select(
            "SELECT t.key, t.row->>'revenue' FROM {returns} t JOIN {people} p"
            " ON p.row->'campaigns'->t.key IS NOT NULL WHERE p.key = %s",
            {"returns": Returns, "people": Audience},
            ["m_1"],
        )
        assert found == [("c_1", "1250")]


def test_rows_and_position_are_of_one_instant(brand: Brand) -> None:
    """While events come in and tables are rebuilt, what is read is always exactly its position."""
    with Runner(brand.ledger, [VISITS], grace_seconds=5).start():
        assert wait_for(brand.ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
        stop = threading.Event()
        wrong: list[tuple[int, int]] = []

        def read_on() -> None:
            while not stop.is_set():
                with reading(brand.ledger.pool, VISITS) as reader:
                    row = reader.row(Visits, "m_1")
                    visits = 0 if row is None else row.visits
                    if visits != reader.position - 1:
                        wrong.append((visits, reader.position))

        thread = threading.Thread(target=read_on)
        thread.start()
        for _ in range(10):
            for _ in range(5):
                head = brand.tell(*(VisitRecorded(member_id="m_1") for _ in range(3)))
            rebuild(brand.ledger, [VISITS])
        assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
        stop.set()
        thread.join()
    assert not wrong


def test_several_projections_are_read_as_of_the_slowest(brand: Brand) -> None:
    """All of them in one snapshot; one that was never filled cannot be read."""
    first = brand.tell(VisitRecorded(member_id="m_1"))
    rebuild(brand.ledger, [VISITS])
    brand.tell(VisitRecorded(member_id="m_1"))
    with pytest.raises(ProjectionNotReady), reading(brand.ledger.pool, VISITS, SAMPLE):
        pass
    rebuild(brand.ledger, [SAMPLE])
    with reading(brand.ledger.pool, VISITS, SAMPLE) as reader:
        assert reader.position == first
        assert reader.row(Visits, "m_1").visits == 1
        assert len(reader.row(Audience, "m_1").trace) == 2


def test_a_failed_query_leaves_the_connection_usable(brand: Brand) -> None:
    """The snapshot ends, whatever went wrong inside."""
    rebuild(brand.ledger, [VISITS])
    for _ in range(8):  # more than the pool holds
        with pytest.raises(ZeroDivisionError), reading(brand.ledger.pool, VISITS) as reader:
            1 / 0  # noqa: B018 - it goes wrong
        with (
            pytest.raises(Exception, match="nowhere"),
            reading(brand.ledger.pool, VISITS) as reader,
        ):
            reader.select("SELECT * FROM nowhere", {})
    with reading(brand.ledger.pool, VISITS) as reader:
        assert reader.position == 1


def test_tables_that_went_meanwhile_are_read_again(brand: Brand) -> None:
    """Who reads for longer than the grace is told to read again, and then reads the new tables."""

    def stall() -> None:
        with reading(brand.ledger.pool, VISITS) as reader:
            rebuild(brand.ledger, [VISITS])
            with brand.ledger.connect() as connection:
                assert builds.drop_retired(connection, grace_seconds=0) == 1
            reader.row(Visits, "m_1")

    rebuild(brand.ledger, [VISITS])
    with pytest.raises(ProjectionNotReady):
        stall()
    with reading(brand.ledger.pool, VISITS) as reader:
        assert reader.row(Visits, "m_1") is None


class TestRowReader:
    def test_rows_of_one_fold(self, brand: Brand) -> None:
        """Rows by key in one statement, with the position, the end of the log and the epoch."""
        position = brand.tell(VisitRecorded(member_id="m_1"), VisitRecorded(member_id="m_2"))
        rebuild(brand.ledger, [VISITS])
        end = brand.tell(VisitRecorded(member_id="m_1"))
        found = RowReader(brand.ledger.pool, VISITS, Visits).read({"m_1", "m_2", "m_3"})
        assert found[1:] == (position, end, brand.ledger.log.head().epoch)
        rows = FoundRows(Visits, found.texts)
        assert rows.row(Visits, "m_1").visits == 1
        assert rows.row(Visits, "m_3") is None
        assert set(rows.rows(Visits, ["m_2", "m_3"])) == {"m_2"}

    def test_no_row_at_all(self, brand: Brand) -> None:
        """A key without a row, and no key: the positions are said all the same."""
        rebuild(brand.ledger, [VISITS])
        reader = RowReader(brand.ledger.pool, VISITS, Visits)
        for keys in (["m_1"], []):
            found = reader.read(keys)
            assert found.position == found.end == 1
            assert FoundRows(Visits, found.texts).row(Visits, "m_1") is None

    def test_never_filled(self, brand: Brand) -> None:
        """A projection that was never filled cannot be read; once it was, it can."""
        reader = RowReader(brand.ledger.pool, VISITS, Visits)
        with pytest.raises(ProjectionNotReady):
            reader.read(["m_1"])
        rebuild(brand.ledger, [VISITS])
        assert reader.read(["m_1"]).position == 1

    def test_it_follows_the_live_build(self, brand: Brand) -> None:
        """After a rebuild the new tables are read, whether the old ones are there yet or not."""
        reader = RowReader(brand.ledger.pool, VISITS, Visits)
        for grace_seconds in (60.0, 0.0, 0.0):
            position = brand.tell(VisitRecorded(member_id="m_1"))
            rebuild(brand.ledger, [VISITS], grace_seconds=grace_seconds)
            with brand.ledger.connect() as connection:
                builds.drop_retired(connection, grace_seconds)
            found = reader.read(["m_1"])
            assert found.position == position
            assert FoundRows(Visits, found.texts).row(Visits, "m_1").visits == position - 1

    def test_live_without_tables(self, brand: Brand) -> None:
        """A build whose tables somebody dropped is not looked for without end."""
        rebuild(brand.ledger, [VISITS])
        with brand.ledger.connect() as connection:
            current = builds.current(connection, VISITS)
            assert current is not None
            drop_tables(connection, current.build)
        with pytest.raises(ProjectionNotReady):
            RowReader(brand.ledger.pool, VISITS, Visits).read(["m_1"])

    def test_rows_and_position_are_of_one_instant(self, brand: Brand) -> None:
        """However the log grows and tables move: rows as of their position, and never backwards."""
        reader = RowReader(brand.ledger.pool, VISITS, Visits)
        with Runner(brand.ledger, [VISITS], grace_seconds=0.1).start():
            assert wait_for(brand.ledger.pool, VISITS, 1, WAIT_SECONDS_MAX)
            stop = threading.Event()
            seen: list[tuple[int, int]] = []

            def read_on() -> None:
                while not stop.is_set():
                    found = reader.read(["m_1"])
                    row = FoundRows(Visits, found.texts).row(Visits, "m_1")
                    seen.append((0 if row is None else row.visits, found.position))

            thread = threading.Thread(target=read_on)
            thread.start()
            for _ in range(10):
                for _ in range(5):
                    head = brand.tell(*(VisitRecorded(member_id="m_1") for _ in range(3)))
                rebuild(brand.ledger, [VISITS])
            assert wait_for(brand.ledger.pool, VISITS, head, WAIT_SECONDS_MAX)
            stop.set()
            thread.join()
        assert seen
        assert [one for one in seen if one[0] != one[1] - 1] == []
        assert seen == sorted(seen)
