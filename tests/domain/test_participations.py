"""Entry limits and dates: recorded all the same, and disqualified with a reason."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings, strategies as st

from domain.activations import ActivationAmended
from domain.campaigns import CampaignAmended, CampaignClosed
from domain.contact import Contact
from domain.disqualification import (
    DisqualifyParticipation,
)
from domain.event import Event
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from tests.domain.crowd import DAY, HOUR, added, local, planned, played
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario

START, END = NOON - 10 * DAY, NOON + 10 * DAY


def reasons(followed: list[Event]) -> list[str]:
    """Why something was disqualified."""
    assert all(isinstance(event, ParticipationDisqualified) for event in followed)
    return [event.reason for event in followed if isinstance(event, ParticipationDisqualified)]


class TestDates:
    @pytest.mark.parametrize(
        "at, expected",
        [
            (START, []),
            (START - timedelta(microseconds=1), ["outside_dates"]),
            (END - timedelta(microseconds=1), []),
            (END, ["outside_dates"]),
        ],
    )
    def test_what_counts_happens_from_the_start_to_before_the_end(
        self, at: datetime, expected: list[str]
    ) -> None:
        """The start belongs to the campaign, the end does not."""
        scenario = Scenario(now=END + DAY).given(planned(), added())
        assert reasons(scenario.happens(played("p1"), at=at)) == expected

    def test_the_instant_counts_and_not_what_the_clock_shows(self) -> None:
        """Midnight in Paris is an hour before midnight in London."""
        campaign = planned(starts=local("2026-02-01T00:00+01:00"), ends=None)
        scenario = Scenario().given(campaign)
        moments = [
            ("2026-01-31T23:30+00:00", []),
            ("2026-01-31T23:30+01:00", ["outside_dates"]),
            ("2026-01-31T18:00-05:00", []),
            ("2026-02-01T08:59+10:00", ["outside_dates"]),
        ]
        for n, (at, expected) in enumerate(moments):
            assert reasons(scenario.happens(played(f"p{n}"), at=local(at))) == expected

    def test_nothing_counts_from_the_closing_on(self) -> None:
        """What happened before it still does."""
        scenario = Scenario().given(planned(ends=None))
        scenario.given(CampaignClosed(campaign_id="c1"), at=NOON - HOUR)
        assert reasons(scenario.happens(played("p1"), at=NOON - HOUR)) == ["outside_dates"]
        assert not scenario.happens(played("p2"), at=NOON - 2 * HOUR)

    def test_an_amendment_counts_for_what_is_recorded_after_it(self) -> None:
        """What was judged before stays as it was judged."""
        scenario = Scenario().given(planned())
        assert not scenario.happens(played("p1"), at=NOON)
        scenario.given(CampaignAmended(campaign_id="c1", ends=NOON))
        assert reasons(scenario.happens(played("p2"), at=NOON)) == ["outside_dates"]


class TestLateArrival:
    def test_it_counts_until_late_until_whenever_it_happened(self) -> None:
        """Lateness is measured by the clock of the ledger."""
        scenario = Scenario().given(planned(late_until=END + DAY))
        scenario.now = END + DAY - timedelta(microseconds=1)
        assert not scenario.happens(played("p1"), at=NOON)
        scenario.now = END + DAY
        assert reasons(scenario.happens(played("p2"), at=NOON)) == ["late"]
        assert reasons(scenario.happens(played("p3"), at=END)) == ["outside_dates"]

    def test_without_late_until_it_counts_however_late_it_comes(self) -> None:
        """History can be brought in years later."""
        scenario = Scenario(now=END + 1000 * DAY).given(planned())
        assert not scenario.happens(played("p1"), at=NOON)

    def test_what_arrives_late_is_the_one_too_many(self) -> None:
        """Nobody loses what they were told already, though the other happened before."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        assert not scenario.happens(played("p1"), at=NOON)
        followed = scenario.happens(played("p2"), at=NOON - HOUR)
        assert followed == [
            ParticipationDisqualified(
                participation_id="p2",
                member_id="m1",
                campaign_id="c1",
                activation_id="n1",
                reason="limit",
            )
        ]


