"""Opening draws: what can be won in which draw, and what is an entry."""

from __future__ import annotations

import msgspec

from domain.activations import ActivationNotAdded, ActivationTerms
from domain.budgets import Promises, check_budget
from domain.campaigns import CampaignPlan
from domain.contest_rules import ContestRules
from domain.decision import Command, Slice
from domain.draw_order import prizes_in_order
from domain.draws import (
    PLACES_MAX,
    DrawOpened,
    DrawState,
    MemberTickets,
    Place,
    PointsPerTicket,
    Reserves,
    TicketsOrNone,
)
from domain.errors import RuleError
from domain.prizes import worth_of
from domain.types import (
    MONEY_MAX,
    ActivationID,
    CampaignID,
    DrawID,
    Instant,
    Money,
    Name,
    Version,
)


class DrawAlreadyOpened(RuleError):
    """A draw with this id was opened before: give the new one another id, or none."""


class DrawNeverOpen(RuleError):
    """A draw closes after it opens: correct the two instants."""


class NothingToWin(RuleError):
    """The published rules have no prize: publish a version of them that has some."""


class TooManyPlaces(RuleError):
    """Prizes and reserves together are more than a draw has places: draw them in several draws."""


class PrizesTooDear(RuleError):
    """The prizes together are worth more than one amount can be: draw them in several draws."""


class ActivationOfOtherCampaign(RuleError):
    """The activation belongs to another campaign: correct one of the two ids."""


class OpenDraw(Command, frozen=True, kw_only=True):
    """Open a draw among those who take part in an activation. Without an id it gets one."""

    draw_id: DrawID | None = None
    activation_id: ActivationID
    campaign_id: CampaignID
    """The campaign of the activation; its budget pays the prizes."""
    name: Name | None = None
    rules_version: Version
    """The version of the published rules whose prizes are drawn."""
    opens: Instant
    closes: Instant
    participation_tickets: TicketsOrNone = 1
    referral_tickets: TicketsOrNone = 0
    points_per_ticket: PointsPerTicket | None = None
    tickets_per_member_max: MemberTickets | None = None
    prizes_per_member_max: Place = 1
    reserves: Reserves = 10


class OpeningDraw(
    Slice,
    decides=OpenDraw,
    reads=(DrawState, ActivationTerms, ContestRules, CampaignPlan, Promises),
):
    """A draw is opened once, for prizes that are published and that its campaign can pay."""

    def __init__(self, command: OpenDraw, command_id: str) -> None:
        super().__init__(command, command_id)
        self.draw_id = command.draw_id or self.mint("d")
        activation = f"activation:{command.activation_id}"
        self.state = self.view(DrawState, f"draw:{self.draw_id}")
        self.terms = self.view(ActivationTerms, activation)
        self.rules = self.view(ContestRules, activation)
        campaign = f"campaign:{command.campaign_id}"
        self.plan = self.view(CampaignPlan, campaign)
        self.promises = self.view(Promises, campaign)

    def execute(self) -> None:
        """Open it."""
        command: OpenDraw = self.command
        if self.state.terms is not None:
            raise DrawAlreadyOpened(draw_id=self.draw_id)
        if self.terms.campaign_id is None:
            raise ActivationNotAdded(activation_id=command.activation_id)
        if self.terms.campaign_id != command.campaign_id:
            raise ActivationOfOtherCampaign(campaign_id=self.terms.campaign_id)
        rules = self.rules.require(command.rules_version)
        if command.closes <= command.opens:
            raise DrawNeverOpen(opens=command.opens, closes=command.closes)
        fields = msgspec.structs.asdict(command)
        del fields["time"]
        fields |= {
            "draw_id": self.draw_id,
            "rules_digest": rules.digest,
            "prizes": rules.prizes,
        }
        opened = DrawOpened(**fields)
        winners = sum(prize.quantity for prize in opened.prizes)
        if winners == 0:
            raise NothingToWin(rules_version=command.rules_version)
        if winners + opened.reserves > PLACES_MAX:
            raise TooManyPlaces(places=winners + opened.reserves, places_max=PLACES_MAX)
        self._check_cost(opened)
        self.trigger(opened)

    def _check_cost(self, opened: DrawOpened) -> None:
        worth = [one for number in prizes_in_order(opened) if (one := worth_of(opened, number))]
        cost = None
        if worth:
            amount = sum(one.amount for one in worth)
            if amount > MONEY_MAX:
                raise PrizesTooDear(amount=amount, amount_max=MONEY_MAX)
            cost = Money(amount=amount, currency=worth[0].currency)
        check_budget(self.plan, self.promises, cost=cost)
