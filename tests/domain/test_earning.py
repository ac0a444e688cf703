"""Rules give what they say: by kind, within limits, by the version of the time; and say why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.accounts import AccountOpened, HolderAdded
from domain.activations import ActivationAdded
from domain.budgets import Promises
from domain.campaigns import CampaignPlanned
from domain.engagement import VisitRecorded
from domain.event import Event
from domain.invitations import InvitationSent
from domain.participations import ParticipationRecorded
from domain.points import PointsClawedBack, PointsEarned
from domain.programmes import ProgrammeOpened
from domain.publishing import AmendRule, RetireRule
from domain.purchases import PurchaseLine, PurchaseReturned
from domain.referrals import ReferralMade
from domain.referring import QualifyReferral
from domain.rule_terms import (
    Challenge,
    Multiplier,
    PerAmount,
    PointCost,
    RuleLimits,
    Streak,
    Window,
)
from domain.terms import ActivationPolicy, CurrencyTerms, ExpiryPolicy
from domain.voids import VoidEvent
from tests.domain.earners import DAY, HOUR, bought, club, given, terms
from tests.domain.moments import NOON
from tests.domain.scenario import Scenario


def reasons(scenario: Scenario, event: Event, **more: Any) -> dict[str, str]:
    """What each rule says of an event."""
    return {one.rule_id: one.reason for one in scenario.why(event, **more)}


class TestKinds:
    def test_an_award_names_rule_version_and_cause(self) -> None:
        """And the account of the programme that the member holds."""
        scenario = club(welcome=terms())
        [award] = scenario.happens(bought("p1"))
        assert isinstance(award, PointsEarned)
        assert (award.rule_id, award.rule_version, award.points) == ("welcome", 1, 10)
        assert (award.account_id, award.member_id) == ("a1", "m1")
        assert (award.purchase_id, award.programme) == ("p1", "club")
        [earned] = [r for r in scenario.log if r.event == award]
        [cause] = [r for r in scenario.log if r.envelope.position == earned.envelope.cause]
        assert cause.event == bought("p1")

    @pytest.mark.parametrize("rounding, expected", [("down", 24), ("nearest", 25), ("up", 25)])
    def test_points_per_amount_are_rounded_once(self, rounding: Any, expected: int) -> None:
        """12.50 at two points a unit are 25; 12.49 are 24.98."""
        per = PerAmount(amount="event.net", per=100, rounding=rounding)
        scenario = club(spend=terms(kind="per_amount", points="2", per_amount=per))
        assert given(scenario.happens(bought("p0", 1_250))) == {"spend": 25}
        assert given(scenario.happens(bought("p1", 1_249))) == {"spend": expected}

    def test_multipliers_stack_in_their_order(self) -> None:
        """On the base each adds its share; compound also of what those before it added."""
        scenario = club(
            base=terms(points="100"),
            triple=terms(kind="multiplier", order=1, multiplier=Multiplier(numerator=3)),
            half=terms(
                kind="multiplier", order=2, multiplier=Multiplier(numerator=3, denominator=2)
            ),
            last=terms(
                kind="multiplier", order=3, multiplier=Multiplier(numerator=2, stacks="compound")
            ),
        )
        assert given(scenario.happens(bought("p1"))) == {
            "base": 100, "triple": 200, "half": 50, "last": 350,
        }  # fmt: skip

    def test_a_multiplier_of_named_rules_leaves_the_others(self) -> None:
        """And one without anything to multiply gives nothing."""
        only = Multiplier(numerator=2, rules=("one",))
        scenario = club(
            one=terms(points="7"),
            two=terms(points="5"),
            twice=terms(kind="multiplier", multiplier=only),
        )
        assert given(scenario.happens(bought("p1"))) == {"one": 7, "two": 5, "twice": 7}

    def test_the_first_ever_is_the_first_that_was_recorded(self) -> None:
        """What arrives later and happened earlier does not earn it again."""
        scenario = club(first=terms(kind="first_ever"))
        assert given(scenario.happens(bought("p1"))) == {"first": 10}
        assert given(scenario.happens(bought("p2"), at=NOON - DAY)) == {}

    @pytest.mark.parametrize(
        "roles, expected",
        [
            (("advocate",), {"a1": 500}),
            (("referee",), {"a2": 200}),
            (("advocate", "referee"), {"a1": 500, "a2": 200}),
        ],
    )
    def test_a_referral_earns_when_it_qualifies(self, roles: Any, expected: Any) -> None:
        """For the advocate, the referee, or both."""
        points = "member.role == 'advocate' ? 500 : 200"
        said = terms(kind="referral", trigger="referral.qualified", points=points, roles=roles)
        scenario = club(friend=said)
        made = ReferralMade(referral_id="r1", advocate_id="m1", programme="club")
        scenario.happens(made)
        followed = scenario.when(QualifyReferral(referral_id="r1", referee_id="m2"))
        awards = [event for event in followed if isinstance(event, PointsEarned)]
        assert {award.account_id: award.points for award in awards} == expected
        assert {award.referral_id for award in awards} == {"r1"}

    def test_a_streak_needs_each_period(self) -> None:
        """Three days in a row; a late event that joins two rows counts once."""
        said = terms(kind="streak", streak=Streak(period="day", length=3))
        scenario = club(daily=said)
        days = [scenario.happens(bought(f"p{n}"), at=NOON - n * DAY) for n in (5, 4, 2, 1)]
        assert [given(one) for one in days] == [{}] * 4
        assert given(scenario.happens(bought("late"), at=NOON - 3 * DAY)) == {"daily": 10}
        assert given(scenario.happens(bought("next"), at=NOON)) == {}

    def test_a_streak_that_repeats_gives_for_each_length(self) -> None:
        """Six days in a row are two times three."""
        said = terms(kind="streak", streak=Streak(period="day", length=3, repeats=True))
        scenario = club(daily=said)
        awards = [
            given(scenario.happens(bought(f"p{n}"), at=NOON - (9 - n) * DAY)) for n in range(7)
        ]
        assert [bool(one) for one in awards] == [False, False, True, False, False, True, False]


def invited(invitation_id: str) -> InvitationSent:
    """The brand invites the member."""
    return InvitationSent(invitation_id=invitation_id, member_id="m1", campaign_id="c1")


def offer(measure: Any = "sum", threshold: int = 2_000, hours: int = 48, **more: Any) -> Any:
    """Spend so much within so many hours of an invitation."""
    window = Window(opened_by="invitation.sent", opening="event.campaign_id == 'c1'", hours=hours)
    amount = None if measure == "count" else "event.net"
    return terms(
        kind="challenge",
        challenge=Challenge(
            measure=measure, amount=amount, threshold=threshold, window=window, **more
        ),
    )


class TestChallenges:
    def test_a_window_is_met_once(self) -> None:
        """At the purchase that reaches the threshold, and not by the next ones."""
        scenario = club(offer=offer())
        scenario.happens(invited("i1"), at=NOON - DAY)
        assert given(scenario.happens(bought("p1", 1_500), at=NOON - 5 * HOUR)) == {}
        assert given(scenario.happens(bought("p2", 500), at=NOON - 4 * HOUR)) == {"offer": 10}
        assert given(scenario.happens(bought("p3", 5_000), at=NOON - 3 * HOUR)) == {}

    def test_the_last_instant_of_the_window_belongs_to_it(self) -> None:
        """And the one after it does not."""
        opened = NOON - 3 * DAY
        scenario = club(offer=offer())
        scenario.happens(invited("i1"), at=opened)
        after = opened + 48 * HOUR + timedelta(microseconds=1)
        assert given(scenario.happens(bought("p1", 9_000), at=after)) == {}
        assert given(scenario.happens(bought("p2", 9_000), at=opened + 48 * HOUR)) == {"offer": 10}

    def test_each_invitation_opens_its_own_window(self) -> None:
        """One purchase can meet several; each is an award with a lot of its own."""
        scenario = club(offer=offer())
        scenario.happens(invited("i1"), at=NOON - 2 * DAY)
        scenario.happens(invited("i2"), at=NOON - DAY)
        followed = scenario.happens(bought("p1", 2_000), at=NOON - 3 * HOUR)
        assert [event.points for event in followed] == [10, 10]
        assert len({event.lot_id for event in followed}) == 2

    def test_more_than_is_not_at_least(self) -> None:
        """A single purchase of exactly the threshold is not more than it."""
        scenario = club(offer=offer("max", comparison="more_than"))
        scenario.happens(invited("i1"), at=NOON - DAY)
        assert given(scenario.happens(bought("p1", 2_000))) == {}
        assert given(scenario.happens(bought("p2", 2_001))) == {"offer": 10}

    def test_repeatedly_means_again_for_each_threshold(self) -> None:
        """Spend 20, and 20 again; one purchase may do it several times."""
        scenario = club(offer=offer(repeats=True))
        scenario.happens(invited("i1"), at=NOON - DAY)
        sums = [
            given(scenario.happens(bought(f"p{n}", net))) for n, net in enumerate((1_999, 1, 6_500))
        ]
        assert sums == [{}, {"offer": 10}, {"offer": 30}]

    def test_what_was_recorded_before_its_invitation_counts(self) -> None:
        """The invitation arrives late: it was there when the purchase happened."""
        scenario = club(offer=offer())
        scenario.happens(bought("p1", 2_500), at=NOON - DAY)
        assert given(scenario.happens(invited("i1"), at=NOON - 2 * DAY)) == {"offer": 10}
        [award] = [r for r in scenario.log if isinstance(r.event, PointsEarned)]
        assert award.envelope.time == NOON - DAY

    def test_a_window_keeps_the_terms_under_which_it_opened(self) -> None:
        """The brand makes the offer harder: who was invited before has what was promised."""
        scenario = club(offer=offer(threshold=2_000))
        scenario.happens(invited("i1"), at=NOON - DAY)
        harder = offer(threshold=8_000)
        scenario.when(AmendRule(rule_id="offer", terms=msg(harder, valid_from=NOON - 2 * HOUR)))
        scenario.happens(invited("i2"), at=NOON - HOUR)
        [award] = scenario.happens(bought("p1", 3_000))
        assert (award.rule_id, award.rule_version) == ("offer", 1)

    def test_in_a_calendar_period(self) -> None:
        """Three purchases in a month, by the calendar of the shop."""
        window = Window(period="month")
        said = Challenge(measure="count", threshold=3, window=window)
        scenario = club(busy=terms(kind="challenge", challenge=said))
        at = [datetime(2026, 2, day, 12, tzinfo=UTC) for day in (1, 15, 28)]
        assert given(scenario.happens(bought("p0"), at=at[0] - DAY)) == {}
        found = [given(scenario.happens(bought(f"q{n}"), at=when)) for n, when in enumerate(at)]
        assert found == [{}, {}, {"busy": 10}]

    def test_over_the_campaign(self) -> None:
        """Only what happens inside its dates counts."""
        said = Challenge(
            measure="sum", amount="event.net", threshold=2_000, window=Window(campaign=True)
        )
        scenario = Scenario()
        scenario = club()
        plan = CampaignPlanned(
            campaign_id="c1", name="C", starts=NOON - DAY, ends=NOON + DAY, currency="EUR"
        )
        scenario.log.append(scenario._record(plan, keep=False))
        publish(scenario, total=terms(kind="challenge", challenge=said, campaign_id="c1"))
        assert given(scenario.happens(bought("p1", 1_500), at=NOON - 2 * DAY)) == {}
        assert given(scenario.happens(bought("p2", 1_500), at=NOON)) == {}
        assert given(scenario.happens(bought("p3", 500), at=NOON)) == {"total": 10}


def msg(said: Any, **changed: Any) -> Any:
    """The same terms with something else."""
    import msgspec  # noqa: PLC0415 - only here

    return msgspec.structs.replace(said, **changed)


def publish(scenario: Scenario, **rules: Any) -> None:
    """Publish rules in a scenario."""
    from domain.publishing import PublishRule  # noqa: PLC0415 - only here

    for rule_id, said in rules.items():
        scenario.when(PublishRule(rule_id=rule_id, terms=said))


class TestConditions:
    @pytest.mark.parametrize(
        "condition, expected",
        [
            ("event.net >= 1000", True),
            ("event.net > 1000", False),
            ("event.contact.channel == 'store'", False),
            ("event.lines.exists(l, l.category == 'coffee')", True),
            ("member.enrolled && member.country == 'FR'", True),
            ("member.tier == ''", True),
            ("member.purchases == 0", True),
            ("local.weekday == 7 && local.hour == 12", True),
            ("time < timestamp('2026-03-01T13:00:00Z')", True),
            ("campaign.running", False),
            ("'marketing/email' in member.consents", False),
        ],
    )
    def test_speak_of_event_member_and_place(self, condition: str, expected: bool) -> None:  # noqa: FBT001
        """What is not there is null, and false in a comparison."""
        scenario = club(rule=terms(condition=condition))
        event = bought("p1", lines=(PurchaseLine(category="coffee", net=1_000),))
        assert bool(given(scenario.happens(event))) is expected

    def test_a_fault_stops_its_own_rule_only(self) -> None:
        """And is told as what it is."""
        scenario = club(
            broken=terms(condition="event.tax > 10"),
            divides=terms(points="event.net / (event.net - 1000)"),
            sound=terms(condition="event.net > 10"),
        )
        assert reasons(scenario, bought("p0")) == {
            "broken": "fault", "divides": "fault", "sound": "awarded",
        }  # fmt: skip
        assert given(scenario.happens(bought("p1"))) == {"sound": 10}

    def test_eligibility_is_looked_at_when_there_is_something_to_give(self) -> None:
        """A challenge counts for everybody, and earns for some."""
        said = terms(kind="first_ever", eligibility="member.country == 'DE'")
        scenario = club(first=said)
        assert reasons(scenario, bought("p0")) == {"first": "eligibility"}


class TestLimits:
    def test_points_are_cut_to_what_is_left(self) -> None:
        """And counted in the calendar period of what they are given for."""
        scenario = club(rule=terms(points="60", limits=RuleLimits(points=100, period="day")))
        found = [given(scenario.happens(bought(f"p{n}"))) for n in range(3)]
        assert found == [{"rule": 60}, {"rule": 40}, {}]
        assert given(scenario.happens(bought("other"), at=NOON - DAY)) == {"rule": 60}
        assert reasons(scenario, bought("p9")) == {"rule": "points_limit"}

    def test_so_many_awards_and_no_more(self) -> None:
        """Each member has a limit of their own."""
        scenario = club(rule=terms(limits=RuleLimits(awards=1)))
        assert given(scenario.happens(bought("p1"))) == {"rule": 10}
        assert reasons(scenario, bought("p2")) == {"rule": "awards_limit"}
        assert given(scenario.happens(bought("p3", member="m2"))) == {"rule": 10}

    def test_a_cooldown_holds_in_both_directions_of_time(self) -> None:
        """A late event is as near to the award after it as to the one before."""
        scenario = club(rule=terms(limits=RuleLimits(cooldown_minutes=120)))
        assert given(scenario.happens(bought("p1"))) == {"rule": 10}
        assert reasons(scenario, bought("p2"), at=NOON - HOUR) == {"rule": "cooldown"}
        assert given(scenario.happens(bought("p3"), at=NOON - 2 * HOUR)) == {"rule": 10}

    def test_a_programme_gives_no_more_than_it_may(self) -> None:
        """By all of its rules and to everybody."""
        limits = RuleLimits(programme_points=25, programme_period="year")
        scenario = club(rule=terms(limits=limits), other=terms(points="4"))
        found = [given(scenario.happens(bought(f"p{n}", member=f"m{n + 1}"))) for n in range(2)]
        assert found == [{"other": 4, "rule": 10}, {"other": 4, "rule": 7}]
        assert reasons(scenario, bought("p9"))["rule"] == "programme_limit"

    def test_a_budget_stops_new_promises(self) -> None:
        """In points and in money; what was promised before stays."""
        scenario = club()
        plan = CampaignPlanned(
            campaign_id="c1", name="C", starts=NOON - DAY, currency="EUR",
            reward_budget=100, reward_budget_points=1_000,
        )  # fmt: skip
        scenario.log.append(scenario._record(plan, keep=False))
        cost = PointCost(amount=1, currency="EUR", points=3)
        publish(scenario, rule=terms(points="event.net", campaign_id="c1", cost=cost))
        [award] = scenario.happens(bought("p1", 200))
        assert award.cost is not None
        assert (award.cost.amount, award.cost.currency) == (67, "EUR")
        [finding] = scenario.why(bought("p2", 100))
        assert (finding.reason, finding.detail[:22]) == ("budget", "reward-budget-exceeded")
        assert scenario.happens(bought("p3", 100)) == []
        assert scenario.view(Promises("campaign:c1")).points == 200

    def test_an_exhausted_budget_of_the_events_own_campaign(self) -> None:
        """What names no campaign is paid by nobody's budget."""
        scenario = club()
        plan = CampaignPlanned(
            campaign_id="c1", name="C", starts=NOON - DAY, currency="EUR", reward_budget_points=15
        )
        scenario.log.append(scenario._record(plan, keep=False))
        publish(scenario, one=terms(event_campaign=True), two=terms(event_campaign=True))
        assert given(scenario.happens(bought("p1", campaign_id="c1"))) == {"one": 10}
        assert given(scenario.happens(bought("p2"))) == {"one": 10, "two": 10}


