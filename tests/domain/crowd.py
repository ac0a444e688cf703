"""What the tests of people, campaigns and referrals agree on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from domain.activations import ActivationAdded
from domain.campaigns import CampaignPlanned
from domain.identities import MemberIdentified
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled
from domain.referrals import ReferralMade, ReferralQualified
from tests.domain.moments import NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def local(text: str) -> datetime:
    """An instant as somebody's clock shows it: ``2026-03-01T23:30+01:00``."""
    return datetime.fromisoformat(text)


def enrolled(member_id: str = "m1") -> MemberEnrolled:
    """Somebody is a member."""
    return MemberEnrolled(member_id=member_id)


def identified(member_id: str, identity_id: str = "i1", **more: Any) -> MemberIdentified:
    """A member is recognised by an identity, alone unless it is said to be shared."""
    defaults: dict[str, Any] = {"kind": "email", "exclusive": True, "value": "sealed|text"}
    return MemberIdentified(member_id=member_id, identity_id=identity_id, **{**defaults, **more})


def planned(**more: Any) -> CampaignPlanned:
    """A campaign that began ten days ago and ends in ten."""
    defaults: dict[str, Any] = {
        "campaign_id": "c1", "name": "Spring", "currency": "EUR",
        "starts": NOON - 10 * DAY, "ends": NOON + 10 * DAY,
    }  # fmt: skip
    return CampaignPlanned(**{**defaults, **more})


def added(**more: Any) -> ActivationAdded:
    """A game in that campaign."""
    defaults: dict[str, Any] = {"activation_id": "n1", "campaign_id": "c1", "kind": "game"}
    return ActivationAdded(**{**defaults, **more})


def played(participation_id: str, **more: Any) -> ParticipationRecorded:
    """The member took part in the game, unless somebody else is said to have done so."""
    defaults: dict[str, Any] = {"campaign_id": "c1", "activation_id": "n1"}
    if "visitor_id" not in more:
        defaults["member_id"] = "m1"
    return ParticipationRecorded(participation_id=participation_id, **{**defaults, **more})


def made(referral_id: str = "f1", advocate_id: str = "m1", **more: Any) -> ReferralMade:
    """An advocate referred somebody to the club."""
    defaults: dict[str, Any] = {"programme": "club"}
    return ReferralMade(referral_id=referral_id, advocate_id=advocate_id, **{**defaults, **more})


def qualified(referral_id: str, referee_id: str, **more: Any) -> ReferralQualified:
    """A referral by the advocate brought this referee to the club."""
    defaults: dict[str, Any] = {"advocate_id": "m1", "programme": "club"}
    return ReferralQualified(referral_id=referral_id, referee_id=referee_id, **{**defaults, **more})
