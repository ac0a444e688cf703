"""Which position an answer reflects, and waiting for one: readers see their own writes.

Every answer says ``Ledger-Position: <epoch>.<position>``. Given back as ``min_position``, the read
waits until it reflects that position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

from litestar.params import QueryParameter

from api.errors import EpochChanged, NotYetReached, PositionAhead
from api.gathered import Gathered
from api.ledgers import Served
from api.limits import POSITIONS_AHEAD_MAX
from api.threads import in_thread
from projections.failures import ProjectionNotReady
from projections.reader import FoundRows
from store.log import Head

HEADER: Final = "Ledger-Position"
PATTERN: Final = r"^([0-9]{1,9}\.)?[0-9]{1,15}$"
FIRST_PAUSE_SECONDS: Final = 0.005
LAST_PAUSE_SECONDS: Final = 0.1

MinPosition = Annotated[
    str | None,
    QueryParameter(
        pattern=PATTERN,
        description="Wait until the answer reflects this position: a `Ledger-Position` that you "
        "were given, or a bare position. If it takes too long: 503 with `Retry-After`.",
    ),
]

T = TypeVar("T")


class Wanted(NamedTuple):
    """The position that a reader waits for."""

    epoch: int | None
    position: int


NOTHING: Final = Wanted(None, 0)


def parsed(text: str | None) -> Wanted:
    """Read a ``Ledger-Position``, or a bare position."""
    if text is None:
        return NOTHING
    epoch, dot, position = text.rpartition(".")
    return Wanted(int(epoch) if dot else None, int(position))


def stamp(epoch: int, position: int) -> str:
    """The value of the header."""
    return f"{epoch}.{position}"


def is_of(wanted: Wanted, epoch: int, end: int) -> bool:
    """Whether a history that ends there had the position, or may have it soon."""
    return wanted.epoch in {None, epoch} and wanted.position <= end + POSITIONS_AHEAD_MAX


def check(wanted: Wanted, latest: Head) -> None:
    """Refuse to wait for a position that this history never had.

    What is read may be a replica, so the end of the log where it is written is what decides.
    """
    end, epoch = latest.position, latest.epoch
    if wanted.epoch not in {None, epoch}:
        raise EpochChanged(epoch=epoch, position=end, wanted_epoch=wanted.epoch)
    if not is_of(wanted, epoch, end):
        raise PositionAhead(epoch=epoch, position=end, wanted_position=wanted.position)


class Seen(NamedTuple, Generic[T]):
    """What a look at the ledger found."""

    found: T
    position: int
    """What it reflects."""
    epoch: int
    end: int
    """The end of the log, if that was asked for; it is whenever nothing was found."""


Look = Callable[[Wanted], Awaitable[Seen[T]]]
"""Looks once, and refuses what is wanted if this history never had it."""


def by_query(served: Served, query: Callable[[], tuple[T | None, int]]) -> Look[T | None]:
    """Look with a query, which runs in a thread and returns what it found and its position."""

    def look(wanted: Wanted) -> Seen[T | None]:
        if wanted != NOTHING:
            head = served.head()
            if not is_of(wanted, head.epoch, head.position):
                check(wanted, served.latest())
        found, position = query()
        end = served.head().position if found is None else 0
        return Seen(found, position, served.epoch(), end)

    def looking(wanted: Wanted) -> Awaitable[Seen[T | None]]:
        return in_thread(look, wanted)

    return looking


def by_keys(
    served: Served,
    gathered: Gathered,
    keys: Sequence[str],
    query: Callable[[FoundRows], T | None],
) -> Look[T | None]:
    """Look at rows of a fold by their keys, together with all who do at the same time."""

    async def look(wanted: Wanted) -> Seen[T | None]:
        found, (_, position, end, epoch) = await gathered.read(keys, query)
        if not is_of(wanted, epoch, end):
            check(wanted, await in_thread(served.latest))
        return Seen(found, position, epoch, end)

    return look


async def reached(
    look: Look[T | None],
    text: str | None,
    *,
    wait_seconds: float,
    state: dict[str, Any],
    past: bool,
) -> tuple[T | None, int]:
    """What the look finds and its position, once it reflects the position that is waited for.

    That nothing is there is only said as of the end of the log: an answer of None waits for the
    projection to get as far as the log was when the request came. Of the ``past`` it is said at
    once: nothing will be added to it.
    """
    wanted = parsed(text)
    least = 0 if past else wanted.position
    deadline, pause = monotonic() + wait_seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            found, position, epoch, end = await look(wanted)
        except ProjectionNotReady:
            if monotonic() + LAST_PAUSE_SECONDS > deadline:
                raise
            position = -1
        else:
            state["ledger_position"] = stamp(epoch, position)
            if found is None and not least and not past:
                least = end
            wanted = NOTHING
        if position >= least:
            return found, position
        if monotonic() + pause > deadline:
            raise NotYetReached(position=max(position, 0), wanted_position=least)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE_SECONDS)
