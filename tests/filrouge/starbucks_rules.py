"""The ten offers of the data set as rules, made from its portfolio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def offers(portfolio: Path) -> list[dict[str, Any]]:
    """The offers, as they stand in the file."""
    return [json.loads(line) for line in portfolio.read_text().splitlines() if line.strip()]


def rules_toml(portfolio: Path) -> str:
    """A file of rules: an informational offer never completes, so that it is none."""
    return "\n".join(_rule(one) for one in offers(portfolio) if one["offer_type"] in GOALS)


GOALS = {
    "discount": ("sum", "at_least"),  # the spend inside the window reaches the difficulty
    "bogo": ("max", "more_than"),  # a single purchase exceeds it
}


def _rule(offer: dict[str, Any]) -> str:
    measure, comparison = GOALS[offer["offer_type"]]
    return f"""
[rules.offer-{offer["id"]}]
programme = "starbucks-rewards"
points_currency = "stars"
trigger = "purchase.recorded"
kind = "challenge"
points = "{offer["reward"]}"
valid_from = 2018-07-01T00:00:00Z
campaign_id = "{offer["id"]}"
[rules.offer-{offer["id"]}.challenge]
measure = "{measure}"
amount = "event.net"
threshold = {100 * offer["difficulty"]}
comparison = "{comparison}"
[rules.offer-{offer["id"]}.challenge.window]
opened_by = "invitation.sent"
opening = "event.campaign_id == '{offer["id"]}'"
hours = {24 * int(offer["duration"])}
"""
