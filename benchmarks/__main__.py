"""Runs benchmarks and says what they came to: ``python -m benchmarks decide append``."""

from __future__ import annotations

import gc
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

import click
import structlog

from benchmarks import places, report
from benchmarks.harness import GROWN_EVENTS, Bench, Result
from filrouge.serving import stopped_by_signals
from store.embedded import EmbeddedPostgres

MODULES: Final = {
    "decide": "decide",
    "append": "append",
    "import": "bulk_import",
    "probe": "probe",
    "rebuild": "rebuild",
    "past": "past",
    "http": "http",
    "growth": "growth",
    "lag": "lag",
}
"""Every benchmark, and its file."""
ROOT: Final = Path(__file__).resolve().parent.parent
JSON: Final = ROOT / "var" / "bench.json"


def measure(
    names: list[str],
    folder: Path,
    *,
    quick: bool = False,
    grown_events: int = GROWN_EVENTS,
    after_each: Callable[[Bench], None] = lambda _: None,
) -> Bench:
    """Run benchmarks on an embedded PostgreSQL of their own, in a folder that may be removed.

    ``after_each`` has what there is after each of them: a later one that fails takes nothing away.
    """
    bench = Bench(folder, quick=quick, grown_events=grown_events)
    with EmbeddedPostgres.start(folder / "data") as server, bench.places:
        bench.postgres_url = server.url
        bench.shown = _machine() | places.server_settings(server.url)
        for name, value in bench.shown.items():
            bench.say(f"{name}: {value}")
        for name in names:
            gc.collect()  # what the one before left behind is not to be cleared away in a sample
            before = len(bench.results)
            import_module(f"benchmarks.{MODULES[name]}").run(bench)
            for result in bench.results[before:]:
                print(report.detail(result), file=sys.stderr, flush=True)
            after_each(bench)
    return bench


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} processors, {memory:.0f} GiB, {platform.system()}",
        "python": sys.version,  # how it was built counts, too
    }


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(MODULES)))
@click.option("--quick", is_flag=True, help="Small sizes, once: shows that it runs, says little.")
@click.option(
    "--grown",
    type=click.IntRange(10_000),
    default=GROWN_EVENTS,
    show_default=True,
    metavar="EVENTS",
    help="The size of the large ledger of probe and growth.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--page", is_flag=True, help="Write docs/reference/performance.md.")
def main(names: tuple[str, ...], *, quick: bool, grown: int, as_json: bool, page: bool) -> None:
    """Measure ours beside others': all benchmarks, or those that are NAMED.

    The figures go to var/bench.json too, beside those of benchmarks that ran before; the page
    shows what is there. Ends with 1 if something that must be reached is not;
    of a --quick run neither is true.
    """
    if page and quick:
        raise click.UsageError("the page shows what was measured, and --quick measures nothing")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    JSON.parent.mkdir(exist_ok=True)
    # Beside the project, not in /tmp: that may be in memory, where nothing is ever durable.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=JSON.parent))
    wanted = list(names or MODULES)
    others = [name for name in MODULES if name not in wanted]
    before = report.kept(JSON.read_bytes(), others) if JSON.exists() else []

    def all_of(bench: Bench) -> list[Result]:
        order = list(MODULES)
        return sorted([*before, *bench.results], key=lambda one: order.index(one.name))

    def keep(bench: Bench) -> None:
        if not quick:
            JSON.write_bytes(report.as_json(all_of(bench)))

    try:
        with stopped_by_signals():
            bench = measure(wanted, folder, quick=quick, grown_events=grown, after_each=keep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if page:
        shown = all_of(bench)
        left_out = sorted(MODULES.keys() - {one.name for one in shown})
        report.PAGE.write_text(report.page(shown, bench.shown, left_out))
    print(report.as_json(bench.results).decode() if as_json else report.table(bench.results))
    if not quick and report.missed(bench.results):
        sys.exit(1)


if __name__ == "__main__":
    main()
