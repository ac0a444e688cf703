"""What some commands have to be told about the log: a void its entry, an erasure whom it concerns.

Entries never change, so they are read before the lock is taken. A batch can still grow: a guard
refuses the void of one that grew between the reading and the deciding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from domain.decision import Command
from domain.erasures import EraseMember, EraseProspect, EraseVisitor
from domain.errors import RuleError
from domain.ledger import LedgerAlreadyOpened, LedgerOpened, OpenLedger
from domain.programmes import OpenProgramme
from domain.undoing import consequence_tags
from domain.voids import VoidBatch, VoidEvent
from store.log import Log
from store.query import EVERYTHING, Query, QueryItem


class BatchStillArriving(RuleError):
    """More of this batch was recorded just now: void it when its import has ended."""


class Subject(NamedTuple):
    """Arguments of a command's slice, and what must not have been recorded meanwhile."""

    arguments: dict[str, Any]
    guard: Query | None = None
    after: int = 0
    refusal: type[RuleError] = BatchStillArriving
    """What the command is refused with when the guard finds something above ``after``."""


def asks_the_log(struct: object) -> bool:
    """Whether the log is read for the slice of this command."""
    return isinstance(
        struct,
        VoidEvent | VoidBatch | OpenProgramme | EraseMember | EraseProspect | EraseVisitor,
    )


def subject_of(command: Command, log: Log) -> Subject:
    """What the slice of this command needs beside it; most need nothing."""
    match command:
        case OpenLedger():
            # Whatever ledger id it says: nothing stands before the opening.
            return Subject({}, EVERYTHING, refusal=LedgerAlreadyOpened)
        case OpenProgramme():
            first = log.entry(1)
            assert first is not None
            assert isinstance(first.event, LedgerOpened)
            return Subject({"ledger_time_zone": first.event.time_zone})
        case EraseMember() | EraseProspect() | EraseVisitor():
            return _known(log, command.tag)
        case VoidEvent(position=position):
            return Subject({"subject": log.entry(position)})
        case VoidBatch(batch_id=batch_id):
            batch = Query((QueryItem(tags=(f"batch:{batch_id}",)),))
            head = log.head().position
            positions: set[int] = set()
            causes: dict[str, None] = {}
            for recorded in log.read(batch, until=head):
                if recorded.envelope.batch == batch_id:
                    positions.add(recorded.envelope.position)
                    causes.update(dict.fromkeys(consequence_tags(recorded.event)))
            return Subject({"causes": causes, "positions": positions}, batch, head)
        case _:
            return Subject({})


def _known(log: Log, tag: str) -> Subject:
    """Whether any event speaks of somebody; none ever stops doing so."""
    found = log.read(Query((QueryItem(tags=(tag,)),)), limit=1)
    return Subject({"known": next(found, None) is not None})
