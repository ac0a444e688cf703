"""The run of an import: records become events, several thousand of them in flight at a time.

A run can be repeated at will. Each row has an identity of its own, so what is in the ledger
already is a duplicate, and a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from filrouge.importing.destinations import Destination
from filrouge.importing.errors import Unreadable
from filrouge.importing.ids import Ids
from filrouge.importing.records import Format, Record, Source
from filrouge.importing.rejects import Rejects
from filrouge.importing.reports import FileReport, Report
from filrouge.importing.sections import CompiledFile, Taking
from store.collecting import rarely_collected
from store.ledger import NewEvent, Outcome
from store.reply import Reply

EVENTS_AT_ONCE: Final = 5_000
IN_FLIGHT_MAX: Final = 4
"""Requests that wait for the ledger while the next one is made."""
GROUP_RECORDS: Final = 2_000
GROUP_BYTES: Final = 4 << 20
"""Records that are looked up together: so many, or fewer where they are large."""


class Job(NamedTuple):
    """One file, and what is to be made of it."""

    path: Path
    section: CompiledFile
    format: Format
    source: str


class _Sent(NamedTuple):
    future: Reply[list[Outcome]]
    events: list[NewEvent]
    records: list[Record]


Progress = Callable[[int, FileReport], None]
"""Told how many bytes of the current file were read, and its figures so far."""


class Run:
    """One run over several files."""

    def __init__(
        self,
        destination: Destination,
        *,
        rejects_folder: Path | None = None,
        write_rejects: bool = True,
        progress: Progress = lambda _bytes, _report: None,
    ) -> None:
        self._destination = destination
        self._rejects_folder = rejects_folder
        self._write_rejects = write_rejects
        self._progress = progress
        self._ids = Ids(destination.ids)
        self._recorded: Counter[str] = Counter()
        self._duplicates: Counter[str] = Counter()

    def files(self, jobs: Iterable[Job]) -> Report:
        """Import file after file; a file that breaks off does not keep the next one from going in.

        An error of the ledger itself (it cannot be reached) ends the run.
        """
        with rarely_collected():
            reports = [self._file(job) for job in jobs]
        return Report(
            files=reports,
            recorded=dict(sorted(self._recorded.items())),
            duplicates=dict(sorted(self._duplicates.items())),
        )

    def _file(self, job: Job) -> FileReport:
        report = FileReport(file=job.path.name, source=job.source)
        rejects = Rejects(
            job.path, self._rejects_folder, self._destination.row_sealer, write=self._write_rejects
        )
        job.section.begin()
        try:
            queue = _Queue(self._destination, report, rejects, self._recorded, self._duplicates)
            with Source(job.path) as source:
                try:
                    for group in _groups(source.records(job.format, job.section.table)):
                        self._group(job, source.name, group, queue)
                        self._progress(source.done, report)
                except Unreadable as error:
                    report.broken = f"after record {report.records:,}: {error}"
            queue.drain()
            rejects.finish()
        finally:
            rejects.discard()
        report.reasons = dict(rejects.reasons.most_common())
        report.rejects = str(rejects.path) if rejects.count and self._write_rejects else None
        self._progress(job.path.stat().st_size, report)
        return report

    def _group(self, job: Job, name: str, group: list[Record], queue: _Queue) -> None:
        section = job.section
        rows: list[tuple[Record, Any, Taking]] = []
        wanted: list[tuple[str, tuple[str, ...]]] = []
        for record in group:
            queue.report.records += 1
            if record.problem is not None:
                queue.reject(record, record.problem)
                continue
            row = section.row(record, name, self._ids)
            taking = section.taking(row)
            if taking.skipped:
                queue.report.skipped += 1
            elif taking.problem is not None:
                queue.reject(record, taking.problem)
            else:
                rows.append((record, row, taking))
                wanted += section.lookups(row, taking.events)
        self._ids.prepare(wanted)
        for record, row, taking in rows:
            made = section.make(row, taking.events, job.source)
            if made.problem is not None:
                queue.reject(record, made.problem)
            else:
                queue.add(record, made.events)


class _Queue:
    """Events on their way into the ledger, a bounded number of them."""

    def __init__(
        self,
        destination: Destination,
        report: FileReport,
        rejects: Rejects,
        recorded: Counter[str],
        duplicates: Counter[str],
    ) -> None:
        self.report = report
        self._destination = destination
        self._rejects = rejects
        self._recorded = recorded
        self._duplicates = duplicates
        self._events: list[NewEvent] = []
        self._records: list[Record] = []
        self._bytes = 0
        self._rejected = 0
        self._sent: deque[_Sent] = deque()

    def add(self, record: Record, events: list[NewEvent]) -> None:
        """Queue the events of one record; waits while too many are in flight."""
        self._events += events
        self._records += [record] * len(events)
        self._bytes += record.size
        if len(self._events) >= EVENTS_AT_ONCE or self._bytes >= GROUP_BYTES:
            self._send()
            self._settle(IN_FLIGHT_MAX)

    def reject(self, record: Record, reason: str) -> None:
        """Put a row aside; a row counts once, however many of its events are refused."""
        self._rejects.add(record, reason)
        self.report.rejected += 1

    def drain(self) -> None:
        """Wait until everything is recorded."""
        self._send()
        self._settle(0)

    def _send(self) -> None:
        if self._events:
            future = self._destination.record(self._events)
            self._sent.append(_Sent(future, self._events, self._records))
            self._events, self._records, self._bytes = [], [], 0

    def _settle(self, in_flight: int) -> None:
        while len(self._sent) > in_flight:
            future, events, records = self._sent.popleft()
            outcomes = future.result()
            for outcome, new, record in zip(outcomes, events, records, strict=True):
                name = new.event.type_name
                if outcome.error is not None:
                    if record.number != self._rejected:
                        self.reject(record, f"{name}: {outcome.error}")
                        self._rejected = record.number
                elif outcome.duplicate:
                    self._duplicates[name] += 1
                    self.report.duplicates += 1
                else:
                    self._recorded[name] += 1
                    self.report.recorded += 1


def _groups(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Records in groups; if the reading breaks off, the last group still comes first."""
    group: list[Record] = []
    size = 0
    try:
        for record in records:
            group.append(record)
            size += record.size
            if len(group) >= GROUP_RECORDS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
    except Unreadable as error:
        if group:
            yield group
        raise Unreadable(str(error)) from error
    if group:
        yield group
