"""The partitions of the log's entries: made ahead of need, so that nobody has to care.

Entries lie in ranges of positions, each a table of its own that can be archived as one piece. The
ledger's role does not own them: a function of the owner makes them, under the lock on the head.
"""

from __future__ import annotations

import psycopg


def make_room(cursor: psycopg.Cursor, needed: int) -> int:
    """Have a partition for every position up to ``needed``, and a whole one ahead.

    Returns the position up to which nobody need ask again. It is made in the caller's transaction:
    what a rollback returned no longer holds. The head is locked until its end.
    """
    row = cursor.execute("SELECT make_room(%s)", [needed]).fetchone()
    assert row is not None
    room: int = row[0]
    assert room >= needed, f"there is room up to {room}, and {needed} is needed"
    return room
