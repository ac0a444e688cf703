"""Reads that come at the same time share a snapshot, and each has its own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from api.gathered import KEYS_TOGETHER_MAX, Gathered
from domain.engagement import VisitRecorded
from projections.reader import FoundRows, RowReader, Snapshot
from projections.rebuild import rebuild
from store.ledger import Ledger
from tests.api.test_positions import made
from tests.projections.brand import Brand
from tests.projections.faulty import VISITS, Visits

MEMBERS = 20


class Counted(RowReader):
    """Notes its statements, and holds them back until they may go."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger.pool, VISITS, Visits)
        self.asked: list[Sequence[str]] = []
        self.began = threading.Event()
        self.may_go = threading.Event()
        self.may_go.set()

    def read(self, keys: Any) -> Snapshot:
        """Read, and note what was asked for."""
        self.asked.append(sorted(keys))
        self.began.set()
        self.may_go.wait()
        return super().read(keys)


@pytest.fixture
def brand(ledger: Ledger) -> Brand:
    """Twenty members, each with as many visits as its number says."""
    brand = Brand(ledger)
    brand.tell(
        *(VisitRecorded(member_id=f"m_{n}") for n in range(1, MEMBERS + 1) for _ in range(n))
    )
    rebuild(ledger, [VISITS])
    return brand


@pytest.fixture
def reader(brand: Brand) -> Counted:
    """What reads the visits."""
    return Counted(brand.ledger)


def visits_of(member_id: str) -> Callable[[FoundRows], int | None]:
    """The query for one member's visits."""

    def query(rows: FoundRows) -> int | None:
        row = rows.row(Visits, member_id)
        return None if row is None else int(row.visits)

    return query


async def visits(gathered: Gathered, member_id: str) -> int | None:
    """Read one member's visits."""
    found, _ = await gathered.read([member_id], visits_of(member_id))
    return found


class TestGathered:
    def test_each_has_its_own_row(self, reader: Counted) -> None:
        """Many at once are read together, and each is given its own row."""

        async def read() -> list[int | None]:
            gathered = Gathered(reader)
            names = [f"m_{n}" for n in range(1, MEMBERS + 2)]
            return await asyncio.gather(*(visits(gathered, name) for name in names))

        assert asyncio.run(read()) == [*range(1, MEMBERS + 1), None]
        assert len(reader.asked) == 1

    def test_alone(self, reader: Counted) -> None:
        """Who comes alone goes alone, and does not wait for others."""

        async def read() -> list[int | None]:
            gathered = Gathered(reader)
            return [await visits(gathered, f"m_{n}") for n in (3, 2)]

        assert asyncio.run(read()) == [3, 2]
        assert reader.asked == [["m_3"], ["m_2"]]

    def test_while_one_is_read_the_next_gather(self, reader: Counted, brand: Brand) -> None:
        """Who comes while a group is read is in the next one, and sees what was recorded before."""

        async def read() -> tuple[tuple[int | None, Snapshot], ...]:
            gathered = Gathered(reader)
            reader.may_go.clear()
            first = asyncio.create_task(gathered.read(["m_1"], visits_of("m_1")))
            await asyncio.to_thread(reader.began.wait)
            head = await asyncio.to_thread(brand.tell, VisitRecorded(member_id="m_1"))
            later = [
                asyncio.create_task(gathered.read([f"m_{n}"], visits_of(f"m_{n}")))
                for n in (1, 2, 3)
            ]
            await asyncio.sleep(0)
            assert len(reader.asked) == 1
            reader.may_go.set()
            answers = await asyncio.gather(first, *later)
            assert all(snapshot.end >= head for _, snapshot in answers[1:])
            return tuple(answers)

        answers = asyncio.run(read())
        assert [found for found, _ in answers] == [1, 1, 2, 3]
        assert reader.asked == [["m_1"], ["m_1", "m_2", "m_3"]]

    def test_one_that_fails(self, reader: Counted) -> None:
        """A query that raises is its caller's trouble alone."""

        async def read() -> list[Any]:
            gathered = Gathered(reader)
            wrong = gathered.read(["m_1"], lambda _: 1 // 0)
            both = visits(gathered, "m_1"), visits(gathered, "m_2")
            return list(await asyncio.gather(both[0], wrong, both[1], return_exceptions=True))

        first, failure, second = asyncio.run(read())
        assert (first, second) == (1, 2)
        assert isinstance(failure, ZeroDivisionError)
        assert len(reader.asked) == 1

    def test_one_that_goes_away(self, reader: Counted) -> None:
        """Who is cancelled before its group begins is not asked for; the others are answered."""

        async def read() -> list[Any]:
            gathered = Gathered(reader)
            tasks = [asyncio.create_task(visits(gathered, f"m_{n}")) for n in (1, 2, 3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        first, cancelled, third = asyncio.run(read())
        assert (first, third) == (1, 3)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert reader.asked == [["m_1", "m_3"]]

    def test_all_go_away(self, reader: Counted) -> None:
        """When nobody waits any more, nothing is asked, and the next one is answered."""

        async def read() -> int | None:
            gathered = Gathered(reader)
            task = asyncio.create_task(visits(gathered, "m_1"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return await visits(gathered, "m_4")

        assert asyncio.run(read()) == 4
        assert reader.asked == [["m_4"]]

    def test_the_database_is_away(self, reader: Counted, brand: Brand) -> None:
        """All of a group are told so, and the next group is tried again."""

        async def read() -> list[Any]:
            gathered = Gathered(reader)
            brand.ledger.pool.close()
            return [
                *await asyncio.gather(
                    *(visits(gathered, f"m_{n}") for n in (1, 2)), return_exceptions=True
                ),
                *await asyncio.gather(visits(gathered, "m_3"), return_exceptions=True),
            ]

        failures = asyncio.run(read())
        assert len(failures) == 3
        assert all(isinstance(failure, psycopg.OperationalError) for failure in failures)
        assert len(reader.asked) == 2

    def test_no_statement_without_end(self, reader: Counted) -> None:
        """More keys than fit are read by several statements."""

        async def read() -> list[int]:
            gathered = Gathered(reader)
            names = [[f"m_{n}", f"x_{n}"] for n in range(KEYS_TOGETHER_MAX)]
            found = await asyncio.gather(
                *(gathered.read(keys, lambda rows, k=keys: len(rows.rows(Visits, k)))  # type: ignore[misc]
                  for keys in names)
            )  # fmt: skip
            return [many for many, _ in found]

        assert sum(asyncio.run(read())) == MEMBERS
        assert [len(keys) for keys in reader.asked] == [KEYS_TOGETHER_MAX, KEYS_TOGETHER_MAX]


class TestOverHttp:
    def test_many_at_once(self, caller: Any) -> None:
        """Callers that read at the same time are each given their own account."""
        ids = [
            made(caller, "/accounts", {"programme": "p", "points_currency": "c"}, "account_id")
            for _ in range(10)
        ]
        for n, account_id in enumerate(ids, 1):
            award = {"points": n, "reason": "x"}
            head = caller.post(f"/accounts/{account_id}/awards", award).headers["ledger-position"]

        def read(n: int) -> tuple[int, Any]:
            path = f"/accounts/{ids[n % 10]}/balance"
            return n % 10 + 1, caller.get(path, min_position=head)

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(read, range(100)))
        for points, answer in answers:
            assert answer.status_code == 200
            assert answer.json()["issued"] == points
            assert answer.json()["account_id"] == ids[points - 1]
            assert int(answer.headers["ledger-position"].split(".")[1]) >= int(head.split(".")[1])
