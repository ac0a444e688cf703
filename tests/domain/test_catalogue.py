"""The catalogue of version 1: every event is there, observed or decided, explained and found."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from domain.event import Decided, Event, Observation, event_classes
from domain.shape import shape_of

OBSERVED = """
    control_total.reported
    profile.updated consent.granted consent.withdrawn visitor.identified membership.ended
    cost.recorded impressions.reported
    invitation.sent invitation.delivered invitation.bounced invitation.opened
    invitation.clicked invitation.complained invitation.unsubscribed
    participation.recorded share.recorded visit.recorded
    contribution.posted answer.accepted contribution.viewed service_contact.recorded
    purchase.recorded purchase.returned custom.recorded referral.made code.supplied
"""
DECIDED = """
    ledger.opened event.voided batch.voided
    member.enrolled member.identified identity.released members.merged members.unmerged
    member.erased account.opened holder.added holder.removed
    campaign.planned campaign.amended campaign.closed activation.added activation.amended
    experiment.started cell.assigned contest_rules.published
    participation.disqualified custom_kind.declared
    referral.code_issued referral.qualified referral.voided
    points.earned points.reserved points.released points.redeemed points.cancelled
    points.expired points.transferred points.adjusted points.clawed_back points.activated
    adjustment.proposed adjustment.rejected programme.opened programme.amended
    reward.granted reward.redeemed reward.withdrawn reward.reserved reward.released
    item.listed item.amended item.delisted stock.supplied stock.removed code.rejected
    game.opened game.started game.played game.revealed
    rule.published rule.amended rule.retired
"""
CONTACT = """
    invitation.sent visit.recorded participation.recorded share.recorded contribution.posted
    purchase.recorded service_contact.recorded member.enrolled referral.made
"""
IN_A_CAMPAIGN = """
    member.enrolled cost.recorded impressions.reported invitation.sent participation.recorded
    participation.disqualified share.recorded visit.recorded contribution.posted answer.accepted
    service_contact.recorded purchase.recorded custom.recorded referral.code_issued referral.made
    referral.qualified referral.voided points.earned reward.granted experiment.started
    consent.granted account.opened member.identified visitor.identified
"""


@pytest.mark.parametrize("name", OBSERVED.split())
def test_what_happened_is_observed(name: str) -> None:
    """It is recorded whether we like it or not."""
    assert issubclass(event_classes()[f"{name}.v1"], Observation)


@pytest.mark.parametrize("name", DECIDED.split())
def test_what_has_an_effect_is_decided(name: str) -> None:
    """No source of observations can bring it in."""
    assert issubclass(event_classes()[f"{name}.v1"], Decided)


def test_importing_the_domain_makes_all_of_it_known() -> None:
    """A process that imports nothing else reads every event."""
    count = "import domain, domain.event as e; print(len(e.event_classes()))"
    told = subprocess.run([sys.executable, "-c", count], capture_output=True, check=True, text=True)
    assert int(told.stdout) >= len((OBSERVED + DECIDED).split())


@pytest.mark.parametrize("event_class", event_classes().values(), ids=lambda one: one.type_name)
def test_every_event_is_explained_and_can_be_found(event_class: type[Event]) -> None:
    """Its docstring is for auditors, its schema for programs, its tags for decisions."""
    assert event_class.__doc__
    assert event_class.__doc__.split("\n")[0].endswith(".")
    assert msgspec.json.schema(event_class)["$ref"]
    if event_class.type_name != "control_total.reported.v1":
        assert shape_of(event_class).tags


@pytest.mark.parametrize("name", CONTACT.split())
def test_contact_says_through_which_door(name: str) -> None:
    """Wherever somebody meets the brand."""
    assert "contact" in event_classes()[f"{name}.v1"].__struct_fields__


@pytest.mark.parametrize("name", IN_A_CAMPAIGN.split())
def test_what_happens_in_a_campaign_says_in_which(name: str) -> None:
    """And is found by its tag."""
    tags = shape_of(event_classes()[f"{name}.v1"]).tags
    assert ("campaign_id",) in {marked.path for marked in tags if marked.mark == "campaign"}
