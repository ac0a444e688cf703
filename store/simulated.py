"""Simulated: what a window of history gave, beside what it would have given under other rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from domain.counting import cause_of
from domain.event import Event
from domain.points import (
    PointsAdjusted,
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsTransferred,
)
from domain.rule_terms import RuleTerms
from domain.rules import Rule, Rules, RuleVersion
from domain.types import TIME_FLOOR
from store.simulated_liability import GivenLots, SimulatedLiability

MEMBERS_SHOWN_MAX: Final = 100
"""Members who gain most, and as many who lose most."""
NO_SEGMENT: Final = "-"
"""Of what came through no contact, or through one that names no segment."""


class SimulatedPoints(msgspec.Struct, kw_only=True):
    """Points of one member, campaign, segment or rule, less what was clawed back."""

    name: str
    recorded: int = 0
    """What the ledger gave."""
    simulated: int = 0
    """What the rules at hand give."""

    @property
    def more(self) -> int:
        """What they give more; negative when it is less."""
        return self.simulated - self.recorded


class UncoveredRedemption(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption that stays as it is, for which the points would not all have been there."""

    position: int
    account_id: str
    points: int
    uncovered: int
    """So many of its points."""


class SimulatedCost(msgspec.Struct, kw_only=True):
    """What awards are expected to cost, in minor units of one currency."""

    currency: str
    recorded: int = 0
    simulated: int = 0


class SimulationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The difference that other rules would have made."""

    after: int
    until: int
    """The window: positions above the first, up to the last."""
    awards_recorded: int
    awards_simulated: int
    points_recorded: int
    """Given by rules in the window, less what was clawed back of that; owed by the brand."""
    points_simulated: int
    awards_imported: int
    """Of those recorded: what another system had given by its own rules, and was imported."""
    points_imported: int
    members_with_difference: int
    gain_most: list[SimulatedPoints]
    lose_most: list[SimulatedPoints]
    campaigns: list[SimulatedPoints]
    segments: list[SimulatedPoints]
    """By the segment that the contact names through which the thing came that earned."""
    rules: list[SimulatedPoints]
    costs: list[SimulatedCost]
    """What the points are expected to cost, as the rules themselves say it."""
    liability: list[SimulatedLiability]
    """What the points stand for, by what their programmes say of their value and cost."""
    uncovered: list[UncoveredRedemption]


class Outcome:
    """Counts what was given and what would be."""

    def __init__(self) -> None:
        self.awards: Counter[str] = Counter()
        self.members: dict[str, SimulatedPoints] = {}
        self.campaigns: dict[str, SimulatedPoints] = {}
        self.segments: dict[str, SimulatedPoints] = {}
        self.rules: dict[str, SimulatedPoints] = {}
        self.accounts: defaultdict[str, int] = defaultdict(int)
        """What would be more on each account."""
        self.uncovered: list[UncoveredRedemption] = []
        self.segments_of: dict[int | tuple[str, str] | None, str] = {}
        """The segment of the contact in an event, by its position, and by the id of the thing that
        it tells of: an imported award names no position."""
        self.imported: set[str] = set()
        """Recorded lots that another system gave."""
        self.recorded, self.simulated = GivenLots(), GivenLots()
        self._imported_points = 0
        self._costs: dict[str, SimulatedCost] = {}
        self._rule_of: dict[str, str] = {}

    def count(
        self,
        event: PointsEarned | PointsClawedBack,
        cause: int | None,
        *,
        simulated: bool,
        sign: int = 1,
        at: datetime | None = None,
    ) -> None:
        """Take in an award, or what was taken back of one; ``sign`` -1: it counts no more.

        ``at`` is when an award was given.
        """
        (self.simulated if simulated else self.recorded).count(event, at, stands=sign > 0)
        field = "simulated" if simulated else "recorded"
        sign = sign if isinstance(event, PointsEarned) else -sign
        if isinstance(event, PointsEarned):
            self.awards[field] += sign
            self._rule_of[event.lot_id] = event.rule_id or ""
            rule = event.rule_id or ""
        else:
            rule = self._rule_of.get(event.lots[0].lot_id, "")
        lot_id = event.lot_id if isinstance(event, PointsEarned) else event.lots[0].lot_id
        if not simulated and lot_id in self.imported:
            self.awards["imported"] += sign * isinstance(event, PointsEarned)
            self._imported_points += sign * event.points
        member = event.member_id or event.account_id
        for table, name in (
            (self.members, member),
            (self.campaigns, event.campaign_id or "-"),
            (self.segments, self._segment(event, cause)),
            (self.rules, rule),
        ):
            row = table.setdefault(name, SimulatedPoints(name=name))
            setattr(row, field, getattr(row, field) + sign * event.points)
        self.accounts[event.account_id] += sign * event.points * (1 if simulated else -1)
        if event.cost is not None:
            cost = self._costs.setdefault(
                event.cost.currency, SimulatedCost(currency=event.cost.currency)
            )
            setattr(cost, field, getattr(cost, field) + sign * event.cost.amount)

    def _segment(self, event: Event, cause: int | None) -> str:
        found = self.segments_of.get(cause) if cause is not None else None
        thing = cause_of(event)
        return found or (self.segments_of.get(thing) if thing is not None else None) or NO_SEGMENT

    def by_member(self) -> list[SimulatedPoints]:
        """The points of every member to whom rules gave something, or would; of cards of nobody."""
        return _sorted(self.members)

    def report(
        self, after: int, until: int, liability: list[SimulatedLiability]
    ) -> SimulationReport:
        """All of it, with the members who gain and lose most."""
        other = sorted(
            (row for row in self.members.values() if row.more),
            key=lambda row: (-row.more, row.name),
        )
        rows = self.members.values()
        return SimulationReport(
            after=after,
            until=until,
            awards_recorded=self.awards["recorded"],
            awards_simulated=self.awards["simulated"],
            points_recorded=sum(row.recorded for row in rows),
            points_simulated=sum(row.simulated for row in rows),
            awards_imported=self.awards["imported"],
            points_imported=self._imported_points,
            members_with_difference=len(other),
            gain_most=[row for row in other if row.more > 0][:MEMBERS_SHOWN_MAX],
            lose_most=[row for row in reversed(other) if row.more < 0][:MEMBERS_SHOWN_MAX],
            campaigns=_sorted(self.campaigns),
            segments=_sorted(self.segments),
            rules=_sorted(self.rules),
            costs=sorted(self._costs.values(), key=lambda cost: cost.currency),
            liability=liability,
            uncovered=self.uncovered,
        )


def _sorted(table: dict[str, SimulatedPoints]) -> list[SimulatedPoints]:
    return sorted(table.values(), key=lambda row: row.name)


def moved(event: Event | None, account_id: str) -> int:
    """What a movement of points changes on an account."""
    match event:
        case PointsEarned(points=points):
            return points
        case PointsAdjusted(direction=direction, points=points):
            return points if direction == "credit" else -points
        case PointsTransferred(points=points, account_id=giver):
            return -points if giver == account_id else points
        case (
            PointsRedeemed(points=points)
            | PointsCancelled(points=points)
            | PointsExpired(points=points)
            | PointsClawedBack(points=points)
        ):
            return -points
    return 0


def rules_from(terms: Mapping[str, RuleTerms], begins: datetime = TIME_FLOOR) -> Rules:
    """Rules that nobody published, each as its first version.

    One that says no ``valid_from`` is in force from ``begins`` on: as if it had always been there,
    also when what was imported happened, long before the ledger was opened.
    """
    return Rules(
        {
            rule_id: Rule((RuleVersion(rule_id, 1, said, said.valid_from or begins, -n),))
            for n, (rule_id, said) in enumerate(terms.items(), 1)
        }
    )
