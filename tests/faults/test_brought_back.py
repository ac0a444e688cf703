"""A database that came back from a backup which is older than what clients have read."""

from typing import Any

import httpx

from tests.faults.check import check
from tests.faults.load import purchase_of
from tests.faults.shop import Shop


def test_a_backup_that_is_older_than_what_clients_have_read(shop: Shop) -> None:
    """They are told by the epoch; what they send again is recorded once, as if for the first time.

    The copy is one of files, made by pg_basebackup under load.
    """
    house = shop.house
    load = shop.begin()
    early, late = purchase_of("early", shop.accounts[0]), purchase_of("late", shop.accounts[0])
    first = report(shop, early).json()["position"]
    known = dict(load.acknowledged)
    house.back_up()
    load.goes_on()
    load.stop()
    there = report(shop, late)
    assert there.status_code == 201
    while (before := balance(shop, there.headers["Ledger-Position"])).status_code == 503:
        pass  # it waits, and then says that it has waited long enough
    assert before.status_code == 200
    house.bring_back()
    [said] = house.run("recover", "--all")
    house.start()
    position, epoch = stamp(before)
    assert said["position"] < position
    assert said["epoch"] > epoch
    refused = balance(shop, before.headers["Ledger-Position"])
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        409,
        "epoch-changed",
    )
    assert stamp(balance(shop, None))[1] == said["epoch"]
    assert report(shop, early).json() == {"position": first, "duplicate": True}
    assert report(shop, late).status_code == 201
    again = shop.begin(seed=1)
    again.goes_on()
    again.stop()
    check(house, shop.name, known | again.acknowledged)


def report(shop: Shop, event: dict[str, Any]) -> httpx.Response:
    """Report one event."""
    return httpx.post(
        f"{shop.house.servers[0].url}/v1/{shop.name}/events",
        json=event,
        headers={"Authorization": f"Bearer {shop.key}"},
        timeout=60,
    )


def balance(shop: Shop, min_position: str | None) -> httpx.Response:
    """Read one balance."""
    return httpx.get(
        f"{shop.house.servers[0].url}/v1/{shop.name}/accounts/{shop.accounts[0]}/balance",
        params={} if min_position is None else {"min_position": min_position},
        headers={"Authorization": f"Bearer {shop.key}"},
        timeout=60,
    )


def stamp(answer: httpx.Response) -> tuple[int, int]:
    """The position that an answer reflects, and its epoch."""
    epoch, _, position = answer.headers["Ledger-Position"].partition(".")
    return int(position), int(epoch)
