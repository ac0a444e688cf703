"""Programmes: the terms of points and tiers, as events with a time from which they hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.ledger import UnknownTimeZone
from domain.terms import CurrencyTerms, TermsContradict, check_terms
from domain.tier_schemes import TierScheme, check_scheme
from domain.types import Name, ProgrammeID

CURRENCIES_MAX: Final = 20
EVERY_PROGRAMME: Final = "programmes:all"
"""The tag of all events of all programmes. They are few, and a decision about an account has to
know their terms before it knows of which programme the account is."""

Currencies = Annotated[tuple[CurrencyTerms, ...], Meta(min_length=1, max_length=CURRENCIES_MAX)]
Everywhere = Annotated[
    Literal["all"], Meta(extra={"tag": "programmes"}, extra_json_schema={"x-tag": "programmes"})
]


@event_type("programme.opened.v1")
class ProgrammeOpened(Decided, frozen=True, kw_only=True):
    """A programme exists from this time on, with the terms of its points and tiers.

    Accounts named it before, perhaps; what was given before keeps the terms that it was given with.
    """

    programme: ProgrammeID
    found_under: Everywhere = "all"
    """Makes the tag under which decisions find all programmes."""
    name: Name
    time_zone: Name
    """IANA name: where the programme's months, quarters and years end."""
    currencies: Currencies
    tiers: TierScheme | None = None


@event_type("programme.amended.v1")
class ProgrammeAmended(Decided, frozen=True, kw_only=True):
    """The terms of a programme are others from this time on. What is not given stays as it was.

    A lot keeps the terms that it was given with.
    """

    programme: ProgrammeID
    found_under: Everywhere = "all"
    """Makes the tag under which decisions find all programmes."""
    name: Name | None = None
    currencies: Annotated[tuple[CurrencyTerms, ...], Meta(max_length=CURRENCIES_MAX)] = ()
    """The whole terms of each currency that changes or is new; the others stay."""
    tiers: TierScheme | None = None
    clear: Annotated[tuple[Literal["tiers"], ...], Meta(max_length=1)] = ()


ProgrammeEvent = ProgrammeOpened | ProgrammeAmended


class ProgrammeAlreadyOpened(RuleError):
    """A programme with this id exists: amend it, or open the new one under another id."""


class ProgrammeNotOpened(RuleError):
    """No programme with this id was opened by then: open it first, or correct the id or time."""


class NotOfThisProgramme(RuleError):
    """The programme has no such points currency: name one of its own, or amend the programme."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """A programme as its terms stand from one instant on."""

    programme: str
    since: datetime
    """When these terms came into force."""
    name: str
    time_zone: str
    currencies: tuple[CurrencyTerms, ...]
    tiers: TierScheme | None

    def of(self, points_currency: str) -> CurrencyTerms | None:
        """The terms of one points currency, if the programme has it."""
        return next((c for c in self.currencies if c.points_currency == points_currency), None)


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says of a programme, with its place."""

    time: datetime
    position: int
    name: str | None = None
    time_zone: str | None = None
    """Given where the programme is opened."""
    currencies: tuple[CurrencyTerms, ...] = ()
    tiers: TierScheme | None = None
    clear: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[datetime, int]:
        """By time; ties by position."""
        return self.time, self.position


def change_of(event: ProgrammeEvent, envelope: Envelope) -> Change:
    """What an event says, in a form that both kinds have."""
    opening = event if isinstance(event, ProgrammeOpened) else None
    return Change(
        time=envelope.time,
        position=envelope.position,
        name=event.name,
        time_zone=None if opening is None else opening.time_zone,
        currencies=event.currencies,
        tiers=event.tiers,
        clear=event.clear if isinstance(event, ProgrammeAmended) else (),
    )


def versions(programme: str, changes: Iterable[Change]) -> list[Terms]:
    """Every version of a programme's terms, oldest first; what precedes the opening is nothing."""
    found: list[Terms] = []
    for change in sorted(changes, key=lambda change: change.order):
        if found and change.time_zone is None:
            found.append(_amended(found[-1], change))
        elif not found and change.time_zone is not None:
            found.append(
                Terms(
                    programme=programme, since=change.time, name=change.name or programme,
                    time_zone=change.time_zone, currencies=change.currencies, tiers=change.tiers,
                )
            )  # fmt: skip
    return found


def _amended(terms: Terms, change: Change) -> Terms:
    currencies = {one.points_currency: one for one in (*terms.currencies, *change.currencies)}
    tiers = None if "tiers" in change.clear else change.tiers or terms.tiers
    return msgspec.structs.replace(
        terms,
        since=change.time,
        name=change.name or terms.name,
        currencies=tuple(currencies.values()),
        tiers=tiers,
    )


