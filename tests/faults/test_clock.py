"""PostgreSQL's clock jumps backwards, as a clock does that was ahead and is set right."""

from datetime import datetime, timedelta

from tests.faults.shop import Shop


def test_a_clock_that_jumps_backwards(shop: Shop) -> None:
    """Recorded times stand still until the clock has come as far again; nothing else is felt."""
    load, house = shop.begin(), shop.house
    for hours in (1, 2):
        with house.owner() as connection:
            row = connection.execute(
                f"UPDATE ledger_{shop.name}.head SET recorded_at ="
                " date_trunc('second', clock_timestamp()) + make_interval(hours => %s)"
                " RETURNING recorded_at, position",
                [hours],
            ).fetchone()
        assert row is not None
        ahead, position = row
        load.goes_on()
        with house.owner() as connection:
            later = connection.execute(
                f"SELECT DISTINCT recorded_at FROM ledger_{shop.name}.entries WHERE position > %s",
                [position],
            ).fetchall()
        assert later == [(ahead,)]
        assert ahead > datetime.now(ahead.tzinfo) + timedelta(minutes=30)
    status = house.said("--ledger", shop.name, "status", "--no-figures")
    assert datetime.fromisoformat(status["head"]["recorded_at"]) == ahead
    shop.check()
