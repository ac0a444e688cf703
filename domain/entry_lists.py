"""The list of a draw's entries: what stood in the log before the closing, in its order.

It follows from the log alone, so nobody keeps it and anybody can make it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from domain.draws import (
    LISTED_MAX,
    TICKETS_MAX,
    DrawEntered,
    DrawMemberExcluded,
    DrawOpened,
)
from domain.errors import RuleError
from domain.event import Event
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.points import PointsClawedBack, PointsEarned
from domain.reading import Fact
from domain.referrals import ReferralQualified, ReferralVoided


class DrawTooLarge(RuleError):
    """The list has more entries or tickets than a draw can have; see the limits."""


class Entry(NamedTuple):
    """One entry of a list."""

    name: str
    """What it came from: ``participation:<id>``, ``referral:<id>``, ``points:<member id>``, or
    ``entry:<id>``."""
    member_id: str
    tickets: int

    @property
    def line(self) -> bytes:
        """The entry as a leaf of the tree: its name, member and tickets, with spaces between."""
        return f"{self.name} {self.member_id} {self.tickets}".encode()


class EntryList(NamedTuple):
    """The entries of a draw, and which of them count no more."""

    entries: list[Entry]
    taken_back: frozenset[str]
    """Names of entries that were voided or disqualified since."""
    excluded: frozenset[str]
    """Members who were excluded from the draw since."""

    @property
    def tickets(self) -> int:
        """The tickets of all entries together."""
        return sum(entry.tickets for entry in self.entries)


def sources_of(terms: DrawOpened) -> dict[str, tuple[type[Event], ...]]:
    """Where the entries of a draw stand in the log: event types by the tag that they carry."""
    found: dict[str, tuple[type[Event], ...]] = {
        f"draw:{terms.draw_id}": (DrawEntered, DrawMemberExcluded)
    }
    if terms.participation_tickets:
        found[f"activation:{terms.activation_id}"] = (
            ParticipationRecorded, ParticipationDisqualified,
        )  # fmt: skip
    campaign: tuple[type[Event], ...] = ()
    if terms.referral_tickets:
        campaign += (ReferralQualified, ReferralVoided)
    if terms.points_per_ticket is not None:
        campaign += (PointsEarned, PointsClawedBack)
    if campaign:
        found[f"campaign:{terms.campaign_id}"] = campaign
    return found


class Counting:
    """The entries that count, of what happened inside the draw's dates and is recorded in time.

    What takes an entry back is taken in whenever it is recorded.
    """

    def __init__(self, terms: DrawOpened, closed_position: int) -> None:
        self.terms = terms
        self.closed_position = closed_position
        self.excluded: set[str] = set()
        self._single: dict[str, tuple[int, Entry]] = {}
        self._points: Counter[str] = Counter()
        self._first: dict[str, int] = {}
        self._lots: dict[str, str] = {}
        self._false: set[str] = set()

    def take(self, fact: Fact) -> None:
        """Take in an event that counts as recorded; of other draws and campaigns none matters."""
        event: Any = fact.event
        terms = self.terms
        match event:
            case ParticipationRecorded(activation_id=terms.activation_id):
                name = f"participation:{event.participation_id}"
                self._add(fact, name, event.member_id, terms.participation_tickets)
            case ParticipationDisqualified(activation_id=terms.activation_id):
                self._false.add(f"participation:{event.participation_id}")
            case ReferralQualified(campaign_id=terms.campaign_id):
                name = f"referral:{event.referral_id}"
                self._add(fact, name, event.advocate_id, terms.referral_tickets)
            case ReferralVoided(campaign_id=terms.campaign_id):
                self._false.add(f"referral:{event.referral_id}")
            case DrawEntered(draw_id=terms.draw_id):
                self._add(fact, f"entry:{event.entry_id}", event.member_id, event.tickets)
            case DrawMemberExcluded(draw_id=terms.draw_id):
                self.excluded.add(event.member_id)
            case PointsEarned(campaign_id=terms.campaign_id, member_id=str() as member_id):
                if terms.points_per_ticket is not None and self._counts(fact):
                    self._lots[event.lot_id] = member_id
                    self._points[member_id] += event.points
                    self._first.setdefault(member_id, fact.envelope.position)
            case PointsClawedBack(campaign_id=terms.campaign_id):
                # The part of a lot that was given to another account is taken back from there.
                for debit in event.lots:
                    if debit.lot_id in self._lots:
                        self._points[self._lots[debit.lot_id]] -= debit.points

    def _counts(self, fact: Fact) -> bool:
        inside = self.terms.opens <= fact.envelope.time < self.terms.closes
        return inside and fact.envelope.position < self.closed_position

    def _add(self, fact: Fact, name: str, member_id: str | None, tickets: int) -> None:
        if tickets and member_id is not None and self._counts(fact):
            self._single.setdefault(name, (fact.envelope.position, Entry(name, member_id, tickets)))

    def standing(self) -> dict[str, tuple[int, Entry]]:
        """The entries that count, with the position of what made each, by name."""
        found = {name: one for name, one in self._single.items() if name not in self._false}
        each = self.terms.points_per_ticket or 1  # without one there are no points
        for member_id, first in self._first.items():
            tickets = min(self._points[member_id] // each, TICKETS_MAX)
            if tickets > 0:
                name = f"points:{member_id}"
                found[name] = first, Entry(name, member_id, tickets)
        return found

    def entries(self) -> list[Entry]:
        """The list: by position, without members who are excluded, within each one's limit."""
        most = self.terms.tickets_per_member_max
        used: Counter[str] = Counter()
        listed = []
        for _, entry in sorted(self.standing().values()):
            tickets = entry.tickets
            if most is not None:
                tickets = min(tickets, most - used[entry.member_id])
            if tickets > 0 and entry.member_id not in self.excluded:
                used[entry.member_id] += tickets
                listed.append(entry._replace(tickets=tickets))
        if max(len(listed), sum(entry.tickets for entry in listed)) > LISTED_MAX:
            raise DrawTooLarge(draw_id=self.terms.draw_id, listed_max=LISTED_MAX)
        return listed


def list_of(
    terms: DrawOpened, closed_position: int, facts: Iterable[tuple[Fact, bool, bool]]
) -> EntryList:
    """The list of a draw, from the events of its sources in the order of their positions.

    Each fact comes with whether it counted when the draw was closed, and whether it counts at the
    position up to which they are given: an event that was voided does not.
    """
    then = Counting(terms, closed_position)
    now = Counting(terms, closed_position)
    for fact, counted, counts in facts:
        if counted and fact.envelope.position < closed_position:
            then.take(fact)
        if counts:
            now.take(fact)
    entries = then.entries()
    standing = now.standing()
    return EntryList(
        entries,
        frozenset(entry.name for entry in entries if entry.name not in standing),
        frozenset(now.excluded),
    )
