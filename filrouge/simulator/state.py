"""What a running history remembers: a few bytes for each member, and the near future."""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from domain.event import Event
from filrouge.simulator.brand import NAME, STORES, WEB, Store, clock_of, stores_of
from filrouge.simulator.chance import Dice, key_of, scatter, share
from filrouge.simulator.lots import Lots
from filrouge.simulator.people import MAIL_HOSTS, People
from filrouge.simulator.plan import Plan, plan_of

VERSION: Final = 1
"""Raised when the same seed comes to tell another history, so that the two are not mixed up."""

EMAIL_ALLOWED: Final = 1
BOUGHT: Final = 2
"""Is a customer: has bought something since enrolling."""
ENDED: Final = 4
"""Left the programme."""
HAS_CODE: Final = 8
"""Was given a referral code."""
AWAY: Final = 16
"""Has drifted away, and may come back."""
MOVED: Final = 32
"""Has another e-mail address than at first."""
BOUNCES: Final = 64
"""The address does not work any more."""

RECENT_MAX: Final = 40
"""Questions and contributions that are remembered, so that somebody answers or reads them."""
FRIENDS_MAX: Final = 2_000
"""Friends on their way who are remembered; of more, the first ones never come."""
SECONDS_IN_DAY: Final = 86_400


class Happening(NamedTuple):
    """An event on its way to the ledger."""

    instant: float
    """Seconds since the midnight (UTC) of its day; what a day is sorted by."""
    event: Event
    id: str
    source: str
    time: datetime
    till: str | None
    """The shop whose till file brings it; None: it arrives as it happens."""


class Day:
    """One day, as it fills with what happens."""

    def __init__(self, run: str, number: int, when: date, dice: Dice) -> None:
        self.number = number
        self.date = when
        self.month = when.year * 12 + when.month
        self.dice = dice
        self.happenings: list[Happening] = []
        self.redeemed: set[int] = set()
        """Accounts that have spent points today: once a day is enough."""
        self.tickets: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        """Count, gross and net of what each shop has sold today."""
        self._prefix = f"{run}.{when.isoformat()}."
        self._midnights: dict[str, tuple[datetime, float]] = {}
        for store in (*STORES, WEB):
            clock = clock_of(store.zone, when)
            offset = clock.utcoffset(None)
            midnight = datetime(when.year, when.month, when.day, tzinfo=clock)
            self._midnights[store.zone] = (midnight, offset.total_seconds())

    def add(
        self, event: Event, source: str, at: float, place: Store = WEB, till: str | None = None
    ) -> None:
        """Something happens so many seconds after midnight, by the clock of a place."""
        midnight, offset = self._midnights[place.zone]
        self.happenings.append(
            Happening(
                at - offset, event, f"{self._prefix}{len(self.happenings)}", source,
                midnight + timedelta(seconds=int(at)), till,
            )
        )  # fmt: skip

    def time(self, at: float, place: Store = WEB) -> datetime:
        """The instant so many seconds after midnight, by the clock of a place."""
        return self._midnights[place.zone][0] + timedelta(seconds=int(at))

    def open_hours(self) -> float:
        """Some moment between half past nine and half past seven."""
        return 34_200 + self.dice.random() * 36_000

    def waking_hours(self) -> float:
        """Some moment between seven and eleven."""
        return 25_200 + self.dice.random() * 57_600


class Asked(NamedTuple):
    """A question of the community that waits for an answer."""

    contribution_id: str
    number: int


def friend_email(share: int) -> str:
    """The address that an advocate gives for the friend who follows a share."""
    return f"ami{share}@{MAIL_HOSTS[share % len(MAIL_HOSTS)]}"


