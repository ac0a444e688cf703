"""Erasures: deciding that what opens somebody's personal data, and recognises them, is destroyed.

The decision is the order; the vault follows the log and carries it out. So an erasure that a crash
interrupts, or that a backup of the vault brings back, is done (again) from the log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from msgspec import Meta

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.holds import MemberHolds
from domain.identities import IdentityReleased, MemberIdentified
from domain.people import ATTRIBUTES_MAX, MemberErased, VisitorIdentified
from domain.types import (
    LIST_LENGTH_MAX,
    Count,
    EpochKeyID,
    Instant,
    MemberID,
    ProspectID,
    VisitorID,
    Word,
)

SUBJECT_KEY: Final = "subject-key"
IDENTITY_DIGESTS: Final = "identity-digests"
DESTROYED: Final = (SUBJECT_KEY, IDENTITY_DIGESTS)
FINAL_WITHIN_DAYS: Final = 30
FINAL_WITHIN_DAYS_MAX: Final = 3_650

Destroyed = Annotated[tuple[Word, ...], Meta(max_length=ATTRIBUTES_MAX)]
FinalWithinDays = Annotated[int, Meta(ge=0, le=FINAL_WITHIN_DAYS_MAX)]


@event_type("prospect.erased.v1")
class ProspectErased(Decided, frozen=True, kw_only=True):
    """The key that opens how a prospect was named was destroyed, and what recognised them."""

    prospect_id: ProspectID
    destroyed: Destroyed
    """What was destroyed: ``subject-key``, ``identity-digests``."""
    irrecoverable_at: Instant
    """When the last copy of a key is gone too, with the epoch key that wrapped it."""
    reason: Word | None = None


@event_type("visitor.erased.v1")
class VisitorErased(Decided, frozen=True, kw_only=True):
    """What linked a visitor's id to a device or an account elsewhere was destroyed."""

    visitor_id: VisitorID
    destroyed: Destroyed
    """What was destroyed: ``subject-key``, ``identity-digests``."""
    irrecoverable_at: Instant
    """When the last copy of a key is gone too, with the epoch key that wrapped it."""
    reason: Word | None = None


@event_type("epoch_key.destroyed.v1")
class EpochKeyDestroyed(Decided, frozen=True, kw_only=True):
    """An epoch key was destroyed: no copy of what it wrapped, wherever it lies, opens any more."""

    epoch_key_id: EpochKeyID
    erasures: Count
    """Erasures that are final now: every epoch key that ever wrapped their keys is gone."""
    erased_until: Instant | None = None
    """The newest of these."""


Erased = MemberErased | ProspectErased | VisitorErased
ERASED: Final = (MemberErased, ProspectErased, VisitorErased)


class NobodyToErase(RuleError):
    """No event speaks of anybody with this id: check it."""


class AlreadyErased(RuleError):
    """This was erased before, and nothing has come since that could be."""


class UnderLegalHold(RuleError):
    """The member's data has to be kept: lift the hold first, if its reason is over."""


def subject_of(event: Erased) -> str:
    """Whom an erasure speaks of, as a tag: ``member:m_...``."""
    match event:
        case MemberErased(member_id=name):
            return f"member:{name}"
        case ProspectErased(prospect_id=name):
            return f"prospect:{name}"
        case VisitorErased(visitor_id=name):
            return f"visitor:{name}"


