"""A draw computed again by somebody who has the entries of the log, hashlib, and the explanation.

Nothing of the ledger's own code is used: entries are read as JSON, the tree, the scores and the
walk are written from docs/explanation/draws.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

Json = dict[str, Any]
Line = tuple[str, str, int]
"""Name of the entry, member, tickets."""


def numbered(entries: Sequence[bytes]) -> list[tuple[int, Json]]:
    """The entries as JSON, with their positions."""
    return [(position, json.loads(entry)) for position, entry in enumerate(entries, 1)]


def standing(log: list[tuple[int, Json]], until: int) -> list[tuple[int, Json]]:
    """What counts of the log up to a position: without what was voided up to there."""
    seen = [one for one in log if one[0] <= until]
    gone = {e["data"]["position"] for _, e in seen if e["type"] == "event.voided.v1"}
    return [(position, e) for position, e in seen if position not in gone]


def weights(events: list[tuple[int, Json]], terms: Json, closed: int) -> dict[str, Any]:
    """Each entry that counts: where it stands, whose it is, how many tickets it has."""
    in_time = [
        (position, e["type"], e["data"])
        for position, e in events
        if position < closed and inside(e["time"], terms)
    ]
    found: dict[str, Any] = {}
    for position, kind, data in in_time:
        for name, who, tickets in entry_of(kind, data, terms):
            if who and tickets:
                found.setdefault(name, (position, who, tickets))
    for _, e in events:
        if e["type"] == "participation.disqualified.v1":
            found.pop(f"participation:{e['data']['participation_id']}", None)
        if e["type"] == "referral.voided.v1":
            found.pop(f"referral:{e['data']['referral_id']}", None)
    return found | by_points(in_time, events, terms)


def inside(time: str, terms: Json) -> bool:
    """Whether something happened inside the draw's dates."""
    opens, closes = (datetime.fromisoformat(terms[name]) for name in ("opens", "closes"))
    return opens <= datetime.fromisoformat(time) < closes


def entry_of(kind: str, data: Json, terms: Json) -> list[tuple[str, str | None, int]]:
    """The entry that an event is, if it is one."""
    if kind == "participation.recorded.v1" and data["activation_id"] == terms["activation_id"]:
        name = f"participation:{data['participation_id']}"
        return [(name, data.get("member_id"), terms["participation_tickets"])]
    if kind == "referral.qualified.v1" and data.get("campaign_id") == terms["campaign_id"]:
        name = f"referral:{data['referral_id']}"
        return [(name, data["advocate_id"], terms.get("referral_tickets", 0))]
    if kind == "draw.entered.v1" and data["draw_id"] == terms["draw_id"]:
        return [(f"entry:{data['entry_id']}", data["member_id"], data.get("tickets", 1))]
    return []


def by_points(in_time: list[Any], events: list[tuple[int, Json]], terms: Json) -> dict[str, Any]:
    """The tickets that members have for points of the campaign."""
    each = terms.get("points_per_ticket")
    earned = [
        (position, data)
        for position, kind, data in in_time
        if kind == "points.earned.v1" and data.get("campaign_id") == terms["campaign_id"]
    ]
    lots = {data["lot_id"]: data["member_id"] for _, data in earned if "member_id" in data}
    back = [
        (lots[lot["lot_id"]], lot["points"])
        for _, e in events
        for lot in e["data"].get("lots", ())
        if e["type"] == "points.clawed_back.v1" and lot["lot_id"] in lots
    ]
    found = {}
    for who in set(lots.values()) if each else ():
        mine = [(at, data["points"]) for at, data in earned if data.get("member_id") == who]
        sum_ = sum(n for _, n in mine) - sum(n for member, n in back if member == who)
        if sum_ // each > 0:
            found[f"points:{who}"] = min(at for at, _ in mine), who, min(sum_ // each, 1000)
    return found


def excluded(events: list[tuple[int, Json]]) -> set[str]:
    """Members who are excluded from the draw."""
    return {e["data"]["member_id"] for _, e in events if e["type"] == "draw.member_excluded.v1"}


def listed(log: list[tuple[int, Json]], terms: Json, closed: int) -> list[Line]:
    """The list that the closing fixed."""
    before = standing(log, closed)
    out, lines, used = excluded(before), [], dict[str, int]()
    rows = [(at, name, who, n) for name, (at, who, n) in weights(before, terms, closed).items()]
    for _, name, who, tickets in sorted(rows):
        room = terms.get("tickets_per_member_max", 10**9) - used.get(who, 0)
        if who not in out and min(tickets, room) > 0:
            used[who] = used.get(who, 0) + min(tickets, room)
            lines.append((name, who, min(tickets, room)))
    return lines


def root(lines: Sequence[Line]) -> str:
    """The Merkle tree hash of RFC 6962, section 2.1, as it is written there."""

    def tree(leaves: Sequence[bytes]) -> bytes:
        if not leaves:
            return sha256(b"").digest()
        if len(leaves) == 1:
            return sha256(b"\x00" + leaves[0]).digest()
        k = 1
        while 2 * k < len(leaves):
            k *= 2
        return sha256(b"\x01" + tree(leaves[:k]) + tree(leaves[k:])).digest()

    return tree([f"{name} {who} {tickets}".encode() for name, who, tickets in lines]).hex()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC of RFC 2104 for a key of 32 bytes."""
    padded = key + bytes(64 - len(key))
    inner = sha256(bytes(b ^ 0x36 for b in padded) + message).digest()
    return sha256(bytes(b ^ 0x5C for b in padded) + inner).digest()


def order(lines: Sequence[Line], randomness: str, draw_id: str) -> list[Line]:
    """The entries by the least score of their tickets."""

    def least(line: Line) -> bytes:
        texts = (f"filrouge-draw-1\n{draw_id}\n{line[0]}\n{n}" for n in range(1, line[2] + 1))
        return min(hmac_sha256(bytes.fromhex(randomness), text.encode()) for text in texts)

    return sorted(lines, key=lambda line: (least(line), line[0]))


def winners(log: list[tuple[int, Json]], draw_id: str) -> tuple[list[Any], list[Any]]:
    """Place, name and member of everybody who has one; and the names of who was passed over."""
    mine = {e["type"]: (at, e["data"]) for at, e in log if e["data"].get("draw_id") == draw_id}
    terms = mine["draw.opened.v1"][1]
    closed, (valued, value) = mine["draw.closed.v1"][0], mine["draw.value_recorded.v1"]
    lines = listed(log, terms, closed)
    now = standing(log, valued)
    counting, out = weights(now, terms, closed), excluded(now)
    gone = {
        e["data"]["member_id"]
        for _, e in now
        if e["type"] in {"member.erased.v1", "membership.ended.v1"}
    }
    wanted = sum(one.get("quantity", 1) for one in terms["prizes"]) + terms.get("reserves", 0)
    placed: list[Any] = []
    passed: list[Any] = []
    for name, who, _ in order(lines, value["randomness"], draw_id):
        has = sum(member == who for _, _, member in placed)
        if len(placed) == wanted:
            break
        if has >= terms.get("prizes_per_member_max", 1):
            continue
        if name not in counting or who in out or who in gone:
            passed.append(name)
        else:
            placed.append((len(placed) + 1, name, who))
    return placed, passed
