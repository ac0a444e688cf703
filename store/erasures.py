"""Erasing: the vault and the register follow the log, and carry out what it orders.

The order is an event. Whoever follows the log after it destroys the keys, so it does not matter
which process does, how often, or what crashed in between; and a vault that came back from a backup
follows the same orders again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from domain.envelope import Recorded
from domain.erasures import DESTROYED, ERASED, Erased, ProspectErased, VisitorErased, subject_of
from domain.event import stored_names
from domain.holds import ProcessingRestricted, ProcessingUnrestricted
from domain.people import MemberErased
from store.erased_subjects import subjects_of_erasure, subjects_of_member
from store.erasure_register import ERASED_TYPES, ErasureRegister
from store.log import Head, Log
from store.query import Query, QueryItem
from store.requests import NewEvent
from store.sources import ERASURES_SOURCE
from store.vault import Vault
from store.vault_erasures import Applied, Order, VaultErasures

APPLIED_AT_ONCE: Final = 100
LAG_POSITIONS_MAX: Final = 100_000
"""How far behind the log the note may be of how far it was followed, if nothing was erased."""
_QUERY: Final = Query((QueryItem(types=ERASED_TYPES),))
_RESTRICTIONS: Final = Query(
    (QueryItem(types=(*stored_names(ProcessingRestricted), *stored_names(ProcessingUnrestricted))),)
)
_KINDS: Final[dict[str, type[Erased]]] = {
    "member": MemberErased, "prospect": ProspectErased, "visitor": VisitorErased,
}  # fmt: skip


class Erasures:
    """The erasures of one ledger. Threads may share it."""

    def __init__(self, source: Log, vault: Vault, register: ErasureRegister | None) -> None:
        self._log = source
        self._vault = vault
        self._register = register
        self._registered = 0
        self.tables = vault.tables
        self.vault = VaultErasures(vault.tables)

    def follow(self) -> int:
        """Carry out every erasure that the log orders; returns up to which position it did.

        Doing it again, or in several processes at once, changes nothing.
        """
        head = self._log.head()
        self._enter(head)
        epoch, after = self.vault.followed()
        if epoch != head.epoch or after > head.position:
            after = 0  # another log than was followed, or an older one
        restricted = self._restrict(after, head)
        orders: list[Order] = []
        for recorded in self._log.read(_QUERY, after=after, until=head.position):
            orders.append(self._order(recorded, head))
            if len(orders) == APPLIED_AT_ONCE:
                self.vault.apply(orders, head.epoch, recorded.envelope.position)
                orders = []
        if orders or restricted or head.position - after > LAG_POSITIONS_MAX or epoch != head.epoch:
            self.vault.apply(orders, head.epoch, head.position)
        self._settle(head)
        self._vault.forget()
        return head.position

    def applied(self, position: int) -> Applied | None:
        """How the erasure at a position was carried out; None if it was not, or is none."""
        return self.vault.applied(self._log.head().epoch, position)

    def lost(self, known: Iterable[Recorded]) -> list[NewEvent]:
        """Erasures that the log does not have: of those that are known, and of the vault's own.

        A log that was restored from an older copy has lost the later ones. Recorded again, they
        are carried out again.
        """
        there = {
            subject_of(one.event) for one in self._log.read(_QUERY) if isinstance(one.event, ERASED)
        }
        found: dict[str, NewEvent] = {}
        for recorded in known:
            event, envelope = recorded.event, recorded.envelope
            if isinstance(event, ERASED) and subject_of(event) not in there:
                found[subject_of(event)] = NewEvent(
                    event, envelope.id, ERASURES_SOURCE, envelope.time
                )
        for subject, erased_at in self.vault.tombstones():
            if subject not in there and subject not in found:
                kind, _, name = subject.partition(":")
                said = {
                    f"{kind}_id": name, "destroyed": DESTROYED, "irrecoverable_at": erased_at,
                }  # fmt: skip
                again = msgspec.convert(said, _KINDS[kind])
                found[subject] = NewEvent(again, subject, ERASURES_SOURCE, erased_at)
        return list(found.values())

    def _enter(self, head: Head) -> None:
        """Bring the register up to date, before anything is destroyed."""
        if self._register is not None and head.position != self._registered:
            after = min(self._registered, head.position)
            entries = self._log.read(_QUERY, after=after, until=head.position)
            self._register.add(one.entry for one in entries)
            self._registered = head.position

    def _restrict(self, after: int, head: Head) -> bool:
        """Follow the restrictions too; what is lifted is lifted for all that was restricted."""
        changes = [
            (
                subjects_of_member(self._log, recorded.event.member_id, head.position).everything,
                isinstance(recorded.event, ProcessingRestricted),
            )
            for recorded in self._log.read(_RESTRICTIONS, after=after, until=head.position)
            if isinstance(recorded.event, ProcessingRestricted | ProcessingUnrestricted)
        ]
        if changes:
            self.vault.restrict(changes, anew=after == 0)
        return bool(changes)

    def _order(self, recorded: Recorded, head: Head) -> Order:
        event = recorded.event
        assert isinstance(event, ERASED)
        subjects = subjects_of_erasure(self._log, event, head.position)
        return Order(head.epoch, recorded.envelope.position, subject_of(event), subjects)

    def _settle(self, head: Head) -> None:
        """Look again at erasures of a minute ago: somebody may have been writing meanwhile."""
        unsettled = self.vault.unsettled()
        if unsettled:
            places = [position for epoch, position in unsettled if epoch == head.epoch]
            orders = [
                self._order(recorded, head)
                for recorded in self._log.entries(places)
                if isinstance(recorded.event, ERASED)
            ]
            self.vault.settle(orders, unsettled)
