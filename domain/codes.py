"""Codes: what members show to use a voucher, supplied in advance and given out one after another.

A code is a secret, like personal data: it is sealed under a key of its own before it reaches the
log, and found by a keyed digest in the vault. In the log it is known by a random id.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from domain.decision import Reaction, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, Observation, event_type
from domain.ledger import EventVoided
from domain.personal import Personal, digested, is_withheld
from domain.rewards import RewardGranted, RewardWithdrawn
from domain.types import ItemID, Position, VoucherID

GRANTS_MAX: Final = 10**6
"""No code is given to more members."""
Grants = Annotated[int, Meta(ge=1, le=GRANTS_MAX)]
VOUCHER: Final = "voucher:"


@event_type("code.supplied.v1")
class CodeSupplied(Observation, frozen=True, kw_only=True):
    """A code is there to be given to whoever gets the item.

    Its id is random: nothing in the log is computed from the code.
    """

    item_id: ItemID
    voucher_id: Annotated[VoucherID | None, digested("voucher", "code")] = None
    """The vault gives the same code the same random id, always. Spaces, hyphens and capitals make
    no difference."""
    code: Personal["voucher_id"]
    grants_max: Grants = 1
    """To how many members it is given: one, whose own it is then, or more, who share it."""
    origin: Literal["imported", "generated"] = "imported"
    """Imported: somebody else made it, and says where it is taken."""


@event_type("code.rejected.v1")
class CodeRejected(Decided, frozen=True, kw_only=True):
    """A code that was supplied is given to nobody: the same had been supplied before."""

    item_id: ItemID
    voucher_id: VoucherID
    supplied_at: Position
    """Where the supply stands that does not count."""
    grants_max: Grants = 1
    """To how many members it would have been given."""
    reason: Literal["supplied-before"] = "supplied-before"


class OutOfCodes(RuleError):
    """No code of the item is left to be given: supply more, or choose something else."""


class CodeState(View):
    """Whether a code was supplied. Tag: ``voucher:<id>``."""

    supplied = False

    @on(CodeSupplied)
    def _(self, event: CodeSupplied, envelope: Envelope) -> None:
        self.supplied = True


class Supplying(Reaction, reacts_to=CodeSupplied, reads=(CodeState,)):
    """A code is supplied once, for one item; again, it is recorded and given to nobody."""

    def __init__(self, event: CodeSupplied) -> None:
        super().__init__(event)
        if event.voucher_id is not None:
            self.code = self.view(CodeState, f"{VOUCHER}{event.voucher_id}")

    def execute(self) -> None:
        """Reject it, if it was supplied before."""
        event: CodeSupplied = self.event
        if event.voucher_id is not None and self.code.supplied:
            self.trigger(
                CodeRejected(
                    item_id=event.item_id,
                    voucher_id=event.voucher_id,
                    supplied_at=self.envelope.position,
                    grants_max=event.grants_max,
                )
            )


class Code(msgspec.Struct, gc=False):
    """A code that can be given."""

    voucher_id: str
    sealed: str
    left: int
    """To how many more members."""
    shared: bool
    position: int


class CodePool(View):
    """The codes of an item that can be given, in the order of their supply. Tag: ``item:<id>``.

    A code that was somebody's own is given to nobody else, also when their reward was withdrawn
    or voided: they have seen it.
    """

    left = 0
    """For how many rewards there are codes."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self._free: OrderedDict[str, Code] = OrderedDict()
        """Those that can be given to somebody. Unlike a dict it finds its first at once."""
        self._shared: dict[str, Code] = {}

    @on(CodeSupplied)
    def _supplied(self, event: CodeSupplied, envelope: Envelope) -> None:
        id_ = event.voucher_id
        if id_ is None or is_withheld(event.code) or self._known(id_):
            return
        shared = event.grants_max > 1
        code = Code(id_, event.code, 0, shared, envelope.position)
        if shared:
            self._shared[id_] = code
        self._change(code, event.grants_max)

    @on(CodeRejected)
    def _rejected(self, event: CodeRejected, envelope: Envelope) -> None:
        code = self._known(event.voucher_id)
        if code is not None and code.position == event.supplied_at:
            self._change(code, -code.left)
            self._shared.pop(code.voucher_id, None)

    @on(RewardGranted)
    def _granted(self, event: RewardGranted, envelope: Envelope) -> None:
        code = self._known(event.voucher_id)
        if code is not None and code.left:
            self._change(code, -1)

    @on(RewardWithdrawn)
    def _withdrawn(self, event: RewardWithdrawn, envelope: Envelope) -> None:
        code = self._known(event.voucher_id)
        if code is not None and code.shared:
            self._change(code, 1)

    @on(EventVoided)
    def _voided(self, event: EventVoided, envelope: Envelope) -> None:
        for tag in event.tags:
            code = self._free.get(tag.removeprefix(VOUCHER)) if tag.startswith(VOUCHER) else None
            if code is not None and not code.shared:
                self._change(code, -code.left)

    def _known(self, voucher_id: str | None) -> Code | None:
        id_ = voucher_id or ""
        return self._free.get(id_) or self._shared.get(id_)

    def _change(self, code: Code, by: int) -> None:
        code.left += by
        self.left += by
        if code.left:
            self._free[code.voucher_id] = code
        else:
            self._free.pop(code.voucher_id, None)

    @property
    def first(self) -> Code | None:
        """The code that is given next; None: there is none."""
        return next(iter(self._free.values()), None)