class State:
    """A history in progress: who has enrolled, who is to be active when, what is on accounts."""

    def __init__(self, members: int, years: float, seed: int) -> None:
        self.members = members
        self.key = key_of(NAME, VERSION, members, float(years), seed)
        self.run = f"{self.key:016x}"[:8]
        self.plan: Plan = plan_of(members, years)
        self.stores = stores_of(members)
        self.people = People(self.key, self.stores)
        self.today = 0
        self.enrolled = 0
        self.flags = bytearray(members)
        self.lots = Lots(members)
        self.parent_shares = array("Q", bytes(8 * members))
        """The number, from 1, of the share through which each member had come."""
        self.referred: dict[int, tuple[str, int]] = {}
        """Referees who have not bought yet: their referral, and their advocate."""
        self.came_by_friend: deque[tuple[str, int, int]] = deque(maxlen=FRIENDS_MAX)
        """Referrals whose referee is to enrol next: referral, advocate, share."""
        self.questions: deque[Asked] = deque(maxlen=RECENT_MAX)
        self.contributions: deque[str] = deque(maxlen=RECENT_MAX)
        self.owed: defaultdict[int, int] = defaultdict(int)
        """Points that accounts had spent before what they were given for came back."""
        self.reward_cents: defaultdict[str, int] = defaultdict(int)
        """What each campaign has promised in rewards."""
        self.reward_budgets: dict[str, int] = {}
        self._calls: dict[int, array[int]] = {}
        self._entries: dict[int, array[int]] = {}
        self._agenda: dict[int, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}
        self._serials: defaultdict[str, int] = defaultdict(int)
        self._scatters: dict[str, Callable[[int], int]] = {}

    def day(self, number: int) -> Day:
        """Begin a day."""
        self.today = number
        return Day(self.run, number, self.plan.date_of(number), Dice(self.key, "day", number))

    def id_of(self, prefix: str, number: int) -> str:
        """The id of a numbered thing: as random as a minted one, and the same in every run."""
        bits = self._scatters.get(prefix)
        if bits is None:
            bits = self._scatters[prefix] = scatter(self.key, f"id/{prefix}")
        return f"{prefix}_{bits(number):016x}"

    def member(self, number: int) -> str:
        """The id of a member."""
        return self.id_of("m", number)

    def account(self, number: int) -> str:
        """The id of the account that a member holds, alone or with a household."""
        return self.id_of("a", self.people.head(number))

    def email(self, number: int, *, moves: int = 0) -> str:
        """The address of a member, at first or later: the one that a friend gave, if one did."""
        share = self.parent_shares[number]
        return friend_email(share) if share and not moves else self.people.email(number, moves)

    def email_now(self, number: int) -> str:
        """The address by which a member is known: a household's is that of its head."""
        return self.email(self.people.head(number), moves=1 if self.has(number, MOVED) else 0)

    def next_number(self, prefix: str) -> int:
        """Count one more thing of a kind, from 1."""
        self._serials[prefix] += 1
        return self._serials[prefix]

    def new_id(self, prefix: str) -> str:
        """The id of one more thing of a kind."""
        return self.id_of(prefix, self.next_number(prefix))

    def chance(self, purpose: str, number: int) -> float:
        """A number from 0 up to 1 that stays the same for this purpose and thing."""
        bits = self._scatters.get(purpose)
        if bits is None:
            bits = self._scatters[purpose] = scatter(self.key, purpose)
        return share(bits(number))

    def has(self, number: int, flag: int) -> bool:
        """Whether something is so of a member."""
        return bool(self.flags[number] & flag)

    def set(self, number: int, flag: int, *, on: bool = True) -> None:
        """Note that something is so of a member, or is so no longer."""
        if on:
            self.flags[number] |= flag
        else:
            self.flags[number] &= ~flag

    def contactable(self, number: int) -> bool:
        """Whether the brand may write to a member, and can."""
        return self.flags[number] & (EMAIL_ALLOWED | ENDED | BOUNCES) == EMAIL_ALLOWED

    def call(self, day: int, number: int) -> None:
        """A member is to be active on a day."""
        if day < self.plan.days:
            self._calls.setdefault(day, array("L")).append(number)

    def called(self, day: int) -> array[int]:
        """Who is active on a day, forgotten from here on."""
        return self._calls.pop(day, array("L"))

    def enter(self, day: int, campaign: int, number: int) -> None:
        """A member is to take part in a campaign on a day."""
        if day < self.plan.days:
            self._entries.setdefault(day, array("Q")).append(campaign << 32 | number)

    def entries(self, day: int) -> array[int]:
        """Who takes part on a day: campaign << 32 | member; forgotten from here on."""
        return self._entries.pop(day, array("Q"))

    def later(self, day: int, action: Callable[..., None], *values: Any) -> None:
        """Do something on a day of the next few weeks: ``action(state, day, *values)``."""
        if day < self.plan.days:
            self._agenda.setdefault(day, []).append((action, values))

    def due(self, day: int) -> list[tuple[Callable[..., None], tuple[Any, ...]]]:
        """What is to be done on a day, forgotten from here on."""
        return self._agenda.pop(day, [])
