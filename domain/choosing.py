"""Choosing: the decisions by which a member gets an item of the catalogue, or has it kept.

What it costs is spent and what it takes (a piece, a code) is taken in one decision. All decisions
about an item look at the same views, one after another under the ledger's lock, so that neither
stock nor codes are ever promised twice, and a popular item makes nobody try again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from domain.accounts import NotHolder
from domain.budgets import Promises, check_budget
from domain.campaigns import CampaignPlan
from domain.catalogue import CatalogueItem
from domain.codes import Code, CodePool, OutOfCodes
from domain.decision import Command, Slice, View
from domain.errors import RuleError
from domain.granting import RewardAlreadyGranted, RewardNeverValid
from domain.item_terms import ItemTerms, check_eligible, speaks_of_tier
from domain.lots import AccountLots
from domain.member_facts import MemberFacts
from domain.member_tiers import NO_TIER, AccountCounting, MemberCounting, TierLook
from domain.movements import spent
from domain.people import Membership
from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
from domain.redemptions import redeemed
from domain.rewards import RewardGranted, RewardState
from domain.stock import ItemStock, MemberItem, OutOfStock
from domain.types import ID, AccountID, ItemID, MemberID, Money, RewardID


class ItemNotOffered(RuleError):
    """The item cannot be had at this instant: its validity has not begun, or is over."""


class AccountCountsOtherPoints(RuleError):
    """The item costs points of another programme or currency than this account holds."""


class PayerMissing(RuleError):
    """The item costs points: say in ``account_id`` which account pays them."""


class PaymentDiffers(RuleError):
    """What was paid is not the item's price in money: pay that, and say so in ``paid``."""


VIEWS: Final[tuple[type[View], ...]] = (
    RewardState, CatalogueItem, ItemStock, CodePool, Membership, MemberItem, MemberFacts,
    AccountLots, CampaignPlan, Promises, ProgrammeTerms, MemberCounting, AccountCounting,
)  # fmt: skip


class Choosing(Slice, abstract=True):
    """What all of them look at."""

    reward: RewardState
    item: CatalogueItem
    stock: ItemStock
    codes: CodePool
    membership: Membership
    mine: MemberItem
    account: AccountLots | None = None
    facts: MemberFacts | None = None
    programmes: ProgrammeTerms | None = None
    plan: CampaignPlan | None = None
    promises: Promises | None = None

    def look(self, item_id: str, member_id: str, account_id: str | None) -> None:
        """Put what every decision about an item, a member and their account needs into it."""
        self.item_id, self.member_id, self.account_id = item_id, member_id, account_id
        self.item = self.view(CatalogueItem, f"item:{item_id}")
        self.stock = self.view(ItemStock, f"item:{item_id}")
        self.codes = self.view(CodePool, f"item:{item_id}")
        self.membership = self.view(Membership, f"member:{member_id}")
        self.mine = self.view(MemberItem, f"member:{member_id}", f"item:{item_id}")
        if account_id is not None:
            self.account = self.view(AccountLots, f"account:{account_id}")

    def look_at_budget(self, campaign_id: str | None) -> None:
        """Put the campaign that is to pay into the boundary."""
        if campaign_id is not None:
            self.plan = self.view(CampaignPlan, f"campaign:{campaign_id}")
            self.promises = self.view(Promises, f"campaign:{campaign_id}")

    def further(self) -> list[View]:
        """The campaign that pays, and what the item's condition speaks of."""
        before, terms = len(self.boundary), self.item.terms
        if terms is not None and self.plan is None:
            self.look_at_budget(terms.campaign_id)
        if terms is not None and terms.eligibility is not None:
            if self.facts is None:
                self.facts = self.view(MemberFacts, f"member:{self.member_id}")
            if speaks_of_tier(terms):
                self._look_at_tier()
        return self.boundary[before:]

    def _look_at_tier(self) -> None:
        if self.programmes is None:
            self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)
        for lacking in list(self._tier_look().lacking()):
            self.view(type(lacking), *lacking.tags)

    def _tier_look(self) -> TierLook:
        return TierLook(self._seen, f"member:{self.member_id}", self.time)

    def _seen(self, kind: type[View], tag: str) -> Any:
        found = (view for view in self.boundary if type(view) is kind and view.tags == (tag,))
        return next(found, None)

    def _tier(self, terms: ItemTerms) -> str:
        if self.programmes is None or terms.programme is None:
            return NO_TIER
        return self._tier_look().tier(self.programmes.versions.get(terms.programme, ()))

    def entitled(self) -> ItemTerms:
        """Refuse who cannot have the item, or not now; the item's terms."""
        terms = self.item.require()
        if not terms.offered(self.time):
            raise ItemNotOffered(
                item_id=self.item_id, valid_from=terms.valid_from, valid_until=terms.valid_until
            )
        self.membership.require()
        if self.facts is not None:
            check_eligible(terms, self.member_id, self._tier(terms), self.facts, self.time)
        self.mine.check(terms.member_limit, self.time, self.now)
        return terms

    def require_left(self, terms: ItemTerms) -> None:
        """Refuse when nothing of it is left: by the clock, which no decision can be ahead of."""
        if terms.stocked and self.stock.left(self.now) < 1:
            raise OutOfStock(item_id=self.item_id, supplied=self.stock.supplied)
        if terms.coded and self.codes.left - self.stock.kept(self.now) < 1:
            raise OutOfCodes(item_id=self.item_id)

    def payer(self, terms: ItemTerms) -> AccountLots | None:
        """The account that pays; None: the item costs no points."""
        if terms.points is None:
            return None
        account = self.account
        if account is None:
            raise PayerMissing(item_id=self.item_id, points=terms.points)
        account.require()
        if account.holders and self.member_id not in account.holders:
            raise NotHolder(account_id=self.account_id, member_id=self.member_id)
        if (account.programme, account.points_currency) != (
            terms.programme,
            terms.points_currency,
        ):
            raise AccountCountsOtherPoints(
                account_id=self.account_id,
                programme=terms.programme,
                points_currency=terms.points_currency,
            )
        return account

    def grant(
        self, terms: ItemTerms, version: int, reward_id: str, payment: Payment, points: int | None
    ) -> None:
        """Grant it by these terms; what it costs was looked after."""
        if _sum(payment.paid) != _sum(terms.money):
            raise PaymentDiffers(item_id=self.item_id, price=terms.money, paid=payment.paid)
        if self.plan is not None and self.promises is not None:
            check_budget(self.plan, self.promises, cost=terms.cost)
        code = self._code(terms)
        self.trigger(
            RewardGranted(
                reward_id=reward_id,
                member_id=self.member_id,
                account_id=self.account_id,
                campaign_id=terms.campaign_id,
                kind=terms.kind,
                item_id=self.item_id,
                name=terms.name,
                code=None if code is None else code.sealed,
                value=terms.value,
                cost=terms.cost,
                valid_until=self._valid_until(terms),
                taken_from=self.item_id,
                item_version=version,
                voucher_id=None if code is None else code.voucher_id,
                voucher_shared=code is not None and code.shared,
                uses_max=terms.uses_max,
                points=points,
                paid=payment.paid,
                payment_id=payment.payment_id,
                discount=terms.discount,
            )
        )

    def _code(self, terms: ItemTerms) -> Code | None:
        if not terms.coded:
            return None
        code = self.codes.first
        if code is None:
            raise OutOfCodes(item_id=self.item_id)
        return code

    def _valid_until(self, terms: ItemTerms) -> datetime | None:
        ends = [terms.reward_until] if terms.reward_until is not None else []
        if terms.reward_days is not None:
            ends.append(self.time + timedelta(days=terms.reward_days))
        until = min(ends, default=None)
        if until is not None and until <= self.time:
            raise RewardNeverValid(valid_until=until)
        return until


