"""A small mapping for tests, and running mappings over files without a ledger."""

from pathlib import Path
from typing import NamedTuple

from filrouge.importing.destinations import IntoNothing
from filrouge.importing.mapping import Mapping, source_of
from filrouge.importing.reports import Report
from filrouge.importing.run import Job, Run
from filrouge.importing.sections import CompiledFile
from store.ledger import NewEvent, Outcome
from store.reply import Reply

GOOD = """name = "shop"
[values]
number = { template = "s-{@record}" }
[[file]]
match = "sales*"
source = "shop/sales"

[[file.event]]
type = "purchase.recorded.v1"
when = { what = "sale" }
time = { column = "bought" }
[file.event.fields]
purchase_id = "$number"
member_id = { lookup = "member", of = ["customer"] }
currency = "EUR"
net = { column = "amount", as = "minor_units" }
"""


def written(folder: Path, text: str) -> Mapping:
    """A mapping with this text."""
    path = folder / "mapping.toml"
    path.write_text(text)
    return Mapping(path)


def compiled(mapping: Mapping) -> list[CompiledFile]:
    """The mapping, compiled for a ledger in Paris that counts in euros."""
    return mapping.compile(time_zone="Europe/Paris", currency="EUR")


class Made(NamedTuple):
    """What a mapping made of files."""

    events: list[NewEvent]
    rejected: dict[str, int]
    """Reasons, and how many rows there are for each."""
    report: Report


class _Kept(IntoNothing):
    def __init__(self) -> None:
        self.events: list[NewEvent] = []

    def record(self, events: list[NewEvent]) -> Reply[list[Outcome]]:
        self.events += events
        return super().record(events)


def events_of(mapping: Mapping, *files: Path) -> Made:
    """Run a mapping over files; nothing is recorded."""
    kept = _Kept()
    jobs = [
        Job(path, section, format_, source_of(section, path))
        for path, section, format_ in mapping.assign(list(files), compiled(mapping))
    ]
    report = Run(kept, write_rejects=False).files(jobs)
    reasons: dict[str, int] = {}
    for file in report.files:
        for reason, count in file.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return Made(kept.events, reasons, report)
