"""``filrouge demo``: a ledger full of history, shown and served; what ``make run`` runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from filrouge.console import Console, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from projections.fold import Projection
    from store.database import Database
    from store.ledger import Ledger

MEMBERS: Final = 1_800
YEARS: Final = 3.0
SEED: Final = 1
KEY_FILE: Final = "demo-api-key"
KEY_NAME: Final = "demo"
REBUILD_LAG_EVENTS: Final = 20_000
"""Projections that are further behind are filled anew: that is faster than following."""
FOLLOW_PAUSE_SECONDS: Final = 0.05
HEAR_SECONDS: Final = 0.2


@click.command("demo")
@click.option(
    "--members",
    type=click.IntRange(1, 1_000_000),
    default=MEMBERS,
    show_default=True,
    help="How many people enrol over the years.",
)
@click.option(
    "--years",
    type=click.FloatRange(0.01, 50.0),
    default=YEARS,
    show_default=True,
    help="The history ends on 30 June 2026, whatever its length.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=SEED,
    show_default=True,
    help="The same seed tells the same history, byte for byte.",
)
@click.option("--host", metavar="ADDRESS", help="Default: FILROUGE_HOST, else 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Default: FILROUGE_PORT, else 8000; 0: any."
)
@pass_console
def demo(
    console: Console, *, members: int, years: float, seed: int, host: str | None, port: int | None
) -> None:
    """Fill a ledger with an invented brand's history, show what it adds up to, and serve it.

    The first run takes a minute; later ones find the history and start at once. Interrupted, it
    goes on where it stopped. Ctrl-C stops everything that it started, the database included.
    """
    from filrouge.serving import serve_until_stopped

    settings = console.settings
    said: dict[str, Any] = {}

    def prepare(database: Database) -> None:
        said.update(_prepared(console, database, members=members, years=years, seed=seed))

    def started(url: str) -> None:
        console.result(
            {"url": url, "docs": f"{url}/docs", **said},
            lambda: _addresses(url, settings.ledger, said),
        )

    serve_until_stopped(
        settings,
        host=host or settings.host,
        port=settings.port if port is None else port,
        prepare=prepare,
        started=started,
    )


def _prepared(
    console: Console, database: Database, *, members: int, years: float, seed: int
) -> dict[str, Any]:
    """Fill, fold and show; returns what the addresses that are printed need."""
    import msgspec

    from filrouge.simulate import ledger_for_history
    from filrouge.simulator.state import State
    from filrouge.summary import summary_of
    from filrouge.wiring import closing_ledger

    name = console.settings.ledger
    with closing_ledger(ledger_for_history(database, name)) as ledger:
        _fill(console, ledger, State(members, years, seed))
        _fold(console, ledger)
        summary = summary_of(ledger)
    if not console.json:
        import sys

        from filrouge.summary_view import show

        show(summary, sys.stdout)
    newest = max(
        (one for one in summary.campaigns if one.ends is not None),
        key=lambda one: one.starts,
        default=None,
    )
    return {
        "key": demo_key(database, console.settings.data_dir / "keys" / KEY_FILE, name),
        "campaign": newest.campaign_id if newest else None,
        "member": summary.superfans[0].member_id if summary.superfans else None,
        "summary": msgspec.to_builtins(summary),
    }


def _fill(console: Console, ledger: Ledger, history: Any) -> None:
    """Record the history, unless the ledger holds it, or another one."""
    from filrouge.simulate import reported
    from filrouge.simulator.run import begun, complete, fill

    if complete(ledger, history):
        console.note(f"The ledger {ledger.name} holds its history already.")
        return
    if ledger.log.head().position > 1 and not begun(ledger, history):
        console.note(f"The ledger {ledger.name} holds another history; it is shown as it is.")
        return
    title = f"Filling the ledger {ledger.name}"
    with console.progress(title, history.plan.days) as update:
        filled = fill(ledger, history, report=reported(update, history))
    console.note(f"{filled.recorded:,} events recorded.")


def _fold(console: Console, ledger: Ledger) -> None:
    """Bring the projections up to the head of the log."""
    from projections import ALL
    from projections.rebuild import rebuild
    from projections.status import statuses

    states = statuses(ledger.pool, ledger.log, ALL)
    head = ledger.log.head().position
    far = [
        one
        for one, state in zip(ALL, states, strict=True)
        if state.state in ("missing", "filling", "failed") or state.lag_events > REBUILD_LAG_EVENTS
    ]
    if far:
        with console.progress("Folding it into projections", head) as update:
            done = rebuild(ledger, far, progress=lambda at, _: update(at, f"{at:,} events"))
        for one in done:
            if one.failure is not None:
                raise Failure(
                    f"The projection {one.name} failed at position {one.position}: {one.failure}",
                    code="projection", exit_code=Exit.FAULT,
                )  # fmt: skip
    if any(state.lag_events for state in states):
        _follow(console, ledger, ALL, head)


def _follow(
    console: Console, ledger: Ledger, projections: tuple[Projection, ...], head: int
) -> None:
    """Follow the log for as long as it takes to have come to a position."""
    from projections.runner import Runner
    from projections.status import wait_for

    runner = Runner(ledger, projections).start()
    try:
        with console.progress("Following the log", None) as update:
            for projection in projections:
                while not wait_for(ledger.pool, projection, head, HEAR_SECONDS):
                    state = next(one for one in runner.status() if one.name == projection.name)
                    if state.failure is not None:
                        raise Failure(
                            f"The projection {state.name} failed at position "
                            f"{state.failed_position}: {state.failure}",
                            code="projection", exit_code=Exit.FAULT,
                        )  # fmt: skip
                    update(state.position, projection.name)
    finally:
        runner.stop()


def demo_key(database: Database, path: Path, ledger: str) -> str:
    """The key of the demo: the one in the file if it still opens the ledger, else a new one."""
    from filrouge.wiring import credentials
    from store.credentials import Scope

    keys = credentials(database)
    if path.exists():
        secret = path.read_text().strip()
        known = keys.authenticate(secret)
        if known is not None and known.allows(ledger, Scope.READ):
            return secret
    _, secret = keys.create(KEY_NAME, ledgers=[ledger], scopes=list(Scope))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secret}\n")
    unfinished.replace(path)
    return secret


def _addresses(url: str, ledger: str, said: dict[str, Any]) -> str:
    """What to open, and what to type."""
    curl = f'    curl -H "Authorization: Bearer $KEY" {url}/v1/{ledger}'
    lines = ["", f"Filrouge serves {url}. To look at: {url}/docs", ""]
    lines += ["With the key of the demo:", f"    KEY={said['key']}"]
    if said["campaign"]:
        lines.append(f"{curl}/campaigns/{said['campaign']}/returns")
    if said["member"]:
        lines.append(f"{curl}/members/{said['member']}/home")
    lines += ["", "Ctrl-C stops everything, the database included."]
    return "\n".join(lines)
