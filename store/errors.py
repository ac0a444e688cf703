"""Why the store could not take something; what was sent can always be sent again."""

from __future__ import annotations

from domain.errors import FilrougeError


class StoreUnavailable(FilrougeError):
    """The database did not take the batch. Send it again with the same ids: nothing doubles."""


class StoreOverloaded(FilrougeError):
    """Too many requests wait to be recorded. Nothing was taken; come back in a moment."""


class StoreClosed(FilrougeError):
    """This ledger is being closed. Nothing was taken; send it again when it is open."""
