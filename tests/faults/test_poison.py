"""A handler that raises at one position: that projection stands still, the others go on."""

import json

from tests.faults.poisoned_statements import POISON
from tests.faults.shop import Shop


def test_a_handler_that_raises_at_one_position(shop: Shop) -> None:
    """The status says where and why, without what the event says; mended, it catches up."""
    house = shop.house
    server = house.servers[0]
    server.prelude = "from tests.faults.poisoned_statements import poison; poison()"
    server.restart()
    load = shop.begin()
    poisoned: list[int] = []
    while not poisoned or not server.logged("projection.failed"):
        load.goes_on(10)
        with house.owner() as connection:
            rows = connection.execute(
                f"SELECT position, entry FROM ledger_{shop.name}.entries ORDER BY position"
            ).fetchall()
        awards = [(at, json.loads(entry)) for at, entry in rows]
        poisoned = [
            at
            for at, entry in awards
            if entry["type"] == "points.earned.v1" and entry["data"]["points"] == POISON
        ]
    while True:
        load.goes_on()
        status = house.said("--ledger", shop.name, "status", "--no-figures")
        states = {one["name"]: one for one in status["projections"]}
        others = {one["state"] for one in states.values() if one["name"] != "statements"}
        if others == {"running"} and states["balances"]["position"] > poisoned[0]:
            break
    assert states["statements"]["state"] == "failed"
    assert states["statements"]["failed_position"] == poisoned[0]
    assert states["statements"]["position"] == poisoned[0] - 1
    assert "points.earned.v1" in states["statements"]["failure"]
    assert "secret" not in states["statements"]["failure"]
    server.prelude = ""
    server.restart()
    shop.check()
