"""Consents: what a member allowed at an instant, whatever the order in which it was learned."""

from itertools import permutations

import pytest

from projections.consents import Consent, contactable, latest
from tests.projections.brand import DAY, SPRING


def said(
    day: int,
    channel: str | None,
    *,
    granted: bool = True,
    purpose: str = "marketing",
    double_opt_in: str | None = None,
    position: int = 0,
) -> Consent:
    """A consent or withdrawal on a day."""
    return Consent(
        purpose,
        channel,
        granted=granted,
        time=SPRING + day * DAY,
        position=position or day,
        double_opt_in=double_opt_in,
    )


def test_what_was_said_last_of_each_channel_holds() -> None:
    """By time, then position; what is said of all channels replaces what was said of each."""
    history = [
        said(1, "email"),
        said(2, "sms"),
        said(3, None, granted=False),
        said(4, "email"),
        said(4, "email", granted=False, position=9),
        said(4, "sms", purpose="newsletter"),
    ]
    expected = [history[2], history[4], history[5]]
    for shuffled in permutations(history):
        assert latest(shuffled) == expected
        step: list[Consent] = []
        for one in shuffled:
            step = latest([*step, one])
        assert step == expected


@pytest.mark.parametrize(
    "history, expected",
    [
        ([], False),
        ([said(1, "email")], True),
        ([said(1, "e-mail")], True),
        ([said(1, None)], True),
        ([said(1, "facebook")], False),
        ([said(1, "email", double_opt_in="pending")], False),
        ([said(1, "email", double_opt_in="confirmed")], True),
        ([said(1, "email", purpose="profiling")], False),
        ([said(1, "email"), said(2, "email", granted=False)], False),
        ([said(1, "email"), said(2, None, granted=False)], False),
        ([said(1, None), said(2, "email", granted=False)], True),
        ([said(1, "email", granted=False), said(2, "sms")], True),
        ([said(11, "email")], False),
        ([said(1, "email"), said(11, "email", granted=False)], True),
        ([said(1, None, purpose="newsletter"), said(2, None, granted=False)], True),
    ],
)
def test_contactable_on_the_tenth_day(history: list[Consent], expected: bool) -> None:  # noqa: FBT001
    """A consent that holds then, for a purpose that means writing, on a channel of the brand's."""
    assert contactable(history, SPRING + 10 * DAY) is expected
