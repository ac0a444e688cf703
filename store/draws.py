"""Draws over the log: the list that a closing fixed, its root, and what a value makes of it.

All of it is read from a part of the log that no longer changes, so it is done before a decision
takes the lock, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.commitments import ListRoot
from domain.decision import View
from domain.draw_order import Outcome, in_order, places
from domain.draws import DrawOpened, DrawPlaced, DrawState, PassedOver
from domain.entry_lists import Entry, EntryList, list_of, sources_of
from domain.event import Event, stored_names
from domain.people import MemberEnrolled, MemberErased, MembershipEnded
from domain.prizes import DrawPrizePassedOn
from domain.reading import EntryReader, Fact
from store.log import Log
from store.merkle import Growth, Tree, leaf_hash
from store.voids import Voids

MEMBERSHIP = (MemberEnrolled, MembershipEnded, MemberErased)

Types = Iterable[type[Event]]


class History(Protocol):
    """Where a draw is read from: a log, or an export of one."""

    def facts(self, tags: Sequence[str], types: Types, until: int) -> Iterable[Fact]:
        """Events up to a position of these types that carry one of the tags, in order."""

    def voids(self, until: int) -> Voids:
        """What was taken back, as of a position."""

    def position_at(self, instant: datetime, until: int) -> int:
        """The last position up to one that was recorded before an instant."""


class LogHistory:
    """A draw is read from the log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def facts(self, tags: Sequence[str], types: Types, until: int) -> Iterator[Fact]:
        """Events up to a position of these types that carry one of the tags, in order."""
        wanted = frozenset(tags)
        names = [name for cls in types for name in stored_names(cls)]
        entries = EntryReader(names)
        for window in self._log.tagged_windows(tags, until=until, types=names):
            found = entries.read(window.positions, window.joined)
            # Hashes found it; the tags themselves decide.
            yield from (one for one in found if not wanted.isdisjoint(one.tags))

    def voids(self, until: int) -> Voids:
        """What was taken back, as of a position."""
        return self._log.voids(until)

    def position_at(self, instant: datetime, until: int) -> int:
        """The last position up to one that was recorded before an instant."""
        return self._log.position_at(instant, until)


class State(NamedTuple):
    """How far a draw is at a position."""

    draw_id: str
    view: DrawState
    steps: list[Fact]
    """Everything that made it so, in order."""


def state_of(history: History, draw_id: str, until: int) -> State:
    """How far a draw is at a position."""
    view: View = DrawState(f"draw:{draw_id}")
    handlers = {cls.type_name: handler for cls, handler in view.handlers.items()}
    steps = list(history.facts([view.tags[0]], view.handlers, until))
    for fact in steps:
        assert fact.event is not None
        handlers[fact.event.type_name](view, fact.event, fact.envelope)
    assert isinstance(view, DrawState)
    return State(draw_id, view, steps)


def list_at(
    history: History, terms: DrawOpened, closed_position: int, until: int | None = None
) -> EntryList:
    """The list that a closing fixed, and what of it counts no more at a later position."""
    until = until or closed_position
    then, now = history.voids(closed_position), history.voids(until)
    sources = sources_of(terms)
    types = [cls for some in sources.values() for cls in some]
    facts = history.facts(list(sources), types, until)
    return list_of(
        terms,
        closed_position,
        ((one, not then.hides(one.envelope), not now.hides(one.envelope)) for one in facts),
    )


def root_of(entries: Iterable[Entry]) -> str:
    """The Merkle tree hash (RFC 6962) over the lines of a list, in hexadecimal."""
    growth = Growth(0, lambda _level, _index: b"")
    growth.add(leaf_hash(entry.line) for entry in entries)
    return Tree(growth.size, growth.read).root().hex()


def list_root(history: History, draw_id: str, until: int) -> ListRoot | None:
    """What the list of a draw comes to; None as long as it is not closed."""
    state = state_of(history, draw_id, until).view
    if state.terms is None or state.closed_position is None or state.commitment is not None:
        return None
    listed = list_at(history, state.terms, state.closed_position)
    return ListRoot(
        state.closed_position, len(listed.entries), listed.tickets, root_of(listed.entries)
    )


def outcome_at(history: History, draw_id: str, until: int) -> Outcome | None:
    """Who has which place in a draw; None as long as the value that decides is not recorded."""
    state = state_of(history, draw_id, until).view
    if state.terms is None or state.closed_position is None or state.drawn:
        return None
    if state.value is None or state.value_position is None:
        return None
    listed = list_at(history, state.terms, state.closed_position, state.value_position)
    return outcome_of(history, state.terms, listed, state.value.randomness, state.value_position)


def outcome_of(
    history: History, terms: DrawOpened, listed: EntryList, randomness: str, value_position: int
) -> Outcome:
    """Who has which place by a list and a value: judged by the log up to the value's position."""
    order = in_order(listed.entries, bytes.fromhex(randomness), terms.draw_id)
    gone = _gone_at(history, value_position)
    return places(terms, order, value_position, listed.taken_back, listed.excluded, gone)


def reward_at(history: History, draw_id: str, place: int, until: int) -> str | None:
    """The reward that was granted for the prize of a place; None: the place has won none."""
    found = None
    for fact in history.facts([f"draw:{draw_id}"], (DrawPlaced, DrawPrizePassedOn), until):
        if isinstance(fact.event, DrawPlaced | DrawPrizePassedOn) and fact.event.place == place:
            found = fact.event.reward_id
    return found


def _gone_at(history: History, until: int) -> Callable[[Sequence[str]], Mapping[str, PassedOver]]:
    voids = history.voids(until)

    def gone(members: Sequence[str]) -> dict[str, PassedOver]:
        found: dict[str, PassedOver] = {}
        tags = [f"member:{member}" for member in dict.fromkeys(members)]
        for fact in history.facts(tags, MEMBERSHIP, until):
            if voids.hides(fact.envelope):
                continue
            match fact.event:
                case MemberEnrolled(member_id=member_id):
                    found.pop(member_id, None)
                case MembershipEnded(member_id=member_id):
                    found.setdefault(member_id, "left")
                case MemberErased(member_id=member_id):
                    found[member_id] = "erased"
        return found

    return gone
