"""Asking for decisions: one address for each command of the domain.

An address is one line in this file: where it is, which command it takes, which tag it is
listed under. Ids that stand in the path are not repeated in the body.
"""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from api.deciding import decides
from domain import (
    accounts,
    activations,
    adjustments,
    awards,
    catalogue,
    choosing,
    disqualification,
    expiring,
    granting,
    identities,
    keeping,
    movements,
    people,
    planning,
    playing,
    programmes,
    redemptions,
    referring,
    stock,
    voids,
)
from store.credentials import Scope

HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    decides("/members", people.EnrolMember, tag="members"),
    decides("/members/{member_id:str}/identities", identities.IdentifyMember, tag="members"),
    decides(
        "/members/{member_id:str}/identities/release", identities.ReleaseIdentity, tag="members"
    ),
    decides("/members/{member_id:str}/referral-codes", referring.IssueReferralCode, tag="members"),
    decides("/members/{member_id:str}/rewards", granting.GrantReward, tag="rewards"),
    decides("/items", catalogue.ListItem, tag="catalogue", scope=Scope.ADMIN),
    decides(
        "/items/{item_id:str}/amendments", catalogue.AmendItem, tag="catalogue", scope=Scope.ADMIN
    ),
    decides(
        "/items/{item_id:str}/delisting", catalogue.DelistItem, tag="catalogue", scope=Scope.ADMIN
    ),
    decides("/items/{item_id:str}/supplies", stock.SupplyStock, tag="catalogue"),
    decides("/items/{item_id:str}/removals", stock.RemoveStock, tag="catalogue"),
    decides("/items/{item_id:str}/redemptions", choosing.RedeemItem, tag="catalogue"),
    decides("/items/{item_id:str}/reservations", keeping.ReserveItem, tag="catalogue"),
    decides("/rewards/{reward_id:str}/confirmation", keeping.ConfirmItem, tag="rewards"),
    decides("/rewards/{reward_id:str}/release", keeping.ReleaseItem, tag="rewards"),
    decides("/games/{game_id:str}/start", playing.StartGame, tag="games", scope=Scope.ADMIN),
    decides("/games/{game_id:str}/plays", playing.PlayGame, tag="games"),
    decides("/games/{game_id:str}/reveal", playing.RevealGame, tag="games", scope=Scope.ADMIN),
    decides("/rewards/{reward_id:str}/redemption", granting.RedeemReward, tag="rewards"),
    decides("/rewards/{reward_id:str}/withdrawal", granting.WithdrawReward, tag="rewards"),
    decides("/accounts", accounts.OpenAccount, tag="accounts"),
    decides("/accounts/{account_id:str}/holders", accounts.AddHolder, tag="accounts"),
    decides(
        "/accounts/{account_id:str}/holders/{member_id:str}/removal",
        accounts.RemoveHolder, tag="accounts",
    ),
    decides("/accounts/{account_id:str}/awards", awards.AwardPoints, tag="points"),
    decides(
        "/accounts/{account_id:str}/redemptions",
        redemptions.RedeemPoints,
        tag="points",
        either=("points", "reservation_id"),
    ),
    decides("/accounts/{account_id:str}/reservations", redemptions.ReservePoints, tag="points"),
    decides(
        "/accounts/{account_id:str}/reservations/{reservation_id:str}/release",
        redemptions.ReleaseReservation, tag="points",
    ),
    decides("/accounts/{account_id:str}/cancellations", movements.CancelPoints, tag="points"),
    decides("/accounts/{account_id:str}/adjustments", adjustments.AdjustPoints, tag="points"),
    decides(
        "/accounts/{account_id:str}/adjustments/proposals", adjustments.ProposeAdjustment,
        tag="points",
    ),
    decides(
        "/accounts/{account_id:str}/adjustments/{adjustment_id:str}/approval",
        adjustments.ApproveAdjustment, tag="points",
    ),
    decides(
        "/accounts/{account_id:str}/adjustments/{adjustment_id:str}/rejection",
        adjustments.RejectAdjustment, tag="points",
    ),
    decides("/accounts/{account_id:str}/activations", expiring.ActivatePoints, tag="points"),
    decides("/accounts/{account_id:str}/bookings", expiring.BookDuePoints, tag="points"),
    decides("/accounts/{account_id:str}/transfers", movements.TransferPoints, tag="points"),
    decides("/programmes", programmes.OpenProgramme, tag="programmes", scope=Scope.ADMIN),
    decides(
        "/programmes/{programme:str}/amendments", programmes.AmendProgramme, tag="programmes",
        scope=Scope.ADMIN,
    ),
    decides("/campaigns", planning.PlanCampaign, tag="campaigns"),
    decides("/campaigns/{campaign_id:str}/amendments", planning.AmendCampaign, tag="campaigns"),
    decides("/campaigns/{campaign_id:str}/closing", planning.CloseCampaign, tag="campaigns"),
    decides(
        "/campaigns/{campaign_id:str}/activations", activations.AddActivation, tag="campaigns"
    ),
    decides(
        "/activations/{activation_id:str}/amendments", activations.AmendActivation, tag="campaigns"
    ),
    decides(
        "/referrals/{referral_id:str}/qualification", referring.QualifyReferral, tag="referrals"
    ),
    decides("/referrals/{referral_id:str}/voiding", referring.VoidReferral, tag="referrals"),
    decides(
        "/participations/{participation_id:str}/disqualification",
        disqualification.DisqualifyParticipation, tag="corrections",
    ),
    decides(
        "/events/{position:int}/voiding", voids.VoidEvent, tag="corrections", scope=Scope.ADMIN
    ),
    decides(
        "/batches/{batch_id:str}/voiding", voids.VoidBatch, tag="corrections", scope=Scope.ADMIN
    ),
)  # fmt: skip
