"""Causes: what points and rewards are given for, and whether it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from domain.decision import Slice, View, on
from domain.engagement import ContributionPosted, ShareRecorded
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.participations import ParticipationDisqualified, ParticipationRecorded
from domain.purchases import Bought, PurchaseState
from domain.referrals import ReferralQualified, ReferralVoided


class UnknownCause(RuleError):
    """What this is to be given for is not in the history, or was voided: record it first."""


class DisqualifiedEarnsNothing(RuleError):
    """This participation was disqualified, so nothing is given for it."""


class ReferralNotQualified(RuleError):
    """This referral is not qualified, or was voided, so nothing is given for it."""


class Cause(View):
    """Where the thing that a tag names stands in the log, if it stands."""

    position: int | None = None
    barred = False

    def require(self) -> int:
        """The position of the cause; refuse when there is none."""
        if self.position is None:
            raise UnknownCause(cause=self.tags[0])
        return self.position

    def _found(self, tag: str, envelope: Envelope) -> None:
        if self.position is None and tag in self.tags:
            self.position = envelope.position


class ParticipationCause(Cause):
    """A participation. Tag: ``participation:<id>``."""

    @on(ParticipationRecorded)
    def _recorded(self, event: ParticipationRecorded, envelope: Envelope) -> None:
        self._found(f"participation:{event.participation_id}", envelope)

    @on(ParticipationDisqualified)
    def _disqualified(self, event: ParticipationDisqualified, envelope: Envelope) -> None:
        self.barred = True

    def require(self) -> int:
        """The position of the participation; refuse one that does not count."""
        position = super().require()
        if self.barred:
            raise DisqualifiedEarnsNothing(cause=self.tags[0])
        return position


class ReferralCause(Cause):
    """A qualified referral. Tag: ``referral:<id>``."""

    @on(ReferralQualified)
    def _qualified(self, event: ReferralQualified, envelope: Envelope) -> None:
        self._found(f"referral:{event.referral_id}", envelope)

    @on(ReferralVoided)
    def _voided(self, event: ReferralVoided, envelope: Envelope) -> None:
        self.barred = True

    def require(self) -> int:
        """The position where the referral was qualified; refuse one that was not, or is void."""
        if self.position is None or self.barred:
            raise ReferralNotQualified(cause=self.tags[0])
        return self.position


class ShareCause(Cause):
    """A share. Tag: ``share:<id>``."""

    @on(ShareRecorded)
    def _recorded(self, event: ShareRecorded, envelope: Envelope) -> None:
        self._found(f"share:{event.share_id}", envelope)


class ContributionCause(Cause):
    """A contribution. Tag: ``contribution:<id>``."""

    @on(ContributionPosted)
    def _posted(self, event: ContributionPosted, envelope: Envelope) -> None:
        self._found(f"contribution:{event.contribution_id}", envelope)


class PurchaseCause(PurchaseState):
    """A purchase, and the returns that were matched to it. Tag: ``purchase:<id>``."""

    @property
    def purchase(self) -> Bought:
        """The purchase; refuse when there is none."""
        bought = self.bought.get(self.tags[0].removeprefix("purchase:"))
        if bought is None:
            raise UnknownCause(cause=self.tags[0])
        return bought

    def require(self) -> int:
        """The position of the purchase; refuse when there is none."""
        return self.purchase.position


AnyCause = Cause | PurchaseCause

CAUSE_VIEWS: Final[dict[str, type[AnyCause]]] = {
    "participation_id": ParticipationCause,
    "purchase_id": PurchaseCause,
    "referral_id": ReferralCause,
    "share_id": ShareCause,
    "contribution_id": ContributionCause,
}
"""By the field that names the cause, in an award, a grant and a clawback alike."""


class StatedCause(NamedTuple):
    """One cause that a command names."""

    field: str
    view: AnyCause


def read_causes(decision: Slice, command: msgspec.Struct) -> None:
    """Put a view of each cause that the command names into the decision's boundary."""
    for field, kind in CAUSE_VIEWS.items():
        id_ = getattr(command, field, None)
        if id_ is not None:
            decision.view(kind, f"{field.removesuffix('_id')}:{id_}")


def stated_causes(decision: Slice) -> Iterator[StatedCause]:
    """The causes that the command names, with what the history says of each."""
    for view in decision.boundary:
        for field, kind in CAUSE_VIEWS.items():
            if type(view) is kind:
                yield StatedCause(field, view)