class Payment(Command, frozen=True, kw_only=True):
    """What was paid in money, where the item costs some."""

    paid: Money | None = None
    """The item's price, as it was paid elsewhere: at a till, in a shop."""
    payment_id: ID | None = None
    """What the payment is known by there."""


class RedeemItem(Payment, frozen=True, kw_only=True):
    """Get a member an item of the catalogue for what it costs: the answer holds the reward.

    Without an id the reward gets one. A voucher's code stands in the answer for a key that may see
    personal data.
    """

    item_id: ItemID
    member_id: MemberID
    account_id: AccountID | None = None
    """The account that pays the points, if it costs some."""
    reward_id: RewardID | None = None


class RedeemingItem(Choosing, decides=RedeemItem, reads=VIEWS):
    """Who may have it and can pay for it gets it, while there is some: points, piece and code."""

    def __init__(self, command: RedeemItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.reward_id = command.reward_id or self.mint("reward")
        self.reward = self.view(RewardState, f"reward:{self.reward_id}")
        self.look(command.item_id, command.member_id, command.account_id)

    def execute(self) -> None:
        """Take what it costs, and grant it."""
        require_new(self.reward)
        terms = self.entitled()
        payer = self.payer(terms)
        self.require_left(terms)
        if payer is not None and terms.points is not None:
            debits = spent(payer, terms.points, self.time)
            for event in redeemed(payer, debits, **whose(self, terms.campaign_id, self.reward_id)):
                self.trigger(event)
        self.grant(terms, self.item.version, self.reward_id, self.command, terms.points)


def require_new(reward: RewardState) -> None:
    """Refuse an id under which a reward was granted, or is kept."""
    if reward.granted is not None or reward.reserved is not None:
        raise RewardAlreadyGranted(reward=reward.tags[0])


def whose(choosing: Choosing, campaign_id: str | None, reward_id: str) -> dict[str, Any]:
    """What movements of points say of the reward that they are for."""
    return {
        "member_id": choosing.member_id,
        "reward_id": reward_id,
        "campaign_id": campaign_id,
    }


def _sum(money: Money | None) -> tuple[int, str] | None:
    return None if money is None else (money.amount, money.currency)
