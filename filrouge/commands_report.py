"""``filrouge report``: a period for who audits it, as a page, as CSV and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from filrouge.console import Console, InstantOption, pass_console

if TYPE_CHECKING:
    from filrouge.reporting.figures import Report, Verification
    from store.database import Database
    from store.ledger import Ledger

NAME = "report"
"""The files are ``report.html``, ``report.csv`` and ``report.json``."""


@click.command("report")
@click.option("--from", "since", type=InstantOption(), required=True, help="The first instant.")
@click.option(
    "--to", "until", type=InstantOption(), required=True,
    help="The first instant that is no longer in it.",
)  # fmt: skip
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default=True,
    help="Where the three files are written.",
)  # fmt: skip
@click.option("--no-verify", is_flag=True, help="Do not check the ledger; the report says so.")
@pass_console
def report(
    console: Console, *, since: datetime, until: datetime, known_at: datetime | None,
    folder: Path, no_verify: bool,
) -> None:  # fmt: skip
    """Write what a period did to points and money, and what else an auditor asks for.

    Opening, movements by kind and closing of points and money; the trial balance; the roll-forward
    of contract liability and cost provision; adjustments with reason and author;
    voided referrals; corrections and late events; erasures; the result of checking the whole
    ledger, and the signed checkpoint. The page, the CSV and the JSON have the same figures.
    """  # fmt: skip
    from filrouge.reporting.gathering import report_of
    from filrouge.wiring import closing_ledger, opened_database
    from projections.selection import Selection, When

    if since >= until:
        raise click.UsageError("--from lies before --to.")
    with (
        opened_database(console.settings) as database,
        closing_ledger(database.open(console.settings.ledger)) as ledger,
    ):
        selection = Selection.of(ledger.log, When(known_at=known_at))
        verification = _verified(console, database, ledger, skip=no_verify)
        with console.progress("Reporting", selection.position) as update:
            made = report_of(
                ledger, selection, (since, until),
                known_at=known_at,
                made_at=datetime.now(UTC),
                verification=verification,
                checkpoint=_checkpoint(ledger),
                progress=lambda done, whole: update(done, f"{done:,} of {whole:,} events"),
            )  # fmt: skip
    paths = _write(folder, made)
    said = ", ".join(str(path) for path in paths)
    verdict = (
        "not verified"
        if not verification.done
        else (
            "something is wrong: see its last section"
            if verification.findings
            else "everything holds"
        )
    )
    console.result(msgspec.to_builtins(made), f"Written: {said}. Verification: {verdict}.")


def _verified(console: Console, database: Database, ledger: Ledger, *, skip: bool) -> Verification:
    import os

    from filrouge.projection_audit import audit_projections
    from filrouge.reporting.figures import Verification
    from store.auditing import audit

    if skip:
        return Verification(done=False)
    head = ledger.log.head().position
    with ledger.connect("verify") as connection, console.progress("Verifying", head) as update:
        found = audit(
            connection, ledger.tree.verifiers(),
            progress=lambda done, whole: update(done, f"{done:,} of {whole:,} entries"),
        )  # fmt: skip
    with console.progress("Rebuilding", head) as update:
        compared = audit_projections(
            database, ledger, workers=os.cpu_count() or 1,
            progress=lambda done, whole: update(done, f"{done:,} of {whole:,} events"),
        )  # fmt: skip
    findings = [*found.findings, *compared.findings]
    return Verification(
        done=True,
        entries=found.entries,
        sealed=found.sealed,
        checkpoints=found.checkpoints,
        rows=compared.rows,
        findings=[f"position {one.position:,}: {one.what}" for one in findings],
    )


def _checkpoint(ledger: Ledger) -> str:
    from store.tree import NotSealedYet

    try:
        return ledger.tree.checkpoint()
    except NotSealedYet:
        return ""


def _write(folder: Path, made: Report) -> list[Path]:
    from filrouge.reporting.page import as_html
    from filrouge.reporting.sheet import as_csv

    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "html": as_html(made),
        "csv": as_csv(made),
        "json": msgspec.json.format(msgspec.json.encode(made)).decode() + "\n",
    }
    paths = [folder / f"{NAME}.{ending}" for ending in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8", newline="")
    return paths
