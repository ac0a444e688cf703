"""Consent as history: what a member allowed at any instant, and what was sent without it.

An invitation is *valid* if, at its time, the member allowed its purpose on its channel: what was
said last of that purpose and channel, or of all channels, granted it, and did not wait for a
confirmation. An invitation that says no purpose may rely on any that allows to write to somebody;
one that says no channel, on any channel. One whose legal basis is a contract needs no consent. To
unsubscribe withdraws: the purpose that was named, or all of them. An erasure withdraws everything.
Late consents count from the time at which they were given.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.decision import on
from domain.envelope import Envelope
from domain.invitations import InvitationSent, InvitationUnsubscribed
from domain.people import MemberErased
from projections.consents import PURPOSES_WITHOUT_CONTACT, Consent, consent_of, latest
from projections.fold import Fold, Projection
from projections.known import Rows
from projections.reader import Reader

MEMBERS_MAX: Final = 1_000
"""Members on one page of invitations without consent."""
CONTRACT: Final = "contract"


class Said(Consent, omit_defaults=True):
    """What a member said about one purpose and channel, with what proves it."""

    evidence: str | None = None
    """Sealed."""
    controller: str | None = None
    guardian: str | None = None
    """Sealed."""


class SentRow(msgspec.Struct, array_like=True):
    """An invitation that was sent, in short: a member may have thousands."""

    position: int
    time: datetime
    invitation_id: str
    campaign_id: str | None
    channel: str | None
    purpose: str | None
    legal_basis: str | None
    valid: bool


class ConsentRow(msgspec.Struct, omit_defaults=True):
    """Everything that a member said of consent, and what was sent to them."""

    member_id: str
    said: list[Said] = []
    stopped: list[datetime] = []
    """When everything was withdrawn at once: unsubscribed from all, or erased."""
    sent: list[SentRow] = []
    invalid: int = 0

    def look_again(self, since: datetime) -> None:
        """Something was said of that time: what was sent from then on may have been allowed."""
        for one in self.sent:
            if one.time >= since:
                one.valid = self.allowed(one)
        self.invalid = sum(not one.valid for one in self.sent)

    def allowed(self, sent: SentRow) -> bool:
        """Whether the member allowed, at that time, to be sent this."""
        if sent.legal_basis == CONTRACT:
            return True
        stopped = max((one for one in self.stopped if one <= sent.time), default=None)
        since = [one for one in self.said if stopped is None or one.time > stopped]
        said = [one for one in latest(since, sent.time) if self._concerns(one, sent.purpose)]
        for purpose in {one.purpose for one in said}:
            by_channel = {one.channel: one.holds for one in said if one.purpose == purpose}
            if sent.channel is None:
                if any(by_channel.values()):
                    return True
            elif by_channel.get(sent.channel, by_channel.get(None, False)):
                return True
        return False

    @staticmethod
    def _concerns(said: Consent, purpose: str | None) -> bool:
        if purpose is None:
            return said.purpose not in PURPOSES_WITHOUT_CONTACT
        return said.purpose == purpose


class ConsentHistory(
    Fold, table="consent_history", key="member",
    indexes=("((row->>'invalid')::integer), key",),
):  # fmt: skip
    """What each member said of consent, all of it, and what was sent relying on it."""

    Row = ConsentRow

    @on(ConsentGranted, ConsentWithdrawn)
    def _(
        self, row: ConsentRow, event: ConsentGranted | ConsentWithdrawn, envelope: Envelope
    ) -> None:
        row.said.append(
            Said(
                **msgspec.structs.asdict(consent_of(event, envelope)),
                evidence=event.evidence,
                controller=event.controller,
                guardian=event.guardian,
            )
        )
        row.look_again(envelope.time)

    @on(InvitationUnsubscribed)
    def _(self, row: ConsentRow, event: InvitationUnsubscribed, envelope: Envelope) -> None:
        if event.purpose is None:
            row.stopped.append(envelope.time)
        else:
            channel = event.contact.channel if event.contact is not None else None
            row.said.append(
                Said(event.purpose, channel, False, envelope.time, envelope.position)  # noqa: FBT003
            )
        row.look_again(envelope.time)

    @on(MemberErased)
    def _(self, row: ConsentRow, event: MemberErased, envelope: Envelope) -> None:
        row.stopped.append(envelope.time)
        row.look_again(envelope.time)

    @on(InvitationSent)
    def _(self, row: ConsentRow, event: InvitationSent, envelope: Envelope) -> None:
        sent = SentRow(
            envelope.position,
            envelope.time,
            event.invitation_id,
            event.campaign_id,
            event.contact.channel if event.contact is not None else None,
            event.purpose,
            event.legal_basis,
            valid=True,
        )
        sent.valid = row.allowed(sent)
        row.sent.append(sent)
        row.invalid += not sent.valid


CONSENT_HISTORY = Projection("consent_history", version=1, folds=(ConsentHistory,))


class Consents(msgspec.Struct, frozen=True, kw_only=True):
    """What a member allowed at an instant, and all that was ever said. Sealed values are sealed."""

    member_id: str
    at: datetime
    allowed: tuple[Said, ...]
    """What was in force at that instant: granted, and confirmed where that was asked."""
    history: tuple[Said, ...]
    """Every grant and withdrawal up to that instant, in order of time."""
    stopped_at: datetime | None
    """When everything was withdrawn at once for the last time, by then."""


class Unallowed(msgspec.Struct, frozen=True):
    """An invitation that was sent without a valid consent."""

    invitation_id: str
    position: int
    time: datetime
    campaign_id: str | None
    channel: str | None
    purpose: str | None


class MemberUnallowed(msgspec.Struct, frozen=True):
    """What one member was sent without a valid consent."""

    member_id: str
    invitations: tuple[Unallowed, ...]


def consents(rows: Rows, member_id: str, at: datetime) -> Consents:
    """What a member allowed at an instant: nothing, if nothing was ever said."""
    row = rows.row(ConsentHistory, member_id) or ConsentRow(member_id)
    stopped = max((one for one in row.stopped if one <= at), default=None)
    said = sorted((one for one in row.said if one.time <= at), key=lambda one: one.time)
    since = [one for one in said if stopped is None or one.time > stopped]
    return Consents(
        member_id=member_id,
        at=at,
        allowed=tuple(one for one in latest(since, at) if one.holds),  # type: ignore[misc] # latest keeps the class
        history=tuple(said),
        stopped_at=stopped,
    )


def unallowed(reader: Reader, after: str | None, limit: int) -> list[MemberUnallowed]:
    """The members who were sent something without a valid consent, by id, after one."""
    assert 0 < limit <= MEMBERS_MAX
    rows = reader.select(
        "SELECT key FROM {history} WHERE (row->>'invalid')::integer > 0 AND key > %(after)s"
        " ORDER BY key LIMIT %(limit)s",
        {"history": ConsentHistory},
        {"after": after or "", "limit": limit},
    )
    keys = [key for (key,) in rows]
    found = reader.rows(ConsentHistory, keys)
    return [
        MemberUnallowed(
            key,
            tuple(
                Unallowed(
                    one.invitation_id, one.position, one.time, one.campaign_id, one.channel,
                    one.purpose,
                )
                for one in found[key].sent
                if not one.valid
            ),
        )
        for key in keys
    ]  # fmt: skip
