"""The types that events are made of: identifiers that become tags, bounded numbers, text and money.

A tag is ``kind:id``. A field becomes a tag because of its type alone: an identifier type made by
:func:`_identifier` carries the kind, and :mod:`domain.event` reads it from there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

INTEGER_MAX: Final = 2**53 - 1
"""No integer in an entry is larger: every JSON reader on earth keeps it exact."""
POINTS_MAX: Final = 10**9
"""Points in one event; 9 thousand million such events still add up inside a bigint."""
MONEY_MAX: Final = 10**11
"""Minor units in one amount (a thousand million of a currency with cents)."""
COUNT_MAX: Final = 10**11
"""Impressions, views and other counts reported in one event."""
ID_LENGTH_MAX: Final = 128
NAME_LENGTH_MAX: Final = 200
TEXT_LENGTH_MAX: Final = 2_000
LIST_LENGTH_MAX: Final = 1_000
"""Elements of one list inside an event."""
ENTRY_BYTES_MAX: Final = 65_535
"""The size of an entry, which is also what one leaf of the public tree can hold."""
TIME_FLOOR: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No event happened before this instant."""
TIME_CEILING: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No date that an event speaks of (an expiry, a campaign's end) lies at or after this instant."""
TIME_OFFSET_MAX: Final = timedelta(hours=15, minutes=59)
"""How far from UTC a time may be: what PostgreSQL takes. No clock on earth is beyond 14 hours."""
TIME_LEAD_MAX: Final = timedelta(hours=24)
"""How far ahead of the ledger's clock an event's ``time`` may be."""

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~:-]*$"


def _identifier(kind: str) -> Any:
    """An identifier that becomes the tag ``<kind>:<id>``; it never holds personal data."""
    return Meta(
        pattern=ID_PATTERN,
        min_length=1,
        max_length=ID_LENGTH_MAX,
        extra={"tag": kind},
        extra_json_schema={"x-tag": kind},
    )


MemberID = Annotated[str, _identifier("member")]
ProspectID = Annotated[str, _identifier("prospect")]
VisitorID = Annotated[str, _identifier("visitor")]
IdentityID = Annotated[str, _identifier("identity")]
AccountID = Annotated[str, _identifier("account")]
CampaignID = Annotated[str, _identifier("campaign")]
ActivationID = Annotated[str, _identifier("activation")]
ExperimentID = Annotated[str, _identifier("experiment")]
InvitationID = Annotated[str, _identifier("invitation")]
ParticipationID = Annotated[str, _identifier("participation")]
ShareID = Annotated[str, _identifier("share")]
ContributionID = Annotated[str, _identifier("contribution")]
PurchaseID = Annotated[str, _identifier("purchase")]
OrderID = Annotated[str, _identifier("order")]
ReturnID = Annotated[str, _identifier("return")]
ReferralID = Annotated[str, _identifier("referral")]
ReferralCode = Annotated[str, _identifier("code")]
RewardID = Annotated[str, _identifier("reward")]
ItemID = Annotated[str, _identifier("item")]
VoucherID = Annotated[str, _identifier("voucher")]
GameID = Annotated[str, _identifier("game")]
DrawID = Annotated[str, _identifier("draw")]
DrawEntryID = Annotated[str, _identifier("entry")]
ReservationID = Annotated[str, _identifier("reservation")]
BatchID = Annotated[str, _identifier("batch")]
AdjustmentID = Annotated[str, _identifier("adjustment")]
ProgrammeID = Annotated[str, _identifier("programme")]
LedgerID = Annotated[str, _identifier("ledger")]
PurposeID = Annotated[str, _identifier("purpose")]
EpochKeyID = Annotated[str, _identifier("epoch_key")]

Tag = Annotated[
    str,
    Meta(
        pattern=r"^[a-z_]+:[A-Za-z0-9][A-Za-z0-9._~:-]*$",
        max_length=ID_LENGTH_MAX + 64,
        extra={"tag": ""},
        extra_json_schema={"x-tag": "itself"},
    ),
]
"""A whole tag, ``kind:id``, that an event repeats from another one."""

ID = Annotated[str, Meta(pattern=ID_PATTERN, min_length=1, max_length=ID_LENGTH_MAX)]
"""An identifier that is not a tag: a store, a till, a rule, a lot, a member of staff (opaque)."""
LotID = Annotated[str, Meta(pattern=ID_PATTERN, min_length=1, max_length=ID_LENGTH_MAX + 32)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_LENGTH_MAX)]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
"""A lower-case term of a list that a brand may extend: a channel, a kind, a purpose."""
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", max_length=3)]
"""An ISO 4217 code."""
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", max_length=2)]
"""An ISO 3166-1 alpha-2 code."""
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
"""A BCP 47 tag."""
Date = Annotated[str, Meta(pattern=r"^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-[01][0-9]-[0-3][0-9]$")]
"""A calendar day, ``YYYY-MM-DD``."""
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22,86}$", max_length=86)]
"""A digest in base64url."""

Points = Annotated[int, Meta(ge=1, le=POINTS_MAX)]
Amount = Annotated[int, Meta(ge=0, le=MONEY_MAX)]
"""Minor units of a currency (cents), never negative: what an amount does is said by its field."""
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Quantity = Annotated[int, Meta(ge=0, le=10**9)]
Minutes = Annotated[int, Meta(ge=0, le=10**8)]
Version = Annotated[int, Meta(ge=1, le=10**6)]
Position = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]
"""An aware date and time; it keeps the offset it came with. Checked against the named floor."""


class Block(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
):
    """A group of fields that several events share."""


class Money(Block, frozen=True):
    """An amount in minor units of one currency; gross = net + tax where the tax is known."""

    amount: Amount
    currency: Currency
    net: Amount | None = None
    tax: Amount | None = None
