"""Rule performance: what each rule and version gave, to how many, at what cost, for which sales.

It counts awards that name a rule, by rules of the ledger and by those of another system whose
awards were imported. An event that a rule looked at and gave nothing for leaves no trace in the
log, nor does what a limit took of an award: :mod:`store.explaining` finds that out for one event.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.points import PointsClawedBack, PointsEarned
from projections.fold import Contribution, Fold, Projection, Total
from projections.reader import Reader

RULES_SHOWN_MAX: Final = 1_000
"""Rules that are listed: those that gave most points."""
PARTS_SHOWN_MAX: Final = 1_000
"""Versions, and campaigns, of one rule: those that gave most points."""
UNKNOWN: Final = "-"
"""Stands for what no event says: a campaign, or the rule of points that somebody else clawed
back."""
COST: Final = "cost:"
NET: Final = "net:"


class RuleAward(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one lot was given by and for."""

    key: str
    """``rule/version/campaign``"""
    points: int
    cause: int | None = None
    purchase: str | None = None
    net: int = 0
    """Of the purchase, less tax, in minor units."""
    currency: str = ""
    cost: int = 0
    cost_currency: str = ""


class RuleAwardsRow(msgspec.Struct, omit_defaults=True):
    """What rules gave to one account."""

    account_id: str
    awards: dict[str, RuleAward] = {}
    """By lot."""
    clawed_back: dict[str, int] = {}
    """By lot."""
    cost_freed: dict[str, int] = {}
    """By lot: how much of its expected cost."""


class RuleAwards(Fold, table="rule_awards", key="account"):
    """The awards of each account that name a rule, and what came back of them."""

    Row = RuleAwardsRow

    @on(PointsEarned)
    def _earned(self, row: RuleAwardsRow, event: PointsEarned, envelope: Envelope) -> None:
        if event.rule_id is None:
            return
        price, cost = event.price, event.cost
        row.awards[event.lot_id] = RuleAward(
            _key(event.rule_id, event.rule_version, event.campaign_id),
            event.points,
            envelope.cause,
            None if price is None else event.purchase_id or event.lot_id,
            0 if price is None else price.amount,
            "" if price is None else price.currency,
            0 if cost is None else cost.amount,
            "" if cost is None else cost.currency,
        )

    @on(PointsClawedBack)
    def _back(self, row: RuleAwardsRow, event: PointsClawedBack, envelope: Envelope) -> None:
        for debit in event.lots:
            row.clawed_back[debit.lot_id] = row.clawed_back.get(debit.lot_id, 0) + debit.points
        if event.cost is not None:
            lot_id = event.lots[0].lot_id
            row.cost_freed[lot_id] = row.cost_freed.get(lot_id, 0) + event.cost.amount


class RuleMembersRow(msgspec.Struct, omit_defaults=True):
    """Which rules gave something to a member."""

    member_id: str
    awards: dict[str, int] = {}
    """How often, by ``rule/version/campaign``."""


class RuleMembers(Fold, table="rule_members", key="member"):
    """Whom rules gave something: members as the awards name them."""

    Row = RuleMembersRow

    @on(PointsEarned)
    def _(self, row: RuleMembersRow, event: PointsEarned, envelope: Envelope) -> None:
        if event.rule_id is not None:
            key = _key(event.rule_id, event.rule_version, event.campaign_id)
            row.awards[key] = row.awards.get(key, 0) + 1


def _key(rule_id: str, version: int | None, campaign_id: str | None) -> str:
    return f"{rule_id}/{version or 0}/{campaign_id or UNKNOWN}"


class RuleTotals(Total, table="rule_totals", of=RuleAwards):
    """Awards, points, cost and sales by ``rule/version/campaign``."""

    def contributes(self, row: RuleAwardsRow, context: Mapping[str, Any]) -> Contribution:
        """What the account got; each event and each purchase of it counts once for a key."""
        sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
        events: defaultdict[str, set[int]] = defaultdict(set)
        purchases: defaultdict[str, dict[str, tuple[int, str]]] = defaultdict(dict)
        for lot_id, award in row.awards.items():
            mine = sums[award.key]
            mine["awards"] += 1
            mine["points"] += award.points
            if award.cost_currency:
                cost = award.cost - row.cost_freed.get(lot_id, 0)
                mine[COST + award.cost_currency] += cost
            if award.cause is not None:
                events[award.key].add(award.cause)
            if award.purchase is not None:
                # Lots are in no order: if they disagree about the price, the highest counts.
                said, mine_of = (award.net, award.currency), purchases[award.key]
                mine_of[award.purchase] = max(said, mine_of.get(award.purchase, said))
        for lot_id, points in row.clawed_back.items():
            given = row.awards.get(lot_id)
            sums[f"{UNKNOWN}/0/{UNKNOWN}" if given is None else given.key]["clawed_back"] += points
        for key, causes in events.items():
            sums[key]["events"] += len(causes)
        for key, bought in purchases.items():
            sums[key]["purchases"] += len(bought)
            for net, currency in bought.values():
                sums[key][NET + currency] += net
        return {key: dict(mine) for key, mine in sums.items()}


