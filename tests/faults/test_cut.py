"""Connections that break: inside a batch, inside its writing, or between commit and answer."""

from tests.faults.proxy import WRITING
from tests.faults.shop import Shop

MOMENTS = (
    (WRITING, 0),  # decided, and nothing is written
    (WRITING, 400),  # some of the bytes have come
    (b"COMMIT", 0),  # PostgreSQL never hears it
    (b"COMMIT", 46),  # PostgreSQL does it, and nobody hears that
)


def test_connections_that_are_cut(shop: Shop) -> None:
    """Whoever got no answer asks again: what was recorded already is found, not doubled."""
    load = shop.begin()
    for marker, offset in MOMENTS:
        shop.house.door.cut(marker, offset).wait()
        load.goes_on()
    shop.house.door.cut_all()
    load.goes_on()
    shop.check()
    assert shop.house.servers[0].logged("batch.failed")


def test_backends_that_are_ended(shop: Shop) -> None:
    """An operator ends every connection, several times, in the middle of everything."""
    load = shop.begin()
    for _ in range(3):
        with shop.house.owner() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        load.goes_on()
    shop.check()