class Erasure(View):
    """What there is to erase. Tag: ``member:<id>``, ``prospect:<id>`` or ``visitor:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.erased = False
        self.identities: dict[str, None] = {}
        self.since: dict[str, None] = {}
        """Visitors who turned out to be the member, since the last erasure."""

    @on(MemberIdentified)
    def _(self, event: MemberIdentified, envelope: Envelope) -> None:
        if event.identity_id is not None:
            self.identities[event.identity_id] = None

    @on(IdentityReleased)
    def _(self, event: IdentityReleased, envelope: Envelope) -> None:
        if event.identity_id is not None:
            self.identities.pop(event.identity_id, None)

    @on(VisitorIdentified)
    def _(self, event: VisitorIdentified, envelope: Envelope) -> None:
        self.since[event.visitor_id] = None

    @on(MemberErased, ProspectErased, VisitorErased)
    def _(self, event: Erased, envelope: Envelope) -> None:
        if subject_of(event) in self.tags:
            self.erased = True
            self.identities.clear()
            self.since.clear()


class _Erase(Command, frozen=True, kw_only=True):
    reason: Word | None = None
    """Why, in a word: ``requested``, ``retention``."""
    final_within_days: FinalWithinDays = FINAL_WITHIN_DAYS
    """In how many days the epoch key is destroyed at the latest; the event says when that is."""


class EraseMember(_Erase, frozen=True, kw_only=True):
    """Destroy what opens a member's personal data and what recognises them, for ever.

    The history stays, and so do balances and totals. The keys of the member's purchases, returns
    and visitors go with it, and those of the prospect that the member was before.
    """

    member_id: MemberID

    @property
    def tag(self) -> str:
        """Whom it concerns."""
        return f"member:{self.member_id}"


class EraseProspect(_Erase, frozen=True, kw_only=True):
    """Destroy what opens how somebody was named by a member, and what recognises them."""

    prospect_id: ProspectID

    @property
    def tag(self) -> str:
        """Whom it concerns."""
        return f"prospect:{self.prospect_id}"


class EraseVisitor(_Erase, frozen=True, kw_only=True):
    """Destroy what links a visitor's id to a device or an account elsewhere."""

    visitor_id: VisitorID

    @property
    def tag(self) -> str:
        """Whom it concerns."""
        return f"visitor:{self.visitor_id}"


class _Erasing(Slice, abstract=True):
    """What the three have in common; whoever makes the slice says whether anybody is known."""

    def _begin(self, tag: str) -> None:
        self.tag = tag
        self.erasure = self.view(Erasure, tag)

    def _check(self, *, known: bool) -> None:
        erasure = self.erasure
        if not known:
            raise NobodyToErase(subject=self.tag)
        if erasure.erased and not erasure.identities and not erasure.since:
            raise AlreadyErased(subject=self.tag)

    def _said(self) -> dict[str, object]:
        return {
            "destroyed": DESTROYED,
            "irrecoverable_at": self.now + timedelta(days=self.command.final_within_days),
            "reason": self.command.reason,
        }


class ErasingMember(_Erasing, decides=EraseMember, reads=(Erasure, MemberHolds)):
    """A member is erased once, and not while their data has to be kept."""

    def __init__(self, command: EraseMember, command_id: str, *, known: bool = False) -> None:
        super().__init__(command, command_id)
        self.known = known
        self._begin(command.tag)
        self.holds = self.view(MemberHolds, self.tag)

    def execute(self) -> None:
        """Erase, unless there is nobody or nothing to erase, or a hold."""
        self._check(known=self.known)
        if self.holds.holds:
            raise UnderLegalHold(subject=self.tag, holds=list(self.holds.holds))
        identities = tuple(self.erasure.identities)[:LIST_LENGTH_MAX]
        self.trigger(
            MemberErased(
                member_id=self.command.member_id, identities=identities, **self._said()  # type: ignore[arg-type]
            )
        )  # fmt: skip


class ErasingProspect(_Erasing, decides=EraseProspect, reads=(Erasure,)):
    """A prospect is erased once."""

    def __init__(self, command: EraseProspect, command_id: str, *, known: bool = False) -> None:
        super().__init__(command, command_id)
        self.known = known
        self._begin(command.tag)

    def execute(self) -> None:
        """Erase, unless there is nobody or nothing to erase."""
        self._check(known=self.known)
        self.trigger(ProspectErased(prospect_id=self.command.prospect_id, **self._said()))  # type: ignore[arg-type]


class ErasingVisitor(_Erasing, decides=EraseVisitor, reads=(Erasure,)):
    """A visitor is erased once, as long as nothing new is known of them."""

    def __init__(self, command: EraseVisitor, command_id: str, *, known: bool = False) -> None:
        super().__init__(command, command_id)
        self.known = known
        self._begin(command.tag)

    def execute(self) -> None:
        """Erase, unless there is nobody or nothing to erase."""
        self._check(known=self.known)
        self.trigger(VisitorErased(visitor_id=self.command.visitor_id, **self._said()))  # type: ignore[arg-type]
