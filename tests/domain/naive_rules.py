"""A model of earning that knows no views: for each event it looks at all that came before it.

It reads plain tuples and shares no code with what it checks.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any, NamedTuple


class Happened(NamedTuple):
    """A purchase of a member, or an invitation, in the order of recording."""

    kind: str
    member: str
    time: datetime
    net: int = 0
    store: str | None = None


class Award(NamedTuple):
    """What a rule gave: who, how many, and when what it was for happened."""

    rule: str
    member: str
    points: int
    time: datetime


def number(time: datetime, period: str) -> Any:
    """What tells one day, week, month or year from another."""
    return {
        "day": time.date(),
        "week": time.isocalendar()[:2],
        "month": (time.year, time.month),
        "year": time.year,
    }[period]


def counts(rule: dict[str, Any], one: Happened) -> bool:
    """Whether a purchase is one that the rule looks at."""
    enough = one.kind == "purchase" and one.net >= rule["least"]
    return bool(enough and rule.get("store") in (None, one.store))


class Model:
    """All rules as they were drawn, all that happened, and all that was given."""

    def __init__(self, rules: dict[str, dict[str, Any]], noon: datetime) -> None:
        self.rules = rules
        self.noon = noon
        self.past: list[Happened] = []
        self.given: list[Award] = []

    def happens(self, event: Happened) -> list[Award]:
        """What one more event earns."""
        new: list[Award] = []
        plain = [name for name in sorted(self.rules) if self.rules[name]["kind"] != "multiplier"]
        multipliers = [name for name in sorted(self.rules) if name not in plain]
        for name in plain:
            for points, time in self.goals(self.rules[name], event):
                new += self.limited(name, event.member, points, time, new)
        base = sum(award.points for award in new)
        for name in multipliers:
            rule = self.rules[name]
            if counts(rule, event):
                points = floor(base * (rule["times"] - 1))
                new += self.limited(name, event.member, points, event.time, new)
        self.past.append(event)
        self.given += new
        return new

    def limited(
        self, name: str, member: str, points: int, time: datetime, new: list[Award]
    ) -> list[Award]:
        """The award, cut by what was given before."""
        rule = self.rules[name]
        before = [
            award for award in [*self.given, *new] if award.rule == name and award.member == member
        ]
        if rule.get("cooldown") and any(
            abs(award.time - time) < timedelta(minutes=rule["cooldown"]) for award in before
        ):
            return []
        if rule.get("period"):
            same = [
                a for a in before if number(a.time, rule["period"]) == number(time, rule["period"])
            ]
        else:
            same = before
        if rule.get("awards") is not None and len(same) >= rule["awards"]:
            return []
        if rule.get("most") is not None:
            points = min(points, rule["most"] - sum(award.points for award in same))
        if rule.get("of_all") is not None:
            everything = [
                award.points
                for award in [*self.given, *new]
                if rule["of_all_in"] is None
                or number(award.time, rule["of_all_in"]) == number(time, rule["of_all_in"])
            ]
            points = min(points, rule["of_all"] - sum(everything))
        # The two limits that are stated for one event: 100 times in a window, 200 awards in all.
        return [Award(name, member, points, time)] if points > 0 and len(new) < 200 else []

    def points(self, rule: dict[str, Any], one: Happened, since: datetime) -> int:
        """What it gives for a purchase, by the version that was in force at an instant."""
        points = int(rule["points"])
        if rule.get("amended"):
            hours, others = rule["amended"]
            points = others if since >= self.noon + timedelta(hours=hours) else points
        return points + (one.net // 100 if rule.get("by_net") else 0)

    def goals(self, rule: dict[str, Any], event: Happened) -> list[tuple[int, datetime]]:
        """How often a rule gives how many points for an event."""
        kind = rule["kind"]
        if kind == "challenge" and event.kind == "invitation":
            return self.late(rule, event)
        if not counts(rule, event):
            return []
        bought = [one for one in self.past if one.member == event.member and counts(rule, one)]
        if kind == "per_event":
            times = 1
        elif kind == "per_amount":
            share = event.net * rule["points"] / 100
            rounded = {"down": floor(share), "up": ceil(share), "nearest": floor(share + 0.5)}
            return [(rounded[rule["rounding"]], event.time)]
        elif kind == "first_ever":
            times = int(not bought)
        elif kind == "streak":
            times = self.streak(rule, [one.time for one in bought], event.time)
        else:
            return self.windows(rule, event, bought)
        return [(self.points(rule, event, event.time), event.time)] * times

    def streak(self, rule: dict[str, Any], before: list[datetime], time: datetime) -> int:
        """Days in a row, counted by walking from each day to the next."""

        def finished(days: set[Any]) -> int:
            total = 0
            for day in days:
                if day - timedelta(days=1) in days:
                    continue
                length = 0
                while day + timedelta(days=length) in days:
                    length += 1
                total += length // rule["length"] if rule["repeats"] else length >= rule["length"]
            return total

        days = {one.date() for one in before}
        if time.date() in days:
            return 0
        joined = finished(days | {time.date()}) - finished(days)
        if rule["repeats"]:
            return joined
        near = [
            days & {time.date() + timedelta(days=sign * n) for n in range(1, 99)}
            for sign in (-1, 1)
        ]
        left = next(n for n in range(99) if time.date() - timedelta(days=n + 1) not in near[0])
        right = next(n for n in range(99) if time.date() + timedelta(days=n + 1) not in near[1])
        most = max(left, right)
        return int(left + right + 1 >= rule["length"] and most < rule["length"])

    def windows(
        self, rule: dict[str, Any], event: Happened, bought: list[Happened]
    ) -> list[tuple[int, datetime]]:
        """How often it completes the windows of the invitations that it falls into."""
        order = {id(one): n for n, one in enumerate([*self.past, event])}
        found = []
        if rule.get("calendar"):
            inside = [
                b
                for b in bought
                if number(b.time, rule["calendar"]) == number(event.time, rule["calendar"])
            ]
            times = min(100, self.reached(rule, [*inside, event]) - self.reached(rule, inside))
            return [(self.points(rule, event, event.time), event.time)] * times
        for one in sorted(self.past, key=lambda one: one.time):  # stable: ties as recorded
            if one.kind != "invitation" or one.member != event.member:
                continue
            ends = one.time + timedelta(hours=rule["hours"])
            start = (one.time, order[id(one)])
            if not (start < (event.time, order[id(event)]) and event.time <= ends):
                continue
            inside = [b for b in bought if start < (b.time, order[id(b)]) and b.time <= ends]
            more = self.reached(rule, [*inside, event]) - self.reached(rule, inside)
            # What the window promised when it opened, whatever is in force now.
            found += [(self.points(rule, event, one.time), event.time)] * min(100, max(0, more))
        return found

    def late(self, rule: dict[str, Any], event: Happened) -> list[tuple[int, datetime]]:
        """What an invitation completes that is recorded after what it invited to."""
        if rule.get("calendar"):
            return []
        ends = event.time + timedelta(hours=rule["hours"])
        bought = [
            one for one in self.past
            if one.member == event.member and counts(rule, one)
            and event.time < one.time <= ends
        ]  # fmt: skip
        bought.sort(key=lambda one: one.time)  # stable: ties as they were recorded
        found = []
        for n in range(len(bought)):
            more = self.reached(rule, bought[: n + 1]) - self.reached(rule, bought[:n])
            points = self.points(rule, bought[n], event.time)
            found += [(points, bought[n].time)] * min(100, max(0, more))
        return found

    def reached(self, rule: dict[str, Any], bought: list[Happened]) -> int:
        """How often the goal is reached."""
        goal = int(rule["goal"])
        amounts = [one.net for one in bought]
        if rule["measure"] == "max":
            hits = sum(net > goal if rule["more"] else net >= goal for net in amounts)
            return int(hits if rule["repeats"] else min(hits, 1))
        total = len(amounts) if rule["measure"] == "count" else sum(amounts)
        if rule["repeats"]:
            return int(max(0, total - 1 if rule["more"] else total) // goal)
        return int(total > goal if rule["more"] else total >= goal)


def by_member(awards: list[Award]) -> dict[tuple[str, str], list[tuple[int, datetime]]]:
    """The awards of each rule to each member, in order."""
    found = defaultdict(list)
    for award in awards:
        found[award.rule, award.member].append((award.points, award.time))
    return dict(found)
