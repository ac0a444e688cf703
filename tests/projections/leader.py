"""A process that runs projections, and stops in the middle of a step as if its host fell silent.

``python -m tests.projections.leader URL before|after|never``: it stops, as SIGSTOP does, before or
after it has written the checkpoint of its first step past position 1. It ends with its input.
"""

from __future__ import annotations

import signal
import sys
import threading

import psycopg

from projections import builds
from projections.builds import Checkpoint
from projections.runner import Runner
from store.database import Database
from store.keys import EpochKeys
from tests.projections.faulty import VISITS

_move = builds.move


def main(url: str, silent: str) -> None:
    """Follow until nobody listens."""
    stops = iter([True])

    def stop() -> None:
        # This very thread: sent to the process, it may go on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    def move(connection: psycopg.Connection, checkpoint: Checkpoint, position: int) -> None:
        falls = position > 1 and silent != "never" and next(stops, False)
        if falls and silent == "before":
            stop()
        _move(connection, checkpoint, position)
        if falls and silent == "after":
            stop()

    builds.move = move
    database = Database(url, keys=EpochKeys.from_bytes(bytes(range(32))), pool_max=4)
    ledger = database.open("test")
    with Runner(ledger, [VISITS]).start():
        sys.stdin.read()
    ledger.close()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
