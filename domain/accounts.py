"""Accounts: what holds points of one programme and currency, and the members who hold it."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from domain.campaigns import CampaignPlan
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.people import Membership
from domain.programmes import EVERY_PROGRAMME, NotOfThisProgramme, ProgrammeTerms
from domain.types import ID, AccountID, CampaignID, MemberID, Text

HOLDERS_MAX: Final = 50
"""Members of one household."""

Holders = Annotated[tuple[MemberID, ...], Meta(max_length=HOLDERS_MAX)]


@event_type("account.opened.v1")
class AccountOpened(Decided, frozen=True, kw_only=True):
    """An account can hold points from here on.

    It has no holder (an anonymous card), one, or several (a household).
    """

    account_id: AccountID
    programme: ID
    points_currency: ID
    """What is counted: ``points``, ``miles``, ``stars``. One account never holds two."""
    holders: Holders = ()
    campaign_id: CampaignID | None = None
    spendable: bool = True
    """False: what it holds counts for something, a tier perhaps, and nobody spends it."""


@event_type("holder.added.v1")
class HolderAdded(Decided, frozen=True, kw_only=True):
    """A member holds the account, with the others, from here on."""

    account_id: AccountID
    member_id: MemberID


@event_type("holder.removed.v1")
class HolderRemoved(Decided, frozen=True, kw_only=True):
    """A member no longer holds the account. The points stay with the account."""

    account_id: AccountID
    member_id: MemberID
    reason: Text | None = None


class AccountNotOpened(RuleError):
    """No account with this id was opened: open it first, or correct the id."""


class AccountAlreadyOpened(RuleError):
    """An account with this id exists: use it, or open the new one under another id."""


class AlreadyHolder(RuleError):
    """The member holds this account already."""


class NotHolder(RuleError):
    """The member does not hold this account."""


class TooManyHolders(RuleError):
    """The account has as many holders as an account can have: remove one first."""


class AccountState(View):
    """What an account counts, and who holds it as of now. Tag: ``account:<id>``."""

    opened = False
    programme: str
    points_currency: str
    spendable = True
    holders: tuple[str, ...] = ()

    @on(AccountOpened)
    def _(self, event: AccountOpened, envelope: Envelope) -> None:
        self.opened = True
        self.programme = event.programme
        self.points_currency = event.points_currency
        self.spendable = event.spendable
        self.holders = tuple(dict.fromkeys(event.holders))

    @on(HolderAdded)
    def _(self, event: HolderAdded, envelope: Envelope) -> None:
        self.holders = tuple(dict.fromkeys((*self.holders, event.member_id)))

    @on(HolderRemoved)
    def _(self, event: HolderRemoved, envelope: Envelope) -> None:
        self.holders = tuple(holder for holder in self.holders if holder != event.member_id)

    def require(self) -> None:
        """Refuse when no account was opened under this tag."""
        if not self.opened:
            raise AccountNotOpened(account=self.tags[0])


class OpenAccount(Command, frozen=True, kw_only=True):
    """Open an account for points of one programme and currency. Without an id it gets one."""

    account_id: AccountID | None = None
    programme: ID
    points_currency: ID
    holders: Holders = ()
    campaign_id: CampaignID | None = None


class OpeningAccount(
    Slice, decides=OpenAccount, reads=(AccountState, Membership, CampaignPlan, ProgrammeTerms)
):
    """An account is opened once, and members hold it. A programme knows its points currencies."""

    def __init__(self, command: OpenAccount, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account_id = command.account_id or self.mint("a")
        self.holders = tuple(dict.fromkeys(command.holders))
        self.account = self.view(AccountState, f"account:{self.account_id}")
        self.programmes = self.view(ProgrammeTerms, EVERY_PROGRAMME)
        for holder in self.holders:
            self.view(Membership, f"member:{holder}")
        if command.campaign_id:
            self.view(CampaignPlan, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Open it, unless it exists or a holder is no member."""
        command: OpenAccount = self.command
        if self.account.opened:
            raise AccountAlreadyOpened(account_id=self.account_id)
        for view in self.boundary:
            if isinstance(view, Membership | CampaignPlan):
                view.require()
        terms = self.programmes.at(command.programme, self.time)
        currency = None if terms is None else terms.of(command.points_currency)
        if terms is not None and currency is None:
            raise NotOfThisProgramme(
                programme=command.programme,
                points_currencies=[one.points_currency for one in terms.currencies],
            )
        self.trigger(
            AccountOpened(
                account_id=self.account_id,
                programme=command.programme,
                points_currency=command.points_currency,
                holders=self.holders,
                campaign_id=command.campaign_id,
                spendable=currency is None or currency.spendable,
            )
        )


class AddHolder(Command, frozen=True, kw_only=True):
    """Let a member hold an account with the others: see its points, and spend them."""

    account_id: AccountID
    member_id: MemberID


class AddingHolder(Slice, decides=AddHolder, reads=(AccountState, Membership)):
    """A member is added once to an account, up to the limit of a household."""

    def __init__(self, command: AddHolder, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountState, f"account:{command.account_id}")
        self.membership = self.view(Membership, f"member:{command.member_id}")

    def execute(self) -> None:
        """Add the member, unless it is one of the holders."""
        command: AddHolder = self.command
        self.account.require()
        self.membership.require()
        if command.member_id in self.account.holders:
            raise AlreadyHolder(account_id=command.account_id, member_id=command.member_id)
        if len(self.account.holders) >= HOLDERS_MAX:
            raise TooManyHolders(account_id=command.account_id, holders_max=HOLDERS_MAX)
        self.trigger(HolderAdded(account_id=command.account_id, member_id=command.member_id))


class RemoveHolder(Command, frozen=True, kw_only=True):
    """Let a member hold an account no longer. The points stay with the account."""

    account_id: AccountID
    member_id: MemberID
    reason: Text | None = None


class RemovingHolder(Slice, decides=RemoveHolder, reads=(AccountState,)):
    """Only a holder is removed; the last one may be, and the account is anonymous then."""

    def __init__(self, command: RemoveHolder, command_id: str) -> None:
        super().__init__(command, command_id)
        self.account = self.view(AccountState, f"account:{command.account_id}")

    def execute(self) -> None:
        """Remove the member, if it is one of the holders."""
        command: RemoveHolder = self.command
        self.account.require()
        if command.member_id not in self.account.holders:
            raise NotHolder(account_id=command.account_id, member_id=command.member_id)
        self.trigger(
            HolderRemoved(
                account_id=command.account_id,
                member_id=command.member_id,
                reason=command.reason,
            )
        )
