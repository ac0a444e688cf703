"""Checking the live tables of projections against a rebuild of them from the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from projections.differences import Held
    from projections.fold import Projection
    from store.audit_rows import Finding
    from store.database import Database
    from store.ledger import Ledger

SPACE = "verify"
"""Where the rebuild is kept while it is compared."""
FINDINGS_MAX = 100


class Compared(NamedTuple):
    """What was compared."""

    rows: int
    findings: list[Finding]
    missing: list[str]
    """Projections that were never filled."""


def audit_projections(
    database: Database,
    ledger: Ledger,
    *,
    workers: int,
    progress: Callable[[int, int], None],
) -> Compared:
    """Compare every row of every live projection with the one that its events give.

    The tables are held as they are at one instant; they go on being read and written meanwhile. A
    finding names the first event of the row that is wrong.
    """
    from projections import ALL
    from projections.differences import held
    from projections.replay import replay
    from projections.selection import Selection
    from projections.voids import VoidHistory

    spaces = database.spaces(ledger.name)
    rows = 0
    findings: list[Finding] = []
    with ledger.connect("verify") as connection, held("live", connection, ledger, ALL) as live:
        by_position: dict[int, list[Projection]] = defaultdict(list)
        for projection, (_, position) in live.builds.items():
            by_position[position].append(projection)
        for position, some in sorted(by_position.items()):
            into = spaces.make(SPACE, replace=True)
            try:
                selection = Selection(VoidHistory(ledger.log), position)
                replay(ledger, some, selection, into, workers=workers, progress=progress)
                with into() as other, held("rebuilt", other, ledger, some) as rebuilt:
                    for projection in some:
                        count, found = _compared(live, rebuilt, projection)
                        rows += count
                        findings += found
            finally:
                spaces.drop(SPACE)
    findings += _unbalanced(ledger)
    missing = [one.name for one in ALL if one not in live.builds]
    return Compared(rows, sorted(findings)[:FINDINGS_MAX], missing)


def _compared(live: Held, rebuilt: Held, projection: Projection) -> tuple[int, list[Finding]]:
    from projections.differences import unequal
    from projections.fold import Total
    from store.audit_rows import Finding

    rows = 0
    findings: list[Finding] = []
    for member in projection.members:
        for key, ours, theirs in unequal(live, rebuilt, projection, member):
            rows += 1
            if ours is None and theirs is None:
                continue
            if len(findings) > FINDINGS_MAX:
                return rows, findings
            events = {} if issubclass(member, Total) else rebuilt.events_of(projection, member, key)
            what = (
                "is there, and no event makes it"
                if theirs is None
                else ("is not there" if ours is None else "is not what its events give")
            )
            first = min(events, default=0)
            findings.append(Finding(first, f"projection {member.table}: the row of {key} {what}"))
    return rows, findings


def _unbalanced(ledger: Ledger) -> list[Finding]:
    """Books whose accounts do not sum to zero."""
    from projections.failures import ProjectionNotReady
    from projections.journal import JOURNAL, trial_balance
    from projections.reader import reading
    from store.audit_rows import Finding

    try:
        with reading(ledger.pool, JOURNAL) as reader:
            return [
                Finding(reader.position, f"the books of {one.points_currency} sum to {one.sum:,}")
                for one in trial_balance(reader).currencies
                if one.sum
            ]
    except ProjectionNotReady:  # it is told among the missing
        return []
