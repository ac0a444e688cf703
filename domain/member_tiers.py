"""A member's tier in a decision: from what the views of the ledger's history show, for an instant.

The same walk over the same counts answers whoever reads the tier (``projections/tiers.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.decision import View, on
from domain.envelope import Envelope
from domain.people import MemberEnrolled, MemberErased, MembershipEnded, VisitorIdentified
from domain.points import PointsAdjusted, PointsCancelled, PointsClawedBack, PointsEarned
from domain.programmes import Terms
from domain.purchases import PurchaseRecorded, ReturnMatched
from domain.tier_counts import AccountCount, Counts, MemberCount, OfAccount, OfMember
from domain.tier_schemes import TierScheme
from domain.tiers import Climb, Rules, climb

NO_TIER = ""
"""What a condition sees of somebody without a tier."""


def standing(terms: Sequence[Terms], counts: Counts, at: datetime) -> Climb | None:
    """Where a member stands in a programme at an instant, given every version of its terms.

    None: the member is not in it, having no account of it and nothing that counts; or it never had
    tiers.
    """
    rules = list(_rules_of(terms, counts))
    mine = counts.is_in(terms[0].programme) if terms else False
    if not rules or not (mine or any(one.counted for one in rules)):
        return None
    ended = counts.ended
    if ended is None or at < ended:
        return climb(rules, counts.joined, at)
    found = climb(rules, counts.joined, ended)
    found.end(ended)
    return found


def _rules_of(terms: Sequence[Terms], counts: Counts) -> Iterator[Rules]:
    """The schemes of a programme, from the first on; an amendment of other terms is no new one."""
    before: TierScheme | None = None
    for one in terms:
        if one.tiers != before:
            before = one.tiers
            counted = counts.towards(one.tiers, one.programme) if one.tiers is not None else ()
            yield Rules(one.since, one.tiers, one.time_zone, counted)


class MemberCounting(View):
    """What names a member, or a visitor, and counts. Tag: ``member:<id>`` or ``visitor:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        kind, _, name = tags[0].partition(":")
        self.count = MemberCount(name)
        self.visitors: dict[str, tuple[datetime, int, str]] = {}
        """Who each visitor is: the earliest claim holds."""
        self._visitor = kind == "visitor"

    @on(
        MemberEnrolled, MembershipEnded, MemberErased, AccountOpened, HolderAdded, PurchaseRecorded,
        ReturnMatched,
    )  # fmt: skip
    def _count(self, event: OfMember, envelope: Envelope) -> None:
        named = getattr(event, "member_id", None) is not None
        if not (self._visitor and named):  # what names a member is that member's
            self.count.take(event, envelope)

    @on(VisitorIdentified)
    def _identified(self, event: VisitorIdentified, envelope: Envelope) -> None:
        claim = envelope.time, envelope.position, event.member_id
        self.visitors[event.visitor_id] = min(self.visitors.get(event.visitor_id, claim), claim)


class AccountCounting(View):
    """What names an account and counts towards the tiers of its holders. Tag: ``account:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.count = AccountCount(tags[0].partition(":")[2])

    @on(
        AccountOpened, HolderAdded, HolderRemoved, PurchaseRecorded, ReturnMatched, PointsEarned,
        PointsAdjusted, PointsCancelled, PointsClawedBack,
    )  # fmt: skip
    def _count(self, event: OfAccount, envelope: Envelope) -> None:
        self.count.take(event, envelope)


Seen = Callable[[type[Any], str], Any]
"""The view of a class and a tag, if the decision has it."""


def first_look(tag: str) -> View:
    """What has to be read of a member or an account to know what else has to be."""
    return AccountCounting(tag) if tag.startswith("account:") else MemberCounting(tag)


class TierLook:
    """Looks for the tier of whoever does something, in the views that a decision has."""

    def __init__(self, seen: Seen, tag: str, at: datetime) -> None:
        """``tag`` is of the member; or of an account, where nothing but that is named."""
        self._seen = seen
        self._tag = tag
        self._at = at

    def lacking(self) -> Iterable[View]:
        """What else has to be read, as far as that is known by now."""
        member = self._member_tag()
        if member is None:
            return
        view: MemberCounting | None = self._seen(MemberCounting, member)
        if view is None:
            yield MemberCounting(member)
            return
        for account_id in view.count.accounts:
            if self._seen(AccountCounting, f"account:{account_id}") is None:
                yield AccountCounting(f"account:{account_id}")
        for visitor_id in view.visitors:
            if self._seen(MemberCounting, f"visitor:{visitor_id}") is None:
                yield MemberCounting(f"visitor:{visitor_id}")

    def tier(self, terms: Sequence[Terms]) -> str:
        """The tier in a programme; empty: there is none."""
        member = self._member_tag()
        view = None if member is None else self._seen(MemberCounting, member)
        if view is None or member is None:
            return NO_TIER
        member_id = view.count.member_id
        named = [view.count, *self._as_visitor(view, member_id)]
        held = view.count.accounts
        views = {one: self._seen(AccountCounting, f"account:{one}") for one in held}
        accounts = {one: found.count for one, found in views.items() if found is not None}
        found = standing(terms, Counts(member_id, named, accounts), self._at)
        return (found.tier if found is not None else None) or NO_TIER

    def _as_visitor(self, view: MemberCounting, member_id: str) -> Iterator[MemberCount]:
        for visitor_id in view.visitors:
            seen = self._seen(MemberCounting, f"visitor:{visitor_id}")
            if seen is not None and seen.visitors.get(visitor_id, ("", 0, ""))[2] == member_id:
                yield seen.count

    def _member_tag(self) -> str | None:
        """The member; of an account alone its holder, if there is one and no other."""
        if not self._tag.startswith("account:"):
            return self._tag
        account: AccountCounting | None = self._seen(AccountCounting, self._tag)
        holders = [] if account is None else account.count.holders_at(self._at)
        return f"member:{holders[0]}" if len(holders) == 1 else None
