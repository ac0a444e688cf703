"""Profiles: who each member is, what they allow, and what they did over the whole history.

Personal values come out as they are sealed; only the API's edge opens them, for who may see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec

from projections.consents import Consent, latest
from projections.fold import Contribution, Projection, Total
from projections.known import Rows
from projections.profile_rows import Enrolment, HeldIdentity, ProfileRow, Profiles
from projections.purchases import Spend, first_purchase, spending
from projections.reader import Reader

ADVOCATES_MAX: Final = 1_000


class MemberTotals(Total, table="member_totals", of=Profiles):
    """Over all members: ``members``, and what they bought by currency, ``spend EUR``."""

    def contributes(self, row: ProfileRow, context: Mapping[str, Any]) -> Contribution:
        """The member once, and the member's spend."""
        enrolled = row.enrolment is not None
        ended = enrolled and (row.ended_at is not None or row.erased_at is not None)
        found = {"members": {"enrolled": int(enrolled), "ended": int(ended)}}
        for spend in spending(row.purchases.values()):
            amounts = {"purchases": spend.purchases, "net": spend.net, "returned": spend.returned}
            found[f"spend {spend.currency}"] = amounts
        return found


PROFILES = Projection("profiles", version=2, folds=(Profiles,), totals=(MemberTotals,))


class MemberIdentity(HeldIdentity, kw_only=True):
    """An identity by which the member is recognised."""

    named_by: ClassVar[tuple[str, ...]] = ("identity_id",)

    identity_id: str


class CampaignPart(msgspec.Struct):
    """How a member took part in a campaign."""

    named_by: ClassVar[tuple[str, ...]] = ("campaign_id",)

    campaign_id: str
    participations: int
    """Those that count: disqualified ones do not."""
    first: datetime
    last: datetime


class Advocacy(msgspec.Struct):
    """What a member brought by recommending."""

    friend_invitations: int
    """Friends whom the member named to the brand, in referrals."""
    referrals_made: int
    referrals_qualified: int
    """Of these, those that passed their checks and were not voided since."""
    referrals_voided: int
    referees: int
    """Different members who came by qualified referrals."""


class Profile(msgspec.Struct, kw_only=True):
    """A member as the ledger knows them now. Sealed values are sealed."""

    member_id: str
    enrolment: Enrolment | None
    """None: the ledger heard of this member and never enrolled them."""
    ended_at: datetime | None
    erased_at: datetime | None
    identities: tuple[MemberIdentity, ...]
    attributes: dict[str, str | int | bool]
    consents: tuple[Consent, ...]
    """What was said last of each purpose and channel; without a channel, it is said of all."""
    first_contact: datetime | None
    """When the member first did something: enrolled, took part, shared, came, bought, wrote, or
    turned to the service. Being written to is no contact."""
    last_contact: datetime | None
    campaigns: tuple[CampaignPart, ...]
    participations: int
    disqualified: int
    invitations_sent: int
    invitations_opened: int
    invitations_clicked: int
    shares: int
    visits: int
    contributions: int
    accepted_answers: int
    service_contacts: int
    first_purchase: datetime | None
    spend: tuple[Spend, ...]
    """By currency, over the whole history."""
    advocacy: Advocacy
    referred_by: tuple[str, ...]
    """The advocates whose qualified referrals brought this member."""
    accounts: tuple[str, ...]


class Advocate(msgspec.Struct):
    """A member by what they brought."""

    member_id: str
    advocacy: Advocacy


class InAll(msgspec.Struct):
    """Figures over all members."""

    enrolled: int
    ended: int
    """Of the enrolled, those whose membership ended or who were erased."""
    spend: tuple[Spend, ...]
    """Purchases of members and of those who became members, by currency."""


def member(reader: Rows, member_id: str) -> Profile | None:
    """The profile of a member; None if no event ever spoke of them."""
    row = reader.row(Profiles, member_id)
    return None if row is None else profile_of(row)


def members(reader: Rows, member_ids: list[str]) -> dict[str, Profile]:
    """The profiles of several members at once; those that there are."""
    return {name: profile_of(row) for name, row in reader.rows(Profiles, member_ids).items()}


def top_advocates(reader: Reader, limit: int) -> tuple[Advocate, ...]:
    """The members with the most qualified referrals, ties by id."""
    assert 0 < limit <= ADVOCATES_MAX
    rows = reader.select(
        "SELECT key FROM {profiles} WHERE (row->>'qualified_count')::integer > 0"
        " ORDER BY (row->>'qualified_count')::integer DESC NULLS LAST, key LIMIT %(limit)s",
        {"profiles": Profiles},
        {"limit": limit},
    )
    found = reader.rows(Profiles, [key for (key,) in rows])
    return tuple(Advocate(key, advocacy_of(found[key])) for (key,) in rows)


def totals(reader: Reader) -> InAll:
    """Figures over all members."""
    found = reader.every_total(MemberTotals)
    counts = found.pop("members", {})
    spend = tuple(Spend(name.split()[1], **amounts) for name, amounts in sorted(found.items()))
    return InAll(counts.get("enrolled", 0), counts.get("ended", 0), spend)


def profile_of(row: ProfileRow) -> Profile:
    """What a profile's row says."""
    counted = [one for one in row.participations.values() if not one.disqualified]
    return Profile(
        member_id=row.member_id,
        enrolment=row.enrolment,
        ended_at=row.ended_at,
        erased_at=row.erased_at,
        identities=tuple(
            MemberIdentity(**msgspec.structs.asdict(held), identity_id=identity_id)
            for identity_id, held in sorted(row.identities.items())
        ),
        attributes={
            name: one.value for name, one in sorted(row.attributes.items()) if one.value is not None
        },
        consents=tuple(latest(row.consents)),
        first_contact=row.first_contact,
        last_contact=row.last_contact,
        campaigns=_campaigns(row),
        participations=len(counted),
        disqualified=len(row.participations) - len(counted),
        **{name: row.counts.get(name, 0) for name in _COUNTS},
        first_purchase=first_purchase(row.purchases),
        spend=tuple(spending(row.purchases.values())),
        advocacy=advocacy_of(row),
        referred_by=tuple(sorted(set(row.referred_by.values()))),
        accounts=tuple(row.accounts),
    )


def advocacy_of(row: ProfileRow) -> Advocacy:
    """What a profile's row says about the member as an advocate."""
    made = row.referrals.values()
    qualified = row.qualified()
    return Advocacy(
        friend_invitations=sum(one.named for one in made),
        referrals_made=len(made),
        referrals_qualified=len(qualified),
        referrals_voided=sum(one.voided for one in made),
        referees=len({one.referee_id for one in qualified}),
    )


_COUNTS: Final = (
    "invitations_sent",
    "invitations_opened",
    "invitations_clicked",
    "shares",
    "visits",
    "contributions",
    "accepted_answers",
    "service_contacts",
)


def _campaigns(row: ProfileRow) -> tuple[CampaignPart, ...]:
    times: dict[str, list[datetime]] = {}
    for one in row.participations.values():
        if not one.disqualified:
            times.setdefault(one.campaign_id, []).append(one.time)
    return tuple(
        CampaignPart(campaign_id, len(some), min(some), max(some))
        for campaign_id, some in sorted(times.items())
    )