class TestVersions:
    def test_a_late_event_is_judged_by_the_version_of_its_time(self) -> None:
        """A purchase of last month that arrives today."""
        scenario = club(rule=terms(points="10"))
        scenario.when(AmendRule(rule_id="rule", terms=terms(points="99", valid_from=NOON - HOUR)))
        [late] = scenario.happens(bought("late"), at=NOON - 30 * DAY)
        [today] = scenario.happens(bought("today"))
        assert (late.points, late.rule_version) == (10, 1)
        assert (today.points, today.rule_version) == (99, 2)

    def test_a_version_with_an_end_gives_way_to_the_one_before(self) -> None:
        """A week of double points, published as an amendment."""
        scenario = club(rule=terms(points="10"))
        week = terms(points="20", valid_from=NOON - 3 * DAY, valid_until=NOON - DAY)
        scenario.when(AmendRule(rule_id="rule", terms=week))
        times = [NOON - 4 * DAY, NOON - 3 * DAY, NOON - DAY]
        found = [given(scenario.happens(bought(f"p{n}"), at=at)) for n, at in enumerate(times)]
        assert [one["rule"] for one in found] == [10, 20, 10]

    def test_a_retired_rule_gives_for_what_happened_before(self) -> None:
        """And says that it is not in force for what comes later."""
        scenario = club(rule=terms())
        scenario.when(RetireRule(rule_id="rule", time=NOON - DAY))
        assert given(scenario.happens(bought("p1"))) == {}
        assert given(scenario.happens(bought("p2"), at=NOON - 2 * DAY)) == {"rule": 10}
        assert reasons(scenario, bought("p3")) == {"rule": "not_in_force"}

    def test_before_it_was_valid_a_rule_gives_nothing(self) -> None:
        """Without valid_from it is valid from its publication."""
        scenario = club(rule=terms(valid_from=None))
        assert given(scenario.happens(bought("p1"), at=NOON - HOUR)) == {}
        assert given(scenario.happens(bought("p2"))) == {"rule": 10}


