"""Clawbacks: what followed from a cause, and how much of it is taken back when the cause falls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from domain.decision import View, on
from domain.envelope import Envelope
from domain.event import Event
from domain.lot_parts import LotDebit
from domain.participations import ParticipationDisqualified
from domain.points import (
    PointsAdjusted,
    PointsCancelled,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsTransferred,
)
from domain.purchases import Bought, PurchaseState
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.returned_lines import CameBack
from domain.types import Money

Place = tuple[str, str]
"""An account and a lot on it."""


class Fact(NamedTuple):
    """An event of the history with its envelope."""

    event: Event
    envelope: Envelope


class Part(msgspec.Struct):
    """What one account holds of the lot that an award made; a transfer splits it."""

    account_id: str
    award: PointsEarned
    award_position: int
    cause: int | None
    """Position of the event that the points were given for."""
    points: int

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.account_id, self.award.lot_id


class Takings(View):
    """What was taken away from lots. Tag: of an account, of a lot, or of what it was given for."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.credited: dict[int, str] = {}
        """Lots by the position of their credit."""
        self.takings: list[Fact] = []
        """Clawbacks, cancellations, stated expiries, and adjustments downwards."""

    @on(PointsEarned)
    def _earned(self, event: PointsEarned, envelope: Envelope) -> None:
        self.credited[envelope.position] = event.lot_id

    @on(PointsAdjusted, PointsCancelled, PointsExpired, PointsClawedBack)
    def _taken(self, event: Event, envelope: Envelope) -> None:
        if isinstance(event, PointsAdjusted) and event.lot_id is not None:
            self.credited[envelope.position] = event.lot_id
        else:
            self.takings.append(Fact(event, envelope))


class Consequences(Takings):
    """What was decided because of one thing. Tag: of a participation, a referral, a share, ..."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.parts: dict[Place, Part] = {}
        self.spent: Counter[Place] = Counter()
        """Of lots that are never owed: what was redeemed, so that it is left alone."""
        self.stages: list[Fact] = []
        """The referral as it was made, qualified and voided; the disqualifications."""

    @on(PointsEarned)
    def _earned(self, event: PointsEarned, envelope: Envelope) -> None:
        super()._earned(event, envelope)
        place = event.account_id, event.lot_id
        part = Part(event.account_id, event, envelope.position, envelope.cause, event.points)
        if place in self.parts:
            part.points += self.parts[place].points
        self.parts[place] = part

    @on(PointsTransferred)
    def _transferred(self, event: PointsTransferred, envelope: Envelope) -> None:
        for lot in event.lots:
            given = self.parts.get((event.account_id, lot.lot_id))
            if given is None:
                continue
            place = event.to_account_id, lot.lot_id
            if place not in self.parts:
                self.parts[place] = msgspec.structs.replace(
                    given, account_id=event.to_account_id, points=0
                )
            given.points -= lot.points
            self.parts[place].points += lot.points

    @on(PointsRedeemed)
    def _redeemed(self, event: PointsRedeemed, envelope: Envelope) -> None:
        for debit in event.lots:
            self.spent[event.account_id, debit.lot_id] += debit.points

    @on(ReferralMade, ReferralQualified, ReferralVoided, ParticipationDisqualified)
    def _stage(self, event: Event, envelope: Envelope) -> None:
        self.stages.append(Fact(event, envelope))


class PurchaseConsequences(PurchaseState, Consequences):
    """Purchases with their returns and what followed. Tag: ``purchase:<id>`` or ``order:<id>``."""

    @on(PointsEarned)
    def _for_purchase(self, event: PointsEarned, envelope: Envelope) -> None:
        # An award that was imported has no cause in this log, but it names its purchase.
        self._earned(event, envelope)
        part = self.parts[event.account_id, event.lot_id]
        bought = self.bought.get(event.purchase_id or "")
        if part.cause is None and bought is not None:
            part.cause = bought.position

    def parts_of(self, bought: Bought) -> list[Part]:
        """What was given for one purchase."""
        return [part for part in self.parts.values() if part.cause == bought.position]


class Standing:
    """What was taken and still counts, and what that leaves to be taken back."""

    def __init__(
        self,
        parts: Iterable[Part],
        takings: Iterable[Fact] = (),
        spent: Mapping[Place, int] = MappingProxyType({}),
    ) -> None:
        self.points: Counter[Place] = Counter()
        """Clawed back."""
        self.removed: Counter[Place] = Counter()
        """Gone otherwise, so that it is not taken back as well."""
        self.costs: Counter[str] = Counter()
        """Costs that are free again, by lot."""
        self.spent = spent
        self.awarded: Counter[str] = Counter()
        for part in parts:
            self.awarded[part.award.lot_id] += part.points
        for fact in takings:
            self._count(fact.event)

    def _count(self, event: Any) -> None:
        clawback = isinstance(event, PointsClawedBack)
        counter = self.points if clawback else self.removed
        for debit in event.lots:
            counter[event.account_id, debit.lot_id] += debit.points
        if clawback and event.cost is not None:
            self.costs[event.lots[0].lot_id] += event.cost.amount

    def left(self, part: Part) -> int:
        """What of a part was neither taken back nor removed otherwise.

        What was spent is left too, and owed when it is taken; unless the award says that it never
        is.
        """
        kept = self.spent.get(part.place, 0) if part.award.never_owed else 0
        return max(0, part.points - self.removed[part.place] - self.points[part.place] - kept)

    def claw_back(self, part: Part, points: int, **why: Any) -> PointsClawedBack:
        """Take so many points of a part back. One event names one lot: it can be undone alone."""
        award = part.award
        event = PointsClawedBack(
            account_id=part.account_id,
            member_id=award.member_id if part.account_id == award.account_id else None,
            points=points,
            lots=(LotDebit(lot_id=award.lot_id, points=points),),
            campaign_id=award.campaign_id,
            cost=self._freed(part, points),
            participation_id=award.participation_id,
            purchase_id=award.purchase_id,
            order_id=award.order_id,
            referral_id=award.referral_id,
            share_id=award.share_id,
            contribution_id=award.contribution_id,
            programme=award.programme,
            **why,
        )
        self._count(event)
        return event

    def _freed(self, part: Part, points: int) -> Money | None:
        """The share of the award's cost that so many points free, so that all free all of it."""
        lot_id, cost = part.award.lot_id, part.award.cost
        if cost is None or not self.awarded[lot_id]:
            return None
        taken = points + sum(n for place, n in self.points.items() if place[1] == lot_id)
        freed = cost.amount * min(taken, self.awarded[lot_id]) // self.awarded[lot_id]
        return Money(amount=max(0, freed - self.costs[lot_id]), currency=cost.currency)


