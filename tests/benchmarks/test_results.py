"""What a run of the benchmarks comes to: judged by medians of ratios, and never better than it."""

from pathlib import Path

import msgspec
import pytest

from benchmarks import report
from benchmarks.harness import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A run that has measured nothing yet."""
    return Bench(tmp_path)


def test_the_ratio_is_the_median_of_the_ratios_of_the_repetitions(bench: Bench) -> None:
    """What slows both down in one repetition changes nothing."""
    result = bench.record(
        "n", "c", ours=[10, 5, 30], peer=[5, 2.5, 10], peer_name="p", unit="u", must=2, aim=4
    )
    assert result.ratio == 2
    assert result.ours == 10
    assert result.peer == 5
    assert result.reached is True


@pytest.mark.parametrize(
    "ours, peer, at_most, reached",
    [
        ([1.9], [1.0], False, False),
        ([2.0], [1.0], False, True),
        ([2.0], [1.0], True, True),
        ([2.1], [1.0], True, False),
        ([1.9], [], True, True),
        ([2.1], [], True, False),
    ],
)
def test_what_must_be_reached_is_judged_by_the_ratio_or_by_ours_alone(
    bench: Bench, ours: list[float], peer: list[float], *, at_most: bool, reached: bool
) -> None:
    """Some figures must be as high as this, and others as low."""
    result = bench.record("n", "c", ours=ours, peer=peer, unit="u", must=2, at_most=at_most)
    assert result.reached is reached
    assert report.missed(bench.results) is not reached


def test_what_was_not_run_is_not_reached_and_says_why(bench: Bench) -> None:
    """A peer that is absent is never left out in silence."""
    bench.record_not_run("n", "c", "it is not there", peer_name="p", unit="u", must=2, aim=4)
    assert report.missed(bench.results)
    assert "it is not there" in report.table(bench.results)
    assert "NOT RUN" in report.table(bench.results)


def test_the_json_has_what_others_read(bench: Bench) -> None:
    """A list of cases, each with ours, the peer, the ratio, and what was wanted of it."""
    bench.record("n", "c", ours=[4.0], peer=[2.0], peer_name="p", unit="u", must=1, aim=3)
    [said] = msgspec.json.decode(report.as_json(bench.results))
    assert said["name"] == "n"
    wanted = {"case": "c", "ours": 4.0, "peer": 2.0, "peer_name": "p", "ratio": 2.0}
    wanted |= {"must": 1, "aim": 3, "unit": "u"}
    assert wanted.items() <= said.items()


def test_contenders_take_turns(bench: Bench) -> None:
    """One repetition of each, then the next: noise hits all of them alike."""
    asked: list[str] = []

    def contender(name: str, figure: float) -> float:
        asked.append(name)
        return figure

    figures = bench.take_turns(
        {"a": lambda: contender("a", 1), "b": lambda: contender("b", 2)}, warm=False
    )
    assert figures == {"a": [1] * 5, "b": [2] * 5}
    assert asked == ["a", "b"] * 5


def test_the_page_shows_every_case(bench: Bench) -> None:
    """The reference is written from the results."""
    bench.record("one", "first case", ours=[4.0], peer=[2.0], peer_name="p", unit="u", must=1)
    bench.record_not_run("two", "second case", "absent", peer_name="p", unit="u", must=2, aim=4)
    page = report.page(bench.results, {"fsync": "on"})
    for said in ("## one", "first case", "## two", "second case", "NOT RUN", "- fsync: on"):
        assert said in page


def test_what_ran_before_is_kept_and_shown_with_its_day(bench: Bench) -> None:
    """A benchmark that is run again takes the place of its own results only."""
    for name in ("one", "two"):
        bench.record(name, f"case of {name}", ours=[4.0], unit="u")
    held = report.as_json(bench.results)
    [before] = report.kept(held, ["two", "three"])
    assert before == bench.results[1]
    assert f"Measured on {before.measured_on}." in report.page([before], {}, ["one"])
    assert "Not measured: one." in report.page([before], {}, ["one"])
