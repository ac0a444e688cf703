"""A model of points that knows no sums: every issued point is a token, every debit claims one.

It reads nothing but the events, and shares no code with what it checks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any

from tests.domain.scenario import Scenario

KEEPS_ALIVE = {"points.earned.v1", "points.redeemed.v1", "points.transferred.v1"}


class Naive:
    """What the events say, counted point by point for one account and instant."""

    def __init__(self, scenario: Scenario, account_id: str, at: datetime) -> None:
        self.tokens: Counter[str] = Counter()
        self.claims: defaultdict[str, list[str]] = defaultdict(list)
        self.lifetimes: dict[str, tuple[datetime, datetime | None]] = {}
        self.at = at
        self._active = {
            recorded.envelope.time.astimezone(UTC).date()
            for recorded in scenario.standing()
            if recorded.envelope.type in KEEPS_ALIVE
            and getattr(recorded.event, "account_id", None) == account_id
        }
        self._inactive: dict[str, tuple[date, int]] = {}
        self._own: set[str] = set()
        self._awaited: dict[str, datetime | None] = {}
        self._holds: Counter[tuple[str, str]] = Counter()
        self._untils: dict[str, datetime | None] = {}
        for recorded in scenario.standing():
            event: Any = recorded.event
            if getattr(event, "lapsed", False):
                continue  # it says what everybody could see
            if event.type_name == "points.transferred.v1":
                self._transfer(event, account_id)
            elif event.type_name == "points.activated.v1":
                for lot in event.lots if event.awaited and event.account_id == account_id else ():
                    began = self._awaited.get(lot.lot_id) or event.available_from
                    self._awaited[lot.lot_id] = min(began, event.available_from)
            elif event.type_name.startswith("points.") and event.account_id == account_id:
                if getattr(event, "lot_id", None):
                    self._issue(event.lot_id, event.points, event)
                    self._promise(event, recorded.envelope.time.astimezone(UTC).date())
                else:
                    self._debit(event)
        for (held, lot_id), points in self._holds.items():
            until = self._untils.get(held)
            if until is None or at < until:
                self.claims[lot_id] += ["reserved"] * points

    def _transfer(self, event: Any, account_id: str) -> None:
        for lot in event.lots:
            if event.account_id == account_id:
                self.tokens[lot.lot_id] -= lot.points
            if event.to_account_id == account_id:
                before = self.lifetimes.get(lot.lot_id)
                self._issue(lot.lot_id, lot.points, lot)
                if before is not None and lot.lot_id in self._own:
                    self.lifetimes[lot.lot_id] = before
                elif before is not None:
                    begins, ends = self.lifetimes[lot.lot_id]
                    last = None if ends is None or before[1] is None else max(ends, before[1])
                    self.lifetimes[lot.lot_id] = min(begins, before[0]), last

    def _debit(self, event: Any) -> None:
        held: str | None = getattr(event, "reservation_id", None)
        for lot in event.lots:
            if held is not None:
                sign = 1 if event.type_name == "points.reserved.v1" else -1
                self._holds[held, lot.lot_id] += sign * lot.points
                self._untils.setdefault(held, getattr(event, "until", None))
            if event.type_name == "points.redeemed.v1":
                self.claims[lot.lot_id] += ["spent"] * lot.points
            elif held is None:
                self.claims[lot.lot_id] += ["cancelled"] * lot.points

    def _issue(self, lot_id: str, points: int, lifetime: Any) -> None:
        self.tokens[lot_id] += points
        self.lifetimes[lot_id] = (lifetime.available_from, lifetime.expires_at)

    def _promise(self, event: Any, day: date) -> None:
        """What its lot also waits for, or ends by."""
        self._own.add(event.lot_id)
        if getattr(event, "awaits", None):
            self._awaited.setdefault(event.lot_id, None)
        if event.inactive_days is not None:
            self._inactive[event.lot_id] = day, event.inactive_days

    def end_of(self, lot_id: str) -> datetime | None:
        """By age, or when so many days have passed one after another without activity."""
        ends = self.lifetimes[lot_id][1]
        if lot_id not in self._inactive:
            return ends
        day, most = self._inactive[lot_id]
        asleep = 0
        while asleep <= most:
            day += timedelta(days=1)
            asleep = 0 if day in self._active and asleep < most else asleep + 1
        asleep_at = datetime.combine(day, time(), UTC)
        return asleep_at if ends is None else min(ends, asleep_at)

    def phase(self, lot_id: str) -> str:
        """What an unclaimed point of a lot is at the instant."""
        begins, ends = self.lifetimes[lot_id][0], self.end_of(lot_id)
        if ends is not None and ends <= self.at:
            return "expired"
        if lot_id in self._awaited:
            awaited = self._awaited[lot_id]
            begins = datetime.max.replace(tzinfo=UTC) if awaited is None else max(begins, awaited)
        return "active" if begins <= self.at else "pending"

    def count(self) -> tuple[Counter[str], dict[str, int]]:
        """Points by state, and what is active by lot."""
        counts: Counter[str] = Counter()
        active: dict[str, int] = {}
        for lot_id in self.tokens.keys() | self.claims.keys():
            tokens, claims = self.tokens[lot_id], list(self.claims[lot_id])
            counts["issued"] += tokens
            # Tokens that went away without ever having been there are claims that nothing meets.
            counts["owed"] -= min(0, tokens)
            for claim, token in zip_longest(claims, ["token"] * tokens):
                state = claim or self.phase(lot_id)
                counts[state] += 1
                counts["owed"] += token is None
                if state == "active":
                    active[lot_id] = active.get(lot_id, 0) + 1
        return counts, active
