"""The simulated history: always the same, of any size, sound, and shaped as it is promised."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.event import validated
from domain.ledger import BatchVoided
from domain.participations import ParticipationDisqualified
from domain.people import MemberEnrolled
from domain.points import PointsClawedBack
from domain.purchases import ReturnMatched
from filrouge.simulator import State, arrivals
from filrouge.simulator.lots import SLOTS, Lot, Lots
from filrouge.simulator.plan import LAST_DAY
from store.ledger import ORIGIN_PATTERN
from tests.filrouge.history import (
    events,
    everything,
    state,
)


def _written(seed: int, **environment: str) -> str:
    """The digest of what another process writes for a seed."""
    command = [str(Path(sys.executable).with_name("filrouge")), "simulate"]
    done = subprocess.run(
        [*command, "--members", "120", "--years", "1", "--seed", str(seed), "--out", "-"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    assert done.stdout.count(b"\n") > 2_000
    return hashlib.sha256(done.stdout).hexdigest()


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Whatever the hash seed and the clock of the place; another seed gives another history."""
    first = _written(8, PYTHONHASHSEED="1", TZ="America/Lima")
    assert _written(8, PYTHONHASHSEED="77", TZ="Asia/Tokyo") == first
    assert _written(9, PYTHONHASHSEED="1", TZ="America/Lima") != first


_MEASURE = """
import os, resource, sys
from filrouge.simulator import State
from filrouge.simulator.run import write
with open(os.devnull, "wb") as nowhere:
    events = write(nowhere, State(1500, float(sys.argv[1]), 2))
print(events, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "linux"
      else 1024))
"""


def _measured(years: float) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(years)], check=True, capture_output=True, text=True
    )
    count, kilobytes = done.stdout.split()
    return int(count), int(kilobytes)


def test_memory_does_not_grow_with_the_years() -> None:
    """A hundred thousand more events need no more memory: they would be over 100 MB."""
    few, before = _measured(0.5)
    many, after = _measured(5)
    assert many > few + 90_000
    assert after - before < 8_000, "kilobytes"


def test_every_event_is_valid_and_recorded_once() -> None:
    """Each fits its schema, has an acceptable id and source of its own, and a time in the plan."""
    first = datetime.combine(state().plan.first_date, datetime.min.time(), UTC)
    last = datetime.combine(LAST_DAY, datetime.max.time(), UTC)
    origins = set()
    for one in everything():
        if not isinstance(one.event, BatchVoided):
            assert validated(one.event) == one.event
        assert ORIGIN_PATTERN.fullmatch(one.id)
        assert ORIGIN_PATTERN.fullmatch(one.source)
        assert first - timedelta(hours=14) <= one.time <= last
        origins.add((one.source, one.id))
    assert len(origins) == len(everything())


def test_what_the_ledger_decides_is_left_to_it() -> None:
    """Matches, clawbacks and disqualifications by a rule are no part of the history."""
    assert not list(events(ReturnMatched, PointsClawedBack))
    assert {event.reason for event, _ in events(ParticipationDisqualified)} == {"duplicate_device"}


@pytest.mark.parametrize("members,years", [(1, 0.01), (1, 1.0), (3, 0.2), (40, 0.5)])
def test_the_smallest_histories_are_sound_too(members: int, years: float) -> None:
    """Nothing needs a crowd."""
    found = list(arrivals(State(members, years, 1)))
    for one in found:
        validated(one.event)
    assert sum(isinstance(one.event, MemberEnrolled) for one in found) == members


def test_lots_are_bounded_and_spent_first_to_expire_first() -> None:
    """A full account forgets what comes on top, which then is never spent."""
    lots = Lots(2)
    assert lots.add(1, Lot(month=30, available=5, serial=1, points=100))
    assert lots.add(1, Lot(month=20, available=9, serial=2, points=60))
    assert (lots.active(1, 5, 10), lots.active(1, 9, 10), lots.active(1, 9, 25)) == (100, 160, 100)
    assert lots.spend(1, 80, 9, 10) == [(2, 60), (1, 20)]
    assert lots.take_back(1, 1) == 80
    assert lots.active(1, 9, 10) == 0
    assert lots.active(0, 9, 10) == 0
    for serial in range(SLOTS):
        assert lots.add(0, Lot(30, 1, serial, 10))
    assert not lots.add(0, Lot(30, 1, SLOTS, 10))
    assert lots.expire(0, 30) == [(serial, 10) for serial in range(SLOTS)]
