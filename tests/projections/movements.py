"""Short ways to say that points moved, for the tests of balances and statements."""

from __future__ import annotations

from random import Random
from typing import Any

from domain.lot_parts import LotDebit, TransferredLot
from domain.points import (
    PointsAdjusted,
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReleased,
    PointsReserved,
    PointsTransferred,
)
from tests.projections.brand import DAY, SPRING

LotPoints = dict[str, int]


def earned(lot_id: str, points: int, account_id: str = "a1", **more: Any) -> PointsEarned:
    """A new lot, to be spent from the first day on unless something else is said."""
    rest = {"origin": "engagement", "available_from": SPRING, **more}
    return PointsEarned(account_id=account_id, lot_id=lot_id, points=points, **rest)


def taken(kind: type, lots: LotPoints, account_id: str = "a1", **more: Any) -> Any:
    """A movement that takes points from lots."""
    debits = tuple(LotDebit(lot_id=lot, points=points) for lot, points in lots.items())
    return kind(account_id=account_id, points=sum(lots.values()), lots=debits, **more)


def transferred(lots: LotPoints, sender: str = "a1", receiver: str = "a2") -> PointsTransferred:
    """Points that go from one account to another."""
    moved = tuple(
        TransferredLot(lot_id=lot, points=points, available_from=SPRING, origin="engagement")
        for lot, points in lots.items()
    )
    return PointsTransferred(
        account_id=sender, to_account_id=receiver, points=sum(lots.values()), lots=moved
    )


class RandomMovements:
    """Movements by a seed, of lots that exist or not: imported ones obey no rule of ours."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a test's history, and nothing secret
        self._count = 0

    def one(self) -> Any:
        """Any movement on one of three accounts."""
        random = self._random
        self._count += 1
        account = random.choice(("a1", "a2", "a3"))
        lots = {f"lot{random.randrange(6)}": random.randrange(1, 40) for _ in range(2)}
        held = f"r{random.randrange(4)}"
        makers = (
            lambda: self._earned(account),
            lambda: self._earned(account),
            lambda: taken(PointsReserved, lots, account, reservation_id=held, until=self._until()),
            lambda: taken(PointsReleased, lots, account, reservation_id=held),
            lambda: taken(
                PointsRedeemed, lots, account, reservation_id=random.choice((held, None))
            ),
            lambda: taken(PointsCancelled, lots, account, reason="by hand"),
            lambda: taken(PointsExpired, lots, account),
            lambda: taken(PointsClawedBack, lots, account),
            lambda: taken(PointsAdjusted, lots, account, direction="debit", reason="by hand"),
            lambda: PointsAdjusted(
                account_id=account,
                direction="credit",
                points=7,
                lot_id="lot1",
                reason="sorry",
                available_from=SPRING,
                expires_at=self._until(),
            ),
            lambda: transferred(lots, account, random.choice(("a1", "a2", "a3"))),
        )
        return random.choice(makers)()

    def _earned(self, account: str) -> PointsEarned:
        return earned(
            f"lot{self._random.randrange(6)}",
            self._random.randrange(1, 100),
            account,
            available_from=SPRING + self._random.randrange(30) * DAY,
            expires_at=self._until(),
            campaign_id=self._random.choice(("c1", "c2", None)),
        )

    def _until(self) -> Any:
        days = self._random.choice((None, 5, 20, 60))
        return None if days is None else SPRING + days * DAY

    @property
    def day(self) -> int:
        """When it happens: in no order."""
        return self._random.randrange(40)
