"""One lot as sums of its movements, and what they make of its points at an instant.

Everything here is a running sum, so it does not depend on the order in which movements come, and
a movement that was voided simply is not in the sum. A lot that is debited before, or without, its
award exists with nothing issued: what was taken from it is owed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from domain.lot_parts import Origin

NEVER: Final = datetime.max.replace(tzinfo=UTC)
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(time: datetime) -> int:
    """The day of an instant, counted from 1970 in UTC."""
    return (time - EPOCH).days


class States(NamedTuple):
    """Points by state at an instant: issued + owed is the sum of the other six, exactly."""

    issued: int = 0
    """Credited here, plus what came in by transfers, less what went out by transfers."""
    owed: int = 0
    """Taken beyond what was issued: clawed back or voided after it had been spent."""
    pending: int = 0
    active: int = 0
    reserved: int = 0
    spent: int = 0
    expired: int = 0
    """Past the lot's instant and not spent, or stated as expired."""
    cancelled: int = 0
    """Taken away: cancelled, clawed back, or adjusted downwards."""

    @property
    def spendable(self) -> int:
        """What a redemption, a reservation or a transfer can take: active less owed."""
        return max(0, self.active - self.owed)


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points of one lot that a reservation keeps."""

    points: int
    """Negative when more was released or redeemed than reserved, as after a void."""
    until: datetime | None = None
    booked: bool = False
    """An event has booked that the hold lapsed; no balance needs it."""

    def is_due(self, at: datetime) -> bool:
        """Whether it had lapsed by an instant, and no event has booked it."""
        return self.points > 0 and self.until is not None and self.until <= at and not self.booked


class Lot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One lot on one account, as sums of its movements."""

    credited: int = 0
    """By its award, or by an adjustment."""
    transferred_in: int = 0
    transferred_out: int = 0
    spent: int = 0
    expired: int = 0
    """Stated as expired by an event; expiry by the lot's instant is computed."""
    lapsed: int = 0
    """How much of what expired by the lot's instant events have booked; no balance needs it."""
    lapsed_at: datetime | None = None
    """The instant that they booked. Where activity has moved it since, nothing is booked."""
    cancelled: int = 0
    holds: dict[str, Hold] = {}
    """By reservation."""
    available_from: datetime | None = None
    awaits: str | None = None
    """What has to happen before it is available at all."""
    activated_at: datetime | None = None
    """From when on that had happened."""
    expires_at: datetime | None = None
    """By age or by inactivity, whichever comes first."""
    ends_at: datetime | None = None
    """By age, where inactivity may end it earlier."""
    inactive_days: int | None = None
    origin: Origin | None = None
    qualifying: bool = False
    never_owed: bool = False
    """What is spent of it is never taken back."""
    earned_at: datetime | None = None
    """When it was credited first, here or where it came from."""
    campaign: str | None = None
    causes: tuple[str, ...] = ()
    """Tags of what its award was given for, or of the lot itself."""

    @property
    def issued(self) -> int:
        """What the lot brought to this account. Transfers move it from one account to the other.

        It is negative when what was transferred away had its award voided.
        """
        return self.credited + self.transferred_in - self.transferred_out

    def reserved(self, at: datetime) -> int:
        """Points held at an instant; a hold lapses by itself."""
        return sum(
            hold.points
            for hold in self.holds.values()
            if hold.points > 0 and (hold.until is None or at < hold.until)
        )

    def debits(self, at: datetime) -> int:
        """Everything that was taken from the lot, whenever it was."""
        return self.spent + self.expired + self.cancelled + self.reserved(at)

    def remaining(self, at: datetime) -> int:
        """What is left, in whichever state."""
        return max(0, self.issued - self.debits(at))

    def owed(self, at: datetime) -> int:
        """What was taken beyond what was issued."""
        return max(0, self.debits(at) - self.issued)

    def has_begun(self, at: datetime) -> bool:
        """Whether its points are available at an instant, if it is not over."""
        if self.awaits is not None and (self.activated_at is None or self.activated_at > at):
            return False
        return self.available_from is None or self.available_from <= at

    @property
    def begins_at(self) -> datetime | None:
        """From when on its points are available; None: always, or not known yet."""
        if self.awaits is None or self.available_from is None or self.activated_at is None:
            return self.available_from if self.awaits is None else self.activated_at
        return max(self.available_from, self.activated_at)

    def is_over(self, at: datetime) -> bool:
        """Whether what is left of it is expired at an instant."""
        return self.expires_at is not None and self.expires_at <= at

    @property
    def booked(self) -> int:
        """How much is booked as expired by the instant at which the lot does expire."""
        return self.lapsed if self.lapsed_at == self.expires_at else 0

    def unbooked(self, at: datetime) -> int:
        """What expired by the lot's instant and no event has booked."""
        return max(0, self.remaining(at) - self.booked) if self.is_over(at) else 0

    def book_lapse(self, points: int, at: datetime) -> None:
        """An event books that so many points expired by the lot's instant."""
        if self.lapsed_at != at:
            self.lapsed = 0
        self.lapsed, self.lapsed_at = self.lapsed + points, at

    def book_released(self, reservation_id: str) -> None:
        """An event books that a hold lapsed."""
        held = self.holds.get(reservation_id)
        if held is not None:
            held = msgspec.structs.replace(held, booked=True)
            self.holds = {**self.holds, reservation_id: held}

    def active(self, at: datetime) -> int:
        """What is left and can be spent at an instant."""
        return self.remaining(at) if self.has_begun(at) and not self.is_over(at) else 0

    def states(self, at: datetime) -> States:
        """Its points by state at an instant."""
        left = self.remaining(at)
        over, begun = self.is_over(at), self.has_begun(at)
        return States(
            issued=self.issued,
            owed=self.owed(at),
            pending=0 if begun or over else left,
            active=left if begun and not over else 0,
            reserved=self.reserved(at),
            spent=self.spent,
            expired=self.expired + (left if over else 0),
            cancelled=self.cancelled,
        )

    def reckon(self, active_days: Sequence[int]) -> None:
        """Find out when inactivity ends the lot, given the days on which its account was active.

        What came after it had ended does not bring it back.
        """
        if self.inactive_days is None or self.earned_at is None:
            return
        day = day_of(self.earned_at)
        for later in active_days[bisect_right(active_days, day) :]:
            if later - day > self.inactive_days:
                break
            day = later
        over = EPOCH + timedelta(days=day + self.inactive_days + 1)
        self.expires_at = over if self.ends_at is None else min(over, self.ends_at)

    def hold(self, reservation_id: str, points: int, until: datetime | None = None) -> None:
        """Hold more points for a reservation, or fewer when ``points`` is negative."""
        held, booked = self.holds.get(reservation_id), False
        if held is not None:
            points, until, booked = points + held.points, until or held.until, held.booked
        self.holds = {id_: hold for id_, hold in self.holds.items() if id_ != reservation_id}
        if points:
            self.holds[reservation_id] = Hold(points, until, booked)
