"""What every projection that is declared has to hold, over histories with everything in them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

import projections
from domain.accounts import AccountOpened, HolderAdded
from domain.catalogue import ItemAmended, ItemDelisted, ItemListed
from domain.codes import CodeSupplied
from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.event import Event
from domain.holds import (
    LegalHoldLifted,
    LegalHoldPlaced,
    ProcessingRestricted,
    ProcessingUnrestricted,
)
from domain.identities import IdentityReleased, MemberIdentified
from domain.instant_wins import GameOpened, GamePlayed, GameRevealed, GameStarted, Prize
from domain.invitations import InvitationOpened, InvitationSent, InvitationUnsubscribed
from domain.item_terms import ItemTerms
from domain.participations import ParticipationDisqualified
from domain.people import MembershipEnded, ProfileUpdated
from domain.points import PointsEarned
from domain.programmes import ProgrammeAmended, ProgrammeOpened
from domain.referrals import ReferralMade, ReferralVoided
from domain.retention import RetentionDeclared
from domain.rewards import RewardGranted, RewardRedeemed, RewardReserved, RewardWithdrawn
from domain.stock import StockRemoved, StockSupplied
from domain.terms import CurrencyTerms
from domain.types import TIME_FLOOR, Money
from store.ledger import Ledger
from tests.projections.brand import SPRING
from tests.projections.builds import Live
from tests.projections.histories import History
from tests.projections.movements import RandomMovements
from tests.projections.raffles import RandomRaffles

EVENTS = 260
WEEK = timedelta(days=7)


class Everything(History):
    """Everything that the projections take in, in no sensible order."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._any = Random(seed + 1)  # noqa: S311 - a test's history, and nothing secret
        self._points_moved = RandomMovements(seed)
        self._raffles = RandomRaffles(seed)

    def event(self, head: int) -> Event:
        """An event of the engine's histories, a movement of points, or something else."""
        which = self._any.random()
        if which < 0.3:
            return super().event(head)
        if which < 0.38:
            return self._catalogue()
        if which < 0.53:
            moved: Event = self._points_moved.one()
            return moved
        if which < 0.57:
            return self._bought()
        return self._raffles.one() if which < 0.65 else self._other()

    def _bought(self) -> Event:
        number = self._any.randrange(4)
        return PointsEarned(
            account_id=f"a{number}",
            lot_id=f"bought{self._any.randrange(9)}",
            member_id=f"m{number}",
            points=number + 1,
            rule_id=f"r{number}",
            rule_version=1,
            origin="purchase",
            purchase_id=f"p{number}",
            price=Money(amount=self._any.randrange(500), currency="EUR"),
            available_from=SPRING,
        )

    def _other(self) -> Event:
        number = self._any.randrange(5)
        member, campaign = f"m{self._any.randrange(8)}", f"c{number % 3 + 1}"
        cost = Money(amount=self._any.randrange(500), currency="EUR")
        invited: dict[str, Any] = {
            "invitation_id": f"i{number}",
            "member_id": member,
            "campaign_id": campaign,
        }
        made: dict[str, Any] = {
            "referral_id": f"r{number}",
            "advocate_id": member,
            "programme": "main",
        }
        reward: dict[str, Any] = {
            "reward_id": f"w{number}",
            "member_id": member,
            "campaign_id": campaign,
        }
        return self._any.choice(
            (
                ConsentGranted(member_id=member, purpose="marketing", channel="email"),
                ConsentWithdrawn(member_id=member, purpose="marketing"),
                ProfileUpdated(member_id=member, plain={"size": number}),
                ProfileUpdated(member_id=member, removed=("size",)),
                MembershipEnded(member_id=member),
                RetentionDeclared(
                    purpose_id=f"p{number}",
                    status="member",
                    days=number * 30 or None,
                    justification="the law",
                ),
                LegalHoldPlaced(member_id=member, hold_id=f"h{number}", reason="a claim"),
                LegalHoldLifted(member_id=member, hold_id=f"h{number}", reason="settled"),
                ProcessingRestricted(member_id=member, reason="contested"),
                ProcessingUnrestricted(member_id=member, reason="it was right"),
                InvitationUnsubscribed(**invited, purpose=self._any.choice((None, "marketing"))),
                MemberIdentified(
                    member_id=member, kind="email", value=f"{number}@b.org", exclusive=False
                ),
                IdentityReleased(member_id=member, identity_id=f"i_{number}", reason="given up"),
                AccountOpened(
                    account_id=f"a{number}",
                    programme="club",
                    points_currency="stars",
                    holders=(member,),
                ),
                ProgrammeOpened(
                    programme=f"p{number}",
                    name="Club",
                    time_zone="Europe/Paris",
                    currencies=(CurrencyTerms(points_currency="stars"),),
                ),
                ProgrammeAmended(programme=f"p{number}", name=f"Club {member}"),
                HolderAdded(account_id=f"a{number}", member_id=member),
                InvitationSent(**invited),
                InvitationOpened(**invited, opened_by="human"),
                ReferralMade(**made, campaign_id=campaign, prospect=f"{number}@c.org"),
                ReferralVoided(**made, referee_id=f"m{number}", reason="false"),
                RewardGranted(**reward, cost=cost),
                RewardWithdrawn(**reward, reason="mistake"),
                ParticipationDisqualified(
                    participation_id=f"p{self._any.randrange(60)}",
                    member_id=member,
                    campaign_id=campaign,
                    activation_id="a1",
                    reason="rules",
                ),
            )
        )

    def _catalogue(self) -> Event:
        number = self._any.randrange(5)
        item, cost = f"g{number % 2}", Money(amount=self._any.randrange(500), currency="EUR")
        reward: dict[str, Any] = {
            "reward_id": f"w{number}",
            "member_id": f"m{self._any.randrange(8)}",
            "campaign_id": f"c{number % 3 + 1}",
        }
        terms = ItemTerms(name="Mug", kind="gift", stocked=number > 2)
        code, until = f"CODE-{self._any.randrange(30)}", TIME_FLOOR + timedelta(days=21_000)
        return self._any.choice((
            ItemListed(item_id=item, terms=terms),
            ItemAmended(item_id=item, version=2, terms=terms),
            ItemDelisted(item_id=item),
            StockSupplied(item_id=item, pieces=5),
            StockRemoved(item_id=item, pieces=1, reason="broken"),
            CodeSupplied(item_id=item, code=code, grants_max=number + 1),
            RewardReserved(
                reward_id=reward["reward_id"], member_id=reward["member_id"], taken_from=item,
                item_version=1, until=until,
            ),
            RewardGranted(
                **reward, cost=cost, taken_from=item, points=5, paid=cost, voucher_id=f"v{number}"
            ),
            RewardRedeemed(**reward, taken_from=item, cost=self._any.choice((None, cost))),
            RewardWithdrawn(**reward, taken_from=item, reason="mistake"),
            GameOpened(
                game_id=item, name="Wheel", campaign_id="c1", starts=until, ends=until + WEEK,
                prizes=(Prize(name="Mug", chance=9, pieces=2),), commitment=64 * "0",
                seed=64 * "1", public_source="a lottery",
            ),
            GameStarted(game_id=item, public_value="3 9 27 40"),
            GamePlayed(
                game_id=item, member_id=reward["member_id"], campaign_id="c1", number=number + 1,
                drawn=number, prize="Mug" if number else None,
            ),
            GameRevealed(game_id=item, seed=64 * "1"),
        ))  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_live_rows_equal_those_built_at_once(ledger: Ledger, seed: int) -> None:
    """Whatever the batches and shares, with late events, voids and identifications.

    All projections follow one history, each in batches of its own, so that it is recorded once.
    """
    with ledger.connect() as connection:
        lives = {one.name: Live(ledger, connection, one, seed) for one in projections.ALL}
        for head in Everything(seed).record(ledger, EVENTS):
            for live in lives.values():
                if live.random.random() < 0.5:
                    live.follow(head)
        for name, live in lives.items():
            live.follow(head)
            rows = live.rows()
            assert all(rows.values()), f"the history is too poor for {name}"
            assert live.filled(head, shares=2, events_max=7) == rows, name


def test_the_projections_are_those_that_the_api_reads() -> None:
    """Each is found by being declared, and by nothing else."""
    assert [one.name for one in projections.ALL] == [
        "balances",
        "campaign_returns",
        "consent_history",
        "draws",
        "games",
        "identities",
        "journal",
        "liability",
        "profiles",
        "programmes",
        "retention",
        "reward_items",
        "rule_performance",
        "statements",
        "tiers",
    ]
