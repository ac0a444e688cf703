"""The campaign desk: plans, activations, budgets, experiments, and closing at the end."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from domain.activations import ActivationAdded, ActivationAmended, ContestRulesPublished, Prize
from domain.campaigns import CampaignAmended, CampaignClosed, CampaignPlanned, Objective
from domain.experiments import Cell, ExperimentStarted
from domain.programmes import ProgrammeOpened
from domain.terms import CurrencyTerms, ExpiryPolicy, PointsPrice
from filrouge.simulator import mailing, money, taking_part
from filrouge.simulator.brand import (
    CURRENCY,
    POINTS_CURRENCY,
    PROGRAMME,
    PROGRAMME_NAME,
    TIME_ZONE,
    midnight_of,
)
from filrouge.simulator.loyalty import (
    EXPECTED_REDEMPTION,
    LASTING_MONTHS,
    PRIZE_CENTS,
    VOUCHER_CENTS,
    VOUCHER_COST_CENTS,
    VOUCHER_POINTS,
)
from filrouge.simulator.plan import (
    ALWAYS_ON,
    ALWAYS_ON_NAME,
    CLOSED_DAYS_AFTER,
    PLANNED_DAYS_BEFORE,
    Campaign,
)
from filrouge.simulator.state import Day, State

SOURCE: Final = "campaign-desk"
COUNTRIES: Final = ("FR", "BE", "LU", "PT", "IT", "DE", "ES", "FI")
PROMISED_CENTS_PER_PERSON: Final = 90
"""The reward budget, for each participant who is expected."""
ACTIVATIONS_DAYS_BEFORE: Final = 14
EXPERIMENT_DAYS_BEFORE: Final = 2
SECOND_WAVE_DAYS_AFTER: Final = 2
AMENDED_DAYS_AFTER: Final = 9
AMENDED_SHARE: Final = 0.4
LAST_WEEKDAY: Final = 6


def work(state: State, day: Day) -> None:
    """What the desk does today, for every campaign and for the programme."""
    if day.number == 0:
        _plan_programme(state, day)
    elif day.date.day == 1:
        money.pay_for_programme(state, day)
    for campaign in state.plan.campaigns:
        if campaign.first - PLANNED_DAYS_BEFORE <= day.number <= campaign.last + CLOSED_DAYS_AFTER:
            _work_on(state, day, campaign)


def _work_on(state: State, day: Day, campaign: Campaign) -> None:
    today = day.number - campaign.first
    if today == -PLANNED_DAYS_BEFORE:
        _plan(state, day, campaign)
        money.commit(state, day, campaign)
    elif today == -ACTIVATIONS_DAYS_BEFORE:
        _add_activations(day, campaign)
    elif today == -EXPERIMENT_DAYS_BEFORE and campaign.idea.holdout_percent:
        _start_experiment(day, campaign)
        mailing.assign(state, day, campaign)
    elif today == 0:
        taking_part.gather(state, day, campaign)
        mailing.send(state, day, campaign, 0)
    elif today == SECOND_WAVE_DAYS_AFTER:
        mailing.send(state, day, campaign, 1)
    elif day.number == campaign.last + CLOSED_DAYS_AFTER:
        _close(state, day, campaign)
    amended = state.chance("amended", campaign.number) < AMENDED_SHARE
    if amended and today == AMENDED_DAYS_AFTER:
        _amend(state, day, campaign)
    weekday = today % 7
    if campaign.runs(day.number) and (weekday == LAST_WEEKDAY or day.number == campaign.last):
        money.report_week(state, day, campaign, weekday + 1)


def _plan(state: State, day: Day, campaign: Campaign) -> None:
    people, _ = money.expected(state, campaign)
    budget = people * PROMISED_CENTS_PER_PERSON
    state.reward_budgets[campaign.campaign_id] = budget
    deadline = state.plan.date_of(campaign.last).isoformat()
    new = state.plan.enrolled[campaign.last] - state.plan.enrolled[campaign.first]
    day.add(
        CampaignPlanned(
            campaign_id=campaign.campaign_id,
            name=campaign.name,
            parent_id=ALWAYS_ON,
            programme=PROGRAMME,
            countries=COUNTRIES[:3] if campaign.number % 2 else COUNTRIES,
            starts=midnight_of(state.plan.date_of(campaign.first)),
            ends=midnight_of(state.plan.date_of(campaign.last + 1)),
            currency=CURRENCY,
            objectives=(
                Objective(metric="participations", target=people, deadline=deadline),
                Objective(metric="enrolments", target=new, unit="members", deadline=deadline),
            ),
            reward_budget=budget,
        ),
        SOURCE,
        36_000,
    )


def _plan_programme(state: State, day: Day) -> None:
    points = CurrencyTerms(
        points_currency=POINTS_CURRENCY,
        expiry=ExpiryPolicy(kind="end_of_month", months=LASTING_MONTHS),
        owes=True,
        fair_value=PointsPrice(amount=VOUCHER_CENTS, currency=CURRENCY, points=VOUCHER_POINTS),
        expected_redemption=EXPECTED_REDEMPTION,
        cost=PointsPrice(amount=VOUCHER_COST_CENTS, currency=CURRENCY, points=VOUCHER_POINTS),
    )
    opened = ProgrammeOpened(
        programme=PROGRAMME, name=PROGRAMME_NAME, time_zone=TIME_ZONE, currencies=(points,)
    )
    day.add(opened, SOURCE, 0)
    planned = CampaignPlanned(
        campaign_id=ALWAYS_ON,
        name=ALWAYS_ON_NAME,
        programme=PROGRAMME,
        countries=COUNTRIES,
        starts=midnight_of(state.plan.first_date),
        currency=CURRENCY,
    )
    day.add(planned, SOURCE, 0)


def _add_activations(day: Day, campaign: Campaign) -> None:
    for activation in campaign.activations:
        game = activation.game
        added = ActivationAdded(
            activation_id=activation.activation_id,
            campaign_id=campaign.campaign_id,
            kind=game.kind,
            name=f"{campaign.idea.name}: {game.slug}",
            entries_max=game.entries_max,
            entries_period=game.entries_period,
            rules_version=1,
        )
        day.add(added, SOURCE, 39_600)
        if game.kind in ("game", "contest", "quiz"):
            day.add(_rules(campaign, activation.activation_id), SOURCE, 39_660)


def _rules(campaign: Campaign, activation_id: str) -> ContestRulesPublished:
    digest = urlsafe_b64encode(sha256(activation_id.encode()).digest()).rstrip(b"=").decode()
    return ContestRulesPublished(
        activation_id=activation_id,
        campaign_id=campaign.campaign_id,
        rules_version=1,
        digest=digest,
        language="fr",
        jurisdiction="FR",
        eligibility="adults who live in the countries of the campaign, one account each",
        prizes=(
            Prize(name="Coffret fil rouge", quantity=20, value=PRIZE_CENTS, currency=CURRENCY),
        ),
        deposit_reference=f"HJ-{campaign.number + 1:04d}",
    )


def _start_experiment(day: Day, campaign: Campaign) -> None:
    percent = campaign.idea.holdout_percent
    started = ExperimentStarted(
        experiment_id=mailing.experiment_of(campaign),
        campaign_id=campaign.campaign_id,
        name=f"{campaign.name}: what the messages change",
        cells=(
            Cell(cell="treated", weight=100 - percent),
            Cell(cell="holdout", weight=percent, holdout=True),
        ),
        seed=f"seed-{campaign.number}",
    )
    day.add(started, SOURCE, 61_200)


def _amend(state: State, day: Day, campaign: Campaign) -> None:
    """The campaign goes well: its reward budget is raised, and its rules are made clearer."""
    budget = state.reward_budgets[campaign.campaign_id] * 5 // 4
    state.reward_budgets[campaign.campaign_id] = budget
    raised = CampaignAmended(campaign_id=campaign.campaign_id, reward_budget=budget)
    day.add(raised, SOURCE, 41_000)
    clearer = ActivationAmended(
        activation_id=campaign.activations[0].activation_id,
        campaign_id=campaign.campaign_id,
        rules_version=2,
    )
    day.add(clearer, SOURCE, 41_060)


def _close(state: State, day: Day, campaign: Campaign) -> None:
    """After the end the invoices come, and the campaign is closed."""
    money.settle(state, day, campaign)
    closed = CampaignClosed(campaign_id=campaign.campaign_id, reason="over and settled")
    day.add(closed, SOURCE, 64_000)
