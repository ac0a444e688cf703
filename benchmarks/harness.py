"""What every benchmark shares: sizes, repetitions that take turns, and the results they end as."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

import msgspec

REPETITIONS: Final = 5
GROWN_EVENTS: Final = 10_000_000

T = TypeVar("T")


class Spread(msgspec.Struct, frozen=True):
    """The repetitions of one figure."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of some repetitions."""
        return cls(min(values), median(values), max(values))


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One case: our figure, the yardstick's, and what was wanted of the two."""

    name: str
    """The benchmark."""
    case: str
    ours: float | None = None
    """Medians of the repetitions; none: it was not run."""
    peer: float | None = None
    peer_name: str
    ratio: float | None = None
    """The median of the ratios of the repetitions, ours over the peer's beside it."""
    must: float | None
    aim: float | None
    unit: str
    at_most: bool = False
    """Whether ``must`` and ``aim`` are upper limits. Where there is no peer they limit ``ours``."""
    reached: bool | None = None
    """Whether ``must`` is; none where nothing has to be reached."""
    not_run: str | None = None
    """Why it was not run."""
    note: str = ""
    sizes: str = ""
    ours_spread: Spread | None = None
    peer_spread: Spread | None = None
    ratio_spread: Spread | None = None
    measured_on: str = ""
    """The day of the run, in UTC."""


class Bench:
    """One run of ``make bench``: what it measures with, and what it has measured."""

    def __init__(
        self, folder: Path, *, quick: bool = False, grown_events: int = GROWN_EVENTS
    ) -> None:
        self.folder = folder
        """A temporary folder, on the file system that the data of everybody is on."""
        self.quick = quick
        """Small sizes, one repetition: it shows that everything runs; its figures say little."""
        self.grown_events = grown_events
        """The size of the large ledger."""
        self.repetitions = 1 if quick else REPETITIONS
        self.results: list[Result] = []
        self.shown: dict[str, str] = {}
        """The machine, and the settings of the server that matter."""
        self.postgres_url = ""
        """The address of the run's PostgreSQL."""
        self.places = ExitStack()
        """What is used until the run ends."""
        self._made: dict[Callable[[Bench], Any], Any] = {}
        self._began = time.monotonic()

    def once(self, make: Callable[[Bench], AbstractContextManager[T]]) -> T:
        """What several benchmarks of a run share: made when the first one asks."""
        if make not in self._made:
            self._made[make] = self.places.enter_context(make(self))
        made: T = self._made[make]
        return made

    def size(self, full: int, quick: int) -> int:
        """A size of this run."""
        return quick if self.quick else full

    def seconds(self, full: float) -> float:
        """How long a sample of this run takes."""
        return 0.2 if self.quick else full

    def say(self, text: str) -> None:
        """Tell whoever waits what is going on."""
        elapsed = time.monotonic() - self._began
        print(f"{elapsed // 60:3.0f}:{elapsed % 60:02.0f}  {text}", file=sys.stderr, flush=True)

    def take_turns(
        self,
        contenders: Mapping[str, Callable[[], float]],
        *,
        warm: bool = True,
        times: int | None = None,
    ) -> dict[str, list[float]]:
        """The repetitions of every contender, one after another, so that noise hits all alike.

        A first turn that is not counted warms caches up.
        """
        figures: dict[str, list[float]] = {name: [] for name in contenders}
        if warm and not self.quick:
            for measure in contenders.values():
                measure()
        for turn in range(times or self.repetitions):
            for name, measure in contenders.items():
                figures[name].append(measure())
            said = ", ".join(f"{name} {_short(values[-1])}" for name, values in figures.items())
            self.say(f"  {turn + 1}. {said}")
        return figures

    def record(
        self,
        name: str,
        case: str,
        *,
        ours: Sequence[float],
        unit: str,
        peer: Sequence[float] = (),
        peer_name: str = "",
        must: float | None = None,
        aim: float | None = None,
        at_most: bool = False,
        note: str = "",
        sizes: str = "",
    ) -> Result:
        """Keep what the repetitions of a case came to."""
        # On a machine that is busy enough, a small sample may end before anything is answered.
        pairs = zip(ours, peer, strict=True) if peer else ()
        ratios = [one / other if other else math.inf for one, other in pairs]
        judged = median(ratios) if ratios else median(ours)
        reached = None
        if must is not None:
            reached = judged <= must if at_most else judged >= must
        result = Result(
            name=name, case=case, peer_name=peer_name, must=must, aim=aim, unit=unit,
            at_most=at_most, reached=reached, note=note, sizes=sizes,
            ours=median(ours), ours_spread=Spread.of(ours),
            peer=median(peer) if peer else None, peer_spread=Spread.of(peer) if peer else None,
            ratio=median(ratios) if ratios else None,
            ratio_spread=Spread.of(ratios) if ratios else None, measured_on=_today(),
        )  # fmt: skip
        self.results.append(result)
        return result

    def record_not_run(
        self,
        name: str,
        case: str,
        why: str,
        *,
        peer_name: str,
        unit: str,
        must: float | None,
        aim: float | None,
    ) -> None:
        """Say that a case was not run, and why. What had to be reached is not."""
        self.say(f"  not run: {name}, {case}: {why}")
        self.results.append(
            Result(
                name=name, case=case, peer_name=peer_name, must=must, aim=aim, unit=unit,
                reached=None if must is None else False, not_run=why, measured_on=_today(),
            )
        )  # fmt: skip

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Tell how far something long has come, ten times."""
        began = time.monotonic()
        told = 0

        def report(done: int) -> None:
            nonlocal told
            if done * 10 // total > told:
                told = done * 10 // total
                self.say(f"  {what}: {done:,} of {total:,}")

        self.say(f"  {what}: {total:,}")
        yield report
        self.say(f"  {what}: {time.monotonic() - began:.1f} s")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
