"""The past, in both times: every projection over a selection of the log, against other means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest

import projections
from domain.campaigns import CampaignPlanned
from domain.participations import ParticipationRecorded
from domain.points import PointsRedeemed
from projections import balances, statements
from projections.campaign_audience import AudienceTotals
from projections.campaign_returns import CAMPAIGN_RETURNS
from projections.failures import PastTooLong
from projections.fold import Projection, Total, owner_of
from projections.known import PastReader
from projections.profiles import PROFILES
from projections.reader import reading
from projections.rebuild import rebuild
from projections.selection import NOW, Selection, When
from store.database import Database
from store.ledger import Ledger
from tests.projections import naive
from tests.projections.awkward import Awkward
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.builds import live_rows
from tests.projections.figures_by_sql import compared
from tests.projections.histories import BEGIN, History
from tests.projections.movements import earned, taken
from tests.projections.sample import SAMPLE, Audience
from tests.projections.test_declared import Everything

EVENTS: Final = 200
VOIDS: Final = ("event.voided.v1", "batch.voided.v1")
EVERYTHING: Final = (SAMPLE, *projections.ALL)
Entry = dict[str, Any]


def past(ledger: Ledger, when: When) -> PastReader:
    """A reader of the past."""
    return PastReader(ledger.log, ledger.pool, Selection.of(ledger.log, when))


def moments(ledger: Ledger, seed: int) -> list[When]:
    """Instants inside a history: in the world, of the ledger's knowledge, and both."""
    random = Random(seed)  # noqa: S311 - a test's choices, and nothing secret
    head = ledger.log.head().position
    entry = ledger.log.entry(random.randrange(head // 2, head))
    assert entry is not None
    known_at = entry.envelope.recorded_at
    as_of = BEGIN + timedelta(hours=random.randrange(24 * 40, 24 * 80))
    return [When(as_of, known_at), When(as_of, None), When(None, known_at)]


def entries_of(ledger: Ledger) -> list[tuple[int, Entry]]:
    """The entries' JSON."""
    with ledger.connect() as connection:
        rows = connection.execute("SELECT position, entry FROM entries ORDER BY 1").fetchall()
    return [(position, json.loads(entry)) for position, entry in rows]


def selected(entries: list[tuple[int, Entry]], when: When) -> set[int]:
    """The positions of what counts, reckoned from the JSON alone."""

    def instant(entry: Entry, name: str) -> datetime:
        return datetime.fromisoformat(entry[name])

    known = [
        (position, entry)
        for position, entry in entries
        if when.known_at is None or instant(entry, "recordedat") < when.known_at
    ]
    voids = [one["data"] for _, one in known if one["type"] in VOIDS]
    voided = {one["position"] for one in voids if "position" in one}
    batches = {one["batch_id"] for one in voids if "batch_id" in one}
    return {
        position
        for position, entry in known
        if position not in voided
        and entry.get("batch") not in batches
        and (when.as_of is None or instant(entry, "time") < when.as_of)
    }


def fresh(installation: Database, ledger: Ledger, when: When) -> Ledger:
    """A ledger that was only ever fed with what counts, at the same positions.

    In the place of everything else stands an opaque event that nothing folds, voids too.
    """
    entries = entries_of(ledger)
    chosen = selected(entries, when)
    fed = []
    for recorded in ledger.log.read():
        if recorded.envelope.position in chosen and recorded.envelope.type not in VOIDS:
            fed.append(recorded.entry)
        else:
            entry = dict(entries)[recorded.envelope.position]
            entry = {name: value for name, value in entry.items() if name not in {"data", "batch"}}
            fed.append(json.dumps(entry | {"type": "filler", "data_base64": "AA=="}).encode())
    return installation.restore(f"fresh_{len(chosen)}", fed)


@pytest.mark.parametrize("seed", range(2))
def test_every_row_is_that_of_a_ledger_fed_with_what_counted(
    installation: Database, ledger: Ledger, seed: int
) -> None:
    """Of every fold and total there is, whatever came late, was voided, or was identified."""
    Everything(seed).record_all(ledger, EVENTS)
    for when in moments(ledger, seed):
        reader = past(ledger, when)
        other = fresh(installation, ledger, when)
        rebuild(other, EVERYTHING)
        for projection in EVERYTHING:
            assert_same(projection, reader, live_rows(other, projection))
        other.close()


def assert_same(projection: Projection, reader: PastReader, rows: dict[str, Any]) -> None:
    """Row by row, by key and all together; and a key that is not there has no row."""
    for fold in projection.folds:
        expected = rows[fold.table]
        for key, row in expected.items():
            assert plain(reader.row(fold, key)) == row, (fold, key)
            owned = reader.owned(fold, owner_of(key))
            assert plain(owned) == {
                other: row for other, row in expected.items() if owner_of(other) == owner_of(key)
            }
        found = reader.select("SELECT key, row FROM {rows}", {"rows": fold})
        assert dict(found) == expected
        assert reader.row(fold, "nobody") is None
    for total in projection.totals:
        expected = rows[total.table]
        assert reader.every_total(total) == expected
        for key, amounts in expected.items():
            assert reader.total(total, key) == amounts, (total, key)
        assert reader.total(total, "nobody") == {}


def plain(row: Any) -> Any:
    """A row as it is stored."""
    return json.loads(msgspec.json.encode(row))


@pytest.mark.parametrize("seed", range(3))
def test_rows_saw_the_events_that_a_naive_model_gives_them(ledger: Ledger, seed: int) -> None:
    """Whose an event was, and whether it counted, as known then and as of then."""
    History(seed + 50).record_all(ledger, 2 * EVENTS)
    for when in moments(ledger, seed):
        entries = entries_of(ledger)
        chosen = selected(entries, when)
        known = naive.traces_of([one for one in entries if one[0] in chosen])
        reader = past(ledger, when)
        found = reader.select("SELECT key, row->'trace' FROM {rows}", {"rows": Audience})
        assert dict(found) == known
        assert known


@pytest.mark.parametrize("as_of", [None, SPRING + 6 * DAY, SPRING + 61 * DAY])
@pytest.mark.parametrize("share", [None, 0.5, 0.85])
def test_figures_of_campaigns_and_members_are_those_of_sql(
    brand: Brand, as_of: datetime | None, share: float | None
) -> None:
    """Over the JSON of what counted: costs, people, revenue, and everything else."""
    Awkward(brand).all()
    known_at = None
    if share is not None:
        entry = brand.ledger.log.entry(int(brand.ledger.log.head().position * share))
        assert entry is not None
        known_at = entry.envelope.recorded_at
    rebuild(brand.ledger, [CAMPAIGN_RETURNS, PROFILES])
    result = compared(brand.ledger, When(as_of, known_at))
    assert result.differences == {}
    assert len(result.names) > 20


def test_a_void_that_came_later_is_not_known_yet(brand: Brand) -> None:
    """What it took back still counts as known before; as of any instant it counts no more."""
    first = brand.tell(earned("l1", 100), day=1)
    brand.tell(earned("l2", 7), day=2)
    brand.void(first)
    void = brand.ledger.log.entry(brand.ledger.log.head().position)
    assert void is not None

    def issued(when: When) -> int:
        said = balances.balance(past(brand.ledger, when), "a1", SPRING + 10 * DAY)
        return 0 if said is None else said.issued

    before = void.envelope.recorded_at
    assert issued(When(known_at=before)) == 107
    assert issued(When(SPRING + 1.5 * DAY, before)) == 100
    assert issued(When(SPRING + 1.5 * DAY)) == 0
    assert issued(When(SPRING + 3 * DAY)) == 7
    assert issued(When(known_at=before + timedelta(microseconds=1))) == 7


def test_what_came_late_was_true_and_not_known(brand: Brand) -> None:
    """A statement as of a day has the line that was recorded afterwards; as known then it lacks."""
    brand.tell(earned("l1", 100), day=1)
    late = brand.ledger.log.entry(brand.tell(earned("l0", 5), day=0))
    assert late is not None
    brand.tell(taken(PointsRedeemed, {"l1": 30}), day=3)

    def lines(when: When) -> list[tuple[int, int]]:
        page = statements.page(past(brand.ledger, when), "a1", None, 10)
        return [(line.points, line.balance) for line in page.lines]

    assert lines(NOW) == [(5, 5), (100, 105), (-30, 75)]
    assert lines(When(SPRING + 2 * DAY)) == [(5, 5), (100, 105)]
    assert lines(When(known_at=late.envelope.recorded_at)) == [(100, 100)]
    assert lines(When(SPRING + DAY, late.envelope.recorded_at)) == []


def test_now_is_what_the_tables_hold(ledger: Ledger) -> None:
    """Folded from the log as of its head, everything is as it is read."""
    Everything(9).record_all(ledger, EVENTS)
    rebuild(ledger, EVERYTHING)
    reader = past(ledger, NOW)
    for projection in EVERYTHING:
        with reading(ledger.pool, projection) as live:
            assert reader.position == live.position
            for total in projection.totals:
                assert reader.every_total(total) == live.every_total(total)
            for fold in projection.folds:
                keys = "SELECT key FROM {rows} ORDER BY key LIMIT 20"
                for (key,) in live.select(keys, {"rows": fold}):
                    assert plain(reader.row(fold, key)) == plain(live.row(fold, key))


def test_many_owners_are_read_along_the_log(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However their events are found, and however few rows are kept, the rows are the same."""
    History(5).record_all(ledger, EVENTS)
    few = past(ledger, NOW)
    names = [f"m{number}" for number in range(8)]
    expected = few.rows(Audience, names)
    monkeypatch.setattr("projections.folding.PROBE_COSTS", 10**6)
    monkeypatch.setattr("projections.folding.ROWS_AT_ONCE", 3)
    assert past(ledger, NOW).rows(Audience, names) == expected
    assert expected


def test_what_nearly_everybody_is_part_of_is_folded_over_everybody(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without looking for those who are; and the sums are those of live tables."""
    plan = CampaignPlanned(campaign_id="c1", name="One", starts=SPRING, currency="EUR")
    visits = [
        ParticipationRecorded(
            participation_id=f"p{n}", member_id=f"m{n % 4}", campaign_id=f"c{1 + n // 9}",
            activation_id="game",
        )
        for n in range(10)
    ]  # fmt: skip
    brand.tell(plan, *visits, day=1)
    rebuild(brand.ledger, [CAMPAIGN_RETURNS])
    monkeypatch.setattr("projections.known.EVERYBODY_EVENTS_MIN", 1)
    reader = past(brand.ledger, NOW)
    asked: list[str] = []
    look = reader.contributors

    def noted(total: type[Total], key: str) -> set[str] | None:
        asked.append(key)
        return look(total, key)

    monkeypatch.setattr(reader, "contributors", noted)
    with reading(brand.ledger.pool, CAMPAIGN_RETURNS) as live:
        for key in ("c1", "c2"):
            assert reader.total(AudienceTotals, key) == live.total(AudienceTotals, key) != {}
    assert asked == ["c2"]


def test_one_read_looks_at_so_many_events_at_most(ledger: Ledger) -> None:
    """More are refused: tables are the place for that."""
    History(5).record_all(ledger, EVENTS)
    reader = PastReader(
        ledger.log, ledger.pool, Selection.of(ledger.log, NOW, events_max=EVENTS // 10)
    )
    with pytest.raises(PastTooLong):
        reader.select("SELECT key FROM {rows}", {"rows": Audience})


def test_before_everything(ledger: Ledger) -> None:
    """Nothing was known, and nothing was there."""
    History(5).record_all(ledger, 50)
    for when in (When(known_at=datetime(2000, 1, 1, tzinfo=UTC)), When(BEGIN - 100 * DAY)):
        reader = past(ledger, when)
        for projection in EVERYTHING:
            for member in projection.members:
                found = reader.select("SELECT count(*) FROM {rows}", {"rows": member})
                assert found == [(0,)], (member, when)
