"""The checker that every fault test ends with: nothing lost, nothing twice, nothing out of step.

It reads the entries' JSON by SQL and compares with what callers were told; the projections it
compares with a rebuild, and with figures that SQL adds up from the entries.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec

import projections
from projections.rebuild import rebuild
from projections.status import wait_for
from store.ledger import Ledger
from tests.faults.house import House
from tests.faults.load import Acknowledged
from tests.projections.builds import live_rows
from tests.projections.figures_by_sql import compared

SETTLE_SECONDS_MAX = 120


def check(house: House, name: str, acknowledged: Acknowledged) -> int:
    """Check a ledger as it is once no load is on it any more; returns its head."""
    for server in house.servers:
        assert server.process is None or server.process.poll() is None, "a server ended by itself"
    with house.owner() as connection:
        entries = connection.execute(
            f"SELECT position, recorded_at, entry FROM ledger_{name}.entries ORDER BY position"
        ).fetchall()
        head = connection.execute(
            f"SELECT position, recorded_at FROM ledger_{name}.head"
        ).fetchone()
    assert [row[0] for row in entries] == list(range(1, len(entries) + 1))
    assert head == entries[-1][:2]
    said = [(position, msgspec.json.decode(entry)) for position, _, entry in entries]
    there = _once(said)
    assert {origin: there.get(origin) for origin in acknowledged} == acknowledged
    _times_never_run_backwards([row[1] for row in entries], [one for _, one in said])
    with house.ledger(name) as ledger:
        _every_tag_is_there(ledger, said)
        _projections_are_those_of_a_rebuild(ledger, len(entries))
        assert compared(ledger).differences == {}
    status = house.said("--ledger", name, "status", "--no-figures")
    assert status["head"]["position"] == len(entries)
    assert {(one["state"], one["lag_events"]) for one in status["projections"]} == {("running", 0)}
    return len(entries)


def _once(said: list[tuple[int, Any]]) -> Acknowledged:
    there: Acknowledged = {}
    for position, entry in said:
        origin = (entry["source"], entry["id"])
        assert origin not in there, origin
        there[origin] = position
    return there


def _times_never_run_backwards(recorded: list[datetime], entries: list[Any]) -> None:
    assert recorded == sorted(recorded)
    assert [datetime.fromisoformat(entry["recordedat"]) for entry in entries] == recorded


def _every_tag_is_there(ledger: Ledger, said: list[tuple[int, Any]]) -> None:
    """What a tag finds is what the entries say of it."""
    expected: dict[str, list[int]] = defaultdict(list)
    for position, entry in said:
        if "account_id" in entry["data"]:
            expected[f"account:{entry['data']['account_id']}"].append(position)
    for tag, positions in expected.items():
        found = [one.envelope.position for one in ledger.log.tagged({tag}, until=len(said))]
        assert found == positions, tag


def _projections_are_those_of_a_rebuild(ledger: Ledger, head: int) -> None:
    for projection in projections.ALL:
        assert wait_for(ledger.pool, projection, head, SETTLE_SECONDS_MAX), projection.name
    live = {one.name: live_rows(ledger, one) for one in projections.ALL}
    assert live["balances"]["point_totals"]
    rebuild(ledger, projections.ALL)
    assert live == {one.name: live_rows(ledger, one) for one in projections.ALL}
