"""Every benchmark runs, small, so that none rots. How fast anything is, no test says."""

import shutil
from pathlib import Path

import pytest

from benchmarks.__main__ import MODULES, measure
from benchmarks.places import DURABLE
from tests.conftest import lay_cluster


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_runs_and_gives_figures(name: str, data_dir: Path) -> None:
    """Each case has our figure, and the peer's beside it; what was not run says why."""
    lay_cluster(data_dir / "data")
    bench = measure([name], data_dir, quick=True)
    assert bench.results
    assert {bench.shown[setting] for setting in DURABLE} == {"on"}
    for result in bench.results:
        assert result.name == name
        assert result.unit
        if result.not_run is None:
            assert result.ours is not None
            assert result.ours >= 0
            assert (result.peer is None) == (result.ratio is None) == (not result.peer_name)
    cases = [(result.case, result.peer_name) for result in bench.results]
    assert len(cases) == len(set(cases))
    shutil.rmtree(data_dir)
    if missing := {result.not_run for result in bench.results if result.not_run is not None}:
        pytest.skip("; ".join(sorted(missing)))
