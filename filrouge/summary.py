"""What a ledger adds up to, for somebody who sees it for the first time: gathered, not shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from domain.envelope import Recorded
from domain.lot import States
from domain.lots import states as states_of
from projections.balances import BALANCES, Balances
from projections.campaign_audience import Audience
from projections.campaign_returns import CAMPAIGN_RETURNS, Returns, page, returns
from projections.fold import Fold
from projections.profile_rows import Profiles
from projections.profiles import PROFILES, members as profiles_of, totals
from projections.reader import Reader, reading
from store.ledger import Ledger

CAMPAIGNS_MAX: Final = 200
ADVOCATES_SHOWN: Final = 6
SUPERFANS_PER_THOUSAND: Final = 25
"""The top share of members who are called superfans."""
SPENDING_DAYS: Final = 365
ROWS_AT_ONCE: Final = 1_000
RECENT_ENTRIES: Final = 200
STAGES: Final = ("announced", "served", "measurable", "viewable")


class CampaignLine(msgspec.Struct, kw_only=True):
    """One campaign in short; money is minor units of the ledger's currency."""

    campaign_id: str
    name: str
    starts: datetime
    ends: datetime | None
    participants: int
    known: int
    paid_origin: int
    re_bought: int
    re_bought_cost: int
    enrolments: int
    full_cost: int
    media_cost: int
    participant_revenue: int


class Superfan(msgspec.Struct, kw_only=True):
    """A member by what they caused; money is net of returns, over the whole history."""

    member_id: str
    friends_brought: int
    friends_named: int
    shares: int
    contributions: int
    campaigns: int
    spend: int


class Buyers(msgspec.Struct):
    """How many bought in the last year, and what for, net of tax, before returns."""

    people: int = 0
    net: int = 0

    @property
    def each(self) -> float:
        """What one of them spent, in minor units."""
        return self.net / self.people if self.people else 0.0


class Summary(msgspec.Struct, kw_only=True):
    """A ledger at one position, in figures."""

    ledger: str
    name: str
    currency: str
    position: int
    first: datetime
    at: datetime
    """The time of the newest event: the instant that balances are computed for."""
    batches_voided: int
    enrolled: int
    ended: int
    campaigns: tuple[CampaignLine, ...]
    superfans: tuple[Superfan, ...]
    bought: dict[str, Buyers]
    """Of the last year: ``superfans``, ``members`` (with them), ``others`` (known visitors)."""
    points: dict[str, int]
    """By state: issued, owed, pending, active, reserved, spent, expired, cancelled."""
    accounts: int
    seen: dict[str, int]
    """Impressions over all campaigns by stage, and ``invalid``."""


