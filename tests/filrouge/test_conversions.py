"""What stands in a column becomes what a field holds, exactly, or does not fit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from filrouge.importing.conversions import (
    boolean,
    day,
    decimal,
    duration,
    instant,
    integer,
    later,
    minor_units,
    text,
)  # fmt: skip
from filrouge.importing.errors import Misfit

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    "written,digits,expected",
    [
        (Decimal("0.83"), 2, 83),
        (34.560000000000002, 2, 3456),
        (0.1 + 0.2, 2, 30),
        (1.005, 2, 100),  # half to even, of what was written
        ("1.015", 2, 102),
        (Decimal("2.675"), 2, 268),
        (0.12499999999999999, 2, 12),
        (Decimal("0.00499999999"), 2, 0),  # under a half by more than noise
        (Decimal("0.0149999999999999"), 2, 2),  # noise under a half: to even
        ("1062.28", 2, 106228),
        (5, 2, 500),
        ("1500", 0, 1500),
        ("1.2345", 3, 1234),
        (Decimal("-3.50"), 2, -350),
        (0.1 * 3 * 10**9, 2, 30000000000),
    ],
)
def test_amounts_lose_float_noise_and_round_half_to_even(
    written: Any, digits: int, expected: int
) -> None:
    """34.560000000000002 is 3456 cents; a half goes to the even neighbour."""
    assert minor_units(written, digits) == expected


@given(st.integers(-(10**11), 10**11))
def test_every_amount_in_cents_survives_a_float(cents: int) -> None:
    """Whatever number of cents went through a binary float comes back."""
    assert minor_units(cents / 100, 2) == cents


@given(st.lists(st.integers(0, 10**7), max_size=30))
def test_sums_of_floats_are_the_sums_of_their_cents(cents: list[int]) -> None:
    """A till that adds up floats still told the right amount."""
    assert minor_units(sum(one / 100 for one in cents), 2) == sum(cents)


@pytest.mark.parametrize(
    "written,expected", [("1.234,56", 123456), ("1 234,56", 123456), ("12,5", 1250), (7, 700)]
)
def test_a_decimal_comma_can_be_read(written: Any, expected: int) -> None:
    """1.234,56 and 1 234,56 are the same amount."""
    assert minor_units(written, 2, comma=True) == expected


@pytest.mark.parametrize(
    "written",
    [
        "abc",
        "1,50",
        "",
        "1e9999",
        float("nan"),
        float("inf"),
        Decimal("1E+400"),
        True,
        [1],
        {},
        "٣x",
    ],
)
def test_what_is_no_number_does_not_fit(written: Any) -> None:
    """The reason does not repeat the value."""
    with pytest.raises(Misfit) as caught:
        decimal(written)
    assert str(written) not in str(caught.value) or str(written) == ""


def test_whole_numbers_have_no_fraction() -> None:
    """7, "7" and 7.0 are seven; 7.5 does not fit."""
    assert [integer(one) for one in (7, "7", 7.0, Decimal("7.0"), "7.00")] == [7] * 5
    with pytest.raises(Misfit):
        integer("7.5")


def test_text_of_values() -> None:
    """Numbers keep the digits that they were written with."""
    assert [text(one) for one in ("a", 7, Decimal("7.10"), True)] == ["a", "7", "7.10", "true"]
    wrongs: list[Any] = [{}, [], None]
    for wrong in wrongs:
        with pytest.raises(Misfit):
            text(wrong)


@pytest.mark.parametrize("word,expected", [("Yes", True), ("0", False), (True, True), (0, False)])
def test_truth_has_several_words(word: Any, expected: bool) -> None:  # noqa: FBT001 - an expectation
    """Yes, y, 1, true; no, n, 0, false."""
    assert boolean(word) is expected


def test_times_without_an_offset_are_local() -> None:
    """They take the zone, with the offset that it has on that day."""
    assert instant("2026-07-01 18:00", None, PARIS).isoformat() == "2026-07-01T18:00:00+02:00"
    assert instant("2026-01-31", None, PARIS).isoformat() == "2026-01-31T00:00:00+01:00"
    assert instant("20170212", "%Y%m%d", PARIS).isoformat() == "2017-02-12T00:00:00+01:00"
    assert instant("2026-07-01T18:00:00-04:00", None, PARIS).utcoffset() == timedelta(hours=-4)
    assert instant(1_500_000_000, "epoch", PARIS) == datetime(2017, 7, 14, 2, 40, tzinfo=UTC)
    assert instant("1500000000250", "epoch_ms", PARIS).microsecond == 250_000
    assert day("31/12/2025", "%d/%m/%Y", PARIS) == "2025-12-31"


@pytest.mark.parametrize("written", ["yesterday", "2026-13-01", 12, "99999999999999999999"])
def test_what_is_no_time_does_not_fit(written: Any) -> None:
    """The reason says how a time is written."""
    with pytest.raises(Misfit, match="2026-05-31T18:00"):
        instant(written, None, PARIS)


def test_hours_after_an_instant_are_elapsed_hours() -> None:
    """A day of 25 hours takes 25 hours, and the result shows the offset that holds then."""
    start = datetime(2026, 10, 24, 12, tzinfo=PARIS)
    assert later(start, duration(24, Decimal(3600))).isoformat() == "2026-10-25T11:00:00+01:00"
    a_day = duration(1, Decimal(86_400))
    assert later(start, a_day, by_the_calendar=True).isoformat() == "2026-10-25T12:00:00+01:00"
    assert duration("0.5", Decimal(3600)) == timedelta(minutes=30)
    with pytest.raises(Misfit):
        duration(10**15, Decimal(604_800))