def _levels(keys: Iterable[str]) -> dict[str, dict[str, int]]:
    """One for each rule, version and campaign that a key speaks of, however many keys do."""
    names: dict[str, dict[str, int]] = {}
    for key in keys:
        rule_id, version, campaign = key.split("/")
        for name in (f"{rule_id}//", f"{rule_id}/{version}/", f"{rule_id}//{campaign}"):
            names[name] = {"members": 1}
    return names


class RuleMemberTotals(Total, table="rule_member_totals", of=RuleMembers):
    """Different members by ``rule//``, ``rule/version/`` and ``rule//campaign``."""

    def contributes(self, row: RuleMembersRow, context: Mapping[str, Any]) -> Contribution:
        """The member, once for each rule, version and campaign."""
        return _levels(row.awards)


RULE_PERFORMANCE = Projection(
    "rule_performance",
    version=1,
    folds=(RuleAwards, RuleMembers),
    totals=(RuleTotals, RuleMemberTotals),
)


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What awards came to."""

    awards: int
    events: int
    """What awards were given for: an event counts once on an account, by version and campaign."""
    members: int
    """Different members; cards of nobody are not among them."""
    points: int
    clawed_back: int
    """Of these points, on the accounts that they were given to."""
    costs: dict[str, int]
    """Expected cost of what was not clawed back, in minor units by currency."""
    purchases: int
    """Purchases that earned, counted in the same way."""
    revenue: dict[str, int]
    """What was paid for them, less tax, in minor units by currency; what was returned later is in
    it. It is what earned points, and not what the rule caused."""


class VersionPerformance(Performance, frozen=True, kw_only=True):
    """One version of a rule."""

    version: int
    """0: the awards name none."""


class CampaignPerformance(Performance, frozen=True, kw_only=True):
    """A rule within one campaign."""

    campaign_id: str
    """A hyphen: no campaign."""


class RulePerformance(Performance, frozen=True, kw_only=True):
    """One rule, by version and by campaign."""

    rule_id: str
    versions: tuple[VersionPerformance, ...]
    campaigns: tuple[CampaignPerformance, ...]


class RulePerformanceList(msgspec.Struct, frozen=True):
    """The rules that gave something, most points first; ``RULES_SHOWN_MAX`` of them."""

    rules: tuple[RulePerformance, ...]


class _Part(NamedTuple):
    version: str
    campaign: str
    amounts: Mapping[str, int]


def performances(reader: Reader, rule_id: str | None = None) -> RulePerformanceList:
    """What all rules gave, or one of them."""
    prefix = "" if rule_id is None else f"{rule_id}/"
    tables = {"totals": RuleTotals, "members": RuleMemberTotals}
    rows = reader.select(
        "SELECT key, row FROM {totals} WHERE starts_with(key, %s) ORDER BY key", tables, [prefix]
    )
    counted = reader.select(
        "SELECT key, row->>'members' FROM {members} WHERE starts_with(key, %s)", tables, [prefix]
    )
    members = {key: int(count) for key, count in counted}
    rules: defaultdict[str, list[_Part]] = defaultdict(list)
    for key, amounts in rows:
        name, version, campaign = key.split("/")
        rules[name].append(_Part(version, campaign, amounts))
    found = [_rule(name, parts, members) for name, parts in rules.items() if name != UNKNOWN]
    found.sort(key=lambda one: (-one.points, one.rule_id))
    return RulePerformanceList(tuple(found[:RULES_SHOWN_MAX]))


def performance(reader: Reader, rule_id: str) -> RulePerformance | None:
    """What one rule gave; None: no award names it."""
    return next(iter(performances(reader, rule_id).rules), None)


def nothing(rule_id: str) -> RulePerformance:
    """A rule that gave nothing."""
    return _rule(rule_id, [], {})


def _rule(name: str, parts: list[_Part], members: Mapping[str, int]) -> RulePerformance:
    versions: defaultdict[str, list[_Part]] = defaultdict(list)
    campaigns: defaultdict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        versions[part.version].append(part)
        campaigns[part.campaign].append(part)
    by_version = [
        VersionPerformance(version=int(version), **_sums(some, members, f"{name}/{version}/"))
        for version, some in versions.items()
    ]
    by_campaign = [
        CampaignPerformance(campaign_id=one, **_sums(some, members, f"{name}//{one}"))
        for one, some in campaigns.items()
    ]
    by_version.sort(key=lambda one: -one.version)
    by_campaign.sort(key=lambda one: (-one.points, one.campaign_id))
    return RulePerformance(
        rule_id=name,
        versions=tuple(by_version[:PARTS_SHOWN_MAX]),
        campaigns=tuple(by_campaign[:PARTS_SHOWN_MAX]),
        **_sums(parts, members, f"{name}//"),
    )


def _sums(parts: list[_Part], members: Mapping[str, int], key: str) -> dict[str, Any]:
    sums = Counter[str]()
    for part in parts:
        sums.update(part.amounts)
    plain = ("awards", "events", "points", "clawed_back", "purchases")

    def named(prefix: str) -> dict[str, int]:
        found = ((k.removeprefix(prefix), n) for k, n in sums.items() if k.startswith(prefix))
        return dict(sorted(found))

    return {
        **{name: sums[name] for name in plain},
        "members": members.get(key, 0),
        "costs": named(COST),
        "revenue": named(NET),
    }