class TestLifetimes:
    @pytest.mark.parametrize(
        "expiry, expected",
        [
            (None, None),
            (ExpiryPolicy(kind="rolling", months=12), datetime(2027, 3, 1, 12, tzinfo=UTC)),
            (ExpiryPolicy(kind="rolling", days=10), datetime(2026, 3, 11, 12, tzinfo=UTC)),
            (ExpiryPolicy(kind="end_of_month"), datetime(2026, 4, 1, tzinfo=UTC)),
            (ExpiryPolicy(kind="end_of_quarter"), datetime(2026, 4, 1, tzinfo=UTC)),
            (ExpiryPolicy(kind="end_of_year", months=12), datetime(2028, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_points_wait_and_end(self, expiry: Any, expected: datetime | None) -> None:
        """ExpiryPolicy counts from the instant at which they can be spent."""
        scenario = club(rule=terms(available_after_minutes=60, expiry=expiry))
        [award] = scenario.happens(bought("p1"))
        assert award.available_from == NOON + HOUR
        assert award.expires_at == expected

    def test_what_a_rule_does_not_say_the_programme_says(self) -> None:
        """Its expiry, what the points await, and whether they are ever owed."""
        scenario = club(rule=terms(), own=terms(awaits="delivered", available_after_minutes=5))
        stars = CurrencyTerms(
            points_currency="stars",
            expiry=ExpiryPolicy(kind="rolling", days=20),
            activation=ActivationPolicy(days=2, awaits="checked"),
            inactive_days=90,
        )
        opened = ProgrammeOpened(
            programme="club", name="Club", time_zone="Europe/Paris", currencies=(stars,)
        )
        scenario.log.append(scenario._record(opened, time=NOON - DAY, keep=False))
        own, rule = scenario.happens(bought("p1"))
        assert (rule.awaits, rule.available_from) == ("checked", NOON + 2 * DAY)
        assert (own.awaits, own.available_from) == ("delivered", NOON + timedelta(minutes=5))
        assert rule.expires_at == own.expires_at == NOON + 20 * DAY
        assert (rule.inactive_days, rule.never_owed) == (90, True)


class TestWho:
    def test_who_holds_no_account_earns_nothing(self) -> None:
        """Nor does nobody at all."""
        scenario = club(rule=terms(points_currency="miles"))
        assert reasons(scenario, bought("p1")) == {"rule": "no_account"}
        assert reasons(scenario, bought("p2", member=None)) == {"rule": "no_member"}

    def test_an_anonymous_card_earns(self) -> None:
        """RuleLimits count for the card then."""
        scenario = club(rule=terms(limits=RuleLimits(awards=1)))
        card = AccountOpened(account_id="card", programme="club", points_currency="stars")
        scenario.log.append(scenario._record(card, keep=False))
        [award] = scenario.happens(bought("p1", member=None, account_id="card"))
        assert (award.account_id, award.member_id) == ("card", None)
        event = bought("p2", member=None, account_id="card")
        assert reasons(scenario, event) == {"rule": "awards_limit"}

    def test_a_household_earns_for_whom_came_later(self) -> None:
        """The account was opened by others; that it is of the programme is found out."""
        scenario = club(rule=terms(points_currency="miles"))
        for event in (
            AccountOpened(account_id="house", programme="club", points_currency="miles"),
            HolderAdded(account_id="house", member_id="m1"),
        ):
            scenario.log.append(scenario._record(event, keep=False))
        [award] = scenario.happens(bought("p1"))
        assert (award.account_id, award.member_id) == ("house", "m1")

    def test_opening_an_account_earns_on_it(self) -> None:
        """A welcome bonus."""
        from domain.accounts import OpenAccount  # noqa: PLC0415 - only here

        scenario = club(hello=terms(trigger="account.opened"))
        command = OpenAccount(
            account_id="a9", programme="club", points_currency="stars", holders=("m1",)
        )
        _, award = scenario.when(command)
        assert (award.account_id, award.points) == ("a9", 10)


class TestWhatDoesNotCount:
    def test_what_is_told_twice_earns_once(self) -> None:
        """Under another event id it is the same purchase."""
        scenario = club(rule=terms())
        assert given(scenario.happens(bought("p1"))) == {"rule": 10}
        assert given(scenario.happens(bought("p1"))) == {}
        assert reasons(scenario, bought("p1")) == {"rule": "repeated"}

    def test_a_disqualified_participation_earns_nothing(self) -> None:
        """It is decided in the same batch, before the rules are asked."""
        scenario = club(play=terms(trigger="participation.recorded"))
        plan = CampaignPlanned(
            campaign_id="c1", name="C", starts=NOON - DAY, ends=NOON, currency="EUR"
        )
        added = ActivationAdded(activation_id="n1", campaign_id="c1", kind="game")
        for event in (plan, added):
            scenario.log.append(scenario._record(event, keep=False))
        played = [
            ParticipationRecorded(
                participation_id=f"t{n}", member_id="m1", campaign_id="c1", activation_id="n1"
            )
            for n in range(2)
        ]
        assert given(scenario.happens(played[0], at=NOON - HOUR)) == {"play": 10}
        assert reasons(scenario, played[1]) == {"play": "disqualified"}
        assert given(scenario.happens(played[1])) == {}

    def test_a_purchase_that_was_brought_back_before_earns_what_is_left(self) -> None:
        """The return was recorded first."""
        per = PerAmount(amount="event.net", per=100)
        scenario = club(spend=terms(kind="per_amount", points="1", per_amount=per))
        scenario.happens(
            PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=300)
        )
        followed = scenario.happens(bought("p1", 1_000))
        taken = [event for event in followed if isinstance(event, PointsClawedBack)]
        assert given(followed) == {"spend": 10}
        assert [event.points for event in taken] == [3]

    def test_a_later_return_takes_its_share_back(self) -> None:
        """Like that of any award for a purchase."""
        scenario = club(rule=terms())
        scenario.happens(bought("p1", 1_000))
        returned = PurchaseReturned(return_id="r1", purchase_id="p1", currency="EUR", net=500)
        followed = scenario.happens(returned)
        assert [event.points for event in followed if isinstance(event, PointsClawedBack)] == [5]

    def test_what_is_voided_gives_back_what_it_earned(self) -> None:
        """A visit names no cause of its own: its award is found all the same."""
        scenario = club(visit=terms(trigger="visit.recorded"), buy=terms())
        for event in (VisitRecorded(member_id="m1"), bought("p1")):
            assert sum(given(scenario.happens(event)).values()) == 10
            [position] = [r.envelope.position for r in scenario.log if r.event == event]
            followed = scenario.when(VoidEvent(position=position, reason="wrong"))
            taken = [one.points for one in followed if isinstance(one, PointsClawedBack)]
            assert taken == [10]

    def test_rules_of_another_trigger_are_not_asked(self) -> None:
        """A visit is no purchase."""
        scenario = club(rule=terms())
        assert scenario.happens(VisitRecorded(member_id="m1")) == []
