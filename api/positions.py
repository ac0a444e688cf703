"""Which position an answer reflects, and waiting for one: readers see their own writes.

Every answer says ``Ledger-Position: <epoch>.<position>``. Given back as ``min_position``, the read
waits until it reflects that position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from litestar.params import QueryParameter

from api.errors import EpochChanged, NotYetReached, PositionAhead
from api.ledgers import Served
from api.limits import POSITIONS_AHEAD_MAX
from api.threads import in_thread
from projections.failures import ProjectionNotReady
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


def parsed(text: str | None) -> Wanted:
    """Read a ``Ledger-Position``, or a bare position."""
    if text is None:
        return Wanted(None, 0)
    epoch, dot, position = text.rpartition(".")
    return Wanted(int(epoch) if dot else None, int(position))


def stamp(epoch: int, position: int) -> str:
    """The value of the header."""
    return f"{epoch}.{position}"


def check(wanted: Wanted, served: Served) -> None:
    """Refuse to wait for a position that this history never had. Asks the database."""
    if wanted == (None, 0):
        return
    try:
        _check(wanted, served.head())
    except (EpochChanged, PositionAhead):
        _check(wanted, served.latest())  # what is read may be behind what was written


def _check(wanted: Wanted, head: Head) -> None:
    if wanted.epoch is not None and wanted.epoch != head.epoch:
        raise EpochChanged(epoch=head.epoch, position=head.position, wanted_epoch=wanted.epoch)
    if wanted.position > head.position + POSITIONS_AHEAD_MAX:
        raise PositionAhead(
            epoch=head.epoch, position=head.position, wanted_position=wanted.position
        )


async def reached(
    served: Served,
    query: Callable[[], tuple[T | None, int]],
    text: str | None,
    *,
    wait_seconds: float,
    state: dict[str, Any],
    past: bool = False,
) -> tuple[T | None, int]:
    """The query's answer and position, once it reflects the position that is waited for.

    That nothing is there is only said as of the end of the log: an answer of None waits for the
    projection to get as far as the log was when the request came. Of the ``past`` it is said at
    once: nothing will be added to it.
    """
    wanted = parsed(text)
    deadline, pause = monotonic() + wait_seconds, FIRST_PAUSE_SECONDS
    least = 0 if past else wanted.position

    def look(*, first: bool) -> tuple[T | None, int, int]:
        if first:
            check(wanted, served)
        try:
            found, position = query()
        except ProjectionNotReady:
            if monotonic() + LAST_PAUSE_SECONDS > deadline:
                raise
            return None, -1, max(least, 0)
        state["ledger_position"] = stamp(served.epoch(), position)
        waits = found is None and not least and not past
        end = served.head().position if waits else 0
        return found, position, max(least, end)

    found, position, least = await in_thread(look, first=True)
    while position < least:
        if monotonic() + pause > deadline:
            raise NotYetReached(position=max(position, 0), wanted_position=least)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE_SECONDS)
        found, position, least = await in_thread(look, first=False)
    return found, position
