"""The points of all accounts in one flat array: enough to spend only what is there, and no more."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

SLOTS: Final = 24
"""Lots that are remembered for an account. One that finds no slot is never spent: it expires."""
_FIELDS: Final = 4
_WIDTH: Final = SLOTS * _FIELDS
POINTS_IN_SLOT_MAX: Final = 65_535


class Lot(NamedTuple):
    """What is left of an award. First to expire, first in order."""

    month: int
    """The month at whose beginning it expires, counted from year 0."""
    available: int
    """The day from which it can be spent."""
    serial: int
    """Its number on the account."""
    points: int


class Lots:
    """The lots of every account, bounded: 80 bytes for each, whatever its history."""

    def __init__(self, accounts: int) -> None:
        self._cells = array("H", bytes(2 * _WIDTH * accounts))
        self._used = bytearray(accounts)
        self._serials = array("H", bytes(2 * accounts))

    def next_serial(self, account: int) -> int:
        """Count one more award on an account."""
        self._serials[account] += 1
        return self._serials[account]

    def add(self, account: int, lot: Lot) -> bool:
        """Remember an award, if there is a slot for it."""
        fits = 0 < lot.points <= POINTS_IN_SLOT_MAX and self._used[account] < SLOTS
        if fits:
            self._write(account, [*self._read(account), lot])
        return fits

    def active(self, account: int, day: int, month: int) -> int:
        """The points that can be spent on a day of a month."""
        if not self._used[account]:
            return 0
        return sum(
            lot.points for lot in self._read(account) if lot.available <= day and lot.month > month
        )

    def spend(self, account: int, points: int, day: int, month: int) -> list[tuple[int, int]]:
        """Take points from the lots that expire first; return the serial and points of each."""
        taken: list[tuple[int, int]] = []
        left: list[Lot] = []
        for lot in sorted(self._read(account)):
            part = min(points, lot.points) if lot.available <= day and lot.month > month else 0
            if part:
                taken.append((lot.serial, part))
                points -= part
            if lot.points > part:
                left.append(lot._replace(points=lot.points - part))
        assert points == 0, "what is spent was there"
        self._write(account, left)
        return taken

    def snapshot(self, account: int) -> list[Lot]:
        """The lots of an account, to restore them."""
        return self._read(account)

    def restore(self, account: int, lots: list[Lot]) -> None:
        """Put back what an account held."""
        self._write(account, lots)

    def take_back(self, account: int, serial: int) -> int:
        """Forget one lot, and return what was left of it."""
        lots = self._read(account)
        self._write(account, [lot for lot in lots if lot.serial != serial])
        return sum(lot.points for lot in lots if lot.serial == serial)

    def expire(self, account: int, month: int) -> list[tuple[int, int]]:
        """Forget the lots that have expired by the beginning of a month, and return them."""
        if not self._used[account]:
            return []
        lots = self._read(account)
        gone = [(lot.serial, lot.points) for lot in lots if lot.month <= month]
        if gone:
            self._write(account, [lot for lot in lots if lot.month > month])
        return gone

    def accounts(self) -> int:
        """How many accounts there are room for."""
        return len(self._used)

    def _read(self, account: int) -> list[Lot]:
        start = account * _WIDTH
        cells = self._cells[start : start + self._used[account] * _FIELDS]
        return list(map(Lot._make, zip(*[iter(cells)] * _FIELDS, strict=True)))

    def _write(self, account: int, lots: list[Lot]) -> None:
        start = account * _WIDTH
        flat = array("H", (number for lot in lots for number in lot))
        self._cells[start : start + len(flat)] = flat
        self._used[account] = len(lots)
