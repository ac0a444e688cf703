"""Recomputing an instant-win game from its entries alone: commitment, order, draws and prizes.

It reads the JSON of the entries and asks nothing of the code that played the game, so that it says
what somebody else's program would say.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final, NamedTuple

VOIDED: Final = "event.voided.v1"


class Checked(NamedTuple):
    """What recomputing a game found."""

    plays: int
    won: dict[str, int]
    faults: list[str]
    """Everything that is not as it has to be; empty: the game was played as it was published."""
    revealed: bool
    """Without its seed no draw can be recomputed."""


def check_game(events: Iterable[tuple[int, str, dict[str, Any]]]) -> Checked:
    """Check the events of one game, given as position, type and data in order of position."""
    told: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for position, kind, data in events:
        told.setdefault(kind, []).append((position, data))
    faults: list[str] = []
    opened, started, revealed = (
        _one(told, f"game.{verb}.v1", faults) for verb in ("opened", "started", "revealed")
    )
    faults += [f"position {at}: something was taken back" for at, _ in told.get(VOIDED, ())]
    plays = told.get("game.played.v1", [])
    if opened is None or (plays and started is None):
        faults.append("it was never opened, or never started")
        return Checked(len(plays), {}, faults, revealed=False)
    if plays and started is not None and plays[0][0] < started[0]:
        faults.append(f"position {plays[0][0]}: played before its public value was recorded")
    key = bytes.fromhex(revealed[1]["seed"]) if revealed else None
    if key is not None and sha256(key).hexdigest() != opened[1]["commitment"]:
        faults.append("the seed is not the one whose digest was published")
    won: dict[str, int] = {}
    for number, (position, play) in enumerate(plays, 1):
        if play["number"] != number:
            faults.append(f"position {position}: it says play {play['number']}, and is {number}")
        if key is not None and started is not None:
            drawn = _drawn(key, started[1]["public_value"], number)
            if play["drawn"] != drawn:
                faults.append(f"position {position}: drew {play['drawn']}, and had to draw {drawn}")
        prize = _prize(opened[1]["prizes"], play["drawn"], won)
        if play.get("prize") != prize:
            faults.append(f"position {position}: won {play.get('prize')}, and had to win {prize}")
        if prize is not None:
            won[prize] = won.get(prize, 0) + 1
    return Checked(len(plays), won, faults, revealed=key is not None)


def _one(
    told: dict[str, list[tuple[int, dict[str, Any]]]], kind: str, faults: list[str]
) -> tuple[int, dict[str, Any]] | None:
    found = told.get(kind, [])
    if len(found) > 1:
        faults.append(f"position {found[1][0]}: a second {kind}")
    return found[0] if found else None


def _drawn(key: bytes, public_value: str, number: int) -> int:
    digest = hmac.new(key, f"{public_value}/{number}".encode(), sha256).digest()
    return int(digest[:16].hex(), 16) % 1_000_000


def _prize(table: list[dict[str, Any]], drawn: int, won: dict[str, int]) -> str | None:
    """By the published table: the first prize has the lowest numbers; none is won too often."""
    begins = 0
    for prize in table:
        if begins <= drawn < begins + prize["chance"]:
            name = str(prize["name"])
            return name if won.get(name, 0) < prize["pieces"] else None
        begins += prize["chance"]
    return None