def in_force(terms: Iterable[Terms], at: datetime) -> Terms | None:
    """The version that holds at an instant; None: the programme was not open then."""
    return next((one for one in reversed(list(terms)) if one.since <= at), None)


class ProgrammeTerms(View):
    """The terms of all programmes, by the time at which they hold. Tag: ``programmes:all``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.changes: dict[str, list[Change]] = {}
        self.versions: dict[str, list[Terms]] = {}

    @on(ProgrammeOpened, ProgrammeAmended)
    def _(self, event: ProgrammeEvent, envelope: Envelope) -> None:
        changes = self.changes.setdefault(event.programme, [])
        changes.append(change_of(event, envelope))
        self.versions[event.programme] = versions(event.programme, changes)

    def at(self, programme: str, at: datetime) -> Terms | None:
        """A programme's terms at an instant; None: there are none, and anything goes."""
        return in_force(self.versions.get(programme, ()), at)

    def of(self, programme: str, points_currency: str, at: datetime) -> CurrencyTerms | None:
        """The terms of one points currency at an instant."""
        terms = self.at(programme, at)
        return None if terms is None else terms.of(points_currency)


def check_programme(currencies: tuple[CurrencyTerms, ...], tiers: TierScheme | None) -> None:
    """Refuse terms of points and tiers that cannot all hold."""
    names = [one.points_currency for one in currencies]
    if len(set(names)) < len(names):
        raise TermsContradict(f"a points currency is named twice: {', '.join(names)}")
    for one in currencies:
        check_terms(one)
    if tiers is not None:
        check_scheme(tiers, names)


class OpenProgramme(Command, frozen=True, kw_only=True):
    """Open a programme, at once or as of ``time``. Without a time zone it has the ledger's."""

    programme: ProgrammeID
    name: Name
    time_zone: Name | None = None
    currencies: Currencies
    tiers: TierScheme | None = None


class OpeningProgramme(Slice, decides=OpenProgramme, reads=(ProgrammeTerms,)):
    """A programme is opened once, under terms that do not contradict each other.

    Whoever makes this slice gives it the ledger's time zone, which never changes.
    """

    def __init__(
        self, command: OpenProgramme, command_id: str, ledger_time_zone: str = "UTC"
    ) -> None:
        super().__init__(command, command_id)
        self.time_zone = command.time_zone or ledger_time_zone
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)

    def execute(self) -> None:
        """Open it, unless it is open."""
        command: OpenProgramme = self.command
        if self.programmes.versions.get(command.programme):
            raise ProgrammeAlreadyOpened(programme=command.programme)
        if self.time_zone not in available_timezones():
            raise UnknownTimeZone(time_zone=self.time_zone)
        check_programme(command.currencies, command.tiers)
        self.trigger(
            ProgrammeOpened(
                programme=command.programme,
                name=command.name,
                time_zone=self.time_zone,
                currencies=command.currencies,
                tiers=command.tiers,
            )
        )


class AmendProgramme(Command, frozen=True, kw_only=True):
    """Change a programme's terms, at once or as of ``time``. What is not given stays.

    A currency that is given has these terms and no others; lots keep the terms that they have.
    """

    programme: ProgrammeID
    name: Name | None = None
    currencies: Annotated[tuple[CurrencyTerms, ...], Meta(max_length=CURRENCIES_MAX)] = ()
    tiers: TierScheme | None = None
    clear: Annotated[tuple[Literal["tiers"], ...], Meta(max_length=1)] = ()


class AmendingProgramme(Slice, decides=AmendProgramme, reads=(ProgrammeTerms,)):
    """A programme is amended once it is open, under terms that do not contradict each other."""

    def __init__(self, command: AmendProgramme, command_id: str) -> None:
        super().__init__(command, command_id)
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)

    def execute(self) -> None:
        """Amend it."""
        command: AmendProgramme = self.command
        terms = self.programmes.at(command.programme, self.time)
        if terms is None:
            raise ProgrammeNotOpened(programme=command.programme, at=self.time)
        check_programme(command.currencies, None)
        amended = _amended(terms, Change(time=self.time, position=0, **_said(command)))
        if len(amended.currencies) > CURRENCIES_MAX:
            raise TermsContradict(f"a programme has at most {CURRENCIES_MAX} points currencies")
        check_programme(amended.currencies, amended.tiers)
        self.trigger(ProgrammeAmended(programme=command.programme, **_said(command)))


def _said(command: AmendProgramme) -> dict[str, Any]:
    return {name: getattr(command, name) for name in ("name", "currencies", "tiers", "clear")}
