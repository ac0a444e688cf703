"""Who the people are: everything about a member follows from a number and the seed."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from filrouge.simulator.brand import Store
from filrouge.simulator.chance import Weighted, scatter, share

FIRST_NAMES: Final = (
    *("Camille", "Léa", "Manon", "Chloé", "Inès", "Jade", "Louise", "Zoé", "Anaïs", "Maëlle"),
    *("Lucas", "Hugo", "Jules", "Arthur", "Théo", "Noé", "Malo", "Gaspard", "Rémi", "Yanis"),
    *("Giulia", "Marta", "João", "Beatriz", "Lena", "Jonas", "Aino", "Mateu", "Noor", "Amina"),
)
LAST_NAMES: Final = (
    *("Martin", "Bernard", "Petit", "Roux", "Moreau", "Fournier", "Girard", "Lambert", "Mercier"),
    *("Dupuis", "Garnier", "Faure", "Blanchard", "Le Goff", "Kerviel", "Peeters", "Maes", "Rossi"),
    *("Conti", "Almeida", "Ferreira", "Vidal", "Serra", "Becker", "Vogel", "Korhonen", "Diallo"),
)
MAIL_HOSTS: Final = ("example.org", "example.net", "example.com")
"""Domains that nobody can receive mail at (RFC 2606): nobody here exists."""
AGE_BANDS: Final = Weighted(
    {"18-24": 14.0, "25-34": 30.0, "35-44": 24.0, "45-54": 17.0, "55-64": 10.0, "65-": 5.0}
)


class Kind(IntEnum):
    """How somebody relates to the brand."""

    SUPERFAN = 0
    REGULAR = 1
    OCCASIONAL = 2
    DRIFTER = 3
    """Lively at first, then gone; some come back."""
    PLAYER = 4
    """Takes part in campaigns and never buys."""
    FAKE = 5
    """An account made to win, or to refer oneself: one device, many names."""


KINDS: Final = Weighted(
    {
        Kind.SUPERFAN: 2.5,
        Kind.REGULAR: 33.0,
        Kind.OCCASIONAL: 36.0,
        Kind.DRIFTER: 21.5,
        Kind.PLAYER: 6.2,
        Kind.FAKE: 0.8,
    }
)


class Manner(NamedTuple):
    """What a kind of people does, on average."""

    days_between: float
    """Days between two occasions on which the member is active."""
    buys: float
    """The chance that such an occasion is a purchase."""
    basket: float
    """The size of a basket, beside that of everybody."""
    shares: float
    """The chance of a share on an occasion."""
    takes_part: float
    """The chance to take part in a campaign that one hears of."""


MANNERS: Final = {
    Kind.SUPERFAN: Manner(28, 0.75, 1.15, 0.60, 0.70),
    Kind.REGULAR: Manner(68, 0.78, 0.95, 0.10, 0.22),
    Kind.OCCASIONAL: Manner(115, 0.75, 0.8, 0.05, 0.09),
    Kind.DRIFTER: Manner(52, 0.72, 0.85, 0.08, 0.15),
    Kind.PLAYER: Manner(150, 0.0, 0.0, 0.12, 0.45),
    Kind.FAKE: Manner(400, 0.0, 0.0, 0.0, 0.80),
}
HOUSEHOLD_SHARE: Final = 0.09
"""The share of members who join the household of somebody who enrolled shortly before."""
HOUSEHOLD_REACH: Final = 12
"""How many numbers back the head of a household is, at most."""
COMES_BACK_OF_256: Final = 90
FAKE_RING: Final = 40
"""Fake accounts of so many neighbouring numbers come from one device."""


class Person(NamedTuple):
    """A member, as far as a number tells."""

    number: int
    kind: Kind
    store: Store
    """The shop nearest to home."""
    online: float
    """The share of purchases made in the web shop."""
    lifetime_days: int
    """How long a drifter stays."""
    comes_back: bool
    head: int
    """The number of the member whose account this one shares; one's own, mostly."""

    @property
    def manner(self) -> Manner:
        """What people of this kind do."""
        return MANNERS[self.kind]


class People:
    """All members that there will ever be; none of them is stored."""

    def __init__(self, seed: int, stores: tuple[Store, ...]) -> None:
        self._stores = stores
        self._kind = scatter(seed, "kind")
        self._home = scatter(seed, "home")
        self._household = scatter(seed, "household")
        self._naming = scatter(seed, "naming")

    def kind(self, number: int) -> Kind:
        """How this member relates to the brand."""
        return KINDS.at(share(self._kind(number)))

    def at(self, number: int) -> Person:
        """The member of this number."""
        home = self._home(number)
        return Person(
            number=number,
            kind=self.kind(number),
            # The first stores are the largest: the product of two chances leans to zero.
            store=self._stores[(home & 0xFFFF) * (home >> 16 & 0xFFFF) * len(self._stores) >> 32],
            online=0.15 + 0.6 * ((home >> 32 & 0xFF) / 255),
            lifetime_days=60 + (home >> 40 & 0xFF),
            comes_back=(home >> 48 & 0xFF) < COMES_BACK_OF_256,
            head=self.head(number),
        )

    def head(self, number: int) -> int:
        """The member whose account and e-mail this one shares: themself, or one shortly before."""
        bits = self._household(number)
        if share(bits) >= HOUSEHOLD_SHARE:
            return number
        head = number - 1 - bits % HOUSEHOLD_REACH
        alone = head < 0 or share(self._household(head)) < HOUSEHOLD_SHARE
        fake = Kind.FAKE in (self.kind(number), self.kind(head) if head >= 0 else Kind.FAKE)
        return number if alone or fake else head

    def name(self, number: int) -> tuple[str, str]:
        """First and last name."""
        bits = self._naming(number)
        return (
            FIRST_NAMES[bits % len(FIRST_NAMES)],
            LAST_NAMES[(bits >> 16) % len(LAST_NAMES)],
        )

    def email(self, number: int, moves: int = 0) -> str:
        """The address after so many changes of it."""
        first, last = self.name(number)
        local = f"{_plain(first)}.{_plain(last)}{number}"
        host = MAIL_HOSTS[(self._naming(number) >> 32) % len(MAIL_HOSTS)]
        return f"{local}{f'.{moves}' if moves else ''}@{host}"

    def phone(self, number: int) -> str:
        """A number from the range that France keeps for fiction (+33 6 39 98 xx xx), or beyond."""
        return f"+3363998{number:04d}"

    def age_band(self, number: int) -> str:
        """The band of the member's age."""
        return AGE_BANDS.at((self._naming(number) >> 40 & 0xFFFF) / 65536)

    def device(self, number: int) -> str:
        """What tells the member's device; fake accounts of a ring have one together."""
        if self.kind(number) is Kind.FAKE:
            return f"emulator-{number // FAKE_RING}"
        return f"device-{self._naming(number):016x}"


_ACCENTS: Final = str.maketrans("éèëïãçÉ ", "eeeiacE-")


def _plain(name: str) -> str:
    return name.translate(_ACCENTS).lower()
