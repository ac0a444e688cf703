"""Whose keys go with an erasure: the subject's own, and those of what they bought and brought."""

from __future__ import annotations

from typing import Final, NamedTuple

from domain.accounts import AccountOpened
from domain.erasures import Erased, subject_of
from domain.event import stored_names
from domain.people import MemberErased, VisitorIdentified
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade, ReferralQualified
from domain.rewards import RewardGranted
from store.log import Log

_FOLLOWED: Final = (
    VisitorIdentified, AccountOpened, PurchaseRecorded, PurchaseReturned, ReferralQualified,
    ReferralMade, RewardGranted,
)  # fmt: skip
_VISITOR: Final = "visitor:"
_TYPES: Final = tuple(name for cls in _FOLLOWED for name in stored_names(cls))


class Subjects(NamedTuple):
    """Data subjects, as the vault names them."""

    persons: frozenset[str]
    """Never get a key again, whether or not they had one."""
    papers: frozenset[str]
    """Purchases and returns whose order reference was sealed, and codes of rewards."""

    @property
    def everything(self) -> frozenset[str]:
        """All of them."""
        return self.persons | self.papers


def subjects_of_erasure(log: Log, event: Erased, until: int) -> Subjects:
    """Everything whose keys an erasure destroys, as the log says up to a position.

    Of a member: their purchases and returns, with those of visitors who turned out to be nobody
    but them and of accounts opened for them alone; the codes of their rewards; and the prospect
    whom they were named as. What the member's own friends were named by is the friends'.
    """
    subject = subject_of(event)
    if not isinstance(event, MemberErased):
        return Subjects(frozenset({subject}), frozenset())
    return subjects_of_member(log, event.member_id, until)


def subjects_of_member(log: Log, member_id: str, until: int) -> Subjects:
    """Everything that is about a member, as the log says up to a position."""
    return _Search(log, member_id, until).subjects()


class _Search:
    def __init__(self, log: Log, member_id: str, until: int) -> None:
        self._log = log
        self._member_id = member_id
        self._until = until
        self._persons = {f"member:{member_id}"}
        self._papers: set[str] = set()
        self._asked: set[str] = set()
        self._others: set[str] = set()
        self._next = set(self._persons)

    def subjects(self) -> Subjects:
        while tags := self._next - self._asked - self._others:
            self._others |= self._shared(tags)
            tags -= self._others
            self._persons |= {tag for tag in tags if tag.startswith(_VISITOR)}
            self._asked |= tags
            self._next = set()
            for recorded in self._log.tagged(tags, until=self._until, types=_TYPES):
                self._take(recorded.event)
        return Subjects(frozenset(self._persons), frozenset(self._papers))

    def _shared(self, tags: set[str]) -> set[str]:
        """Visitors who turned out to be somebody else too: a device that several members use."""
        visitors = {tag for tag in tags if tag.startswith(_VISITOR)}
        types = stored_names(VisitorIdentified)
        return {
            f"{_VISITOR}{one.event.visitor_id}"
            for one in self._log.tagged(visitors, until=self._until, types=types)
            if isinstance(one.event, VisitorIdentified) and one.event.member_id != self._member_id
        }

    def _take(self, event: object) -> None:
        mine = self._member_id
        match event:
            case VisitorIdentified(visitor_id=visitor_id, member_id=member_id):
                if member_id == mine:
                    self._next.add(f"{_VISITOR}{visitor_id}")
            case AccountOpened(account_id=account_id, holders=holders):
                if set(holders) == {mine}:
                    self._next.add(f"account:{account_id}")
            case ReferralQualified(referee_id=referee_id, referral_id=referral_id):
                if referee_id == mine:
                    self._next.add(f"referral:{referral_id}")
            case ReferralMade(referral_id=referral_id, prospect_id=prospect_id):
                if f"referral:{referral_id}" in self._asked and prospect_id is not None:
                    self._persons.add(f"prospect:{prospect_id}")
            case RewardGranted(member_id=member_id, voucher_id=str() as voucher_id):
                # A code that others share is no secret of anybody, and is still good for them.
                if member_id == mine and not event.voucher_shared:
                    self._papers.add(f"voucher:{voucher_id}")
            case PurchaseRecorded() | PurchaseReturned():
                self._paper(event)

    def _paper(self, event: PurchaseRecorded | PurchaseReturned) -> None:
        if event.member_id not in {None, self._member_id}:
            return
        if isinstance(event, PurchaseReturned):
            paper = f"return:{event.return_id}"
        else:
            paper = f"purchase:{event.purchase_id}"
            self._next.add(paper)
            if event.order_id is not None:
                self._next.add(f"order:{event.order_id}")
        if event.order_reference is not None:
            self._papers.add(paper)
