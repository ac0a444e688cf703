"""``http``: one durable observation a request, and the reading of one balance, by wrk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks import crowd, places, web
from benchmarks.harness import Bench
from benchmarks.wrk_scripts import PARTICIPATION, VISIT, get_script, post_script
from filrouge.wiring import credentials
from projections import ALL
from projections.rebuild import rebuild
from store.ledger import Ledger

NAME: Final = "http"
UNIT: Final = "requests/s"
MEMBERS: Final = 200_000
SAMPLE_SECONDS: Final = 4.0
BARE_READ: Final = "a bare litestar handler answering a constant"
BARE_WRITE: Final = "a bare litestar handler that decodes the same body and answers"
SIZES: Final = f"wrk, {web.CONNECTIONS} connections, 1 process, with a key"
SCOPES: Final = ("observe", "read")


class Case(NamedTuple):
    """What is asked, and beside what."""

    said: str
    peer: str
    must: float | None
    aim: float | None
    script: Callable[[], Path]
    """Make a script of wrk; of posts, with new ids each time."""


def run(bench: Bench) -> None:
    """Measure reading and writing."""
    members = bench.size(MEMBERS, 200)
    with ExitStack() as stack:
        if web.wrk_program() is None:
            for case in _cases(bench.folder, "", 0):
                bench.record_not_run(
                    NAME, case.said, web.WRK_ABSENT, peer_name=case.peer, unit=UNIT,
                    must=case.must, aim=case.aim,
                )  # fmt: skip
            return
        settings, database = stack.enter_context(places.fresh_installation(bench))
        ledger = stack.enter_context(places.new_ledger(database))
        award(bench, ledger, members)
        _, secret = credentials(database).create(NAME, ledgers=[places.LEDGER], scopes=SCOPES)
        ours = stack.enter_context(web.ours(settings, bench.folder / "serve.log"))
        bare = stack.enter_context(web.bare(bench.folder / "bare.log"))
        for case in _cases(bench.folder, secret, members):
            _measure(bench, case, {"ours": ours, "bare": bare}, members)


def _cases(folder: Path, secret: str, members: int) -> tuple[Case, ...]:
    post = partial(post_script, folder, places.LEDGER, secret, members)
    get = partial(get_script, folder, places.LEDGER, secret, members)
    return (
        Case("GET of one balance", BARE_READ, 0.25, 0.5, get),
        Case("POST of a visit", BARE_WRITE, 0.35, 0.6, partial(post, VISIT)),
        Case("POST of a participation", BARE_WRITE, None, None, partial(post, PARTICIPATION)),
    )


def _measure(bench: Bench, case: Case, urls: dict[str, str], members: int) -> None:
    bench.say(f"{NAME}: {case.said}")
    p99: dict[str, list[float]] = {name: [] for name in urls}

    def asked(name: str) -> float:
        answered = web.wrk(urls[name], case.script(), bench.seconds(SAMPLE_SECONDS))
        p99[name].append(answered.p99)
        return answered.rate

    figures = bench.take_turns({name: partial(asked, name) for name in urls})
    bench.record(
        NAME, case.said, ours=figures["ours"], peer=figures["bare"], peer_name=case.peer,
        unit=UNIT, must=case.must, aim=case.aim, sizes=f"{SIZES}; {members:,} members",
        note=f"p99 {median(p99['ours']):.1f} ms, peer {median(p99['bare']):.1f} ms",
    )  # fmt: skip


def award(bench: Bench, ledger: Ledger, members: int) -> None:
    """Open an account for everybody, with points on it, and project them."""
    points = (new for number in range(members) for new in crowd.account_with_points(number))
    with bench.progress("opening accounts", 2 * members) as report:
        crowd.bring(ledger, chain(crowd.beginning(), points), report)
    done = rebuild(ledger, ALL, workers=2, grace_seconds=0)
    failed = [one for one in done if one.failure is not None]
    assert not failed, failed
