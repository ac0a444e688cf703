"""What a row keeps of consents: what a member allowed at any instant, per purpose and channel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.envelope import Envelope

OWNED_CHANNELS: Final = ("email", "e-mail", "sms", "phone", "messenger", "app")
"""Channels on which a brand can write to somebody without paying for the audience."""
PURPOSES_WITHOUT_CONTACT: Final = frozenset({"profiling", "analytics"})
"""Consents for these purposes do not allow to write to anybody."""


class Consent(msgspec.Struct, omit_defaults=True):
    """What a member said about one purpose and channel."""

    named_by: ClassVar[tuple[str, ...]] = ("purpose", "channel")

    purpose: str
    channel: str | None
    """None: all channels."""
    granted: bool
    time: datetime
    position: int
    legal_basis: str = "consent"
    wording_version: str | None = None
    double_opt_in: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it allows anything: granted, and not waiting for its confirmation."""
        return self.granted and self.double_opt_in != "pending"


def consent_of(event: ConsentGranted | ConsentWithdrawn, envelope: Envelope) -> Consent:
    """What an event says."""
    return Consent(
        purpose=event.purpose,
        channel=event.channel,
        granted=isinstance(event, ConsentGranted),
        time=envelope.time,
        position=envelope.position,
        legal_basis=event.legal_basis,
        wording_version=event.wording_version,
        double_opt_in=event.double_opt_in if isinstance(event, ConsentGranted) else None,
    )


def latest(consents: Iterable[Consent], at: datetime | None = None) -> list[Consent]:
    """Of each purpose and channel what was said last, by time, then position.

    What is said of all channels replaces what had been said of each.
    """
    last: dict[tuple[str, str | None], Consent] = {}
    for consent in sorted(consents, key=lambda one: (one.time, one.position)):
        if at is not None and consent.time > at:
            break
        if consent.channel is None:
            for key in [key for key in last if key[0] == consent.purpose]:
                del last[key]
        last[consent.purpose, consent.channel] = consent
    return sorted(last.values(), key=lambda one: (one.purpose, one.channel or ""))


def contactable(consents: Iterable[Consent], at: datetime) -> bool:
    """Whether the brand was allowed, at an instant, to write to the member on an owned channel."""
    said = [one for one in latest(consents, at) if one.purpose not in PURPOSES_WITHOUT_CONTACT]
    for purpose in {one.purpose for one in said}:
        by_channel = {one.channel: one.holds for one in said if one.purpose == purpose}
        rest = by_channel.get(None, False)
        if any(by_channel.get(channel, rest) for channel in OWNED_CHANNELS):
            return True
    return False
