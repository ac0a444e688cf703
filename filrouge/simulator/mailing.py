"""The brand writes to members who allow it: what is sent, comes back, is opened and followed."""

from __future__ import annotations

from typing import Any, Final

from domain.contact import Contact
from domain.experiments import CellAssigned
from domain.invitations import (
    InvitationBounced,
    InvitationClicked,
    InvitationComplained,
    InvitationOpened,
    InvitationSent,
    InvitationUnsubscribed,
    OpenedBy,
)
from filrouge.simulator import allowing
from filrouge.simulator.people import Kind
from filrouge.simulator.plan import Campaign
from filrouge.simulator.state import BOUNCES, Day, State

SOURCE: Final = "mailer"
REACH: Final = 0.6
"""The share of contactable members whom a campaign writes to."""
BOUNCED_SHARE: Final = 0.012
OPENED_SHARE: Final = 0.36
MACHINE_SHARE: Final = 0.18
CLICKED_SHARE: Final = 0.22
"""Of those who open it."""
UNSUBSCRIBED_SHARE: Final = 0.006
COMPLAINED_SHARE: Final = 0.0008
_LINKS: Final = ("bouton", "image", "reglement")


def in_segment(state: State, campaign: Campaign, number: int) -> bool:
    """Whether a member belongs to those whom a campaign writes to."""
    return state.chance(f"segment/{campaign.campaign_id}", number) < REACH


def held_out(state: State, campaign: Campaign, number: int) -> bool:
    """Whether a member is left out on purpose, to measure what the campaign changes."""
    percent = campaign.idea.holdout_percent
    return bool(percent) and (
        state.chance(f"holdout/{campaign.campaign_id}", number) * 100 < percent
    )


def invited(state: State, campaign: Campaign, number: int) -> bool:
    """Whether the brand wrote to a member for a campaign."""
    return (
        state.contactable(number)
        and in_segment(state, campaign, number)
        and not held_out(state, campaign, number)
    )


def experiment_of(campaign: Campaign) -> str:
    """The id of the experiment that a campaign is part of, if it holds anybody out."""
    return f"{campaign.campaign_id}-holdout"


def assign(state: State, day: Day, campaign: Campaign) -> None:
    """Before the first message, each member of the segment is put into a cell, for good."""
    for number in range(state.enrolled):
        if state.contactable(number) and in_segment(state, campaign, number):
            cell = "holdout" if held_out(state, campaign, number) else "treated"
            assigned = CellAssigned(
                experiment_id=experiment_of(campaign),
                member_id=state.member(number),
                cell=cell,
                campaign_id=campaign.campaign_id,
            )
            day.add(assigned, "campaign-desk", 64_800 + number % 3_600)


def send(state: State, day: Day, campaign: Campaign, wave: int) -> None:
    """Write to the members of one of the two waves."""
    for number in range(wave, state.enrolled, 2):
        if invited(state, campaign, number) and state.people.kind(number) is not Kind.FAKE:
            _send_one(state, day, campaign, number)


def _send_one(state: State, day: Day, campaign: Campaign, number: int) -> None:
    dice = day.dice
    at = 28_800 + dice.random() * 7_200
    invitation_id = state.new_id("b")
    whose: dict[str, Any] = {
        "invitation_id": invitation_id,
        "member_id": state.member(number),
        "campaign_id": campaign.campaign_id,
    }
    contact = Contact(
        channel="e-mail",
        origin="owned",
        creative_id=campaign.idea.slug,
        cell="treated" if campaign.idea.holdout_percent else None,
    )
    sent = InvitationSent(contact=contact, purpose="marketing", legal_basis="consent", **whose)
    day.add(sent, SOURCE, at)
    if dice.happens(BOUNCED_SHARE):
        permanent = dice.happens(0.4)
        state.set(number, BOUNCES, on=permanent)
        bounced = InvitationBounced(permanent=permanent, reason="mailbox unavailable", **whose)
        day.add(bounced, SOURCE, at + 40)
    elif dice.happens(OPENED_SHARE):
        if dice.happens(0.8):
            _read(state, day, number, whose, at + 60 + dice.random() * 36_000)
        else:
            state.later(day.number + dice.between(1, 3), _read, number, whose, None)


def _read(state: State, day: Day, number: int, whose: dict[str, Any], at: float | None) -> None:
    """What becomes of a message that is opened."""
    dice = day.dice
    at = at or day.waking_hours()
    machine = dice.happens(MACHINE_SHARE)
    opened_by: OpenedBy = "machine" if machine else "human"
    day.add(InvitationOpened(opened_by=opened_by, **whose), SOURCE, at)
    if machine:
        return
    if dice.happens(CLICKED_SHARE):
        clicked = InvitationClicked(opened_by="human", link=dice.pick(_LINKS), **whose)
        day.add(clicked, SOURCE, at + 20)
    if not state.contactable(number):
        return
    if dice.happens(COMPLAINED_SHARE):
        day.add(InvitationComplained(**whose), SOURCE, at + 25)
        allowing.withdraw_email(state, day, number, at + 26)
    elif dice.happens(UNSUBSCRIBED_SHARE):
        gone = InvitationUnsubscribed(purpose="marketing", **whose)
        day.add(gone, SOURCE, at + 25)
        allowing.withdraw_email(state, day, number, at + 26)