def due_after_returns(
    parts: list[Part], standing: Standing, came: CameBack
) -> list[tuple[Part, int]]:
    """What is still to be taken back of a purchase's points, given all that came back of it."""
    found = []
    for group in _alike(parts):
        due = _target(group, came) - sum(standing.points[part.place] for part in group)
        left = [standing.left(part) for part in group]
        shares = apportioned(min(max(0, due), sum(left)), left)
        found += [(part, share) for part, share in zip(group, shares, strict=True) if share]
    return found


def is_too_much(parts: list[Part], standing: Standing, came: CameBack | None) -> bool:
    """Whether more was taken back than what came back leaves to be taken; None: nothing did."""
    return any(
        sum(standing.points[part.place] for part in group)
        > (0 if came is None else _target(group, came))
        for group in _alike(parts)
    )


def _alike(parts: list[Part]) -> list[list[Part]]:
    """Parts that are cut together: of each award that names lines, and all others in one sum."""
    groups: dict[str | None, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.award.lot_id if part.award.lines else None, []).append(part)
    return list(groups.values())


def _target(group: list[Part], came: CameBack) -> int:
    return came.points(sum(part.points for part in group), group[0].award.lines)


def apportioned(points: int, weights: list[int]) -> list[int]:
    """Split points by weights, by largest remainder; no share is larger than its weight."""
    whole = sum(weights)
    if not points:
        return [0] * len(weights)
    shares = [points * weight // whole for weight in weights]
    remainders = [points * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -remainders[i])
    for i in by_remainder[: points - sum(shares)]:
        shares[i] += 1
    return shares


def all_clawed_back(
    view: Consequences, parts: Iterable[Part], **why: Any
) -> list[tuple[PointsClawedBack, int | None]]:
    """Take everything of these parts back; each clawback comes with the award's own cause."""
    standing = Standing(view.parts.values(), view.takings, view.spent)
    return [
        (standing.claw_back(part, left, **why), part.cause)
        for part in parts
        if (left := standing.left(part))
    ]
