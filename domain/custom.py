"""Custom events: what a brand records beyond the catalogue, under kinds that it declares."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, field

from domain.contact import Contact
from domain.event import Decided, Observation, event_type
from domain.people import ATTRIBUTES_MAX, Key, PlainAttributes
from domain.personal import Personal
from domain.types import CampaignID, MemberID, Text, VisitorID

SCHEMA_LENGTH_MAX: Final = 20_000
"""Characters of the JSON Schema of one custom kind."""

CustomKind = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]*$",
        max_length=64,
        extra={"tag": "kind"},
        extra_json_schema={"x-tag": "kind"},
    ),
]
"""The name of a kind of custom event; it becomes the tag ``kind:<name>``."""


@event_type("custom_kind.declared.v1")
class CustomKindDeclared(Decided, frozen=True, kw_only=True):
    """A kind of custom event was declared, or declared anew, with the form of its attributes."""

    kind: CustomKind
    description: Text | None = None
    json_schema: Annotated[str, Meta(min_length=2, max_length=SCHEMA_LENGTH_MAX)]
    """The JSON Schema of the attributes, as text."""


@event_type("custom.recorded.v1")
class CustomRecorded(Observation, frozen=True, kw_only=True):
    """Something happened that the catalogue has no event for."""

    kind: CustomKind
    member_id: MemberID | None = None
    visitor_id: VisitorID | None = None
    campaign_id: CampaignID | None = None
    contact: Contact | None = None
    attributes: PlainAttributes = field(default_factory=dict)
    personal: Annotated[dict[Key, Personal["member_id"]], Meta(max_length=ATTRIBUTES_MAX)] = field(
        default_factory=dict
    )
    """Sealed under the member's key, so it needs ``member_id``."""
