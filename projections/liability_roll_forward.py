"""The roll-forward of liability: what made it another amount from one instant to another."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.cohorts import CONTRACT, Account, CellKey, Kind, Valued
from domain.liability import Deferred, RollForward, rolled_contract, rolled_provision
from projections.liability_cohorts import valued
from projections.reader import Reader


class Rolled(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of points from one instant to another, in minor units.

    Opening + additions + returns + redemptions + breakage + estimates = closing.
    """

    programme: str
    points_currency: str
    kind: Kind
    """contract_liability: of lots earned by purchases; cost_provision: of the others."""
    currency: str
    opening: int
    additions: int
    """For points that were given."""
    returns: int
    """For points that were clawed back: negative."""
    redemptions: int
    """For points that were redeemed: negative; the revenue that they bring, or the provision that
    they use."""
    breakage: int
    """For points that nobody will redeem: negative. In proportion to the redemptions, and what
    expired or was cancelled beyond that."""
    estimates: int
    """Because another share is expected to be redeemed, or at another cost."""
    closing: int
    redemption_opening: int
    redemption_closing: int
    """The share that is expected to be redeemed, in basis points, at both ends."""


def rolled(
    before: tuple[Reader, datetime], after: tuple[Reader, datetime], programme: str
) -> list[Rolled]:
    """The roll-forward of a programme between what two readers show, each at its instant."""
    opening, closing = (valued(reader, programme, at) or {} for reader, at in (before, after))
    gone = {account: of._replace(cohorts={}) for account, of in opening.items()}
    found = []
    for account, now in {**gone, **closing}.items():
        if not account.currency:
            continue
        # Before the programme said what its points are worth, they stood for nothing.
        then = opening.get(account) or opening.get(account._replace(currency=""))
        then = then or now._replace(cohorts={})
        total = RollForward()
        for key in {**then.cohorts, **now.cohorts}:
            if account in closing:
                total = total.plus(_rolled(account, then, now, key))
            else:
                amount = then.micros(account.kind, key)
                total = total.plus(RollForward(amount, estimates=-amount))
        shown = total.in_minor_units()
        found.append(
            Rolled(
                programme=programme, points_currency=account.points_currency, kind=account.kind,
                currency=account.currency, **shown._asdict(), closing=shown.closing,
                redemption_opening=then.assumptions.redemption,
                redemption_closing=now.assumptions.redemption,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.points_currency, one.kind, one.currency))


def _rolled(account: Account, then: Valued, now: Valued, key: CellKey) -> RollForward:
    before, after = then.cohorts.get(key, Deferred()), now.cohorts.get(key, Deferred())
    assumed, later = then.assumptions, now.assumptions
    if account.kind == CONTRACT:
        return rolled_contract(before, after, assumed.redemption, later.redemption)
    return rolled_provision(before.cohort, after.cohort, assumed.costing, later.costing)
