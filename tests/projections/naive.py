"""What the sample must hold, computed from the entries' JSON by other and slower means."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

import psycopg

Entry = dict[str, Any]
ALIASES = {
    "visitor.identified.v1": lambda data: (f"visitor:{data['visitor_id']}", _member(data)),
    "members.merged.v1": lambda data: (f"member:{data['merged_id']}", _member(data)),
    "purchase.recorded.v1": lambda data: (
        f"purchase:{data['purchase_id']}",
        _member(data) or _visitor(data),
    ),
}
AUDIENCE = {
    "member.enrolled.v1",
    "visit.recorded.v1",
    "visitor.identified.v1",
    "referral.qualified.v1",
    "members.merged.v1",
    "participation.recorded.v1",
    "purchase.recorded.v1",
    "purchase.returned.v1",
}


def _member(data: Entry) -> str | None:
    return f"member:{data['member_id']}" if "member_id" in data else None


def _visitor(data: Entry) -> str | None:
    return f"visitor:{data['visitor_id']}" if "visitor_id" in data else None


def visible(connection: psycopg.Connection) -> list[tuple[int, Entry]]:
    """The entries that were not voided, in order."""
    rows = connection.execute("SELECT position, entry FROM entries ORDER BY position").fetchall()
    entries = [(position, json.loads(entry)) for position, entry in rows]
    voids = [entry["data"] for _, entry in entries if entry["type"].endswith(".voided.v1")]
    positions = {data.get("position") for data in voids}
    batches = {data.get("batch_id") for data in voids} - {None}
    return [
        (position, entry)
        for position, entry in entries
        if position not in positions and entry.get("batch") not in batches
    ]


def traces(connection: psycopg.Connection) -> dict[str, list[int]]:
    """The positions of the events of each member and of each unknown visitor."""
    return traces_of(visible(connection))


def traces_of(entries: list[tuple[int, Entry]]) -> dict[str, list[int]]:
    """The same, of these entries alone."""
    claims: dict[str, tuple[datetime, int, str]] = {}
    for position, entry in entries:
        if entry["type"] in ALIASES:
            alias, root = ALIASES[entry["type"]](entry["data"])
            if root is not None:
                claim = (datetime.fromisoformat(entry["time"]), position, root)
                claims[alias] = min(claim, claims.get(alias, claim))
    found: defaultdict[str, list[int]] = defaultdict(list)
    for position, entry in entries:
        if entry["type"] in AUDIENCE:
            for owner in _owners(entry["data"], claims):
                found[owner].append(position)
    return dict(found)


def _owners(data: Entry, claims: dict[str, tuple[datetime, int, str]]) -> list[str]:
    direct = [
        f"member:{data[name]}"
        for name in ("member_id", "merged_id", "advocate_id", "referee_id")
        if name in data
    ]
    if not direct:
        direct = [
            tag
            for tag in (
                _visitor(data),
                f"purchase:{data['purchase_id']}" if "purchase_id" in data else None,
            )
            if tag is not None
        ]
        # The visitor decides, and the purchase only where there is none who is known.
        for tag in direct:
            if _end(tag, claims).startswith("member:"):
                direct = [tag]
                break
    ends = {_end(tag, claims) for tag in direct}
    return [end.removeprefix("member:") for end in ends if end.startswith(("member:", "visitor:"))]


def _end(tag: str, claims: dict[str, tuple[datetime, int, str]]) -> str:
    seen: list[str] = []
    while tag in claims and tag not in seen:
        seen.append(tag)
        tag = claims[tag][2]
    return min(seen[seen.index(tag) :]) if tag in seen else tag
