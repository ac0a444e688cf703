"""The reward catalogue: its items, as events with versions, and the decisions that list them."""

from __future__ import annotations

from datetime import datetime

from domain.campaigns import CampaignPlan
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.item_terms import ItemTerms, check_item
from domain.types import ID, ItemID, Text, Version


@event_type("item.listed.v1")
class ItemListed(Decided, frozen=True, kw_only=True):
    """An item is in the reward catalogue from here on, as version 1 of its terms."""

    item_id: ItemID
    version: Version = 1
    terms: ItemTerms
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("item.amended.v1")
class ItemAmended(Decided, frozen=True, kw_only=True):
    """An item has other terms from here on, said anew. What was granted keeps what it said."""

    item_id: ItemID
    version: Version
    terms: ItemTerms
    reason: Text | None = None
    approved_by: ID | None = None


@event_type("item.delisted.v1")
class ItemDelisted(Decided, frozen=True, kw_only=True):
    """Nobody can have the item from here on. What was granted of it can still be used."""

    item_id: ItemID
    reason: Text | None = None
    approved_by: ID | None = None


ItemEvent = ItemListed | ItemAmended | ItemDelisted


class ItemNotListed(RuleError):
    """No item with this id is in the catalogue: list it first, or correct the id."""


class ItemAlreadyListed(RuleError):
    """An item with this id is, or was, in the catalogue: amend it, or choose another id."""


class ItemIsDelisted(RuleError):
    """The item was taken out of the catalogue: nobody can have it, and it takes no change."""


class CatalogueItem(View):
    """An item and its terms as of now. Tag: ``item:<id>``."""

    version = 0
    terms: ItemTerms | None = None
    delisted_at: datetime | None = None

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.versions: dict[int, ItemTerms] = {}

    @on(ItemListed, ItemAmended)
    def _(self, event: ItemListed | ItemAmended, envelope: Envelope) -> None:
        self.version, self.terms = event.version, event.terms
        self.versions[event.version] = event.terms

    @on(ItemDelisted)
    def _(self, event: ItemDelisted, envelope: Envelope) -> None:
        self.delisted_at = envelope.time

    def require(self) -> ItemTerms:
        """The item's terms; refuse when it is not listed, or no longer."""
        if self.terms is None:
            raise ItemNotListed(item=self.tags[0])
        if self.delisted_at is not None:
            raise ItemIsDelisted(item=self.tags[0], delisted_at=self.delisted_at)
        return self.terms


def _views(decision: Slice, item_id: str, terms: ItemTerms) -> CatalogueItem:
    """The item, and the campaign that is to pay."""
    if terms.campaign_id is not None:
        decision.view(CampaignPlan, f"campaign:{terms.campaign_id}")
    return decision.view(CatalogueItem, f"item:{item_id}")


def _check(decision: Slice, terms: ItemTerms) -> None:
    for view in decision.boundary:
        if isinstance(view, CampaignPlan):
            view.require()
    check_item(terms)


class ListItem(Command, frozen=True, kw_only=True):
    """Put an item into the reward catalogue. Without an id it gets one."""

    item_id: ItemID | None = None
    terms: ItemTerms
    reason: Text | None = None
    approved_by: ID | None = None


class ListingItem(Slice, decides=ListItem, reads=(CatalogueItem, CampaignPlan)):
    """An item is listed once, under terms that do not contradict each other."""

    def __init__(self, command: ListItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.item_id = command.item_id or self.mint("item")
        self.item = _views(self, self.item_id, command.terms)

    def execute(self) -> None:
        """List it, unless it was listed."""
        command: ListItem = self.command
        if self.item.terms is not None:
            raise ItemAlreadyListed(item_id=self.item_id)
        _check(self, command.terms)
        self.trigger(
            ItemListed(
                item_id=self.item_id,
                terms=command.terms,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class AmendItem(Command, frozen=True, kw_only=True):
    """Give an item other terms, which say everything anew. What was granted stays as it was."""

    item_id: ItemID
    terms: ItemTerms
    reason: Text | None = None
    approved_by: ID | None = None


class AmendingItem(Slice, decides=AmendItem, reads=(CatalogueItem, CampaignPlan)):
    """An item is amended until it is delisted."""

    def __init__(self, command: AmendItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.item = _views(self, command.item_id, command.terms)

    def execute(self) -> None:
        """Make its next version."""
        command: AmendItem = self.command
        self.item.require()
        _check(self, command.terms)
        self.trigger(
            ItemAmended(
                item_id=command.item_id,
                version=self.item.version + 1,
                terms=command.terms,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )


class DelistItem(Command, frozen=True, kw_only=True):
    """Take an item out of the catalogue, for ever. What was granted of it can still be used."""

    item_id: ItemID
    reason: Text | None = None
    approved_by: ID | None = None


class DelistingItem(Slice, decides=DelistItem, reads=(CatalogueItem,)):
    """An item is delisted once."""

    def __init__(self, command: DelistItem, command_id: str) -> None:
        super().__init__(command, command_id)
        self.item = self.view(CatalogueItem, f"item:{command.item_id}")

    def execute(self) -> None:
        """Delist it."""
        command: DelistItem = self.command
        self.item.require()
        self.trigger(
            ItemDelisted(
                item_id=command.item_id,
                reason=command.reason,
                approved_by=command.approved_by,
            )
        )
