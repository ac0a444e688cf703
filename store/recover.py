"""After a database came back from a backup: the log is checked, and its epoch raised.

The files of an older day hold a history that ends earlier than what clients have read. A position
alone cannot tell that, once the log has grown as far again; the epoch can.
"""

from __future__ import annotations

import psycopg

from domain.errors import FilrougeError
from store.log import Head


class LogNotWhole(FilrougeError):
    """The entries are not 1, 2, 3 up to the head: this is no whole backup. Nothing was changed."""


def raise_epoch(connection: psycopg.Connection) -> Head:
    """Check that the log is whole, and give it an epoch above every one that it has had.

    Reads one index from end to end. Raises LogNotWhole.
    """
    with connection.transaction():
        head = connection.execute("SELECT position FROM head FOR UPDATE").fetchone()
        found = connection.execute("SELECT count(*), max(position) FROM entries").fetchone()
        assert head is not None
        assert found is not None
        count, last = found
        if not count == (last or 0) == head[0]:
            raise LogNotWhole(position=head[0], entries=count, last_position=last or 0)
        # Seconds since 1970 are above every epoch that a log or an earlier restore has used.
        row = connection.execute(
            "UPDATE head SET epoch = greatest(epoch + 1, extract(epoch FROM clock_timestamp())"
            "::bigint) RETURNING position, epoch, recorded_at"
        ).fetchone()
        assert row is not None
    return Head(*row)
