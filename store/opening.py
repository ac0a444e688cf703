"""What a batch asks when it begins: the head, what was taken back, and who was here before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from store.conditions import Conditions
from store.log import Head
from store.packed import bigint, moment, number, smallint, smallints, uuids
from store.requests import Request
from store.round_trip import BEGIN, Ask, Rows
from store.voids import Voids

Firsts = dict[bytes, tuple[int, bytes]]
"""What was recorded first under an origin: where it stands, and its entry."""

VOIDING_TYPES: Final = tuple(name for item in Voids.query().items for name in item.types)


def opening(
    requests: Sequence[Request],
    conditions: Conditions,
    views: Ask | None,
    type_ids: Mapping[str, int],
    *,
    voids_seen: int,
    begin: bool,
) -> dict[str, Ask]:
    """The questions by their names: BEGIN, and the lock on the head before all others.

    All but these two see everything up to the head: nobody else writes from there.
    """
    origins = [origin for request in requests for origin in request.origins]
    voiding = smallints([smallint(type_ids[name]) for name in VOIDING_TYPES])
    asked = {
        "begin": BEGIN if begin else None,
        "lock": Ask("lock"),
        "voids": Ask("voids", [voiding, bigint(voids_seen)]),
        "origins": Ask("origins_of", [uuids(origins)]) if origins else None,
        "conditions": conditions.ask(type_ids) if conditions.needed else None,
        "views": views,
    }
    return {name: ask for name, ask in asked.items() if ask is not None}


def head_of(answers: Mapping[str, Rows]) -> Head:
    """Where the ledger stands, and the clock that the batch goes by."""
    [(position, epoch, recorded_at)] = answers["lock"]
    return Head(number(position), number(epoch), moment(recorded_at))


def firsts_of(answers: Mapping[str, Rows]) -> Firsts:
    """What was recorded before of what is asked for now."""
    return {key: (number(position), entry) for key, position, entry in answers.get("origins", ())}
