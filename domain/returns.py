"""Returns: each finds its purchase, whichever of the two is recorded first, and takes points back.

A return names the purchase, or the order, or both; the first one that the ledger knows, in the
same currency, is the one. Of an order with several purchases it is the earliest of which something
is still to come back. A return that is recorded before its purchase is matched in the moment when
the purchase is recorded, and the award that follows is cut by it.
"""

from __future__ import annotations

from datetime import datetime

from domain.clawbacks import PurchaseConsequences, Standing, due_after_returns
from domain.decision import Reaction, View, on
from domain.envelope import Envelope
from domain.purchases import (
    Bought,
    PurchaseRecorded,
    PurchaseReturned,
    PurchaseState,
    ReturnMatched,
)
from domain.returned_lines import came_back, lines_of


class ReturnReports(View):
    """Whether a return was reported before. Tag: ``return:<id>``."""

    reported = False

    @on(PurchaseReturned)
    def _(self, event: PurchaseReturned, envelope: Envelope) -> None:
        self.reported = True


def matched(
    returned: PurchaseReturned, bought: PurchaseRecorded, position: int, time: datetime
) -> ReturnMatched:
    """The event that says which purchase a return belongs to."""
    return ReturnMatched(
        return_id=returned.return_id,
        purchase_id=bought.purchase_id,
        order_id=bought.order_id or returned.order_id,
        member_id=bought.member_id,
        account_id=bought.account_id,
        visitor_id=bought.visitor_id or (bought.contact.visitor_id if bought.contact else None),
        campaign_id=bought.campaign_id,
        purchase_position=position,
        purchase_time=time,
        currency=returned.currency,
        gross=returned.gross,
        net=returned.net,
        tax=returned.tax,
    )


class Returning(Reaction, reacts_to=PurchaseReturned, reads=(PurchaseConsequences, ReturnReports)):
    """A return takes back its share of what the purchase earned, and never more than that."""

    def __init__(self, event: PurchaseReturned) -> None:
        super().__init__(event)
        purchase, order = event.purchase_id, event.order_id
        self.reports = self.view(ReturnReports, f"return:{event.return_id}")
        if purchase is not None:
            self.view(PurchaseConsequences, f"purchase:{purchase}")
        if order is not None:
            self.view(PurchaseConsequences, f"order:{order}")

    def execute(self) -> None:
        """Match the return, and claw back; nothing if its purchase is not known (yet)."""
        if self.reports.reported:
            return  # told twice under two ids: the first one counted
        for view in self.boundary:
            if isinstance(view, PurchaseConsequences):
                bought = self._belongs_to(view)
                if bought is not None:
                    self._settle(view, bought)
                    return

    def _belongs_to(self, view: PurchaseConsequences) -> Bought | None:
        alike = [b for b in view.bought.values() if b.event.currency == self.event.currency]
        alike.sort(key=lambda bought: (bought.time, bought.position))
        unreturned = [b for b in alike if view.net_returned(b) < b.event.net]
        return next(iter(unreturned or alike[-1:]), None)

    def _settle(self, view: PurchaseConsequences, bought: Bought) -> None:
        event: PurchaseReturned = self.event
        position = self.envelope.position
        self.trigger(matched(event, bought.event, bought.position, bought.time), cause=position)
        parts = view.parts_of(bought)
        standing = Standing(parts, view.takings, view.spent)
        before = [(m.event.net, lines_of(view, m.event.return_id)) for m in view.matches_of(bought)]
        came = came_back(bought.event, [*before, (event.net, event.lines)])
        for part, points in due_after_returns(parts, standing, came):
            self.trigger(
                standing.claw_back(part, points, return_id=event.return_id), cause=position
            )


class Buying(Reaction, reacts_to=PurchaseRecorded, reads=(PurchaseState,)):
    """A purchase finds the returns that were recorded before it."""

    def __init__(self, event: PurchaseRecorded) -> None:
        super().__init__(event)
        self.purchase = self.view(PurchaseState, f"purchase:{event.purchase_id}")
        if event.order_id is not None:
            self.view(PurchaseState, f"order:{event.order_id}")

    def execute(self) -> None:
        """Match every return that names the purchase or its order and is still unmatched."""
        event: PurchaseRecorded = self.event
        if event.part != 1 or event.purchase_id in self.purchase.bought:
            return
        views = [view for view in self.boundary if isinstance(view, PurchaseState)]
        done = {return_id for view in views for return_id in view.matched}
        waiting = {
            returned.position: returned
            for view in views
            for returned in view.returned.values()
            if returned.event.return_id not in done and returned.event.currency == event.currency
        }
        for position, returned in sorted(waiting.items()):
            self.trigger(
                matched(returned.event, event, self.envelope.position, self.envelope.time),
                cause=position,
                time=returned.time,
            )
