"""The brand whose history is told, Maison Aubrelle: invented, with shops, a site and articles."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from filrouge.simulator.chance import Weighted

NAME: Final = "Maison Aubrelle"
CURRENCY: Final = "EUR"
TIME_ZONE: Final = "Europe/Paris"
PROGRAMME: Final = "le-cercle"
PROGRAMME_NAME: Final = "Le Cercle"
POINTS_CURRENCY: Final = "points"
DEVICE_KINDS: Final = ("iphone", "android", "laptop", "tablet")


class Store(NamedTuple):
    """A shop: where it stands decides its clock, its tax and its visitors' language."""

    store_id: str
    country: str
    language: str
    zone: str
    tax_percent: int


STORES: Final = (
    Store("paris-marais", "FR", "fr", "Europe/Paris", 20),
    Store("lyon-bellecour", "FR", "fr", "Europe/Paris", 20),
    Store("bruxelles-dansaert", "BE", "fr", "Europe/Brussels", 21),
    Store("lille-vieille-bourse", "FR", "fr", "Europe/Paris", 20),
    Store("lisboa-chiado", "PT", "pt", "Europe/Lisbon", 23),
    Store("bordeaux-chartrons", "FR", "fr", "Europe/Paris", 20),
    Store("milano-brera", "IT", "it", "Europe/Rome", 22),
    Store("paris-passy", "FR", "fr", "Europe/Paris", 20),
    Store("nantes-feydeau", "FR", "fr", "Europe/Paris", 20),
    Store("berlin-mitte", "DE", "de", "Europe/Berlin", 19),
    Store("marseille-vieux-port", "FR", "fr", "Europe/Paris", 20),
    Store("barcelona-born", "ES", "es", "Europe/Madrid", 21),
    Store("strasbourg-krutenau", "FR", "fr", "Europe/Paris", 20),
    Store("luxembourg-grund", "LU", "fr", "Europe/Luxembourg", 17),
    Store("helsinki-punavuori", "FI", "fi", "Europe/Helsinki", 26),
    Store("toulouse-carmes", "FR", "fr", "Europe/Paris", 20),
)
WEB: Final = Store("web", "FR", "fr", TIME_ZONE, 20)
MEMBERS_PER_STORE: Final = 500


def stores_of(members: int) -> tuple[Store, ...]:
    """The shops of a brand of this size: at least four, at most all of them."""
    return STORES[: max(4, min(len(STORES), members // MEMBERS_PER_STORE))]


class Article(NamedTuple):
    """Something that is sold. Prices include tax, in cents; the unit cost does not."""

    sku: str
    category: str
    price: int
    unit_cost: int


_ARTICLES: Final = (
    Article("marin-bleu", "knitwear", 8900, 3100),
    Article("marin-ecru", "knitwear", 8900, 3100),
    Article("cardigan-laine", "knitwear", 12900, 4700),
    Article("chemise-lin", "shirts", 7500, 2500),
    Article("chemise-oxford", "shirts", 6900, 2300),
    Article("robe-portefeuille", "dresses", 11900, 4100),
    Article("robe-d-ete", "dresses", 8500, 2700),
    Article("pantalon-large", "trousers", 9500, 3300),
    Article("veste-de-travail", "coats", 15900, 6200),
    Article("caban", "coats", 24900, 9800),
    Article("cabas-cuir", "leather", 17900, 7100),
    Article("porte-cartes", "leather", 4500, 1500),
    Article("foulard-soie", "accessories", 5900, 1900),
    Article("bonnet", "accessories", 3500, 1000),
    Article("chaussettes", "accessories", 1500, 400),
    Article("savon", "home", 1200, 350),
    Article("bougie", "home", 3200, 950),
    Article("nappe-lin", "home", 7900, 2900),
    Article("torchons", "home", 2400, 750),
    Article("tote-bag", "accessories", 1900, 500),
)
_LIKING: Final = (5, 3, 3, 5, 5, 3, 5, 4, 2, 1, 2, 6, 6, 6, 12, 10, 9, 3, 8, 8)
ARTICLES: Final = Weighted(dict(zip(_ARTICLES, map(float, _LIKING), strict=True)))
CATEGORIES: Final = tuple(dict.fromkeys(article.category for article in _ARTICLES))
SALES_PERCENT: Final = 30
"""What is taken off in the sales, in January and July."""
MONTH_TRAFFIC: Final = (1.15, 0.8, 0.9, 0.95, 1.05, 1.1, 1.0, 0.65, 1.0, 0.95, 1.15, 1.6)
"""How lively each month is beside the others."""


@lru_cache(maxsize=64)
def clock_of(zone: str, day: date) -> timezone:
    """The offset that a place's clocks show on a day, at noon: no shop is open when they change."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    return timezone(noon.utcoffset() or timedelta())


@lru_cache(maxsize=512)
def midnight_of(day: date) -> datetime:
    """The midnight with which a day begins for the brand."""
    return datetime(day.year, day.month, day.day, tzinfo=clock_of(TIME_ZONE, day))


def month_start(month: int) -> datetime:
    """The midnight with which a month begins; months are counted from year 0."""
    return midnight_of(date((month - 1) // 12, (month - 1) % 12 + 1, 1))


def is_sales(day: date) -> bool:
    """Whether the sales are on: five weeks from January 8th, and four from June 24th."""
    winter = date(day.year, 1, 8) <= day <= date(day.year, 2, 11)
    return winter or date(day.year, 6, 24) <= day <= date(day.year, 7, 21)
