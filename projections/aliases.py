"""Whose something is: tags that stand for another tag, folded from the log as of any position."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from domain.accounts import AccountOpened
from domain.decision import Handler, HandlerType, on
from domain.envelope import Envelope
from domain.event import Event, stored_names
from domain.people import VisitorIdentified


class AliasRow(msgspec.Struct):
    """Whose an alias is: the earliest claim holds."""

    alias: str
    root: str | None = None
    """The tag that it stands for; None: nobody's."""
    claimed_at: datetime | None = None
    position: int = 0

    def claim(self, root: str, envelope: Envelope) -> None:
        """Give the alias to a tag, unless it was given away earlier (by time, then position)."""
        if self.claimed_at is None or (envelope.time, envelope.position) < (
            self.claimed_at,
            self.position,
        ):
            self.root, self.claimed_at = root, envelope.time
            self.position = envelope.position


class AliasType(HandlerType):
    """Metaclass of aliases: which kind of tag stands for another is said in the class line."""

    def __init__(
        cls,  # noqa: N805 - a metaclass
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        kind: str = "",
    ) -> None:
        super().__init__(name, bases, namespace)
        if not bases:
            return
        if not kind or not cls.handlers:
            raise TypeError(f"{name} names no kind of tag, or handles no event")
        cls.kind = kind
        cls.types = frozenset(one for event in cls.handlers for one in stored_names(event))


class Aliases(metaclass=AliasType):
    """Says for which tag each tag of one kind stands.

    By handlers::

        class PurchasesOfBuyers(Aliases, kind="purchase"):
            @on(PurchaseRecorded)
            def _(self, row: AliasRow, event: PurchaseRecorded, envelope: Envelope) -> None:
                if event.member_id is not None:
                    row.claim(f"member:{event.member_id}", envelope)

    so that a return that names only the purchase reaches the member's row. The event carries both
    tags, the alias and what it stands for; ``row.alias`` is the id that the handler is asked about.
    Chains are followed (a purchase of a visitor who is a member), also inside one kind (members
    merged into others). There is no table: who is whose is folded from the log when it is needed,
    as of any position, leaving out what was voided by then.
    """

    kind: ClassVar[str]
    handlers: ClassVar[dict[type[Event], Handler]]
    types: ClassVar[frozenset[str]]


class VisitorsOfMembers(Aliases, kind="visitor"):
    """What an unknown visitor did becomes the member's, from the beginning."""

    @on(VisitorIdentified)
    def _(self, row: AliasRow, event: VisitorIdentified, envelope: Envelope) -> None:
        row.claim(f"member:{event.member_id}", envelope)


class AccountsOfMembers(Aliases, kind="account"):
    """What a till says of an account alone is the member's for whom alone it was opened.

    What the account of a household buys belongs to none of its members.
    """

    @on(AccountOpened)
    def _(self, row: AliasRow, event: AccountOpened, envelope: Envelope) -> None:
        if len(set(event.holders)) == 1:
            row.claim(f"member:{event.holders[0]}", envelope)
