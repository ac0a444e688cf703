"""What members allow the brand to do, and take back."""

from __future__ import annotations

from typing import Final

from domain.consents import ConsentGranted, ConsentWithdrawn
from filrouge.simulator.state import EMAIL_ALLOWED, Day, State

SOURCE: Final = "crm"
WORDING: Final = "optin-2023-02"
CONSENT_SHARE: Final = 0.74
SMS_SHARE: Final = 0.22


def ask(state: State, day: Day, number: int, campaign_id: str, at: float) -> None:
    """Ask a new member what the brand may do, and note what is allowed."""
    dice = day.dice
    if not dice.happens(CONSENT_SHARE):
        return
    grant_email(state, day, number, at, campaign_id)
    if dice.happens(SMS_SHARE):
        sms = ConsentGranted(
            member_id=state.member(number),
            purpose="marketing",
            channel="sms",
            wording_version=WORDING,
            campaign_id=campaign_id,
        )
        day.add(sms, SOURCE, at + 1)


def grant_email(
    state: State, day: Day, number: int, at: float, campaign_id: str | None = None
) -> None:
    """A member allows the brand to write."""
    state.set(number, EMAIL_ALLOWED)
    granted = ConsentGranted(
        member_id=state.member(number),
        purpose="marketing",
        channel="e-mail",
        wording_version=WORDING,
        double_opt_in="confirmed",
        campaign_id=campaign_id,
    )
    day.add(granted, SOURCE, at)


def withdraw_email(state: State, day: Day, number: int, at: float) -> None:
    """A member no longer wants to be written to."""
    state.set(number, EMAIL_ALLOWED, on=False)
    withdrawn = ConsentWithdrawn(
        member_id=state.member(number),
        purpose="marketing",
        channel="e-mail",
        wording_version=WORDING,
    )
    day.add(withdrawn, SOURCE, at)
