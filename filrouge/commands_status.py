"""``filrouge status``: where a ledger stands, how far its projections are, what it adds up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from filrouge.console import Console, pass_console, table

if TYPE_CHECKING:
    from filrouge.figures import Figures
    from store.ledger import Ledger


@click.command("status")
@click.option("--all", "every", is_flag=True, help="Name all ledgers, with their heads.")
@click.option(
    "--no-figures",
    is_flag=True,
    help="Leave out what is added up from every entry, which takes a second for each half million.",
)
@pass_console
def status(console: Console, *, every: bool, no_figures: bool) -> None:
    """Show where a ledger and its projections stand, and what it adds up to.

    How far each projection is and why one stands still, which tables are being filled anew, and
    what everything takes on the disk; then the events by type and the totals.

    Counts and totals come from the entries themselves and not from the projections. Voided events
    are counted among the events, and nowhere else.
    """
    if every:
        _show_all(console)
        return
    from filrouge.figures import figures_of
    from filrouge.wiring import opened_ledger

    with opened_ledger(console.settings) as ledger:
        standing = Standing(ledger)
        if not no_figures:
            until = standing.head.position
            with console.progress("Adding up", until) as update:
                standing.figures = figures_of(ledger.log, until, lambda done: update(done, ""))
    console.result(standing.as_json(), standing.as_text)


def _show_all(console: Console) -> None:
    from filrouge.wiring import closing_ledger, opened_database

    found: list[dict[str, Any]] = []
    with opened_database(console.settings) as database:
        for name in database.names():
            with closing_ledger(database.open(name)) as ledger:
                head = ledger.log.head()
                found.append({"ledger": name, "position": head.position, "epoch": head.epoch})
    rows = [("ledger", "position")]
    rows += [(one["ledger"], f"{one['position']:,}") for one in found]
    console.result(
        found,
        table(rows, right=frozenset({1})) if found else "There are no ledgers: filrouge init",
    )


class Standing:
    """All that is shown of one ledger."""

    figures: Figures | None = None
    """None: they were not asked for."""

    def __init__(self, ledger: Ledger) -> None:
        from projections import ALL
        from projections.lease import holder
        from projections.progress import fillings
        from projections.status import statuses
        from store.sizes import sizes

        self.name = ledger.name
        self.info = ledger.info
        self.head = ledger.log.head()
        self.leader = holder(ledger.pool, ALL)
        self.sealed_position = ledger.tree.signed_size()
        self.projections = statuses(ledger.pool, ledger.log, ALL)
        self.rebuilds = fillings(ledger.pool)
        self.sizes = sizes(ledger.pool)

    def as_json(self) -> dict[str, Any]:
        """For scripts: the names of its parts never change."""
        said: dict[str, Any] = {
            "ledger": self.name,
            "ledger_id": self.info.ledger_id,
            "name": self.info.name,
            "time_zone": self.info.time_zone,
            "currency": self.info.currency,
            "head": {
                "position": self.head.position,
                "epoch": self.head.epoch,
                "recorded_at": self.head.recorded_at.isoformat(),
                "sealed_position": self.sealed_position,
            },
            "leader": msgspec.to_builtins(self.leader),
            "projections": msgspec.to_builtins(self.projections),
            "rebuilds": msgspec.to_builtins(self.rebuilds),
            "sizes": msgspec.to_builtins(self.sizes),
        }
        if self.figures is not None:
            said["events"] = self.figures.events
            said["voided"] = self.figures.voided
            said["points"] = self.figures.points
            said["money"] = self.figures.money
        return said

    def as_text(self) -> str:
        """For people."""
        from filrouge import status_view

        info, head = self.info, self.head
        parts = [
            f"{info.name} (ledger {self.name}, {info.time_zone}, {info.currency})\n"
            f"position {head.position:,}, epoch {head.epoch}, "
            f"sealed up to {self.sealed_position:,}, recorded {head.recorded_at:%Y-%m-%d %X}\n"
            + status_view.leader_text(self.leader)
        ]
        if self.figures is not None:
            parts += status_view.figures_text(self.figures)
        parts.append(status_view.projections_text(self.projections))
        if self.rebuilds:
            parts.append(status_view.rebuilds_text(self.rebuilds))
        parts.append(status_view.sizes_text(self.sizes, head.position))
        if any(one.lag_events for one in self.projections):
            parts.append("Projections follow while `filrouge serve` runs, and with `rebuild`.")
        return "\n\n".join(parts)
