"""The simulated history has the shape that is promised: who spends, who shares, what is seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean

from domain.campaigns import CampaignPlanned
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.engagement import ShareRecorded, VisitRecorded
from domain.event import Decided, Observation
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MembershipEnded, VisitorIdentified
from domain.purchases import PurchaseRecorded
from domain.spending import CostRecorded, ImpressionsReported
from filrouge.simulator.people import Kind
from tests.filrouge.history import (
    bought_in_last_year,
    by,
    events,
    everything,
    standing,
    state,
)


def test_it_holds_what_was_promised() -> None:
    """Every sort of event that a brand's history has is there."""
    there = {one.event.type_name.removesuffix(".v1") for one in everything()}
    wanted = """
        account.opened activation.added activation.amended answer.accepted batch.voided
        campaign.amended campaign.closed campaign.planned cell.assigned consent.granted
        consent.withdrawn contest_rules.published contribution.posted contribution.viewed
        control_total.reported cost.recorded experiment.started holder.added identity.released
        impressions.reported invitation.bounced invitation.clicked invitation.opened
        invitation.sent invitation.unsubscribed member.enrolled member.identified
        membership.ended participation.disqualified participation.recorded points.earned
        points.expired points.redeemed points.released points.reserved profile.updated
        purchase.recorded purchase.returned referral.code_issued referral.made
        referral.qualified referral.voided reward.granted reward.redeemed reward.withdrawn
        service_contact.recorded share.recorded visit.recorded visitor.identified
    """
    assert set(wanted.split()) <= there


def test_members_spend_more_than_others_and_superfans_most() -> None:
    """Two and a half times as much as other customers in a year; superfans up to ten times."""
    kinds = {state().member(n): state().people.kind(n) for n in range(state().members)}
    early = {state().member(n) for n in range(state().plan.enrolled[-365])}
    spent = bought_in_last_year()
    spent.pop(None)
    others = mean(net for who, net in spent.items() if who not in kinds)
    members = mean(net for who, net in spent.items() if who in kinds)
    superfans = mean(
        spent.get(who, 0) for who, kind in kinds.items() if kind is Kind.SUPERFAN and who in early
    )
    assert 2.2 <= members / others <= 2.8
    assert 7.5 <= superfans / others <= 11.0


def test_viewable_impressions_are_far_below_announced_ones() -> None:
    """Forty to sixty per cent below, for every campaign and channel; no stage exceeds the last."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    invalid = 0
    for event, _ in events(ImpressionsReported):
        counts[event.campaign_id, event.channel][event.stage] += event.count
        invalid += event.invalid_count or 0
    assert len(counts) >= 20
    assert invalid > 0
    for stages in counts.values():
        below = 1 - stages["viewable"] / stages["announced"]
        assert 0.4 <= below <= 0.6
        assert stages["announced"] >= stages["served"] >= stages["measurable"] >= stages["viewable"]


def test_campaigns_reach_new_people_and_pay_again_for_known_ones() -> None:
    """In the second year each campaign has new, known and re-bought participants."""
    enrolled = {event.member_id: time for event, time in events(MemberEnrolled)}
    members = {event.visitor_id: event.member_id for event, _ in events(VisitorIdentified)}
    said: dict[str | None, list[tuple[datetime, bool]]] = defaultdict(list)
    for event, time in events(ConsentGranted, ConsentWithdrawn):
        said[event.member_id].append((time, isinstance(event, ConsentGranted)))
    taking_part = by("campaign_id", events(ParticipationRecorded))
    late = [
        event
        for event, _ in events(CampaignPlanned)
        if event.ends and event.starts.date() > state().plan.date_of(400)
    ]
    assert len(late) >= 5
    for campaign in late:
        starts = campaign.starts
        people: dict[str | None, bool] = {
            event.member_id or members.get(event.visitor_id): event.contact.origin == "paid"
            for event, _ in taking_part[campaign.campaign_id]
        }
        known = {who for who in people if who in enrolled and enrolled[who] < starts}
        new = {who for who in people if who in enrolled and enrolled[who] >= starts}
        re_bought = {
            who
            for who in known
            if people[who] and (before := [yes for time, yes in said[who] if time < starts])
            if before[-1]
        }
        assert known
        assert new
        assert re_bought
        assert len(re_bought) < sum(people.values())


def test_costs_are_of_every_kind_and_status() -> None:
    """Media, agency, production, platform and hours; ordered, owed, invoiced, credited."""
    found = {(event.kind, event.status) for event, _ in events(CostRecorded)}
    assert {kind for kind, _ in found} >= {"media", "agency", "production", "platform", "labour"}
    assert {status for _, status in found} == {"committed", "accrued", "actual", "credit_note"}
    for event, _ in events(CostRecorded):
        if event.kind == "labour":
            assert event.cost.amount == event.hourly_rate.amount * event.labour_minutes // 60


def test_shares_bring_visits_and_friends_who_share() -> None:
    """A cascade: somebody who came by a share shares, and somebody comes by that."""
    shares = {event.share_id: event for event, _ in events(ShareRecorded)}
    seen = {event.contact.share_id for event, _ in events(VisitRecorded) if event.contact.share_id}
    assert len(seen & shares.keys()) > 200
    depths = Counter[int]()
    for share in shares.values():
        depth, above = 0, share.parent_share_id
        while above is not None:
            depth, above = depth + 1, shares[above].parent_share_id
        depths[depth] += 1
    assert depths[1] > 30
    assert sum(count for depth, count in depths.items() if depth >= 2) > 3


def test_members_drift_away_come_back_and_leave() -> None:
    """Some are not seen for half a year and are then; nothing comes of those who left."""
    seen = {
        who: sorted(time for _, time in some)
        for who, some in by("member_id", events(PurchaseRecorded, ParticipationRecorded)).items()
        if who is not None
    }
    gaps = [max((b - a for a, b in pairwise(t)), default=None) for t in seen.values()]
    assert sum(gap is not None and gap > timedelta(days=183) for gap in gaps) > 50
    last = max(one.time for one in standing())
    assert sum(times[-1] < last - timedelta(days=183) for times in seen.values()) > 100
    ended = {event.member_id: time for event, time in events(MembershipEnded)}
    assert len(ended) > 10
    assert all(seen[who][-1] <= ended[who] for who in ended.keys() & seen.keys())


def test_facts_and_decisions_come_from_the_systems_that_make_them() -> None:
    """Sources are systems: each till, the web shop, the mailer, each with what it may say."""
    sources: dict[str, set[type]] = defaultdict(set)
    for one in everything():
        sources[one.source].add(Decided if isinstance(one.event, Decided) else Observation)
    assert len([name for name in sources if name.startswith("till:")]) >= 4
    assert {"web-shop", "mailer", "loyalty", "crm", "finance", "media-desk"} <= sources.keys()
    assert sources["mailer"] == sources["finance"] == {Observation}
