"""What campaigns cost and what was seen for it: orders, invoices, hours, impressions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from domain.spending import CostRecorded, CostStatus, ImpressionsReported, Stage
from domain.types import Money
from filrouge.simulator.brand import CURRENCY, midnight_of
from filrouge.simulator.plan import ALWAYS_ON, Campaign
from filrouge.simulator.state import Day, State
from filrouge.simulator.taking_part import PASSERS_BY

FINANCE: Final = "finance"
MEDIA: Final = "media-desk"
CENTS_PER_THOUSAND: Final = 640
HOURLY_CENTS: Final = {"community-manager": 3_800, "store-staff": 2_600, "crm-manager": 5_200}


def expected(state: State, campaign: Campaign) -> tuple[int, int]:
    """How many participants are expected: all, and those whom media are to bring."""
    enrolled = state.plan.enrolled
    new = enrolled[campaign.last] - enrolled[max(0, campaign.first - 1)]
    known = enrolled[campaign.first] * 0.15
    others = new * PASSERS_BY
    paid = (new + others) * campaign.idea.paid + known * (0.15 + 0.2 * campaign.idea.paid)
    return max(10, round(new + others + known)), max(5, round(paid))


def _media_cents(state: State, campaign: Campaign) -> int:
    return expected(state, campaign)[1] * campaign.idea.media_cents


def _cost(
    day: Day, campaign_id: str, kind: str, status: CostStatus, cents: int, at: float, **more: Any
) -> None:
    """Something costs: its tax is known for what suppliers invoice."""
    tax = 0 if kind == "labour" else cents // 5
    cost = Money(amount=cents + tax, currency=CURRENCY, net=cents, tax=tax)
    recorded = CostRecorded(campaign_id=campaign_id, kind=kind, status=status, cost=cost, **more)
    day.add(recorded, FINANCE, at)


def _labour(day: Day, campaign_id: str, role: str, hours: float, at: float) -> None:
    minutes = max(15, round(hours * 4) * 15)
    _cost(
        day, campaign_id, "labour", "actual", minutes * HOURLY_CENTS[role] // 60, at,
        labour_minutes=minutes, role=role,
        hourly_rate=Money(amount=HOURLY_CENTS[role], currency=CURRENCY),
    )  # fmt: skip


def _orders(state: State, campaign: Campaign) -> list[tuple[str, str, int]]:
    """What is ordered for a campaign: kind, supplier and cents before tax."""
    people, _ = expected(state, campaign)
    media = _media_cents(state, campaign)
    return [
        ("agency", "Studio Navette", media * 18 // 100 + people * 40),
        ("production", "Atelier Bobine", people * 70 + 15_000),
        ("platform", "Jeux & Cie", people * 18 + 9_000),
    ]


def commit(state: State, day: Day, campaign: Campaign) -> None:
    """Three weeks before it begins, everything is ordered."""
    name = campaign.campaign_id
    media = _media_cents(state, campaign)
    for channel in campaign.idea.channels:
        part = media // len(campaign.idea.channels)
        _cost(
            day, name, "media", "committed", part, 50_400, channel=channel,
            cost_id=f"{name}.media.{channel}", supplier=f"{channel} ads", budget_owner="media",
        )  # fmt: skip
    for kind, supplier, cents in _orders(state, campaign):
        _cost(
            day, name, kind, "committed", cents, 50_460,
            cost_id=f"{name}.{kind}", supplier=supplier, budget_owner="marketing",
        )  # fmt: skip
    _labour(day, name, "crm-manager", 3, 61_000)


def report_week(state: State, day: Day, campaign: Campaign, days: int) -> None:
    """At the end of a week: what media cost and showed, and the hours that people put in."""
    dice, name = day.dice, campaign.campaign_id
    length = campaign.last - campaign.first + 1
    since = state.plan.date_of(day.number - days + 1)
    for channel in campaign.idea.channels:
        planned = _media_cents(state, campaign) // len(campaign.idea.channels) * days // length
        spent = int(planned * (0.9 + 0.18 * dice.random()))
        _cost(
            day, name, "media", "actual", spent, 79_000, channel=channel,
            cost_id=f"{name}.media.{channel}", supplier=f"{channel} ads",
            invoice=f"{name}-{channel}-{day.number}",
            service_from=since.isoformat(), service_until=day.date.isoformat(),
        )  # fmt: skip
        _impressions(day, campaign, channel, spent, midnight_of(since))
    _, paid = expected(state, campaign)
    _labour(day, name, "community-manager", 1.5 + paid * days / length / 40, 80_000)
    if campaign.activations[0].game.kind == "store-event":
        _labour(day, name, "store-staff", 4 + paid * days / length / 10, 80_100)


def _impressions(day: Day, campaign: Campaign, channel: str, spent: int, since: datetime) -> None:
    """What the seller announces, and how much less of it anybody could see."""
    dice = day.dice
    announced = max(200, spent * 1_000 // CENTS_PER_THOUSAND)
    served = int(announced * (0.88 + 0.08 * dice.random()))
    viewable = int(announced * (0.41 + 0.18 * dice.random()))
    measurable = max(viewable, int(served * (0.78 + 0.14 * dice.random())))
    stages: dict[Stage, tuple[int, int | None, str]] = {
        "announced": (announced, None, f"{channel} ads"),
        "served": (served, int(served * (0.02 + 0.06 * dice.random())), "ad server"),
        "measurable": (measurable, None, "Mesure indépendante"),
        "viewable": (viewable, None, "Mesure indépendante"),
    }
    for stage, (count, invalid, reporter) in stages.items():
        reported = ImpressionsReported(
            campaign_id=campaign.campaign_id,
            channel=channel,
            stage=stage,
            count=count,
            invalid_count=invalid,
            period_starts=since,
            period_ends=day.time(79_200),
            reported_by=reporter,
            cost_per_thousand=Money(amount=CENTS_PER_THOUSAND, currency=CURRENCY),
        )
        day.add(reported, MEDIA, 79_300)


def settle(state: State, day: Day, campaign: Campaign) -> None:
    """After the end: invoices, a credit note where something was not delivered, and closing."""
    name = campaign.campaign_id
    for kind, supplier, cents in _orders(state, campaign):
        actual = int(cents * (0.96 + 0.12 * day.dice.random()))
        more = {"cost_id": f"{name}.{kind}", "supplier": supplier, "budget_owner": "marketing"}
        if kind == "agency":
            _cost(day, name, kind, "accrued", cents, 35_000, **more)
        _cost(day, name, kind, "actual", actual, 36_000, invoice=f"{name}-{kind}", **more)
        if kind == "production" and day.dice.happens(0.3):
            credit = f"{name}-{kind}-credit"
            _cost(day, name, kind, "credit_note", actual // 12, 37_000, invoice=credit, **more)
    people, _ = expected(state, campaign)
    _cost(day, name, "other", "actual", people * 9, 38_000, supplier="Envoi des lots")
    _labour(day, name, "crm-manager", 2, 39_000)


def pay_for_programme(state: State, day: Day) -> None:
    """Once a month, what the always-on programme costs: its platform, and two people's hours."""
    cents = 12_000 + state.enrolled * 6
    _cost(
        day, ALWAYS_ON, "platform", "actual", cents, 33_000,
        supplier="Hébergement", invoice=f"platform-{day.month}",
    )  # fmt: skip
    _labour(day, ALWAYS_ON, "community-manager", 6 + state.enrolled / 220, 33_100)
    _labour(day, ALWAYS_ON, "crm-manager", 4 + state.enrolled / 400, 33_200)