class TestLimits:
    @pytest.mark.parametrize(
        "period, times, expected",
        [
            ("campaign", ["2026-02-20T12:00+00:00", "2026-03-09T12:00+00:00"], 1),
            ("day", ["2026-03-01T00:00+01:00", "2026-03-01T23:59+01:00"], 1),
            ("day", ["2026-03-01T23:59+01:00", "2026-03-02T00:00+01:00"], 0),
            # One night in London and Paris: the same instant is two days, two instants are one.
            ("day", ["2026-03-01T23:30+00:00", "2026-03-02T00:30+01:00"], 0),
            ("day", ["2026-03-02T00:30+01:00", "2026-03-02T23:30-05:00"], 1),
            ("week", ["2026-03-02T00:00+01:00", "2026-03-08T23:59+01:00"], 1),
            ("week", ["2026-03-01T23:59+01:00", "2026-03-02T00:00+01:00"], 0),
            ("month", ["2026-03-01T00:00+01:00", "2026-03-09T12:00+01:00"], 1),
            ("month", ["2026-02-28T23:59+01:00", "2026-03-01T00:00+01:00"], 0),
            # A year apart: the tenth week, and March, of two years.
            ("week", ["2025-03-05T12:00+01:00", "2026-03-04T12:00+01:00"], 0),
            ("month", ["2025-03-05T12:00+01:00", "2026-03-04T12:00+01:00"], 0),
        ],
    )
    def test_entries_are_counted_by_the_calendar_of_the_place(
        self, period: str, times: list[str], expected: int
    ) -> None:
        """Each time is a day of the offset it came with."""
        campaign = planned(starts=local("2025-01-01T00:00+00:00"))
        scenario = Scenario().given(campaign, added(entries_max=1, entries_period=period))
        followed = [
            event
            for n, time in enumerate(times)
            for event in scenario.happens(played(f"p{n}"), at=local(time))
        ]
        assert reasons(followed) == ["limit"] * expected

    def test_a_day_of_twenty_five_hours_is_one_day(self) -> None:
        """The clocks of Paris go back on 25 October 2026 at three."""
        scenario = Scenario(now=local("2026-10-26T12:00+01:00"))
        scenario.given(planned(ends=None), added(entries_max=2, entries_period="day"))
        times = ["00:30+02:00", "02:30+02:00", "02:30+01:00", "23:30+01:00"]
        followed = [
            reasons(scenario.happens(played(f"p{n}"), at=local(f"2026-10-25T{time}")))
            for n, time in enumerate(times)
        ]
        assert followed == [[], [], ["limit"], ["limit"]]

    def test_a_week_across_new_year_is_one_week(self) -> None:
        """31 December 2026 and 1 January 2027 are in ISO week 53; a year ago is another one."""
        scenario = Scenario(now=local("2027-01-05T12:00+00:00"))
        starts = local("2025-01-01T00:00+00:00")
        scenario.given(
            planned(starts=starts, ends=None), added(entries_max=1, entries_period="week")
        )
        for at, expected in [
            ("2025-12-31T12:00+00:00", []),
            ("2026-12-31T12:00+00:00", []),
            ("2027-01-01T12:00+00:00", ["limit"]),
        ]:
            assert reasons(scenario.happens(played(f"p{at[:4]}"), at=local(at))) == expected

    def test_equal_times_count_each(self) -> None:
        """Two entries in one instant are two."""
        scenario = Scenario().given(planned(), added(entries_max=2))
        followed = [scenario.happens(played(f"p{n}"), at=NOON) for n in range(4)]
        assert [reasons(events) for events in followed] == [[], [], ["limit"], ["limit"]]

    def test_each_member_and_each_activation_counts_apart(self) -> None:
        """Nobody uses up the entry of another."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        assert not scenario.happens(played("p1"))
        assert not scenario.happens(played("p2", member_id="m2"))
        scenario.given(added(activation_id="n2", entries_max=1))
        assert not scenario.happens(played("p3", activation_id="n2"))
        assert reasons(scenario.happens(played("p4"))) == ["limit"]

    def test_an_amended_limit_counts_for_what_is_recorded_after_it(self) -> None:
        """And all that counted before counts towards it."""
        scenario = Scenario().given(planned(), added())
        for n in range(3):
            assert not scenario.happens(played(f"p{n}"))
        amended = ActivationAmended(activation_id="n1", campaign_id="c1", entries_max=3)
        scenario.given(amended)
        assert reasons(scenario.happens(played("p4"))) == ["limit"]

    def test_a_participation_that_is_told_twice_is_one(self) -> None:
        """Neither is it one too many, nor does it disqualify the first."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        assert not scenario.happens(played("p1"))
        assert not scenario.happens(played("p1"))

    def test_telling_a_disqualified_one_again_uses_up_no_entry(self) -> None:
        """It stays disqualified, and the next one counts."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        scenario.happens(played("p1"), at=END)
        assert not scenario.happens(played("p1"), at=NOON)
        assert not scenario.happens(played("p2"), at=NOON)

    def test_a_disqualified_participation_uses_up_no_entry(self) -> None:
        """Whether a rule or somebody disqualified it."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        scenario.happens(played("p1"), at=START - DAY)
        assert not scenario.happens(played("p2"))
        scenario.when(DisqualifyParticipation(participation_id="p2", reason="rules"))
        assert not scenario.happens(played("p3"))

    def test_what_is_unknown_breaks_no_rule(self) -> None:
        """The campaign may be told of later: the fact is recorded, and stands."""
        assert not Scenario().happens(played("p1"))


