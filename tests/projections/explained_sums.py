"""Walks explanations and adds them up by arithmetic of its own, against figures read elsewhere."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from projections.balances import BALANCES, Balances
from projections.campaign_plans import CampaignPlans
from projections.campaign_returns import CAMPAIGN_RETURNS
from projections.explained import EXPLAINED
from projections.explaining import explain
from projections.explanation import Explanation
from projections.known import PastReader
from projections.profile_rows import Profiles
from projections.profiles import PROFILES
from projections.reader import reading
from projections.selection import NOW, Selection
from projections.tiers import TIERS, TierMembers
from projections.voids import VoidHistory
from store.ledger import Ledger

KINDS = {
    "account": (BALANCES, Balances),
    "member": (PROFILES, Profiles),
    "campaign": (CAMPAIGN_RETURNS, CampaignPlans),
    "tier": (TIERS, TierMembers),
}
POINTS = {"points.earned.v1": "issued", "points.redeemed.v1": "spent"}
"""What a movement's own points are a change of, where it is not transferred or adjusted."""


def names_of(ledger: Ledger, kind: str) -> list[str]:
    """Everybody, or everything, of a kind."""
    projection, fold = KINDS[kind]
    with reading(ledger.pool, projection) as reader:
        return [
            key for (key,) in reader.select("SELECT key FROM {rows} ORDER BY key", {"rows": fold})
        ]


def numbers_of(answer: Any) -> dict[str, int]:
    """Every number of an answer that is not zero, from its JSON: by path, lists by their names."""
    names = ("lot_id", "kind", "stage", "outcome", "name", "campaign_id", "channel", "currency")
    found: dict[str, int] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, bool):
            return
        if isinstance(value, int):
            if value:
                assert path not in found, path
                found[path] = value
        elif isinstance(value, dict):
            for name, one in value.items():
                walk(one, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    parts = [str(one[name]) for name in names if one.get(name) is not None]
                    # A lot has an id, and nothing else tells it apart.
                    parts = parts[:1] if "lot_id" in one or "participations" in one else parts
                    parts = [one["programme"]] if "programme" in one else parts
                    walk(one, f"{path}[{'/'.join(parts)}]")

    walk(json.loads(msgspec.json.encode(answer)), "")
    return {
        name: value for name, value in found.items() if not name.startswith(("consents", "figures"))
    } | {name: value for name, value in found.items() if name.startswith("figures")}


class Walk:
    """Explains one after another, and notes what does not add up."""

    def __init__(self, ledger: Ledger, at: datetime) -> None:
        self._ledger = ledger
        self._at = at
        self._voids = VoidHistory(ledger.log)
        self.explained: Counter[str] = Counter()
        self.wrong: list[str] = []

    def all(self, kind: str, names: Iterable[str]) -> None:
        """Explain all of these."""
        projection, _ = KINDS[kind]
        for name in names:
            selection = Selection.of(self._ledger.log, NOW, voids=self._voids)
            reader = PastReader(self._ledger.log, self._ledger.pool, selection)
            found = explain(reader, lambda rows: EXPLAINED[kind](rows, name, self._at))  # noqa: B023
            with reading(self._ledger.pool, projection) as live:
                answer = EXPLAINED[kind](live, name, self._at)
            self._check(f"{kind} {name}", found, answer)
            self.explained[kind] += 1

    def _check(self, what: str, found: Explanation | None, answer: Any) -> None:
        if found is None or answer is None:
            if (found is None) != (answer is None):
                self.wrong.append(f"{what}: explained {found is not None}")
            return
        sums: defaultdict[str, int] = defaultdict(int)
        for step in found.steps:
            for change in step.changes:
                sums[change.figure] += change.change or 0
        added = {name: amount for name, amount in sums.items() if amount}
        expected = {
            name: value for name, value in numbers_of(answer).items() if "consents[" not in name
        }
        added = {name: value for name, value in added.items() if "consents[" not in name}
        if added != expected:
            odd = added.items() ^ expected.items()
            self.wrong.append(f"{what}: {sorted(odd)[:6]}")
        self._check_entries(what, found)

    def _check_entries(self, what: str, found: Explanation) -> None:
        """What an event is said to add is what stands in its entry."""
        if not what.startswith("account"):
            return
        steps = {step.position: step for step in found.steps}
        with self._ledger.pool.connection() as connection:
            rows = connection.execute(
                "SELECT position, entry FROM entries WHERE position = ANY(%s)", [list(steps)]
            ).fetchall()
        assert len(rows) == len(steps), what
        for position, entry in rows:
            said = json.loads(entry)
            step = steps[position]
            figure = POINTS.get(said["type"])
            if figure is not None:
                changed = [one.change for one in step.changes if one.figure == figure]
                if changed != [said["data"]["points"]]:
                    self.wrong.append(f"{what}: position {position} changed {changed}")
            if step.type != said["type"] or step.rule_id != said["data"].get("rule_id"):
                self.wrong.append(f"{what}: position {position} is {step.type}")
