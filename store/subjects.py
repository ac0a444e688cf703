"""What some commands have to be told about the log: a void its entry, an erasure whom it concerns.

Entries never change, so they are read before the lock is taken. A batch can still grow: a guard
refuses the void of one that grew between the reading and the deciding.
"""

from __future__ import annotations

from collections.abc import Callable
from re import compile as pattern
from typing import Any, Final, NamedTuple

from domain.commitments import CommitDraw
from domain.decision import Command
from domain.drawing import DrawWinners
from domain.earning import AWARDS_PER_EVENT_MAX
from domain.envelope import Recorded
from domain.erasures import EraseMember, EraseProspect, EraseVisitor
from domain.errors import RuleError
from domain.event import stored_names
from domain.forfeits import ForfeitPrize
from domain.instant_wins import GameOpened
from domain.ledger import LedgerAlreadyOpened, LedgerOpened, OpenLedger
from domain.playing import PlayGame, RevealGame
from domain.points import PointsEarned, cause_tags, lot_tags
from domain.programmes import OpenProgramme
from domain.undoing import consequence_tags
from domain.voids import VoidBatch, VoidEvent
from store.draws import LogHistory, list_root, outcome_at, reward_at
from store.log import Log
from store.query import EVERYTHING, Query, QueryItem
from store.sources import REACTIONS_SOURCE

FOLLOWERS_MAX: Final = 2 * AWARDS_PER_EVENT_MAX
"""Awards stand no further behind what they were given for."""


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
        VoidEvent
        | VoidBatch
        | OpenProgramme
        | EraseMember
        | EraseProspect
        | EraseVisitor
        | PlayGame
        | RevealGame
        | CommitDraw
        | DrawWinners
        | ForfeitPrize,
    )


def awards_behind(log: Log, position: int) -> list[Recorded]:
    """What rules gave for an event: close behind it, under ids that name its position."""
    following = log.entries(range(position + 1, position + 1 + FOLLOWERS_MAX))
    return [
        one
        for one in following
        if isinstance(one.event, PointsEarned)
        and one.envelope.source == REACTIONS_SOURCE
        and one.envelope.id.startswith(f"{position}/")
    ]


def accounts_behind(log: Log, position: int) -> list[str]:
    """Tags of the accounts that hold awards for an event which name no other cause."""
    return [
        f"account:{one.event.account_id}"
        for one in awards_behind(log, position)
        if isinstance(one.event, PointsEarned)
        and cause_tags(one.event) == lot_tags(one.event.lot_id)
    ]


def subject_of(command: Command, log: Log, opened: Callable[[str], str | None]) -> Subject:
    """What the slice of this command needs beside it; most need nothing.

    ``opened`` opens a sealed text.
    """
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
            subject = log.entry(position)
            return Subject({"subject": subject, "accounts": accounts_behind(log, position)})
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
            return _of_draw(command, log) or Subject(_secret(command, log, opened))


def _of_draw(command: Command, log: Log) -> Subject | None:
    """What a step of a draw follows from: a part of the log that no longer changes."""
    match command:
        case CommitDraw(draw_id=draw_id):
            listed = list_root(LogHistory(log), draw_id, log.head().position)
            return Subject({"listed": listed})
        case DrawWinners(draw_id=draw_id):
            outcome = outcome_at(LogHistory(log), draw_id, log.head().position)
            return Subject({"outcome": outcome})
        case ForfeitPrize(draw_id=draw_id, place=place):
            reward = reward_at(LogHistory(log), draw_id, place, log.head().position)
            return Subject({"reward_id": reward})
        case _:
            return None


_SEED: Final = pattern(r"[0-9a-f]{64}")


def _secret(
    command: Command, log: Log, opened: Callable[[str], str | None]
) -> dict[str, str | None]:
    if isinstance(command, PlayGame | RevealGame):
        return {"seed": _seed(log, command.game_id, opened)}
    return {}


def _seed(log: Log, game_id: str, opened: Callable[[str], str | None]) -> str | None:
    """The secret seed of a game; None: there is no such game, or nobody can open it."""
    query = Query((QueryItem(stored_names(GameOpened), (f"game:{game_id}",)),))
    found = next(log.read(query, backward=True, limit=1), None)
    seed = opened(found.event.seed) if found and isinstance(found.event, GameOpened) else None
    return seed if seed is not None and _SEED.fullmatch(seed) else None


def _known(log: Log, tag: str) -> Subject:
    """Whether any event speaks of somebody; none ever stops doing so."""
    found = log.read(Query((QueryItem(tags=(tag,)),)), limit=1)
    return Subject({"known": next(found, None) is not None})
