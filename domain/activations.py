"""Activations: the things that the public can take part in inside a campaign, and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from domain.campaigns import CampaignPlan
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.types import (
    ActivationID,
    Amount,
    Block,
    CampaignID,
    Country,
    Currency,
    Digest,
    Language,
    Name,
    Quantity,
    Text,
    Version,
    Word,
)

ENTRIES_MAX: Final = 10**6
"""No entry limit is higher."""
PRIZES_MAX: Final = 100

EntryLimit = Annotated[int, Meta(ge=1, le=ENTRIES_MAX)]
Period = Literal["campaign", "day", "week", "month"]
"""Over what entries are counted: by the day, ISO week or month that an entry's ``time`` shows on
the calendar of the place it came from (its own offset), or over the whole campaign."""


ActivationClears = Annotated[tuple[Literal["entries_max"], ...], Meta(max_length=1)]


class Prize(Block, frozen=True, kw_only=True):
    """What can be won, and its value."""

    name: Name
    quantity: Quantity = 1
    value: Amount | None = None
    """The value of one, in minor units of the currency."""
    currency: Currency | None = None


@event_type("activation.added.v1")
class ActivationAdded(Decided, frozen=True, kw_only=True):
    """The public can take part in something new inside a campaign."""

    activation_id: ActivationID
    campaign_id: CampaignID
    kind: Word
    """game, contest, quiz, poll, content, chatbot, offer, store-event, ..."""
    name: Name | None = None
    entries_max: EntryLimit | None = None
    """How often one member (or visitor) may take part per period; none: no limit."""
    entries_period: Period = "campaign"
    rules_version: Version | None = None
    """The version of the rules document that is in force."""


@event_type("activation.amended.v1")
class ActivationAmended(Decided, frozen=True, kw_only=True):
    """An activation was changed, for what is recorded from here on. A field not given stays."""

    activation_id: ActivationID
    campaign_id: CampaignID
    kind: Word | None = None
    name: Name | None = None
    entries_max: EntryLimit | None = None
    entries_period: Period | None = None
    rules_version: Version | None = None
    clear: ActivationClears = ()
    """``["entries_max"]``: there is no limit from here on."""


@event_type("contest_rules.published.v1")
class ContestRulesPublished(Decided, frozen=True, kw_only=True):
    """The rules document of a contest was published; its digest proves which text it was."""

    activation_id: ActivationID
    campaign_id: CampaignID | None = None
    rules_version: Version
    digest: Digest
    """SHA-256 of the document, in base64url."""
    language: Language
    jurisdiction: Country
    eligibility: Text | None = None
    """Who may take part."""
    prizes: Annotated[tuple[Prize, ...], Meta(max_length=PRIZES_MAX)] = ()
    deposit_reference: Name | None = None
    """Under what reference the rules are deposited, where the law asks for it."""
    free_entry: Text | None = None
    """How to take part without buying anything, where the law asks for it."""


class ActivationNotAdded(RuleError):
    """No activation with this id was added to a campaign: add it first, or correct the id."""


class ActivationAlreadyAdded(RuleError):
    """An activation with this id exists: amend it, or add the new one under another id."""


class ActivationTerms(View):
    """The rules of an activation as of now. Tag: ``activation:<id>``."""

    campaign_id: str | None = None
    """None: it was never added."""
    entries_max: int | None = None
    entries_period: Period = "campaign"
    rules_version: int | None = None

    @on(ActivationAdded)
    def _(self, event: ActivationAdded, envelope: Envelope) -> None:
        self.campaign_id = event.campaign_id
        self.entries_max = event.entries_max
        self.entries_period = event.entries_period
        self.rules_version = event.rules_version

    @on(ActivationAmended)
    def _(self, event: ActivationAmended, envelope: Envelope) -> None:
        if event.entries_max is not None or "entries_max" in event.clear:
            self.entries_max = event.entries_max
        self.entries_period = event.entries_period or self.entries_period
        self.rules_version = event.rules_version or self.rules_version

    def allows(self, entries: Sequence[datetime], time: datetime) -> bool:
        """Whether one more entry, at this time, stays within the limit beside the others."""
        if self.entries_max is None or len(entries) < self.entries_max:
            return True
        period = _period_of(time, self.entries_period)
        same = sum(_period_of(entry, self.entries_period) == period for entry in entries)
        return same < self.entries_max


def _period_of(time: datetime, period: Period) -> object:
    """Which day, week or month a time shows on its own calendar, with its own offset."""
    match period:
        case "day":
            return time.date()
        case "week":
            return time.isocalendar()[:2]
        case "month":
            return time.year, time.month
        case "campaign":
            return None


class AddActivation(Command, frozen=True, kw_only=True):
    """Add something that the public can take part in to a campaign. Without an id it gets one."""

    activation_id: ActivationID | None = None
    campaign_id: CampaignID
    kind: Word
    name: Name | None = None
    entries_max: EntryLimit | None = None
    entries_period: Period = "campaign"
    rules_version: Version | None = None


class AddingActivation(Slice, decides=AddActivation, reads=(ActivationTerms, CampaignPlan)):
    """An activation is added once, to a campaign that is planned and not closed."""

    def __init__(self, command: AddActivation, command_id: str) -> None:
        super().__init__(command, command_id)
        self.activation_id = command.activation_id or self.mint("n")
        self.terms = self.view(ActivationTerms, f"activation:{self.activation_id}")
        self.plan = self.view(CampaignPlan, f"campaign:{command.campaign_id}")

    def execute(self) -> None:
        """Add it, unless it exists or the campaign takes no more."""
        command: AddActivation = self.command
        if self.terms.campaign_id is not None:
            raise ActivationAlreadyAdded(activation_id=self.activation_id)
        self.plan.require_open()
        fields = msgspec.structs.asdict(command) | {"activation_id": self.activation_id}
        del fields["time"]
        self.trigger(ActivationAdded(**fields))


class AmendActivation(Command, frozen=True, kw_only=True):
    """Change an activation for what is recorded from here on. What is not given stays."""

    activation_id: ActivationID
    kind: Word | None = None
    name: Name | None = None
    entries_max: EntryLimit | None = None
    entries_period: Period | None = None
    rules_version: Version | None = None
    clear: ActivationClears = ()


class AmendingActivation(Slice, decides=AmendActivation, reads=(ActivationTerms,)):
    """An activation is amended after it was added."""

    def __init__(self, command: AmendActivation, command_id: str) -> None:
        super().__init__(command, command_id)
        self.terms = self.view(ActivationTerms, f"activation:{command.activation_id}")

    def execute(self) -> None:
        """Amend it."""
        command: AmendActivation = self.command
        if self.terms.campaign_id is None:
            raise ActivationNotAdded(activation_id=command.activation_id)
        fields = msgspec.structs.asdict(command) | {"campaign_id": self.terms.campaign_id}
        del fields["time"]
        self.trigger(ActivationAmended(**fields))
