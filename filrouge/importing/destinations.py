"""Where the events of an import go: into a ledger, or, in a dry run, nowhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec

from store.ledger import Ledger, NewEvent, Outcome
from store.reply import Reply


class Destination(Protocol):
    """Where events go, and who knows the ids."""

    def ids(self, kind: str, many: Sequence[tuple[str, ...]]) -> list[str]:
        """The ids of many values of a kind."""

    def record(self, events: list[NewEvent]) -> Reply[list[Outcome]]:
        """Take in events; the reply says what became of each."""

    def row_sealer(self) -> Callable[[str], str]:
        """What seals the rows of a file that do not fit."""


class IntoLedger:
    """Records in a ledger, as one batch; decided events of another system come in too."""

    def __init__(self, ledger: Ledger, *, actor: str, batch: str) -> None:
        self._ledger = ledger
        self._actor = actor
        self._batch = batch

    def ids(self, kind: str, many: Sequence[tuple[str, ...]]) -> list[str]:
        """The vault's ids."""
        return self._ledger.vault.ids_for(kind, many)

    def record(self, events: list[NewEvent]) -> Reply[list[Outcome]]:
        """Seal and queue."""
        return self._ledger.observe(events, actor=self._actor, batch=self._batch, admin=True)

    def row_sealer(self) -> Callable[[str], str]:
        """The vault, under a key of the file's own."""
        return self._ledger.vault.row_sealer()


class IntoNothing:
    """A dry run: everything is made and checked, and nothing is recorded, looked up or written."""

    def ids(self, kind: str, many: Sequence[tuple[str, ...]]) -> list[str]:
        """Ids that look like ids and mean nothing."""
        return [f"{kind}_{sha256(msgspec.json.encode(values)).hexdigest()[:24]}" for values in many]

    def record(self, events: list[NewEvent]) -> Reply[list[Outcome]]:
        """All would be new."""
        reply: Reply[list[Outcome]] = Reply()
        reply.answer([Outcome(None) for _ in events])
        return reply

    def row_sealer(self) -> Callable[[str], str]:
        """Nothing is written, so nothing is left."""
        return lambda _: ""
