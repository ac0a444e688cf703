"""``filrouge rebuild``: projections anew from the whole log, while the live ones are read."""

from __future__ import annotations

import os
import time

import click

from filrouge.console import Console, pass_console, table
from filrouge.failures import Exit, Failure


@click.command("rebuild")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that fold at once. Default: as many as there are processors.",
)
@pass_console
def rebuild(console: Console, *, names: tuple[str, ...], workers: int | None) -> None:
    """Fold projections anew from the whole log: those that are named, or all.

    The live tables stay readable and up to date meanwhile; a reader notices nothing but the new
    figures. If it is interrupted, nothing has changed.
    """  # fmt: skip
    from filrouge.wiring import opened_ledger
    from projections import ALL
    from projections.rebuild import rebuild as rebuild_projections

    known = {projection.name: projection for projection in ALL}
    for name in names:
        if name not in known:
            raise Failure(
                f"There is no projection {name!r}", f"There are: {', '.join(known)}",
                code="projection-unknown", exit_code=Exit.UNKNOWN,
            )  # fmt: skip
    wanted = [known[name] for name in dict.fromkeys(names)] or list(ALL)
    began = time.monotonic()
    with opened_ledger(console.settings) as ledger:
        head = ledger.log.head().position
        with console.progress("Rebuilding", head) as update:
            done = rebuild_projections(
                ledger, wanted,
                workers=workers or os.cpu_count() or 1,
                progress=lambda position, _: update(position, f"{position:,} of {head:,} events"),
            )  # fmt: skip
    failed = [one for one in done if one.failure is not None]
    rows = [("projection", "position", "")]
    rows += [(one.name, f"{one.position:,}", one.failure or "rebuilt") for one in done]
    console.result(
        {
            "ledger": ledger.name,
            "seconds": round(time.monotonic() - began, 3),
            "projections": [
                {"name": one.name, "position": one.position, "failure": one.failure} for one in done
            ],
        },
        f"{table(rows, right=frozenset({1}))}\n\n{head:,} events in "
        f"{time.monotonic() - began:.1f} seconds.",
    )
    if failed:
        raise click.exceptions.Exit(Exit.REFUSED)
