"""drand: a chain's hash commits to its times, and a round's randomness to its signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.drand import MAINNET, QUICKNET, WELL_KNOWN, randomness_of


def test_the_well_known_chains_have_their_published_hashes() -> None:
    """So no digit of what is said of them is wrong: the hash is over all of it."""
    assert QUICKNET.hash == "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
    assert MAINNET.hash == "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce"
    assert set(WELL_KNOWN) == {QUICKNET.hash, MAINNET.hash}


@pytest.mark.parametrize(
    "changed", [{"period_seconds": 4}, {"genesis_time": 1}, {"beacon_id": "x"}]
)
def test_another_time_is_another_chain(changed: dict[str, object]) -> None:
    """Nobody can say that a round is due later than it is."""
    assert msgspec.structs.replace(QUICKNET, **changed).hash != QUICKNET.hash


def test_a_real_round_has_its_published_randomness() -> None:
    """Round 1000 of quicknet, as its servers give it."""
    signature = (
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
        "e342b73a8dd2bacbe47e4b6b63ed5e39"
    )
    published = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
    assert randomness_of(signature) == published


def test_a_round_is_due_by_genesis_and_period() -> None:
    """The first one at the genesis, each next one a period later."""
    genesis = datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert QUICKNET.due(1) == genesis
    assert QUICKNET.due(1000) == genesis + timedelta(seconds=2997)
    assert MAINNET.due(2) - MAINNET.due(1) == timedelta(seconds=30)


def test_the_first_round_that_is_due_at_an_instant() -> None:
    """Never an earlier one."""
    for milliseconds in (0, 1, 999, 1000, 2999, 3000, 3001):
        instant = QUICKNET.due(500) + timedelta(milliseconds=milliseconds)
        number = QUICKNET.first_due(instant)
        assert QUICKNET.due(number) >= instant > QUICKNET.due(number - 1)
    assert QUICKNET.first_due(datetime(2000, 1, 1, tzinfo=UTC)) == 1
