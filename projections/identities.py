"""Identities: which members are recognised by an identity now, so that they can be looked up."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.identities import IdentityReleased, MemberIdentified
from domain.people import MemberErased
from projections.fold import Fold, Projection
from projections.reader import Reader


class Holder(msgspec.Struct, omit_defaults=True):
    """A member who is recognised by an identity."""

    member_id: str
    exclusive: bool
    since: datetime
    verified: str | None = None


class IdentityRow(msgspec.Struct, omit_defaults=True):
    """An identity, without its value, and its members."""

    identity_id: str
    kind: str | None = None
    holders: list[Holder] = []


class Identities(Fold, table="identities", key="identity"):
    """Whom each identity recognises now."""

    Row = IdentityRow

    @on(MemberIdentified)
    def _(self, row: IdentityRow, event: MemberIdentified, envelope: Envelope) -> None:
        row.kind = event.kind
        since = [holder.since for holder in row.holders if holder.member_id == event.member_id]
        row.holders = [
            *(holder for holder in row.holders if holder.member_id != event.member_id),
            Holder(
                event.member_id, event.exclusive, min(since, default=envelope.time), event.verified
            ),
        ]

    @on(IdentityReleased, MemberErased)
    def _(
        self, row: IdentityRow, event: IdentityReleased | MemberErased, envelope: Envelope
    ) -> None:
        row.holders = [holder for holder in row.holders if holder.member_id != event.member_id]


IDENTITIES = Projection("identities", version=2, folds=(Identities,))


def holders(reader: Reader, identity_id: str) -> tuple[Holder, ...]:
    """The members who are recognised by an identity, in the order in which they were; or none."""
    row = reader.row(Identities, identity_id)
    return () if row is None else tuple(row.holders)
