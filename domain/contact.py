"""Through which door somebody came: the contact block that many events share."""

from __future__ import annotations

from typing import Annotated

from domain.personal import digested
from domain.types import ID, Block, Language, Name, ShareID, VisitorID, Word


class Contact(Block, frozen=True):
    """How an event reached the person, or the person reached the brand. All fields are optional."""

    channel: Word | None = None
    """facebook, instagram, messenger, x, youtube, web, app, store, e-mail, sms, phone, ..."""
    source: Name | None = None
    """Where the visit came from: a site, an application, a newsletter."""
    medium: Word | None = None
    origin: Word | None = None
    """paid, owned, earned or shared."""
    placement: Name | None = None
    content_id: ID | None = None
    creative_id: ID | None = None
    click_id: ID | None = None
    language: Language | None = None
    store_id: ID | None = None
    staff_id: ID | None = None
    visitor_id: VisitorID | None = None
    device: Annotated[Name | None, digested("device")] = None
    """What tells the device; the vault replaces it by a keyed digest, equal for the same device."""
    share_id: ShareID | None = None
    """The share it came through."""
    segment: ID | None = None
    cell: ID | None = None
    """Segment and experiment cell at that moment."""
