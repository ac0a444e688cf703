"""Figures of campaigns and members as flat names and integers: by SQL, and as projections say them.

Zeros are left out, since a figure that SQL finds no row for is zero.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import psycopg

from domain.types import TIME_FLOOR
from projections import campaign_returns, profiles
from projections.campaign_activity import CampaignActivity
from projections.campaign_figures import Figure
from projections.campaign_plans import CampaignPlans
from projections.campaign_returns import CAMPAIGN_RETURNS, Returns
from projections.known import PastReader
from projections.profile_rows import Profiles
from projections.profiles import PROFILES, Profile
from projections.reader import Member, Reader, reading
from projections.selection import NOW, Selection, When
from store.ledger import Ledger
from tests.projections import sql_of_campaigns, sql_of_members, sql_of_people

Amounts = dict[str, int]
Figures = dict[str, Amounts]
"""By campaign or member, the amounts by name."""
MEMBERS_AT_ONCE = 2_000
MICROS = """
CREATE FUNCTION pg_temp.micros(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (extract(epoch FROM at) * 1000000)::bigint
"""
SELECTED = """
CREATE TEMP TABLE entries AS SELECT * FROM {schema}.entries
WHERE (%(known_at)s::timestamptz IS NULL OR recorded_at < %(known_at)s)
AND (%(as_of)s::timestamptz IS NULL OR time < %(as_of)s
    OR convert_from(entry, 'UTF8')::jsonb->>'type' IN ('event.voided.v1', 'batch.voided.v1'))
"""
"""What had happened and was known; a temporary table is looked at before one of the schema."""
RATIOS = {
    "known_audience": ("known", "participants"),
    "re_bought_audience": ("re_bought", "paid_origin"),
    "cost_per_participant": ("full_cost", "participants"),
    "cost_per_enrolment": ("full_cost", "enrolments"),
    "cost_per_new_customer": ("full_cost", "new_customers"),
}


class Compared(NamedTuple):
    """What came of comparing projections with SQL."""

    differences: dict[str, dict[str, tuple[int, int]]]
    """By campaign or member, the figures on which they disagree: what each of the two says."""
    names: set[str]
    """The names of the figures that anybody has."""


def compared(ledger: Ledger, when: When = NOW) -> Compared:
    """Compare every figure of every campaign and member; the ratios are made of those figures."""
    with ledger.connect() as connection:
        if not when.is_now:
            [[schema]] = connection.execute("SELECT current_schema()").fetchall()
            connection.execute(SELECTED.format(schema=schema).encode(), when._asdict())
        entries = Entries(connection)
        found = entries.campaigns() | entries.members() | entries.in_all()
    with contextlib.ExitStack() as stack:
        reader = (
            stack.enter_context(reading(ledger.pool, CAMPAIGN_RETURNS, PROFILES))
            if when.is_now
            else PastReader(ledger.log, ledger.pool, Selection.of(ledger.log, when))
        )
        said = campaigns_said(reader) | members_said(reader) | in_all_said(reader)
    differences = {}
    for key in said.keys() | found.keys():
        ours, theirs = said.get(key, {}), found.get(key, {})
        if ours != theirs:
            names = sorted(ours.keys() | theirs.keys())
            pairs = {name: (ours.get(name, 0), theirs.get(name, 0)) for name in names}
            differences[key] = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return Compared(differences, {name for amounts in found.values() for name in amounts})


class Entries:
    """The entries' JSON, as tables that only this connection sees."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        connection.execute(MICROS)
        for source in (sql_of_people, sql_of_members, sql_of_campaigns):
            for name, query in source.TABLES.items():
                connection.execute(f"CREATE TEMP TABLE {name} AS {query}".encode())
                connection.execute(f"ANALYZE {name}".encode())

    def campaigns(self) -> Figures:
        """The figures of every campaign that an event speaks of."""
        return self._figures(sql_of_campaigns.FIGURES)

    def members(self) -> Figures:
        """The figures of every member."""
        found = self._figures(sql_of_members.FIGURES)
        return {who: amounts for who, amounts in found.items() if not who.startswith("visitor:")}

    def in_all(self) -> Figures:
        """The figures over all members."""
        return self._figures(sql_of_members.IN_ALL)

    def _figures(self, queries: tuple[str, ...]) -> Figures:
        found: defaultdict[str, Amounts] = defaultdict(dict)
        for query in queries:
            for key, name, amount in self._connection.execute(query.encode()):
                if key is not None and name is not None and amount:
                    assert name not in found[key], (key, name)
                    found[key][name] = int(amount)
        return dict(found)


def micros(at: datetime | None) -> int:
    """Microseconds since 1970; never: 0."""
    return 0 if at is None else (at - TIME_FLOOR) // timedelta(microseconds=1)


def campaigns_said(reader: Reader) -> Figures:
    """What the projection says of every campaign that it knows in any of its tables."""
    folds: tuple[Member, ...] = (CampaignPlans, CampaignActivity)
    tables = {one.table: one for one in (*folds, *CAMPAIGN_RETURNS.totals)}
    keys = " UNION ".join(f"SELECT key FROM {{{name}}}" for name in tables)
    found: Figures = {}
    for (campaign_id,) in reader.select(keys, tables):
        said = campaign_returns.returns(reader, campaign_id)
        assert said is not None
        found[campaign_id] = amounts_of_campaign(said)
        check_ratios(said.figures, found[campaign_id], said.full_cost)
    return {campaign_id: amounts for campaign_id, amounts in found.items() if amounts}


def amounts_of_campaign(said: Returns) -> Amounts:
    """The amounts of one campaign."""
    dates = {"starts": said.revenue_from, "revenue_until": said.revenue_until}
    amounts = {name: micros(at) for name, at in dates.items()}
    for cost in said.costs:
        for status in ("committed", "accrued", "actual", "credit_note"):
            amounts[f"{cost.kind} {status} {cost.currency}"] = getattr(cost, status)
    for seen in said.visibility:
        for name in ("count", "invalid", "measured"):
            amounts[f"{seen.stage} {seen.channel} {name}"] = getattr(seen, name)
    for outcome in said.invitations:
        amounts[f"invitations {outcome.outcome}"] = outcome.invitations
        amounts[f"times {outcome.outcome}"] = outcome.events
    for revenue in said.participant_revenue:
        for name in ("purchases", "buyers", "net", "returned"):
            amounts[f"{name} {revenue.currency}"] = getattr(revenue, name)
    for block in (said.engagement, said.people, said.promised):
        for name in block.__struct_fields__:
            value = getattr(block, name)
            by_currency = value if isinstance(value, dict) else {"": value}
            for currency, amount in by_currency.items():
                amounts[f"{name} {currency}".strip()] = amount
    return {name: amount for name, amount in amounts.items() if amount}


def check_ratios(figures: tuple[Figure, ...], amounts: Amounts, full_cost: Amounts) -> None:
    """Each ratio has the amounts that it is named after as its two parts, and rounds them well."""
    assert {unit: cost for unit, cost in full_cost.items() if cost} == full_cost_of(amounts)
    for figure in figures:
        parts = {**amounts, "full_cost": full_cost.get(figure.currency or "", 0)}
        if figure.name == "re_bought_cost":
            media = amounts.get(f"media actual {figure.currency}", 0)
            media -= amounts.get(f"media credit_note {figure.currency}", 0)
            expected = amounts.get("re_bought", 0) * media, "paid_origin"
        else:
            of, per = RATIOS[figure.name]
            expected = parts.get(of, 0), per
        assert (figure.numerator, figure.denominator) == (expected[0], parts.get(expected[1], 0))
        if figure.amount is not None:
            away = Fraction(figure.numerator, figure.denominator) - figure.amount
            assert abs(away) <= Fraction(1, 2)


def full_cost_of(amounts: Amounts) -> Amounts:
    """What was invoiced, less credit notes; promises stand in for rewards without any cost."""
    recorded = any(name.split()[0] == "reward" for name in amounts)
    cost = Counter[str]()
    for name, amount in amounts.items():
        match name.split():
            case [_, "actual", currency]:
                cost[currency] += amount
            case [_, "credit_note", currency]:
                cost[currency] -= amount
            case ["points_cost" | "rewards_cost", currency] if not recorded:
                cost[currency] += amount
    return {currency: amount for currency, amount in cost.items() if amount}


def members_said(reader: Reader) -> Figures:
    """What the projection says of every member that it knows."""
    names = [name for (name,) in reader.select("SELECT key FROM {rows}", {"rows": Profiles})]
    found: Figures = {}
    for start in range(0, len(names), MEMBERS_AT_ONCE):
        some = profiles.members(reader, names[start : start + MEMBERS_AT_ONCE])
        found |= {name: amounts_of_member(profile) for name, profile in some.items()}
    return {name: amounts for name, amounts in found.items() if amounts}


def in_all_said(reader: Reader) -> Figures:
    """What the projection says over all members."""
    said = profiles.totals(reader)
    amounts = {"enrolled": said.enrolled, "ended": said.ended}
    for spend in said.spend:
        for name in ("purchases", "net", "returned"):
            amounts[f"{name} {spend.currency}"] = getattr(spend, name)
    return {"in all": {name: amount for name, amount in amounts.items() if amount}}


def amounts_of_member(said: Profile) -> Amounts:
    """The amounts of one member."""
    amounts: Amounts = {}
    for spend in said.spend:
        for name in ("purchases", "net", "returned"):
            amounts[f"{name} {spend.currency}"] = getattr(spend, name)
    for part in said.campaigns:
        amounts[f"{part.campaign_id} participations"] = part.participations
        amounts[f"{part.campaign_id} first"] = micros(part.first)
        amounts[f"{part.campaign_id} last"] = micros(part.last)
    for name in said.__struct_fields__:
        value = getattr(said, name)
        if isinstance(value, int | datetime) and name not in {"ended_at", "erased_at"}:
            amounts[name] = value if isinstance(value, int) else micros(value)
    amounts["enrolled"] = micros(said.enrolment.time if said.enrolment else None)
    for name in said.advocacy.__struct_fields__:
        amounts[name] = getattr(said.advocacy, name)
    amounts |= {f"referred by {advocate}": 1 for advocate in said.referred_by}
    return {name: amount for name, amount in amounts.items() if amount}
