"""A history in a ledger: recorded once, resumed after any interruption, decided by the rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from domain.ledger import OpenLedger
from domain.participations import ParticipationDisqualified
from domain.points import PointsClawedBack
from domain.purchases import ReturnMatched
from domain.referrals import ReferralVoided
from filrouge.commands_import import plan
from filrouge.figures import figures_of
from filrouge.importing.destinations import IntoLedger
from filrouge.importing.run import Run
from filrouge.simulator import State
from filrouge.simulator.run import Progress, begun, complete, fill, write
from store.database import Database
from store.ledger import Ledger
from store.sources import REACTIONS_SOURCE
from tests.filrouge.conftest import Filrouge

MEMBERS, YEARS, SEED = 250, 1.0, 3


class Interrupted(Exception):
    """The process ends here."""


def _origins(ledger: Ledger) -> list[tuple[str, str, str]]:
    """What stands in a log, in its order, apart from what every ledger has for itself."""
    return [
        (recorded.envelope.source, recorded.envelope.id, recorded.envelope.type)
        for recorded in ledger.log.read(after=1)
    ]


def test_a_history_is_recorded_once(ledger: Ledger) -> None:
    """The second run finds everything and records nothing."""
    history = State(MEMBERS, YEARS, SEED)
    assert not begun(ledger, history)
    first = fill(ledger, history)
    assert first.recorded == first.events > 4_000
    head = ledger.log.head().position
    assert complete(ledger, State(MEMBERS, YEARS, SEED))
    assert not complete(ledger, State(MEMBERS, YEARS, SEED + 1))
    again = fill(ledger, State(MEMBERS, YEARS, SEED))
    assert (again.events, again.recorded) == (first.events, 0)
    assert ledger.log.head().position == head


@pytest.mark.parametrize("after_events", [1, 2_500, 6_000])
def test_an_interrupted_fill_ends_as_the_same_history(
    installation: Database, opening: OpenLedger, after_events: int
) -> None:
    """Whenever it breaks off, the next run ends with the same log as one in one go."""

    def stop(progress: Progress) -> None:
        if progress.events >= after_events:
            raise Interrupted

    whole = installation.create("whole", opening)
    broken = installation.create("broken", opening)
    try:
        fill(whole, State(MEMBERS, YEARS, SEED))
        with pytest.raises(Interrupted):
            fill(broken, State(MEMBERS, YEARS, SEED), report=stop)
        assert not complete(broken, State(MEMBERS, YEARS, SEED))
        fill(broken, State(MEMBERS, YEARS, SEED))
        assert complete(broken, State(MEMBERS, YEARS, SEED))
        assert _origins(broken) == _origins(whole)
    finally:
        whole.close()
        broken.close()


def test_the_ledger_decides_what_follows(ledger: Ledger) -> None:
    """Its rules disqualify, match returns, claw points back and void what refers to oneself."""
    fill(ledger, State(900, 1.0, 4))
    voids = ledger.log.voids()
    assert voids.batches
    reasons: Counter[str] = Counter()
    decided: Counter[type] = Counter()
    hidden = 0
    for recorded in ledger.log.read():
        hidden += voids.hides(recorded.envelope)
        if recorded.envelope.source == REACTIONS_SOURCE:
            decided[type(recorded.event)] += 1
            if isinstance(recorded.event, ParticipationDisqualified):
                reasons[recorded.event.reason] += 1
    assert hidden >= 2
    assert reasons.keys() == {"limit", "outside_dates"}
    assert decided[ReturnMatched] > 100
    assert 0 < decided[PointsClawedBack] <= decided[ReturnMatched]
    assert decided[ReferralVoided] > 0


def test_a_file_of_it_says_the_same(
    installation: Database, opening: OpenLedger, tmp_path: Path
) -> None:
    """Imported as CloudEvents, it adds up to the same points and money, rejecting nothing."""
    file = tmp_path / "history.ndjson"
    with file.open("wb") as stream:
        events = write(stream, State(MEMBERS, YEARS, SEED))
    filled, imported = (installation.create(name, opening) for name in ("filled", "imported"))
    try:
        fill(filled, State(MEMBERS, YEARS, SEED))
        jobs = plan(None, [file], time_zone="Europe/Paris", currency="EUR")
        report = Run(IntoLedger(imported, actor="test", batch="history")).files(jobs)
        assert report.complete
        assert report.files[0].recorded == events
        one, other = (figures_of(of.log, of.log.head().position) for of in (filled, imported))
        assert (one.points, one.money) == (other.points, other.money)
        assert one.voided > 0
        assert other.voided == 0
    finally:
        filled.close()
        imported.close()


def test_the_command_fills_a_ledger_that_it_makes(filrouge: Filrouge) -> None:
    """It says what it recorded, and the second time nothing."""
    size = ("--members", 20, "--years", "0.2", "--seed", 2)
    first = filrouge("simulate", *size, "--json").json
    assert first["recorded"] == first["events"] > 200
    again = filrouge("simulate", *size, "--json").json
    assert (again["recorded"], again["head"]) == (0, first["head"])


def test_the_command_writes_a_file_that_is_whole(filrouge: Filrouge, tmp_path: Path) -> None:
    """One CloudEvent on each line; what is left of an earlier attempt is replaced."""
    out = tmp_path / "events.ndjson"
    out.write_text("something else\n")
    said = filrouge("simulate", "--members", 5, "--years", "0.1", "--out", out, "--json").json
    lines = out.read_text().splitlines()
    assert said["events"] == len(lines) > 20
    assert all(line.startswith('{"specversion":"1.0",') for line in lines)
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []
