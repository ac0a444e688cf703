"""``filrouge verify``: the whole log checked again, in the database or in an export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filrouge.console import Console, TextFile, pass_console
from filrouge.failures import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.audit_rows import Finding
    from store.notes import Verifier

FINDINGS_SHOWN = 10


@click.command("verify")
@click.option(
    "--export",
    "export",
    metavar="FILE",
    type=TextFile(),
    help="Check an export instead, without a database: its checkpoint is FILE.checkpoint.",
)
@click.option(
    "--key",
    "keys",
    metavar="PUBLIC",
    multiple=True,
    help="A public key that you trust, as `filrouge log keys` shows it; or a file that holds it.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    metavar="FILE",
    type=TextFile(),
    multiple=True,
    help="A checkpoint that you kept: what it covers must still be there.",
)
@click.option(
    "--log-only",
    is_flag=True,
    help="Check the log, and do not rebuild the projections to compare them.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that rebuild at once. Default: as many as there are processors.",
)
@pass_console
def verify(
    console: Console,
    *,
    export: Path | None,
    keys: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    log_only: bool,
    workers: int | None,
) -> None:
    """Check every entry, tag, tile and checkpoint, and every projection against a rebuild.

    It says what is wrong and where it begins. Entries are hashed again from their bytes; rows of
    projections are folded again, in a space of their own. Without --key the public keys that the
    database names are believed, which is enough against accidents, not against its owner. It ends
    with 1 if anything is wrong.
    """  # fmt: skip
    if export is not None:
        _verify_export(console, export, keys, checkpoints)
    else:
        _verify_ledger(console, keys, checkpoints, None if log_only else workers or _processors())


def _processors() -> int:
    return os.cpu_count() or 1


def _verify_ledger(
    console: Console, keys: tuple[str, ...], checkpoints: tuple[Path, ...], workers: int | None
) -> None:
    from filrouge.projection_audit import audit_projections
    from filrouge.wiring import closing_ledger, opened_database
    from store.auditing import audit

    kept = [path.read_text() for path in checkpoints]
    with (
        opened_database(console.settings) as database,
        closing_ledger(database.open(console.settings.ledger)) as ledger,
    ):
        head = ledger.log.head().position
        with ledger.connect() as connection, console.progress("Verifying", head) as update:
            found = audit(
                connection, trusted_keys(keys) or ledger.tree.verifiers(), kept=kept,
                progress=lambda done, whole: update(done, f"{done:,} of {whole:,} entries"),
            )  # fmt: skip
        said: dict[str, object] = {
            "ledger": console.settings.ledger, "entries": found.entries, "sealed": found.sealed,
            "checkpoints": found.checkpoints,
        }  # fmt: skip
        text = (
            f"{found.entries:,} entries, {found.sealed:,} of them under {found.checkpoints:,} "
            "signed checkpoints"
        )
        findings = found.findings
        if workers is not None and not findings:
            with console.progress("Rebuilding", head) as update:
                compared = audit_projections(
                    database, ledger, workers=workers,
                    progress=lambda done, whole: update(done, f"{done:,} of {whole:,} events"),
                )  # fmt: skip
            findings = compared.findings
            said |= {"rows": compared.rows, "projections_missing": compared.missing}
            text += f", {compared.rows:,} rows of projections"
            if compared.missing:
                text += f" (never filled: {', '.join(compared.missing)})"
    _tell(console, said, text, findings)


def _verify_export(
    console: Console, export: Path, keys: tuple[str, ...], checkpoints: tuple[Path, ...]
) -> None:
    from filrouge.entry_files import entries_of
    from filrouge.importing.records import Source
    from store.export_audit import audit_export

    trusted = trusted_keys(keys)
    if not trusted:
        raise click.UsageError("Without a database nobody is trusted: name the --key.")
    beside = Path(f"{export}.checkpoint")
    notes = [path.read_text() for path in (checkpoints or (beside,))]
    with Source(export) as source, console.progress("Verifying", source.size) as update:
        found = audit_export(
            entries_of(source), notes, trusted,
            lambda count: update(source.done, f"{count:,} entries"),
        )  # fmt: skip
    said = {"export": str(export), "entries": found.entries, "sealed": found.sealed}
    text = f"{found.entries:,} entries, {found.sealed:,} of them under a signed checkpoint"
    _tell(console, said, text, found.findings)


def trusted_keys(keys: tuple[str, ...]) -> list[Verifier]:
    """The public keys that were named, or that stand in files that were."""
    from store.notes import Verifier

    found = []
    for key in keys:
        path = Path(key)
        lines = path.read_text().splitlines() if "+" not in key or path.is_file() else [key]
        found += [Verifier.parse(line) for line in lines if line.strip()]
    return found


def _tell(
    console: Console, said: dict[str, object], text: str, findings: Sequence[Finding]
) -> None:
    said["findings"] = [{"position": one.position, "what": one.what} for one in findings]
    if not findings:
        console.result(said, f"Everything holds: {text}.")
        return
    shown = [f"  position {one.position:,}: {one.what}" for one in findings[:FINDINGS_SHOWN]]
    more = len(findings) - len(shown)
    console.result(
        said,
        "\n".join(
            [f"Something is wrong. {text}.", *shown, *([f"  and {more} more"] if more > 0 else [])]
        ),
    )
    raise click.exceptions.Exit(Exit.REFUSED)