class TestVisitors:
    def test_a_visitor_has_a_limit_too(self) -> None:
        """Nobody has to be known by name to be counted."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        assert not scenario.happens(played("p1", visitor_id="v1"))
        assert reasons(scenario.happens(played("p2", visitor_id="v1"))) == ["limit"]
        assert not scenario.happens(played("p3", visitor_id="v2"))

    def test_signing_in_gives_no_second_entry(self) -> None:
        """The same visitor, first unknown, then as a member: wherever the event says so."""
        for more in ({"visitor_id": "v1"}, {"contact": Contact(visitor_id="v1")}):
            scenario = Scenario().given(planned(), added(entries_max=1))
            assert not scenario.happens(played("p1", visitor_id="v1"))
            followed = scenario.happens(played("p2", member_id="m1", **more))
            assert reasons(followed) == ["limit"]

    def test_a_household_on_one_device_has_an_entry_each(self) -> None:
        """But an unknown person there counts with all of them."""
        scenario = Scenario().given(planned(), added(entries_max=1))
        assert not scenario.happens(played("p1", member_id="m1", visitor_id="v1"))
        assert not scenario.happens(played("p2", member_id="m2", visitor_id="v1"))
        assert reasons(scenario.happens(played("p3", visitor_id="v1"))) == ["limit"]


def played_at(time: datetime, member_id: str) -> tuple[datetime, str]:
    """When, and by whom."""
    return time, member_id


TIMES = st.datetimes(
    min_value=datetime(2026, 2, 25),  # noqa: DTZ001 - the strategy adds the time zone
    max_value=datetime(2026, 3, 7),  # noqa: DTZ001 - the strategy adds the time zone
    timezones=st.sampled_from([timezone(timedelta(hours=h)) for h in (-11, 0, 1, 2, 13)]),
)


@settings(max_examples=60)
@given(
    st.lists(st.builds(played_at, TIMES, st.sampled_from(["m1", "m2"])), max_size=20),
    st.sampled_from(["campaign", "day", "week", "month"]),
    st.integers(1, 3),
)
def test_no_period_ever_counts_more_than_the_limit(
    entries: list[tuple[datetime, str]], period: str, limit: int
) -> None:
    """Against a naive count, and nobody is turned away for nothing."""
    scenario = Scenario().given(planned(), added(entries_max=limit, entries_period=period))
    form = {"campaign": "-", "day": "%Y-%m-%d", "week": "%G-%V", "month": "%Y-%m"}[period]
    offered: Counter[tuple[str, str]] = Counter()
    counted: Counter[tuple[str, str]] = Counter()
    for n, (time, member_id) in enumerate(entries):
        key = member_id, time.strftime(form)
        offered[key] += 1
        if not scenario.happens(played(f"p{n}", member_id=member_id), at=time):
            counted[key] += 1
    assert counted == {key: min(limit, number) for key, number in offered.items()}


def test_a_participation_says_who_took_part_in_what() -> None:
    """The fields that the projections count by are all tags."""
    event = played("p1", visitor_id="v1", member_id="m1")
    assert isinstance(event, ParticipationRecorded)
    scenario = Scenario()
    scenario.happens(event)
    assert set(scenario.log[0].tags) == {
        "participation:p1", "member:m1", "visitor:v1", "campaign:c1", "activation:n1"
    }  # fmt: skip
