"""A member's own copy: everything that the ledger holds about somebody, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from domain.envelope import Recorded
from projections.aliases import AccountsOfMembers, VisitorsOfMembers
from projections.owners import Roots
from projections.voids import VoidHistory
from store.log import Log

EVENTS_MAX: Final = 100_000
"""Events of one copy in one answer; as CloudEvents there is no limit."""


def events_of(log: Log, member_id: str, until: int) -> Iterator[Recorded]:
    """Every event about a member, up to a position.

    Those of visitors who turned out to be the member, and of accounts opened for them alone, are
    the member's too.
    """
    roots = Roots(log, VoidHistory(log), (VisitorsOfMembers, AccountsOfMembers))
    tags = roots.standing_for({f"member:{member_id}"}, until)
    yield from log.tagged(tags, until=until)