def summary_of(ledger: Ledger) -> Summary:
    """Read what a ledger adds up to, at the position that its projections reflect."""
    newest = [recorded.envelope.time for recorded in _newest(ledger)]
    first = ledger.log.entry(2)
    at = max(newest)
    with reading(ledger.pool, PROFILES, BALANCES, CAMPAIGN_RETURNS) as reader:
        people = totals(reader)
        every = [found for plan in _plans(reader) if (found := returns(reader, plan)) is not None]
        accounts, points = _points(reader, at)
        top = _top(reader, max(1, people.enrolled * SUPERFANS_PER_THOUSAND // 1_000))
        return Summary(
            ledger=ledger.name,
            name=ledger.info.name,
            currency=ledger.info.currency,
            position=reader.position,
            first=first.envelope.time if first else at,
            at=at,
            batches_voided=len(ledger.log.voids(reader.position).batches),
            enrolled=people.enrolled,
            ended=people.ended,
            campaigns=tuple(_line(one, ledger.info.currency) for one in every),
            superfans=_superfans(reader, top[:ADVOCATES_SHOWN]),
            bought=_bought(reader, at, set(top)),
            points=points._asdict(),
            accounts=accounts,
            seen=_seen(every),
        )


def _newest(ledger: Ledger) -> Iterator[Recorded]:
    return ledger.log.read(backward=True, limit=RECENT_ENTRIES)


def _plans(reader: Reader) -> list[str]:
    return [plan.campaign_id for plan in page(reader, None, CAMPAIGNS_MAX)]


def _line(found: Returns, currency: str) -> CampaignLine:
    assert found.campaign.starts is not None
    people = found.people
    media = sum(
        cost.net for cost in found.costs if cost.kind == "media" and cost.currency == currency
    )
    return CampaignLine(
        campaign_id=found.campaign.campaign_id,
        name=found.campaign.name or found.campaign.campaign_id,
        starts=found.campaign.starts,
        ends=found.campaign.ends,
        participants=people.participants,
        known=people.known,
        paid_origin=people.paid_origin,
        re_bought=people.re_bought,
        re_bought_cost=people.re_bought * media // people.paid_origin if people.paid_origin else 0,
        enrolments=people.enrolments,
        full_cost=found.full_cost.get(currency, 0),
        media_cost=media,
        participant_revenue=sum(
            one.revenue for one in found.participant_revenue if one.currency == currency
        ),
    )


def _seen(every: list[Returns]) -> dict[str, int]:
    found = dict.fromkeys((*STAGES, "invalid"), 0)
    for one in every:
        for seen in one.visibility:
            found[seen.stage] += seen.count
            found["invalid"] += seen.invalid
    return found


def _rows(reader: Reader, fold: type[Fold]) -> Iterator[dict[str, Any]]:
    """All rows of a fold, some at a time."""
    after = ""
    while True:
        keys = [
            key
            for (key,) in reader.select(
                "SELECT key FROM {rows} WHERE key > %s ORDER BY key LIMIT %s",
                {"rows": fold},
                [after, ROWS_AT_ONCE],
            )
        ]
        if not keys:
            return
        yield reader.rows(fold, keys)
        after = keys[-1]


def _points(reader: Reader, at: datetime) -> tuple[int, States]:
    """How many accounts there are, and their points by state at an instant."""
    accounts, each = 0, []
    for rows in _rows(reader, Balances):
        accounts += len(rows)
        each += [states_of(row.lots.values(), at) for row in rows.values()]
    return accounts, States(*map(sum, zip(*each, strict=True))) if each else States()


def _top(reader: Reader, count: int) -> list[str]:
    """The members who cause the most: friends brought count five, shares and contributions one."""
    rows = reader.select(
        "SELECT key FROM {profiles} WHERE row->'enrolment' IS NOT NULL ORDER BY"
        " 5 * coalesce((row->>'qualified_count')::integer, 0)"
        " + coalesce((row->'counts'->>'shares')::integer, 0)"
        " + coalesce((row->'counts'->>'contributions')::integer, 0) DESC, key LIMIT %s",
        {"profiles": Profiles},
        [count],
    )
    return [key for (key,) in rows]


def _superfans(reader: Reader, member_ids: list[str]) -> tuple[Superfan, ...]:
    found = profiles_of(reader, member_ids)
    return tuple(
        Superfan(
            member_id=member_id,
            friends_brought=found[member_id].advocacy.referrals_qualified,
            friends_named=found[member_id].advocacy.friend_invitations,
            shares=found[member_id].shares,
            contributions=found[member_id].contributions,
            campaigns=len(found[member_id].campaigns),
            spend=sum(spend.revenue for spend in found[member_id].spend),
        )
        for member_id in member_ids
        if member_id in found
    )


def _bought(reader: Reader, at: datetime, superfans: set[str]) -> dict[str, Buyers]:
    """What was bought in the year before an instant, by who bought it."""
    rows = reader.select(
        "SELECT people.key, people.row->'enrolled_at' IS NOT NULL,"
        " sum((bought.value->>3)::bigint)::bigint"
        " FROM {people} AS people, json_each((people.row->'purchases')::json) AS bought"
        " WHERE (bought.value->>1)::timestamptz > %s GROUP BY 1, 2",
        {"people": Audience},
        [at - timedelta(days=SPENDING_DAYS)],
    )
    found = {"superfans": Buyers(), "members": Buyers(), "others": Buyers()}
    for key, enrolled, net in rows:
        groups = ["members"] if enrolled else ["others"]
        for group in [*groups, "superfans"] if key in superfans else groups:
            found[group].people += 1
            found[group].net += net
    return found
