"""The order in which the entries of a draw win, ``filrouge-draw-1``, and who gets which place.

Each ticket has a score: HMAC-SHA256, with the 32 bytes of the public random value as its key, over
the lines ``filrouge-draw-1``, the draw's id, the entry's name and the ticket's number from 1,
joined by a line feed. An entry's score is the least of its tickets' scores, and the least score
comes first. Every ticket is as likely as any other to have the least one, so nothing is divided
and nothing is biased; and no entry's score depends on which others there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hmac import digest
from itertools import islice
from typing import Final, NamedTuple

from domain.draws import Algorithm, DrawOpened, PassedOver
from domain.entry_lists import Entry

ALGORITHM: Final[Algorithm] = "filrouge-draw-1"
LOOKED_AT_ONCE: Final = 200
"""Candidates whose members are looked up together."""

Gone = Callable[[Sequence[str]], Mapping[str, PassedOver]]
"""Says which of some members are gone, and why."""


class Placed(NamedTuple):
    """An entry that has a place."""

    place: int
    rank: int
    entry: Entry
    prize: int | None


class Skipped(NamedTuple):
    """An entry that would have had a place, and counts no more."""

    rank: int
    entry: Entry
    reason: PassedOver


class Outcome(NamedTuple):
    """Who has which place, and who was passed over."""

    value_position: int
    placed: list[Placed]
    skipped: list[Skipped]


def score(randomness: bytes, draw_id: str, name: str, ticket: int) -> bytes:
    """The score of one ticket."""
    said = f"{ALGORITHM}\n{draw_id}\n{name}\n{ticket}"
    return digest(randomness, said.encode(), "sha256")


def in_order(entries: Sequence[Entry], randomness: bytes, draw_id: str) -> list[Entry]:
    """The entries in the order in which they win."""
    scored = [
        (
            min(score(randomness, draw_id, entry.name, n + 1) for n in range(entry.tickets)),
            entry.name,
            entry,
        )
        for entry in entries
    ]
    scored.sort()
    return [entry for _, _, entry in scored]


def prizes_in_order(terms: DrawOpened) -> Iterator[int]:
    """The number of the prize of each winner's place: the first prize first."""
    for number, prize in enumerate(terms.prizes, 1):
        for _ in range(prize.quantity):
            yield number


def places(
    terms: DrawOpened,
    order: Sequence[Entry],
    value_position: int,
    taken_back: frozenset[str],
    excluded: frozenset[str],
    gone: Gone,
) -> Outcome:
    """Give the places to the entries in their order.

    Passed over is what was taken back, whose member was excluded or is gone; and, without a word,
    what belongs to a member who has as many places as one may have.
    """
    prizes = list(prizes_in_order(terms))
    wanted = len(prizes) + terms.reserves
    outcome = Outcome(value_position, [], [])
    has: Counter[str] = Counter()
    walk = iter(enumerate(order, 1))
    while len(outcome.placed) < wanted and (some := list(islice(walk, LOOKED_AT_ONCE))):
        away = gone([entry.member_id for _, entry in some])
        for rank, entry in some:
            if len(outcome.placed) == wanted:
                break
            if has[entry.member_id] >= terms.prizes_per_member_max:
                continue
            reason: PassedOver | None = away.get(entry.member_id)
            if entry.name in taken_back:
                reason = "taken_back"
            elif entry.member_id in excluded:
                reason = "excluded"
            if reason is not None:
                outcome.skipped.append(Skipped(rank, entry, reason))
                continue
            has[entry.member_id] += 1
            place = len(outcome.placed)
            prize = prizes[place] if place < len(prizes) else None
            outcome.placed.append(Placed(place + 1, rank, entry, prize))
    return outcome
