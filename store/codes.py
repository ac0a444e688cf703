"""Supplying codes: what members will show to use vouchers, brought in or made here."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final, Literal, NamedTuple

from domain.codes import CodeRejected, CodeSupplied
from domain.envelope import Recorded
from domain.errors import InvalidEvent
from domain.event import Event, stored_names
from store.digests import random_id
from store.errors import StoreUnavailable
from store.ledger import Ledger, NewEvent
from store.voids import Voids

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that looks like a digit or like another one."""
CODE_LENGTH: Final = 16
"""Signs of a code that is made here: 80 random bits. Who guesses a million times a second at a
million open codes finds one in some 38,000 years."""
CODE_LENGTH_MIN: Final = 12
CODE_LENGTH_MAX: Final = 64
CODES_AT_ONCE: Final = 1_000
"""Codes that are sealed and recorded together."""
SOURCE: Final = "/codes"


class Supplied(NamedTuple):
    """What became of codes."""

    supplied: int
    known: int
    """Those that had been supplied before, for this item or another one, and are not again."""
    position: int | None
    """The last position; None: nothing was recorded."""


def generated(count: int, length: int = CODE_LENGTH) -> Iterator[str]:
    """New codes, in groups of four signs: ``8F3K-...``. Nobody can guess one from others."""
    if not CODE_LENGTH_MIN <= length <= CODE_LENGTH_MAX:
        message = f"length: a code has {CODE_LENGTH_MIN} to {CODE_LENGTH_MAX} signs"
        raise InvalidEvent(message)
    for _ in range(count):
        signs = "".join(secrets.choice(ALPHABET) for _ in range(length))
        yield "-".join(signs[at : at + 4] for at in range(0, length, 4))


def supply_codes(
    ledger: Ledger,
    item_id: str,
    codes: Iterable[str],
    *,
    actor: str,
    time: datetime,
    grants_max: int = 1,
    origin: Literal["imported", "generated"] = "imported",
    batch: str | None = None,
) -> Supplied:
    """Record codes for an item, each once; asked again, only those that are not there yet.

    Those of a ``batch`` can be voided together.

    Raises InvalidEvent for a code that says nothing, or is too long; what came before it stands.
    """
    supplied, known, last = 0, 0, None
    rest, voids = iter(codes), ledger.log.voids(ledger.log.head().position)
    while some := list(islice(rest, CODES_AT_ONCE)):
        ids = ledger.vault.ids_for("voucher", [(code,) for code in some])
        new: dict[str, str] = {}
        for id_, code in zip(ids, some, strict=True):
            new.setdefault(id_, code)
        for there in _known(ledger, new, voids):
            del new[there]
        known += len(some) - len(new)
        events = [
            NewEvent(
                CodeSupplied(item_id=item_id, code=code, grants_max=grants_max, origin=origin),
                random_id("supply"),
                SOURCE,
                time,
            )
            for code in new.values()
        ]
        if not events:
            continue
        outcomes = ledger.observe(events, actor=actor, batch=batch).result()
        for outcome in outcomes:
            if outcome.position is None:
                raise outcome.error or StoreUnavailable()
            last = outcome.position
        rejected = _rejected(ledger, new, outcomes[0].position or 0)
        supplied, known = supplied + len(events) - rejected, known + rejected
    return Supplied(supplied, known, last)


def _known(ledger: Ledger, ids: Iterable[str], voids: Voids) -> set[str]:
    """Those that were supplied before, and not taken back."""
    found = _about(ledger, ids, CodeSupplied)
    events = (one.event for one in found if not voids.hides(one.envelope))
    return {
        event.voucher_id
        for event in events
        if isinstance(event, CodeSupplied) and event.voucher_id is not None
    }


def _rejected(ledger: Ledger, ids: Iterable[str], first: int) -> int:
    """How many of them somebody else had supplied at the same moment."""
    found = _about(ledger, ids, CodeRejected)
    return sum(1 for one in found if one.envelope.position > first)


def _about(ledger: Ledger, ids: Iterable[str], kind: type[Event]) -> Iterator[Recorded]:
    tags = [f"voucher:{id_}" for id_ in ids]
    until = ledger.log.head().position
    return ledger.log.tagged(tags, types=stored_names(kind), until=until)
