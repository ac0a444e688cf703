"""``filrouge import``: history that lies in files goes into the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from filrouge.console import Console, TextFile, pass_console, table
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from filrouge.importing.destinations import Destination
    from filrouge.importing.mapping import Mapping
    from filrouge.importing.reports import FileReport, Report
    from filrouge.importing.run import Job
    from store.ledger import Ledger

REASONS_SHOWN_MAX = 10
LABEL = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


def _label(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(LABEL, value):
        raise click.BadParameter("letters, digits and ._- only, at most 64", param=parameter)
    return value


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=TextFile())
@click.option(
    "--mapping",
    "mapping_path",
    type=TextFile(),
    metavar="TOML",
    help="How rows become events. Without it the files are CloudEvents, one on each line.",
)
@click.option(
    "--batch",
    callback=_label,
    metavar="NAME",
    help="What the import is called, to void it. Default: the mapping's name.",
)
@click.option(
    "--correction",
    callback=_label,
    metavar="LABEL",
    help="These files correct others that were imported and voided: their rows are new ones.",
)
@click.option(
    "--rejects",
    "rejects_folder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Where rejects files go. Default: beside each file.",
)
@click.option("--dry-run", is_flag=True, help="Map and check every row, and record nothing.")
@pass_console
def import_(
    console: Console,
    *,
    files: tuple[Path, ...],
    mapping_path: Path | None,
    batch: str | None,
    correction: str | None,
    rejects_folder: Path | None,
    dry_run: bool,
) -> None:
    """Bring history in from FILES: CSV, JSON lines or CloudEvents, plain, .gz or .xz, of any size.

    Rows that do not fit go to FILE.rejects.ndjson, which only you can read, with the reason; the
    rest goes in, and the exit code is 1. Each row goes in once: run it again after an interruption,
    or when a file has grown. How to write a mapping: docs/how-to/import-history.md.
    """  # fmt: skip
    from filrouge.importing.destinations import IntoLedger, IntoNothing
    from filrouge.importing.mapping import Mapping
    from filrouge.wiring import ACTOR, load_domain

    load_domain()
    mapping = None if mapping_path is None else Mapping(mapping_path)
    name = batch or _batch_name(mapping, files, correction)
    unique = _without_rejects(console, files)
    if dry_run:
        own = mapping.ledger if mapping is not None else None
        zone, currency = (own.time_zone, own.currency) if own else ("UTC", "EUR")
        jobs = plan(mapping, unique, time_zone=zone, currency=currency, correction=correction)
        report = _run(console, jobs, IntoNothing(), None, write_rejects=False)
        _show(console, report, {"dry_run": True})
    else:
        with _ledger(console, mapping) as ledger:
            info = ledger.info
            jobs = plan(
                mapping, unique,
                time_zone=info.time_zone, currency=info.currency, correction=correction,
            )  # fmt: skip
            _refuse_voided(ledger, name)
            into = IntoLedger(ledger, actor=ACTOR, batch=name)
            report = _run(console, jobs, into, rejects_folder, write_rejects=True)
            head = ledger.log.head()
        _show(console, report, {"ledger": ledger.name, "batch": name, "head": head.position})
    if not report.complete:
        raise click.exceptions.Exit(Exit.REFUSED)


def plan(
    mapping: Mapping | None,
    files: list[Path],
    *,
    time_zone: str,
    currency: str,
    correction: str | None = None,
) -> list[Job]:
    """Say what is to be made of each file; raises MappingError before anything is begun."""
    from zoneinfo import ZoneInfo

    from filrouge.importing.cloudevents import CloudEventsFile, cloudevents_section
    from filrouge.importing.mapping import source_of
    from filrouge.importing.run import Job
    from filrouge.importing.sections import Place

    if mapping is None:
        section = CloudEventsFile(cloudevents_section(), Place(ZoneInfo(time_zone), currency))
        label = f"#{correction}" if correction else ""
        return [Job(path, section, "cloudevents", f"cloudevents{label}") for path in files]
    sections = mapping.compile(time_zone=time_zone, currency=currency)
    return [
        Job(path, section, format_, source_of(section, path, correction))
        for path, section, format_ in mapping.assign(files, sections)
    ]


@contextmanager
def _ledger(console: Console, mapping: Mapping | None) -> Iterator[Ledger]:
    """The ledger, made as the mapping says if there is none of that name."""
    from filrouge.wiring import closing_ledger, make_ledger, opened_database
    from store.database import LedgerUnknown

    settings = console.settings
    with opened_database(settings) as database:
        try:
            ledger = database.open(settings.ledger)
        except LedgerUnknown:
            own = mapping.ledger if mapping is not None else None
            if own is None:
                raise
            ledger = make_ledger(
                database, settings.ledger,
                title=own.name, time_zone=own.time_zone, currency=own.currency,
            )  # fmt: skip
            console.note(f"Made the ledger {settings.ledger}, as the mapping says.")
        with closing_ledger(ledger):
            yield ledger


def _without_rejects(console: Console, files: tuple[Path, ...]) -> list[Path]:
    """The files, each once; a rejects file that a pattern took along is no data."""
    from filrouge.importing.rejects import SUFFIX

    found = []
    for path in dict.fromkeys(files):
        if path.name.endswith(SUFFIX):
            console.note(f"{path} is what an import rejected; it is left out.")
        else:
            found.append(path)
    if not found:
        raise click.UsageError("Rejects files are no data: mend the rows where they came from.")
    return found


def _batch_name(mapping: Mapping | None, files: tuple[Path, ...], correction: str | None) -> str:
    from filrouge.importing.records import bare_name

    name = mapping.name if mapping else bare_name(files[0])
    name = re.sub(r"[^A-Za-z0-9._~-]+", "-", name).strip("-._~") or "import"
    return f"{name}:{correction}" if correction else name


def _refuse_voided(ledger: Ledger, batch: str) -> None:
    if batch in ledger.log.voids().batches:
        raise Failure(
            f"The batch {batch!r} was voided, so nothing that it brings would count",
            "Import the corrected files with --correction LABEL.",
            code="batch-voided",
        )


def _run(
    console: Console,
    jobs: list[Job],
    destination: Destination,
    rejects_folder: Path | None,
    *,
    write_rejects: bool,
) -> Report:
    from filrouge.importing.run import Run

    sizes = {job.path.name: job.path.stat().st_size for job in jobs}
    finished = 0
    current = ""
    with console.progress("Importing", sum(sizes.values())) as update:

        def progress(done: int, report: FileReport) -> None:
            nonlocal finished, current
            if report.file != current:
                finished += sizes.get(current, 0)
                current = report.file
            update(finished + done, f"{report.file}: {report.records:,} records")

        return Run(
            destination,
            rejects_folder=rejects_folder,
            write_rejects=write_rejects,
            progress=progress,
        ).files(jobs)


def _show(console: Console, report: Report, context: dict[str, Any]) -> None:
    console.result({**context, **msgspec.to_builtins(report)}, lambda: _text_of(report, context))


def _text_of(report: Report, context: dict[str, Any]) -> str:
    new = "would be new" if context.get("dry_run") else "recorded"
    rows = [("file", "records", new, "known before", "rejected", "left out")]
    rows += [
        (
            file.file, f"{file.records:,}", f"{file.recorded:,}", f"{file.duplicates:,}",
            f"{file.rejected:,}", f"{file.skipped:,}",
        )
        for file in report.files
    ]  # fmt: skip
    parts = [table(rows, right=frozenset(range(1, 6)))]
    types = {**report.recorded, **report.duplicates}
    if types:
        by_type = [("event", new, "known before")]
        by_type += [
            (name, f"{report.recorded.get(name, 0):,}", f"{report.duplicates.get(name, 0):,}")
            for name in sorted(types)
        ]
        parts.append(table(by_type, right=frozenset({1, 2})))
    for file in report.files:
        if file.rejected:
            reasons = list(file.reasons.items())
            lines = [f"{file.rejected:,} rows of {file.file} were rejected:"]
            lines += [f"  {count:>8,}  {reason}" for reason, count in reasons[:REASONS_SHOWN_MAX]]
            if len(reasons) > REASONS_SHOWN_MAX:
                lines.append(f"            and {len(reasons) - REASONS_SHOWN_MAX} more reasons")
            if file.rejects:
                lines.append(f"  They are in {file.rejects}, which may hold personal data.")
            parts.append("\n".join(lines))
        if file.broken:
            parts.append(f"{file.file} broke off {file.broken}. What came before it is in.")
    if not context.get("dry_run"):
        parts.append(
            f"The ledger {context['ledger']} stands at position {context['head']:,}. "
            f"This was batch {context['batch']}; to take it back: "
            f"filrouge --ledger {context['ledger']} void --batch {context['batch']} --reason …"
        )
    return "\n\n".join(parts)
