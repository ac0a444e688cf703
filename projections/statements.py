"""Statements: every movement of an account's points, with its cause and the running balance.

The points of a line are what it adds to issued - spent - cancelled - stated as expired. So the
sum of all lines is, at any instant, pending + active + reserved + lapsed - owed, where *lapsed*
is what expired by its lot's instant without an event that says so. A reservation adds nothing to
the points of a line: it is shown beside them. Nor do the events that only book what time did.
``tests/projections/test_statements.py`` checks the sum against SQL over the entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.lots import MOVEMENTS, Movement
from domain.points import (
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReleased,
    PointsReserved,
    PointsTransferred,
)
from projections.fold import OWNER_END, Fold, Projection, owner_of
from projections.reader import Reader

LINES_MAX: Final = 1_000
"""Lines on one page."""


class LineRow(msgspec.Struct, omit_defaults=True):
    """One movement on one account."""

    line: str
    position: int = 0
    time: datetime | None = None
    kind: str = ""
    points: int = 0
    reserved: int = 0
    cause: int | None = None
    reason: str | None = None
    member_id: str | None = None
    campaign_id: str | None = None
    participation_id: str | None = None
    purchase_id: str | None = None
    return_id: str | None = None
    referral_id: str | None = None
    share_id: str | None = None
    contribution_id: str | None = None
    reservation_id: str | None = None
    reward_id: str | None = None
    other_account_id: str | None = None
    """Of a transfer: the account on the other side."""


_REPEATED: Final = (
    "reason",
    "member_id",
    "campaign_id",
    "participation_id",
    "purchase_id",
    "return_id",
    "referral_id",
    "share_id",
    "contribution_id",
    "reservation_id",
    "reward_id",
)
"""Fields of a line that are those of the event, where it has them."""


_SAID: Final = {
    event.type_name: [name for name in _REPEATED if name in event.__struct_fields__]
    for event in MOVEMENTS
}
"""Which of them each event has."""


class Statements(Fold, table="statements", key="account"):
    """Every movement of every account, one row each."""

    Row = LineRow

    def keys(self, owner: str, event: Movement, envelope: Envelope) -> Iterable[str]:
        """Each movement is a row of its own."""
        return (f"{owner}{OWNER_END}{envelope.position:016}",)

    @on(*MOVEMENTS)
    def _(self, row: LineRow, event: Movement, envelope: Envelope) -> None:
        account_id = owner_of(row.line)
        row.position, row.time, row.cause = envelope.position, envelope.time, envelope.cause
        row.kind = event.type_name.split(".")[1]
        row.points, row.reserved = changes(event, account_id)
        for name in _SAID[event.type_name]:
            value = getattr(event, name)
            if value is not None:
                setattr(row, name, value)
        if isinstance(event, PointsTransferred):
            sends = event.account_id == account_id
            row.other_account_id = event.to_account_id if sends else event.account_id


STATEMENTS = Projection("statements", version=2, folds=(Statements,))


def changes(event: Movement, account_id: str) -> tuple[int, int]:
    """What a movement changes on an account: its points, and what is reserved of them."""
    match event:
        case PointsEarned() | PointsAdjusted(direction="credit", lot_id=str()):
            change = event.points, 0
        case PointsActivated() | PointsExpired(lapsed=True) | PointsReleased(lapsed=True):
            change = 0, 0
        case PointsReserved():
            change = 0, _points(event)
        case PointsReleased():
            change = 0, -_points(event)
        case PointsRedeemed(reservation_id=str()):
            change = -_points(event), -_points(event)
        case PointsTransferred():
            received = account_id == event.to_account_id
            sent = account_id == event.account_id
            change = (received - sent) * _points(event), 0
        case _:
            change = -_points(event), 0
    return change


def _points(event: Movement) -> int:
    assert not isinstance(event, PointsEarned)
    return sum(lot.points for lot in event.lots)


class Line(LineRow, kw_only=True, omit_defaults=False):
    """A movement, and the sums of all movements up to it, by time."""

    balance: int
    """Points after this movement: the sum of the points of the lines up to it."""
    balance_reserved: int
    """How much of that was reserved then, by events; a hold also lapses by itself."""


class Statement(msgspec.Struct):
    """One page of an account's statement, oldest movement first."""

    account_id: str
    lines: tuple[Line, ...]
    next: str | None
    """Say it as ``after`` to have the next page; None: there is no more."""


_PAGE: Final = """
SELECT row::jsonb || jsonb_build_object('balance', balance, 'balance_reserved', balance_reserved),
    extract(epoch FROM time) || '/' || key
FROM (
    SELECT key, row, (row->>'time')::timestamptz AS time,
        sum(coalesce((row->>'points')::bigint, 0)) OVER past AS balance,
        sum(coalesce((row->>'reserved')::bigint, 0)) OVER past AS balance_reserved
    FROM {statements} WHERE key > %(account)s || '/' AND key < %(account)s || '0'
    WINDOW past AS (ORDER BY (row->>'time')::timestamptz, key ROWS UNBOUNDED PRECEDING)
) AS line
WHERE %(time)s::numeric IS NULL OR (extract(epoch FROM time), key) > (%(time)s, %(key)s)
ORDER BY time, key LIMIT %(limit)s
"""


def page(reader: Reader, account_id: str, after: str | None, limit: int) -> Statement:
    """The movements of an account by time, oldest first, with the running balance.

    ``after`` is the ``next`` of the page before. An unknown account has no lines.
    """
    assert 0 < limit <= LINES_MAX
    time, _, key = (after or "").partition("/")
    rows = reader.select(
        _PAGE,
        {"statements": Statements},
        {"account": account_id, "time": time or None, "key": key, "limit": limit + 1},
        owners=[account_id],
    )
    lines = tuple(msgspec.convert(row, Line) for row, _ in rows[:limit])
    return Statement(account_id, lines, rows[limit - 1][1] if len(rows) > limit else None)


def balance(reader: Reader, account_id: str) -> int:
    """The sum of all lines of an account: see the head of this file for what it is equal to."""
    [(points,)] = reader.select(
        "SELECT coalesce(sum((row->>'points')::bigint), 0)::bigint FROM {statements}"
        " WHERE key > %(account)s || '/' AND key < %(account)s || '0'",
        {"statements": Statements},
        {"account": account_id},
        owners=[account_id],
    )
    return int(points)
