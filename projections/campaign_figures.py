"""The figures of a campaign that are ratios: with both parts, their population and their window."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from projections.campaign_plans import AFTER_DAYS, PlanRow

PARTICIPANTS = "people with a participation in the campaign that was not disqualified"
PAID_ORIGIN = "participants who came, in any such participation, through a paid contact"
WHILE_IT_RAN = "participations of the campaign, whenever they were recorded"


class Figure(msgspec.Struct, kw_only=True):
    """One measure of one campaign, as the fraction that it is."""

    named_by: ClassVar[tuple[str, ...]] = ("name", "currency")

    name: str
    numerator: int
    """A count, or minor units of ``currency``."""
    denominator: int
    """Zero: there is no such figure (yet)."""
    currency: str | None = None
    amount: int | None = None
    """Of a figure in money: numerator / denominator to the nearest minor unit."""
    population: str
    window: str
    since: datetime | None = None
    until: datetime | None = None
    """The window as instants, where it has any: from the first to before the second."""
    formula: str


class Counts(Protocol):
    """The counts of people that figures are made of."""

    participants: int
    known: int
    paid_origin: int
    re_bought: int
    enrolments: int
    new_customers: int


class Figures:
    """Computes the figures of one campaign."""

    def __init__(
        self, plan: PlanRow, people: Counts, full_cost: dict[str, int], media_cost: dict[str, int]
    ) -> None:
        self.plan = plan
        self.people = people
        self.full_cost = full_cost
        self.media_cost = media_cost

    def all(self) -> tuple[Figure, ...]:
        """Every figure; those in money once for each currency that something was spent in."""
        people = self.people
        audience = (
            Figure(
                name="known_audience",
                numerator=people.known,
                denominator=people.participants,
                population=PARTICIPANTS,
                window=WHILE_IT_RAN,
                formula="participants who were members before it began / participants",
            ),
            Figure(
                name="re_bought_audience",
                numerator=people.re_bought,
                denominator=people.paid_origin,
                population=PAID_ORIGIN,
                window=WHILE_IT_RAN,
                formula="of these, members before it began who could be written to then, on a "
                "channel of the brand's own / paid-origin participants",
            ),
        )
        re_bought = tuple(
            self._re_bought_cost(currency, cost) for currency, cost in self.media_cost.items()
        )
        costs = tuple(
            figure
            for currency, cost in self.full_cost.items()
            for figure in self._costs_per(currency, cost)
        )
        return audience + re_bought + costs

    def _re_bought_cost(self, currency: str, media_cost: int) -> Figure:
        people = self.people
        numerator, denominator = people.re_bought * media_cost, people.paid_origin
        return Figure(
            name="re_bought_cost",
            numerator=numerator,
            denominator=denominator,
            currency=currency,
            amount=nearest(numerator, denominator),
            population=PAID_ORIGIN,
            window=WHILE_IT_RAN,
            formula="re-bought audience x media cost: money spent on people whom the brand could "
            "have written to",
        )

    def _costs_per(self, currency: str, cost: int) -> tuple[Figure, ...]:
        people, plan = self.people, self.plan
        after = f"from the campaign's start to {AFTER_DAYS} days after its end"
        each = (
            ("participant", people.participants, PARTICIPANTS, WHILE_IT_RAN, False),
            (
                "enrolment",
                people.enrolments,
                "members whose enrolment names the campaign",
                "enrolments that name the campaign, whenever they were recorded",
                False,
            ),
            (
                "new_customer",
                people.new_customers,
                "participants, and members enrolled by the campaign, whose first purchase ever "
                "lies in the window",
                after if plan.over is not None else "from the campaign's start on",
                True,
            ),
        )
        return tuple(
            Figure(
                name=f"cost_per_{name}",
                numerator=cost,
                denominator=count,
                currency=currency,
                amount=nearest(cost, count),
                population=population,
                window=window,
                since=plan.starts if bounded else None,
                until=plan.revenue_until if bounded else None,
                formula=f"full cost in {currency} / {name.replace('_', ' ')}s",
            )
            for name, count, population, window, bounded in each
        )


def nearest(numerator: int, denominator: int) -> int | None:
    """The quotient to the nearest integer, halves away from zero; None: it is undefined."""
    if denominator == 0:
        return None
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    return sign * ((2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator)))
