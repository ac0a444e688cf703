"""``filrouge init``, ``void`` and ``migrate``: making ledgers, taking things back, new tables."""

from __future__ import annotations

import click

from filrouge.console import Console, pass_console
from filrouge.failures import Failure


@click.command("init")
@click.option("--name", "title", metavar="TEXT", help="The brand's name. Default: the ledger's.")
@click.option(
    "--time-zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="IANA name, like Europe/Paris: days and months are counted in it, for ever.",
)
@click.option(
    "--currency",
    default="EUR",
    show_default=True,
    metavar="CODE",
    help="ISO 4217 code of the brand's own currency, for ever.",
)
@click.option("--if-missing", is_flag=True, help="Do nothing, and succeed, if it exists already.")
@pass_console
def init(
    console: Console, *, title: str | None, time_zone: str, currency: str, if_missing: bool
) -> None:
    """Make a ledger: its log, its vault, and its keys.

    The first run also makes the key file (FILROUGE_KEY_FILE). It wraps every key of the vault, and
    PostgreSQL never sees it: keep a copy of it apart from the database's backups.
    """  # fmt: skip
    from filrouge.wiring import closing_ledger, make_ledger, opened_database
    from store.database import LedgerExists

    settings = console.settings
    with opened_database(settings) as database:
        made = True
        try:
            ledger = make_ledger(
                database, settings.ledger,
                title=title or settings.ledger, time_zone=time_zone, currency=currency,
            )  # fmt: skip
        except LedgerExists:
            if not if_missing:
                raise Failure(
                    f"There is a ledger {settings.ledger!r} already",
                    "Choose another name with --ledger, or say --if-missing.",
                    code="ledger-exists",
                ) from None
            ledger, made = database.open(settings.ledger), False
        with closing_ledger(ledger):
            info = ledger.info
    keys = None if settings.epoch_key else str(settings.key_path)
    console.result(
        {
            "ledger": settings.ledger, "made": made, "ledger_id": info.ledger_id,
            "name": info.name, "time_zone": info.time_zone, "currency": info.currency,
            "key_file": keys,
        },
        f"{'Made' if made else 'There is already'} the ledger {settings.ledger} "
        f"({info.name}, {info.time_zone}, {info.currency})."
        + (f"\nIts keys are wrapped by {keys}: keep a copy of that apart." if keys else ""),
    )  # fmt: skip


@click.command("void")
@click.argument("position", type=click.IntRange(min=1), required=False)
@click.option("--batch", metavar="NAME", help="Void everything that an import or job brought.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is part of the history.")
@click.option("--approved-by", metavar="ID", help="Opaque id of whoever approved it.")
@pass_console
def void(
    console: Console,
    *,
    position: int | None,
    batch: str | None,
    reason: str,
    approved_by: str | None,
) -> None:
    """Let an event, or a whole batch, count as never recorded.

    Every figure follows, and points that came from it are taken back. It still stands in the log,
    and what was known before can still be asked for. A corrected file goes in with
    `filrouge import --correction`.
    """
    from domain.voids import VoidBatch, VoidEvent
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    if (position is None) == (batch is None):
        raise click.UsageError("Name one of the two: the POSITION of an event, or --batch NAME.")
    with opened_ledger(console.settings) as ledger:
        command = (
            VoidEvent(position=position, reason=reason, approved_by=approved_by)
            if position is not None
            else VoidBatch(batch_id=batch or "", reason=reason, approved_by=approved_by)
        )
        verdict = ledger.decide(command, command_id=new_id("void"), actor=ACTOR).result()
    also = len(verdict.events) - 1
    console.result(
        {
            "position": verdict.position,
            "events": [one.envelope.type for one in verdict.events],
        },
        f"Voided {f'the event at {position}' if position else f'the batch {batch}'}"
        + (f"; {also} more events follow from it" if also else "")
        + f". The ledger stands at position {verdict.position}.",
    )


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Say what would be applied, and change nothing.")
@pass_console
def migrate(console: Console, *, dry_run: bool) -> None:
    """Bring the tables of the log, the vault and the keys up to date.

    Every command that opens a ledger does this too; run it alone to choose the moment, or to see
    with --dry-run what an update will do. Migrations only go forward.
    """
    from filrouge.wiring import opened_database

    with opened_database(console.settings, prepare=False) as database:
        applied = database.prepare(dry_run=dry_run)
    verb = "Would apply" if dry_run else "Applied"
    lines = [f"{verb} {name} to {schema}" for schema, names in applied.items() for name in names]
    console.result(
        {"dry_run": dry_run, "applied": applied}, "\n".join(lines) or "Everything is up to date."
    )
