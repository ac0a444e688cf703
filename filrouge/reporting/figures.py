"""What a report says, as Structs: its JSON is these, and its page and its CSV show the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from projections.liability_roll_forward import Rolled

LINES: Final = (
    "opening", "additions", "returns", "redemptions", "breakage", "estimates", "closing",
)  # fmt: skip
"""The lines of a roll-forward of liability, in their order."""
SHARES: Final = ("redemption_opening", "redemption_closing")


class Movement(msgspec.Struct, kw_only=True):
    """What the events of one kind moved within the period."""

    kind: str
    events: int = 0
    amount: int = 0
    """Points, or minor units."""


class Account(msgspec.Struct, kw_only=True):
    """One amount through the period: opening, what moved it, closing."""

    name: str
    unit: str
    """A points currency, or the ISO 4217 code of minor units."""
    money: bool
    opening: int = 0
    """The sum of all events before the period."""
    movements: list[Movement] = []
    closing: int = 0
    """The opening and all movements: the sum of all events before the period's end."""


class TrialLine(msgspec.Struct, kw_only=True):
    """One account of the books of points, at both ends of the period; credits are negative."""

    name: str
    """issued, owed, pending, wallets, reserved, spent, expired, cancelled; and their sum, 0."""
    opening: int
    closing: int


class Books(msgspec.Struct, kw_only=True):
    """The trial balance of one points currency of one programme."""

    programme: str
    points_currency: str
    lines: list[TrialLine]


class Entry(msgspec.Struct, kw_only=True):
    """One event that an auditor looks at by itself."""

    position: int
    time: datetime
    recorded_at: datetime
    type: str
    about: str
    """The account, referral or member that it speaks of; of a void, what was voided."""
    amount: int | None = None
    reason: str | None = None
    author: str
    """Who recorded it: an opaque id of a key, a member of staff or a system."""
    approved_by: str | None = None


class Late(msgspec.Struct, kw_only=True):
    """Events of one type that came late, counted."""

    type: str
    events: int = 0
    longest_days: int = 0
    """The longest time between when one happened and when it was recorded."""


class Verification(msgspec.Struct, kw_only=True):
    """What checking the ledger found, when the report was made."""

    done: bool
    entries: int = 0
    sealed: int = 0
    checkpoints: int = 0
    rows: int = 0
    """Rows of projections that equal those that a rebuild gives."""
    findings: list[str] = []


class Listed(msgspec.Struct, kw_only=True):
    """Events of one section: the first of them, and how many there are."""

    count: int = 0
    entries: list[Entry] = []


class Report(msgspec.Struct, kw_only=True):
    """A period of one ledger, for who audits it."""

    ledger: str
    ledger_id: str
    name: str
    since: datetime
    until: datetime
    """The period by the time of events: from the first instant to before the second."""
    known_at: datetime | None
    """What had been recorded before this instant counts; None: all of it."""
    made_at: datetime
    position: int
    """Events up to this position count."""
    points: list[Account]
    money: list[Account]
    trial_balance: list[Books]
    """The journal's books, as of the period's two ends."""
    liability: list[Rolled]
    """The roll-forward of contract liability and cost provision, in minor units."""
    adjustments: Listed
    voided_referrals: Listed
    corrections: Listed
    """Voids recorded in the period, of events and of batches."""
    erasures: Listed
    late_before: list[Late]
    """Happened before the period, recorded in it: earlier reports did not have them."""
    late_after: list[Late]
    """Happened in the period, recorded after its end."""
    verification: Verification
    checkpoint: str
    """The newest signed checkpoint; empty: nothing was signed yet."""
