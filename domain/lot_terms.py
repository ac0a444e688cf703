"""The terms of a new lot: what whoever gives it says, and what the programme says of the rest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from domain.errors import RuleError
from domain.programmes import Terms
from domain.terms import expires_at as expiry_of


class LotNeverActive(RuleError):
    """A lot expires after it becomes available, and after it is given."""


class LotTerms(NamedTuple):
    """Fields of the event that makes a lot."""

    available_from: datetime
    awaits: str | None = None
    expires_at: datetime | None = None
    inactive_days: int | None = None
    never_owed: bool = False


def lot_terms(
    terms: Terms | None,
    points_currency: str,
    at: datetime,
    *,
    available_from: datetime | None = None,
    expires_at: datetime | None = None,
) -> LotTerms:
    """The terms of a lot that is given at an instant; what is given explicitly holds as it is.

    Without terms of the programme it can be spent at once and never expires.
    """
    mine = None if terms is None else terms.of(points_currency)
    if terms is None or mine is None:
        return _checked(LotTerms(available_from or at, expires_at=expires_at), at)
    awaits = None
    if available_from is None and mine.activation is not None:
        available_from = at + timedelta(days=mine.activation.days)
        awaits = mine.activation.awaits
    if expires_at is None and mine.expiry is not None:
        expires_at = expiry_of(mine.expiry, at, terms.time_zone)
        if available_from is not None and expires_at <= available_from:
            # Points of the last days of a month that become available in the next one.
            expires_at = expiry_of(mine.expiry, available_from, terms.time_zone)
    return _checked(
        LotTerms(available_from or at, awaits, expires_at, mine.inactive_days, not mine.owes), at
    )


def _checked(lot: LotTerms, at: datetime) -> LotTerms:
    """Refuse a lot that nobody could ever spend."""
    if lot.expires_at is not None and lot.expires_at <= max(lot.available_from, at):
        raise LotNeverActive(available_from=lot.available_from, expires_at=lot.expires_at)
    return lot
