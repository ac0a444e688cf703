"""The simulated history keeps the rules that hold for a real one, or breaks them on purpose."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from domain.accounts import AccountOpened, HolderAdded
from domain.activations import ActivationAdded
from domain.campaigns import CampaignPlanned
from domain.identities import IdentityReleased, MemberIdentified
from domain.ledger import BatchVoided, ControlTotalReported
from domain.participations import ParticipationRecorded
from domain.points import (
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReleased,
    PointsReserved,
)
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade, ReferralQualified, ReferralVoided
from domain.rewards import RewardGranted, RewardRedeemed
from tests.filrouge.history import (
    by,
    events,
    everything,
)


def test_files_arrive_late_and_one_is_voided_and_corrected() -> None:
    """What is recorded later than it happened comes in a batch; the wrong one comes twice."""
    newest, late = everything()[0].time, Counter[str]()
    for one in everything():
        if newest - one.time > timedelta(hours=18) and one.batch is not None:
            late[one.batch] += 1
        if one.batch is None:
            newest = max(newest, one.time)
    assert len(late) >= 10
    voided = [one.event.batch_id for one in everything() if isinstance(one.event, BatchVoided)]
    assert len(voided) >= 2
    batches = Counter(one.batch for one in everything())
    for batch in voided:
        assert batches[batch]
        assert batches[f"{batch}.corrected"] >= batches[batch]
    wrong = [one.event for one in everything() if one.batch == voided[0]]
    right = {
        one.event.purchase_id: one.event
        for one in everything()
        if one.batch == f"{voided[0]}.corrected" and isinstance(one.event, PurchaseRecorded)
    }
    for event in wrong:
        if isinstance(event, PurchaseRecorded):
            assert event.net == 10 * right[event.purchase_id].net


def test_what_should_have_arrived_has() -> None:
    """For every shop and day, what stands is what the shop reported in the evening."""
    arrived: dict[tuple[str | None, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    for event, _ in events(PurchaseRecorded):
        sums = arrived[event.store_id, event.business_date]
        for place, amount in enumerate((1, event.gross, event.net)):
            sums[place] += amount
    totals = {
        (event.store_id, event.business_date): [event.count, event.gross, event.net]
        for event, _ in events(ControlTotalReported)
    }
    assert len(totals) > 1_000
    assert dict(arrived) == totals


def test_receipts_add_up_to_the_cent() -> None:
    """Lines add up to the receipt, and what was paid is net and tax."""
    for event, _ in events(PurchaseRecorded):
        lines = event.lines
        assert event.gross == sum(line.gross for line in lines)
        assert (event.discount or 0) == sum(line.discount or 0 for line in lines)
        assert (event.net, event.tax) == (
            sum(line.net for line in lines),
            sum(line.tax for line in lines),
        )
        assert event.gross - (event.discount or 0) == event.net + event.tax
        assert sum(tender.amount for tender in event.tenders) == event.net + event.tax
    returned = list(events(PurchaseReturned))
    assert any(event.purchase_id is None for event, _ in returned)
    assert any(event.purchase_id is not None for event, _ in returned)


def test_households_share_an_account_and_an_address() -> None:
    """Some accounts have several holders; an exclusive identity belongs to one member at a time."""
    holders: dict[str, set[str]] = defaultdict(set)
    for event, _ in events(AccountOpened, HolderAdded):
        more = event.holders if isinstance(event, AccountOpened) else (event.member_id,)
        holders[event.account_id].update(more)
    sizes = Counter(map(len, holders.values()))
    assert sizes[0] > 50
    assert sizes[1] > 1_000
    assert sizes[2] > 20
    known: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    shared, released = 0, 0
    for event, _ in events(MemberIdentified, IdentityReleased):
        held = known[event.kind, event.value]
        if isinstance(event, IdentityReleased):
            del held[event.member_id]
            released += 1
        else:
            held[event.member_id] = event.exclusive
            shared += len(held) > 1
        assert len(held) <= 1 or not any(held.values())
    assert shared > 20
    assert released > 20


def test_referrals_keep_their_rules() -> None:
    """At most one is qualified for a referee, never of oneself, never of a customer."""
    made = {event.referral_id: (event, time) for event, time in events(ReferralMade)}
    bought = {who: times[0][1] for who, times in by("member_id", events(PurchaseRecorded)).items()}
    qualified = [event for event, _ in events(ReferralQualified)]
    assert len(qualified) > 100
    assert len({event.referee_id for event in qualified}) == len(qualified)
    addresses = {
        event.value: event.member_id for event, _ in events(MemberIdentified) if event.exclusive
    }
    for event in qualified:
        first, time = made[event.referral_id]
        assert event.advocate_id != event.referee_id
        assert bought[event.referee_id] > time
        assert addresses.get(first.prospect, event.referee_id) == event.referee_id
    voided = {event.reason for event, _ in events(ReferralVoided)}
    assert {"the advocate's own device", "no purchase within sixty days"} <= voided
    own = [e for e, _ in made.values() if addresses.get(e.prospect) == e.advocate_id]
    assert own, "somebody refers themself, and the ledger has to see it"


def test_some_break_the_limits_of_activations() -> None:
    """A few enter once too often or too late; fake accounts share a device."""
    limits = {
        event.activation_id: (event.entries_max, event.entries_period)
        for event, _ in events(ActivationAdded)
    }
    ends = {event.campaign_id: event.ends for event, _ in events(CampaignPlanned)}
    entries: Counter[tuple[Any, ...]] = Counter()
    late = 0
    for event, time in events(ParticipationRecorded):
        late += time >= ends[event.campaign_id]
        most, period = limits[event.activation_id]
        when = {"day": time.date(), "week": time.isocalendar()[:2]}.get(period)
        if most is not None:
            entries[event.member_id or event.visitor_id, event.activation_id, when, most] += 1
    over = [key for key, count in entries.items() if count > key[-1]]
    assert 5 < len(over) < len(entries) / 20
    assert 1 < late < 200
    devices: dict[str, set[str]] = defaultdict(set)
    for event, _ in events(ParticipationRecorded):
        if event.member_id and event.contact.device:
            devices[event.contact.device].add(event.member_id)
    assert max(map(len, devices.values())) > 1


def test_no_lot_is_spent_that_is_not_there() -> None:
    """Every debit names lots that were earned before, were available and had not expired."""
    lots: dict[tuple[str, str], tuple[PointsEarned, int]] = {}
    held: dict[tuple[str | None, str], int] = {}
    spent = 0
    for event, time in sorted(_movements(), key=lambda pair: pair[1]):
        if isinstance(event, PointsEarned):
            assert (event.account_id, event.lot_id) not in lots
            lots[event.account_id, event.lot_id] = event, event.points
            continue
        for debit in event.lots:
            earned, left = lots[event.account_id, debit.lot_id]
            name = getattr(event, "reservation_id", None), debit.lot_id
            if isinstance(event, PointsReleased):
                left += held.pop(name)
            elif isinstance(event, PointsRedeemed) and name in held:
                assert held.pop(name) == debit.points
                spent += debit.points
            else:
                left -= debit.points
                if isinstance(event, PointsReserved):
                    held[name] = debit.points
                spent += debit.points if isinstance(event, PointsRedeemed) else 0
            assert left >= 0
            lots[event.account_id, debit.lot_id] = earned, left
            over = earned.expires_at is not None and earned.expires_at <= time
            assert over == isinstance(event, PointsExpired)
            assert earned.available_from <= time
    assert spent > 100_000
    granted = {event.reward_id for event, _ in events(RewardGranted)}
    assert {event.reward_id for event, _ in events(RewardRedeemed)} <= granted


def _movements() -> list[tuple[Any, datetime]]:
    kinds = (PointsEarned, PointsRedeemed, PointsReserved, PointsReleased, PointsExpired)
    return list(events(*kinds))
