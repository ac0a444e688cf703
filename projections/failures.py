"""Why a projection stands still, said without repeating what an event holds."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import Final

import psycopg

from domain.errors import FilrougeError
from domain.reading import Fact

PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""Lost connections, a server that restarts, a full disk: to be tried again on a new connection."""


class HandlerFailed(Exception):
    """A handler raised on an event, so the projection cannot go past it."""

    def __init__(self, fact: Fact, where: str, error: Exception) -> None:
        self.position = fact.envelope.position
        self.reason = f"{fact.envelope.type} in {where}: {described(error)}"
        super().__init__(f"position {self.position}: {self.reason}")


class ProjectionNotReady(FilrougeError):
    """This projection is being built and cannot be read yet: try again in a moment."""


class PastTooLong(FilrougeError):
    """This answer about the past needs more events than one read may fold.

    Ask for one member, account or campaign instead of all, or let the ledger's operator make
    tables of that past: ``filrouge replay`` has no such limit.
    """


class RebuildRunning(FilrougeError):
    """Somebody rebuilds this projection already: wait for that rebuild, or stop it."""


class RebuildFailed(FilrougeError):
    """A handler failed during the rebuild. What was live before stays live and untouched."""


def described(error: BaseException) -> str:
    """What an error is and where it arose. Its text is left out: that may quote an event."""
    if isinstance(error, RebuildFailed):  # as it is said here, of the machine and not of an event
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {PurePath(last.filename).name}:{last.lineno}"
