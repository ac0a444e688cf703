"""The years ahead: which campaigns come when, what they are to cost, and when members enrol."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate
from typing import Final, NamedTuple

from domain.activations import Period
from filrouge.simulator.brand import MONTH_TRAFFIC

LAST_DAY: Final = date(2026, 6, 30)
"""Every history ends on this day, however long it is."""
YEAR_DAYS: Final = 365.25
OPENING_DAYS: Final = 45
"""In the first weeks, holders of the old paper card enrol."""
OPENING_SHARE: Final = 0.12
CAMPAIGN_SHARE: Final = 0.55
"""The share of members who enrol in a campaign; the others in a shop, on the site, by a friend."""


class Game(NamedTuple):
    """An activation as it comes back every year."""

    slug: str
    kind: str
    entries_max: int | None
    entries_period: Period
    points: int
    """What taking part earns."""


class Idea(NamedTuple):
    """A campaign as it comes back every year."""

    slug: str
    name: str
    month: int
    day: int
    length_days: int
    games: tuple[Game, ...]
    enrols: float
    """Its part of the members whom campaigns bring, beside the others."""
    paid: float
    """The share of new people whom paid media bring."""
    channels: tuple[str, ...]
    """Where media are bought."""
    media_cents: int
    """What is paid for each participant whom media are to bring."""
    push: float = 1.0
    """How much more often than usual members share and refer while it runs."""
    holdout_percent: int = 0
    """Members left out on purpose, to measure what the campaign changes."""


def _game(
    slug: str, kind: str, limit: int | None = 1, period: Period = "campaign", points: int = 40
) -> Game:
    return Game(slug, kind, limit, period, points)


IDEAS: Final = (
    Idea(
        "galette",
        "La fève d'or",
        1,
        4,
        18,
        (_game("quiz", "quiz"),),
        0.9,
        0.62,
        ("facebook", "instagram"),
        880,
    ),
    Idea(
        "printemps",
        "Le fil du printemps",
        3,
        14,
        24,
        (_game("roue", "game", 1, "day", 25), _game("lookbook", "content", 3)),
        1.3,
        0.70,
        ("instagram", "facebook", "youtube"),
        990,
    ),
    Idea(
        "ta-marraine",
        "Chacun son filleul",
        5,
        9,
        30,
        (_game("defi", "referral"),),
        1.1,
        0.30,
        ("instagram",),
        760,
        4.0,
    ),
    Idea(
        "atelier",
        "Les ateliers de couture",
        6,
        6,
        16,
        (_game("atelier", "store-event", 2),),
        0.5,
        0.45,
        ("facebook",),
        840,
    ),
    Idea(
        "rentree",
        "La rentrée du vestiaire",
        9,
        3,
        26,
        (_game("styliste", "chatbot", 1, "week", 30), _game("vote", "poll")),
        1.0,
        0.66,
        ("messenger", "facebook", "instagram"),
        940,
        1.0,
        10,
    ),
    Idea(
        "concours-photo",
        "Ma rayure à moi",
        10,
        10,
        22,
        (_game("photo", "contest", 2, "campaign", 60),),
        0.8,
        0.58,
        ("instagram", "x"),
        900,
        2.0,
    ),
    Idea(
        "avent",
        "Vingt-quatre fenêtres",
        12,
        1,
        24,
        (_game("fenetre", "game", 1, "day", 15),),
        1.6,
        0.68,
        ("facebook", "instagram", "youtube"),
        1080,
        1.5,
    ),
)


class Activation(NamedTuple):
    """An activation of one campaign."""

    activation_id: str
    game: Game


class Campaign(NamedTuple):
    """One campaign of one year, with its dates as numbers of days since the history's first."""

    number: int
    campaign_id: str
    name: str
    idea: Idea
    first: int
    last: int
    """The last day on which it runs."""
    activations: tuple[Activation, ...]

    def runs(self, day: int) -> bool:
        """Whether it runs on a day."""
        return self.first <= day <= self.last


ALWAYS_ON: Final = "le-cercle-toujours"
ALWAYS_ON_NAME: Final = "Le Cercle, toute l'année"


class Plan(NamedTuple):
    """The whole history at a glance."""

    first_date: date
    days: int
    campaigns: tuple[Campaign, ...]
    enrolled: tuple[int, ...]
    """How many have enrolled by the end of each day; the last is the number of members."""

    def date_of(self, day: int) -> date:
        """The calendar day of a number of days since the first."""
        return self.first_date + timedelta(days=day)

    def enrolling(self, day: int) -> range:
        """The numbers of the members who enrol on a day."""
        return range(self.enrolled[day - 1] if day else 0, self.enrolled[day])

    def running(self, day: int) -> tuple[Campaign, ...]:
        """The campaigns that run on a day."""
        return tuple(campaign for campaign in self.campaigns if campaign.runs(day))


def plan_of(members: int, years: float) -> Plan:
    """Plan a history of so many members and years."""
    days = max(1, round(years * YEAR_DAYS))
    first = LAST_DAY - timedelta(days=days - 1)
    campaigns = _campaigns(first, days)
    return Plan(first, days, campaigns, _enrolled(members, first, days, campaigns))


def _campaigns(first: date, days: int) -> tuple[Campaign, ...]:
    found: list[Campaign] = []
    for year in range(first.year, LAST_DAY.year + 1):
        for idea in IDEAS:
            start = (date(year, idea.month, idea.day) - first).days
            last = start + idea.length_days - 1
            # Only whole ones: three weeks of planning before, and a week for the accounts after.
            if start >= PLANNED_DAYS_BEFORE and last + CLOSED_DAYS_AFTER < days:
                name = f"{idea.slug}-{year}"
                activations = tuple(Activation(f"{name}-{game.slug}", game) for game in idea.games)
                found.append(
                    Campaign(
                        len(found), name, f"{idea.name} {year}", idea, start, last, activations
                    )
                )
    return tuple(found)


PLANNED_DAYS_BEFORE: Final = 21
CLOSED_DAYS_AFTER: Final = 8


def _enrolled(
    members: int, first: date, days: int, campaigns: tuple[Campaign, ...]
) -> tuple[int, ...]:
    calm = [MONTH_TRAFFIC[(first + timedelta(days=day)).month - 1] for day in range(days)]
    opening = min(OPENING_DAYS, days)
    campaigning = CAMPAIGN_SHARE if campaigns else 0.0
    whole = sum(campaign.idea.enrols for campaign in campaigns) or 1.0
    weights = [
        traffic / sum(calm) * (1.0 - OPENING_SHARE - campaigning)
        + (OPENING_SHARE / opening if day < opening else 0.0)
        for day, traffic in enumerate(calm)
    ]
    for campaign in campaigns:
        length = campaign.last - campaign.first + 1
        for day in range(campaign.first, campaign.last + 1):
            # Lively in the first days, then less so.
            lively = 2.0 * (campaign.last + 1 - day) / (length + 1)
            weights[day] += campaigning * campaign.idea.enrols / whole * lively / length
    total = sum(weights)
    return tuple(round(members * part / total) for part in accumulate(weights))
