"""Readers that stall: in the middle of a request, of an answer, of a transaction."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

from projections import ALL
from projections.rebuild import rebuild
from tests.faults.shop import Shop

STALLED = 40


def test_readers_that_stall(shop: Shop) -> None:
    """Nobody waits for them: writers, projections, rebuilds and other readers go on."""
    load, house = shop.begin(), shop.house
    shop.is_read()
    address = urlsplit(house.servers[0].url)
    request = (
        f"GET /v1/{shop.name}/events?limit=1000 HTTP/1.1\r\nHost: shop\r\n"
        f"Authorization: Bearer {shop.key}\r\n\r\n"
    ).encode()
    with ExitStack() as stack, house.ledger(shop.name) as ledger:
        for n in range(STALLED):
            one = stack.enter_context(
                socket.create_connection((str(address.hostname), address.port or 0))
            )
            one.sendall(request[:-4] if n % 2 else 5 * request)  # half of one, or many unread
        reading = stack.enter_context(ledger.connect())
        reading.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        names = reading.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^projection_.*_v[0-9]' AND relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace"
        ).fetchall()
        assert len(names) >= sum(len(one.members) for one in ALL)
        for (name,) in names:
            reading.execute(f"SELECT count(*) FROM {name}")
        for _ in range(2):
            load.goes_on()
            # No grace: the tables that the reader looks at are to be dropped at once.
            assert {one.failure for one in rebuild(ledger, ALL, grace_seconds=0)} == {None}
        load.goes_on()
        assert reading.execute(f"SELECT count(*) FROM {names[0][0]}").fetchone() is not None
    shop.check()
